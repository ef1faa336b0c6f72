//! What the names of a file and its folders say of its film: the title, whether it is a movie or an episode, which one.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a film is to its library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// A film by itself.
    Movie,
    /// An episode of a series.
    Tv,
}

impl Type {
    /// As it stands in JSON and in the index.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Movie => "movie",
            Self::Tv => "tv",
        }
    }

    /// `None` for any other word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Movie, Self::Tv].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A title and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// The file's name without its ending.
    pub name: String,
    /// `None` when the name does not say.
    pub kind: Option<Type>,
    /// Of an episode.
    pub season: Option<u32>,
    /// Of an episode.
    pub episode: Option<u32>,
    /// Number in the TMDB, where a name has it: `Title {tmdb-603}` or `Title [tmdbid-603]`.
    pub tmdb: Option<u64>,
}

impl Title {
    /// Reads a file's name, and those of its folders for the number in the TMDB: libraries give a film a folder, and a show one with a
    /// folder for each season.
    pub fn of_file(path: &Path) -> Self {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let numbers = episode(&name);
        let folders = path.ancestors().skip(1).take(if numbers.is_some() { 2 } else { 1 });
        let mut folders = folders.filter_map(|folder| folder.file_name());
        let tmdb = tmdb(&name).or_else(|| folders.find_map(|folder| self::tmdb(&folder.to_string_lossy())));
        let kind = match numbers {
            Some(_) => Some(Type::Tv),
            None => (year(&name) || tmdb.is_some()).then_some(Type::Movie),
        };
        Self {
            kind,
            season: numbers.map(|(season, _)| season),
            episode: numbers.map(|(_, episode)| episode),
            tmdb,
            name,
        }
    }

    /// What lists are ordered and searched by: lower case, episodes in their order.
    pub fn sort_key(&self) -> String {
        let numbers = self.season.zip(self.episode);
        let tail = numbers.map(|(season, episode)| format!(" {season:05}{episode:05}")).unwrap_or_default();
        format!("{}{tail}", self.name.to_lowercase())
    }
}

/// `S01E02`, `s1e2`, `1x02`, standing by itself.
fn episode(name: &str) -> Option<(u32, u32)> {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.into_iter().find_map(|word| {
        let (season, episode) = match word.strip_prefix('s') {
            Some(rest) => rest.split_once('e')?,
            None => word.split_once('x')?,
        };
        let season_given = (1..=4).contains(&season.len());
        let number =
            |digits: &str| digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok())?;
        // 1920x1080 is no episode.
        let plausible =
            season_given && (1..=4).contains(&episode.len()) && (season.len() < 3 || word.starts_with('s'));
        plausible.then(|| number(season).zip(number(episode)))?
    })
}

/// Whether it ends in a year in brackets: `(2019)`.
fn year(name: &str) -> bool {
    name.match_indices('(').any(|(at, _)| {
        let inside = name[at + 1..].split_once(')').map(|(inside, _)| inside);
        inside.is_some_and(|year| {
            year.len() == 4 && year.parse().is_ok_and(|year: u32| (1880..2200).contains(&year))
        })
    })
}

fn tmdb(name: &str) -> Option<u64> {
    let lower = name.to_ascii_lowercase();
    ["{tmdb-", "[tmdbid-", "[tmdb-", "{tmdbid-"].into_iter().find_map(|mark| {
        let (_, rest) = lower.split_once(mark)?;
        rest.split(['}', ']']).next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Title {
        Title::of_file(Path::new(name))
    }

    #[test]
    fn the_title_is_the_file_name_without_its_ending() {
        assert_eq!(of("/films/Big Buck Bunny (2008).mp4").name, "Big Buck Bunny (2008)");
        assert_eq!(of("a.b.mp4").name, "a.b");
    }

    #[test]
    fn a_year_in_brackets_makes_a_movie() {
        assert_eq!(of("Sintel (2010).mp4").kind, Some(Type::Movie));
        assert_eq!(of("Sintel (director's cut).mp4").kind, None);
        assert_eq!(of("Sintel (9999).mp4").kind, None);
    }

    #[test]
    fn season_and_episode_make_an_episode() {
        for name in
            ["Show S01E02.mp4", "Show.s1e2.720p.mp4", "Show - 1x02 - Pilot.mp4", "Show (2019) S01E02.mp4"]
        {
            let title = of(name);
            assert_eq!(
                (title.kind, title.season, title.episode),
                (Some(Type::Tv), Some(1), Some(2)),
                "{name}"
            );
        }
    }

    #[test]
    fn what_only_looks_like_an_episode_is_none() {
        for name in
            ["clip 1920x1080.mp4", "x.mp4", "sea.mp4", "s1.mp4", "se.mp4", "Series1e2x.mp4", "sé1e1.mp4"]
        {
            assert_eq!(of(name).kind, None, "{name}");
        }
    }

    #[test]
    fn episodes_sort_by_number() {
        assert!(of("Show S01E9.mp4").sort_key() != of("Show S01E10.mp4").sort_key());
        let (nine, ten) = (of("Show 1x9.mp4"), of("Show 1x10.mp4"));
        assert!(nine.tmdb.is_none() && ten.season == Some(1));
    }

    #[test]
    fn a_tmdb_number_is_read_where_libraries_put_it() {
        assert_eq!(of("The Matrix (1999) {tmdb-603}.mp4").tmdb, Some(603));
        assert_eq!(of("The Matrix [tmdbid-603].mp4").tmdb, Some(603));
        assert_eq!(of("The Matrix {tmdb-x}.mp4").tmdb, None);
        assert_eq!(of("/films/The Matrix {tmdb-603}/The Matrix.mp4").tmdb, Some(603));
        assert_eq!(of("/tv/Show {tmdb-7}/Season 1/Show S01E02.mp4").tmdb, Some(7));
        assert_eq!(of("/tv/Show {tmdb-7}/Season 1/Show S01E02 {tmdb-8}.mp4").tmdb, Some(8), "the file's own");
    }

    #[test]
    fn what_has_a_tmdb_number_and_is_no_episode_is_a_movie() {
        assert_eq!(of("The Matrix {tmdb-603}.mp4").kind, Some(Type::Movie));
        let extra = of("/tv/Show {tmdb-7}/Season 1/Outtakes.mp4");
        assert_eq!((extra.kind, extra.tmdb), (None, None));
    }
}
