//! Visual sample entries (ISO/IEC 14496-12 12.1.3): their name, size and dynamic range.

use super::super::boxes::{Fields, FourCc};
use super::colour::Colour;
use super::dolby_vision::{self, DolbyVision};
use super::esds::DecoderConfig;
use super::protection;
use super::raw::{self, Boxes, Raw};
use super::stream::{Sequence, Video};
use super::{Codec, Format, Picture, SampleEntry, Unsupported, VideoRange, av1, avc, hevc, mpeg4_video, vpx};

/// Bytes of the entry's own fields, before its boxes.
const FIXED: usize = 78;

/// Where `width` and `height` lie.
const SIZE_AT: usize = 24;

/// Reads a visual sample entry.
pub(super) fn read(raw: Raw<'_>) -> Result<SampleEntry, Unsupported> {
    let (fixed, boxes) = raw.split(FIXED)?;
    let boxes = raw::sound(boxes);
    let (format, protection) = protection::read(raw.code, &boxes)?;
    let boxes = Boxes { entry: format, body: &boxes };
    let size = size(fixed).ok_or(Unsupported::Short { entry: raw.code, len: raw.body.len() })?;
    let colr = colr(boxes);
    let stream = stream(format, boxes, colr, size)?;
    let (width, height) = match size {
        (0, _) | (_, 0) => stream.sequence.size.unwrap_or(size),
        _ => size,
    };
    let picture = Picture {
        width,
        height,
        pixel_aspect: boxes.find(b"pasp").and_then(pixel_aspect),
        range: range(boxes, colr, stream.sequence.colour),
        supplemental: DolbyVision::find(boxes)
            .and_then(|vision| vision.supplemental(format, colr.or(stream.sequence.colour))),
    };
    let codec =
        Codec { entry: raw.code, rfc6381: stream.rfc6381, format: Format::Video(picture), protection };
    Ok(SampleEntry { bytes: raw::write(raw.code, fixed, boxes.body), codec })
}

fn stream(
    format: FourCc,
    boxes: Boxes<'_>,
    colr: Option<Colour>,
    size: (u16, u16),
) -> Result<Video, Unsupported> {
    let named = |rfc6381| Video { rfc6381, sequence: Sequence::default() };
    match &format.0 {
        b"avc1" | b"avc3" => boxes.read(b"avcC", |avcc| avc::read(format, avcc)),
        b"hvc1" | b"hev1" => boxes.read(b"hvcC", |hvcc| hevc::read(format, hvcc)),
        b"av01" => boxes.read(b"av1C", |av1c| av1::read(av1c, colr)),
        b"vp08" | b"vp09" => boxes.read(b"vpcC", |vpcc| vpx::read(format, vpcc, colr, size)),
        b"dvh1" | b"dvhe" | b"dvav" | b"dva1" | b"dav1" => {
            let code = dolby_vision::BOXES.into_iter().find(|code| boxes.find(code).is_some());
            let vision = boxes.read(code.unwrap_or(dolby_vision::BOXES[0]), DolbyVision::read)?;
            Ok(named(vision.name(format)))
        }
        b"mp4v" => mpeg4_video::name(format, boxes.read(b"esds", DecoderConfig::read)?).map(named),
        _ => Err(Unsupported::unread(format)),
    }
}

fn size(fixed: &[u8]) -> Option<(u16, u16)> {
    let mut fields = Fields::new(fixed.get(SIZE_AT..)?);
    Some((fields.u16()?, fields.u16()?))
}

/// The first `colr` that names code points; one with a profile of colours may stand beside it.
fn colr(boxes: Boxes<'_>) -> Option<Colour> {
    boxes.all(b"colr").find_map(Colour::colr)
}

/// The entry's own word first, then Dolby Vision's, then the codec's.
fn range(boxes: Boxes<'_>, colr: Option<Colour>, coded: Option<Colour>) -> VideoRange {
    colr.and_then(Colour::range)
        .or_else(|| DolbyVision::find(boxes).map(DolbyVision::range))
        .or_else(|| coded.and_then(Colour::range))
        .unwrap_or_default()
}

/// `pasp`: spacing of a pixel where it is not square (12.1.4).
fn pixel_aspect(body: &[u8]) -> Option<(u32, u32)> {
    let mut fields = Fields::new(body);
    let (horizontal, vertical) = (fields.u32()?, fields.u32()?);
    (horizontal != vertical && horizontal != 0 && vertical != 0).then_some((horizontal, vertical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn square_pixels_have_no_aspect() {
        assert_eq!(pixel_aspect(&[0, 0, 0, 2, 0, 0, 0, 2]), None);
        assert_eq!(pixel_aspect(&[0, 0, 0, 4, 0, 0, 0, 3]), Some((4, 3)));
        assert_eq!(pixel_aspect(&[0, 0, 0, 0, 0, 0, 0, 3]), None);
    }
}
