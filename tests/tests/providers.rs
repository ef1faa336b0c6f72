//! Database providers: processes of their own that are handed every chunk and give chunks back, whatever happens to them meanwhile.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, problem};
use crate::http::{Client, Reply};
use crate::link::Link;
use crate::program::{Running, eventually, segue};
use crate::uploads::{BYTES, TUS, make};

/// Small chunks, so that films of a few megabytes have many.
const SMALL: &str = "[store]\nchunk = \"64KiB\"\nsync = \"process\"\n";
const FIRST: &str = "films/Colours in time.mp4";
const SECOND: &str = "films/Two languages.mp4";

/// A gateway behind an address that stays the same, whatever becomes of it.
struct House {
    gateway: Gateway,
    link: Link,
    /// Of the providers.
    place: TempDir,
}

impl House {
    fn new() -> Self {
        Self::with(SMALL)
    }

    fn with(settings: &str) -> Self {
        let gateway = Gateway::over(&[]).restarted_with(settings);
        let link = Link::to(&gateway.client.0, u64::MAX / 2);
        Self { gateway, link, place: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    /// Starts a provider, which keeps what it has in a folder of its own name.
    fn provider(&self, id: &str, max_size: &str) -> Running {
        let (to, data) = (format!("http://{}", self.link.address), self.place.path().join(id));
        let data = data.to_str().expect("it is plain").to_owned();
        Running::start(&["provider", "--to", &to, "--data", &data, "--id", id, "--max-size", max_size]).0
    }

    fn standing(&self, id: &str) -> Value {
        let list = self.gateway.get("/v1/providers").with(200).json();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.into_iter().find(|item| item["id"] == id).unwrap_or_default()
    }

    #[track_caller]
    fn is_here(&self, id: &str) {
        eventually(&format!("{id} is connected"), || (self.standing(id)["connected"] == true).then_some(()));
    }

    /// Waits until a provider has been handed everything there is.
    #[track_caller]
    fn holds_all(&self, id: &str) {
        eventually(&format!("{id} holds everything"), || {
            let standing = self.standing(id);
            let holds = standing["connected"] == true && standing["lacking"] == 0;
            (holds && standing["chunks"].as_u64() >= Some(1)).then_some(())
        });
    }

    #[track_caller]
    fn upload(&self, name: &str) -> Film {
        let bytes = fs::read(fixture(name)).expect("the fixtures are made");
        let client = &self.gateway.client;
        let upload = make(client, bytes.len());
        client.send_with("PATCH", &upload, &[TUS, BYTES, ("upload-offset", "0")], &bytes).with(204);
        let medium = eventually("it is ready", || {
            let now = client.get(&upload).with(200).json();
            (now["state"] == "ready").then(|| now["media"].as_str().map(str::to_owned)).flatten()
        });
        Film { address: format!("/v1/media/{medium}"), bytes }
    }

    /// Ends the gateway, does something to its data, and starts it again; providers find it where it was.
    fn meanwhile(self, settings: &str, what: impl FnOnce(&Path)) -> Self {
        let Self { gateway, link, place } = self;
        let own = gateway.stopped();
        what(&own.path().join("data"));
        let gateway = Gateway::start_set(own, settings);
        link.cut(&gateway.client.0);
        Self { gateway, link, place }
    }
}

struct Film {
    address: String,
    bytes: Vec<u8>,
}

impl Film {
    fn original(&self, client: &Client) -> Reply {
        client.get(&format!("{}/original", self.address))
    }

    /// Every segment of the first video.
    fn segments(&self, client: &Client) -> BTreeMap<usize, Vec<u8>> {
        let get = |number: usize| client.get(&format!("{}/v1/{number}.m4s", self.address));
        let replies = (1..).map(|number| (number, get(number))).take_while(|(_, reply)| reply.status == 200);
        replies.map(|(number, reply)| (number, reply.body)).collect()
    }
}

#[test]
fn a_film_whose_bytes_were_lost_plays_and_is_whole_from_what_a_provider_holds() {
    let house = House::new();
    let film = house.upload(FIRST);
    let before = film.segments(&house.gateway.client);
    assert!(before.len() > 1);
    // It came later than the film.
    let _attic = house.provider("attic", "1GiB");
    house.holds_all("attic");
    let house = house.meanwhile(SMALL, |data| fs::remove_dir_all(data.join("chunks")).unwrap());
    house.holds_all("attic");
    assert!(film.segments(&house.gateway.client) == before);
    assert!(film.original(&house.gateway.client).with(200).body == film.bytes);
}

#[test]
fn a_film_whose_time_was_over_comes_back_when_it_is_wanted() {
    let short = format!("{SMALL}[retention]\nmovie = \"1s\"\ntv = \"1s\"\nother = \"1s\"\n");
    let house = House::with(&short);
    let _attic = house.provider("attic", "1GiB");
    house.is_here("attic");
    let film = house.upload(FIRST);
    let state = || house.gateway.get(&film.address).with(200).json()["state"].clone();
    house.holds_all("attic");
    eventually("its time is over", || (state() == "expired").then_some(()));
    let stored = house.gateway.get("/v1/storage").json();
    assert!(stored["used"].as_u64().unwrap() < film.bytes.len() as u64 / 2, "{stored}");
    assert!(film.original(&house.gateway.client).with(200).body == film.bytes);
}

#[test]
fn chunks_that_a_provider_holds_make_room_for_new_films_and_come_back() {
    // Room for three of the films with what the index takes, not for four.
    let quota = "quota = \"12MiB\"\nshare = \"12MiB\"\n";
    let house = House::with(&format!("{SMALL}{quota}"));
    let _attic = house.provider("attic", "1GiB");
    let films = [0; 4].map(|_| {
        let film = house.upload(FIRST);
        house.holds_all("attic");
        film
    });
    for film in films.iter().chain(films.iter().rev()) {
        assert!(film.original(&house.gateway.client).with(200).body == film.bytes);
        let stored = house.gateway.get("/v1/storage").json();
        assert!(stored["used"].as_u64() <= stored["quota"].as_u64(), "{stored}");
    }
}

#[test]
fn a_provider_that_stands_still_holds_nobody_up_and_catches_up_later() {
    let house = House::new();
    let (slow, _quick) = (house.provider("slow", "1GiB"), house.provider("quick", "1GiB"));
    ["slow", "quick"].iter().for_each(|id| house.is_here(id));
    slow.signal("STOP");
    let film = house.upload(FIRST);
    house.holds_all("quick");
    assert_ne!(house.standing("slow")["lacking"], 0, "it can't have been handed anything");
    slow.signal("CONT");
    house.holds_all("slow");
    // One of the two is asked first, whichever: both have all.
    drop(slow);
    let house = house.meanwhile(SMALL, |data| fs::remove_dir_all(data.join("chunks")).unwrap());
    house.holds_all("quick");
    assert!(film.original(&house.gateway.client).with(200).body == film.bytes);
}

#[test]
fn while_one_that_holds_a_film_hangs_and_another_dies_the_third_gives_it() {
    let house = House::new();
    let ids = ["a", "b", "c"];
    let [hanging, dying, _sound] = ids.map(|id| house.provider(id, "1GiB"));
    let film = house.upload(FIRST);
    ids.iter().for_each(|id| house.holds_all(id));
    let house = house.meanwhile(SMALL, |data| fs::remove_dir_all(data.join("chunks")).unwrap());
    ids.iter().for_each(|id| house.holds_all(id));
    hanging.signal("STOP");
    dying.kill();
    let segments = film.segments(&house.gateway.client);
    assert!(segments.len() > 1 && film.original(&house.gateway.client).with(200).body == film.bytes);
    hanging.signal("CONT");
}

#[test]
fn a_provider_that_was_killed_holds_what_it_had_said_to_hold() {
    let house = House::new();
    let killed = house.provider("attic", "1GiB");
    let film = house.upload(FIRST);
    house.holds_all("attic");
    let held = house.standing("attic")["chunks"].clone();
    killed.kill();
    eventually("it is gone", || (house.standing("attic")["connected"] == false).then_some(()));
    let _again = house.provider("attic", "1GiB");
    house.holds_all("attic");
    assert_eq!(house.standing("attic")["chunks"], held);
    let house = house.meanwhile(SMALL, |data| fs::remove_dir_all(data.join("chunks")).unwrap());
    house.holds_all("attic");
    assert!(film.original(&house.gateway.client).with(200).body == film.bytes);
}

#[test]
fn a_provider_takes_no_more_of_the_disk_than_it_may_and_gives_up_what_is_coldest() {
    let house = House::new();
    let _attic = house.provider("attic", "4MiB");
    house.is_here("attic");
    let (first, second) = (house.upload(FIRST), house.upload(SECOND));
    house.holds_all("attic");
    let held = house.standing("attic")["chunks"].as_u64().unwrap();
    let all = (first.bytes.len() + second.bytes.len()).div_ceil(64 << 10) as u64;
    assert!(0 < held && held < all, "{held} of {all}");
    let files = fs::read_dir(house.place.path().join("attic")).unwrap();
    let taken: u64 = files.map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum();
    assert!(taken <= 4 << 20, "{taken} bytes on disk");
    let house = house.meanwhile(SMALL, |data| fs::remove_dir_all(data.join("chunks")).unwrap());
    house.is_here("attic");
    assert!(
        second.original(&house.gateway.client).with(200).body == second.bytes,
        "the last is what it holds"
    );
}

#[test]
fn an_id_belongs_to_the_database_that_came_with_it_first() {
    let house = House::new();
    let _owner = house.provider("attic", "1GiB");
    house.is_here("attic");
    let (to, data) = (format!("http://{}", house.link.address), house.place.path().join("other"));
    let run =
        segue(&["provider", "--to", &to, "--id", "attic", "--data", data.to_str().unwrap()].map(OsStr::new));
    assert!(run.refused().stderr.contains("--id"));
    assert_eq!(house.standing("attic")["connected"], true);
}

#[test]
fn what_is_no_socket_is_told_so() {
    let house = House::new();
    problem(&house.gateway.get("/v1/providers/socket"), 400);
}
