//! Lists the files of the built player, for the gateway to embed. Without them the gateway builds too, and its pages say what to do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What is embedded, by ending. Anything else there (types, what is compressed) is not a file of its own.
const TYPES: [(&str, &str); 5] = [
    ("js", "text/javascript"),
    ("css", "text/css"),
    ("html", "text/html; charset=utf-8"),
    ("map", "application/json"),
    ("svg", "image/svg+xml"),
];

fn main() -> io::Result<()> {
    let player = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../player");
    let dist = player.join("dist");
    let mut list = String::from("&[\n");
    if dist.is_dir() {
        println!("cargo::rerun-if-changed={}", dist.display());
        for path in files(&dist)? {
            list.push_str(&entry(&dist, &path)?);
        }
    } else {
        println!("cargo::rerun-if-changed={}", player.display());
        println!("cargo::warning=the pages have no player: build it by `npm ci && npm run build` in player/");
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("player.rs"), list)
}

/// Every file below a folder, in order.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

/// One file as an expression; empty for what is not embedded.
fn entry(dist: &Path, path: &Path) -> io::Result<String> {
    let ending = path.extension().unwrap_or_default();
    let name = path.strip_prefix(dist).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let declares = name.starts_with("types/") || name.ends_with(".d.ts");
    let Some((_, media_type)) = TYPES.iter().find(|(known, _)| ending == *known && !declares) else {
        return Ok(String::new());
    };
    let coded = |suffix: &str| {
        let mut other = path.as_os_str().to_owned();
        other.push(suffix);
        match PathBuf::from(other) {
            other if other.is_file() => format!("Some(include_bytes!({:?}))", absolute(&other)),
            _ => "None".to_owned(),
        }
    };
    let tag = fs::read(path)?
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |tag, byte| (tag ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    let mut text = String::new();
    let _ = writeln!(
        text,
        "File {{ name: {name:?}, media_type: {media_type:?}, tag: {tag:#x}, bytes: include_bytes!({:?}), brotli: {}, gzip: {} }},",
        absolute(path),
        coded(".br"),
        coded(".gz")
    );
    Ok(text)
}

fn absolute(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
