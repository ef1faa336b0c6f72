//! `ftyp`: which specifications a file says it follows (ISO/IEC 14496-12 4.3). Read and written by the `mp4` crate.

use std::io::Cursor;

use mp4::{FourCC, FtypBox, ReadBox, WriteBox};
use serde::Serialize;

use super::boxes::{FourCc, Header};

/// The brands of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Brands {
    /// `major_brand`: the best to read it by.
    pub major: String,
    /// `compatible_brands`.
    pub compatible: Vec<String>,
}

impl Brands {
    /// Bytes from the start of a file that hold any sensible `ftyp`.
    pub const READ: u64 = 512;

    /// The brands of a file that begins with these bytes; `None` when it does not begin with a whole `ftyp`.
    pub fn read(file: &[u8]) -> Option<Self> {
        let header = Header::read(file).filter(|header| header.code.0 == *b"ftyp" && header.len == 8)?;
        let size = header.size.filter(|size| *size <= file.len() as u64)?;
        let mut reader = Cursor::new(file);
        reader.set_position(8);
        let ftyp = FtypBox::read_box(&mut reader, size).ok()?;
        let name = |brand: &FourCC| FourCc(brand.value).to_string();
        Some(Self {
            major: name(&ftyp.major_brand),
            compatible: ftyp.compatible_brands.iter().map(name).collect(),
        })
    }
}

/// A whole `ftyp`.
pub(crate) fn file_type(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
    let ftyp = FtypBox {
        major_brand: FourCC { value: *major },
        minor_version: 0,
        compatible_brands: compatible.iter().map(|brand| FourCC { value: **brand }).collect(),
    };
    let mut bytes = Vec::new();
    ftyp.write_box(&mut bytes).expect("writing to memory does not fail");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_that_are_written_are_read() {
        let file = [file_type(b"cmfc", &[b"cmfc", b"iso6"]), vec![1, 2, 3]].concat();
        let brands = Brands { major: "cmfc".into(), compatible: vec!["cmfc".into(), "iso6".into()] };
        assert_eq!(Brands::read(&file), Some(brands));
    }

    #[test]
    fn an_ftyp_that_is_cut_off_or_of_a_false_size_has_no_brands() {
        let file = file_type(b"cmfc", &[b"iso6"]);
        assert_eq!(Brands::read(&file[..19]), None);
        let mut odd = file.clone();
        odd[3] = 9;
        assert_eq!(Brands::read(&odd), None);
        assert_eq!(Brands::read(b"\0\0\0\x08moov"), None);
    }
}
