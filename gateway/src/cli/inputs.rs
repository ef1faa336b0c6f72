//! From the inputs of `segue segment` to one job for each film, and where each goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::source::walk;

/// A film and the folder it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) input: PathBuf,
    pub(super) out: PathBuf,
}

/// Which films go where.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// One film, straight into the output folder.
    One(Planned),
    /// Several, each in a folder of its own.
    Several(Vec<Planned>),
}

impl Inputs {
    /// One file goes straight to `out`; several, and those of a folder, each to a folder named after the film.
    pub(super) fn plan(inputs: &[PathBuf], out: &Path) -> Result<Self, Failure> {
        if let [input] = inputs
            && !input.is_dir()
        {
            return Ok(Self::One(Planned { input: input.clone(), out: out.to_owned() }));
        }
        let mut planned = Vec::new();
        for input in inputs {
            match input.is_dir() {
                true => planned.extend(films(input, out)?),
                false => planned.push(Planned { input: input.clone(), out: out.join(stem(input)) }),
            }
        }
        distinct(&planned)?;
        Ok(Self::Several(planned))
    }
}

/// Every film below a folder; folders inside it are kept in the output.
fn films(folder: &Path, out: &Path) -> Result<Vec<Planned>, Failure> {
    let found = walk::films(folder).map_err(|error| Failure::new(error.to_string()))?;
    if found.is_empty() {
        let none = Failure::new(format!("no film in {}", folder.display()));
        return Err(none.hint("files that end in mp4, m4v, mov, m4a, 3gp, 3g2, f4v or ismv are films"));
    }
    let planned = found.into_iter().map(|film| {
        let inside = film.path.strip_prefix(folder).ok().and_then(Path::parent).map(Path::to_owned);
        Planned { out: out.join(inside.unwrap_or_default()).join(stem(&film.path)), input: film.path }
    });
    Ok(planned.collect())
}

fn stem(path: &Path) -> PathBuf {
    path.file_stem().map(PathBuf::from).unwrap_or_else(|| "film".into())
}

/// Two films must not be written to the same folder.
fn distinct(planned: &[Planned]) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    for Planned { input, out } in planned {
        if let Some(other) = seen.insert(out, input) {
            let both =
                format!("{} and {} would both go to {}", other.display(), input.display(), out.display());
            return Err(Failure::new(both).hint("segment them one by one, each with its own --out"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn one_film_goes_straight_to_the_output_folder() {
        let plan = Inputs::plan(&["a/film.mp4".into()], Path::new("out")).unwrap();
        assert_eq!(plan, Inputs::One(Planned { input: "a/film.mp4".into(), out: "out".into() }));
    }

    #[test]
    fn films_of_a_folder_keep_the_folders_they_lie_in() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("s1")).unwrap();
        fs::write(place.path().join("s1/e1.MP4"), b"x").unwrap();
        fs::write(place.path().join("notes.txt"), b"x").unwrap();
        let Inputs::Several(planned) = Inputs::plan(&[place.path().into()], Path::new("out")).unwrap() else {
            panic!("a folder is several films")
        };
        assert_eq!(planned.iter().map(|planned| &planned.out).collect::<Vec<_>>(), [Path::new("out/s1/e1")]);
    }

    #[test]
    fn two_films_of_one_name_are_refused() {
        assert!(Inputs::plan(&["a/x.mp4".into(), "b/x.mov".into()], Path::new("out")).is_err());
    }
}
