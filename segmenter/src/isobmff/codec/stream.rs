//! What a codec's own configuration says of its stream: read codec by codec, used by `video` and `sound`.

use super::colour::Colour;

/// Of pictures.
pub(super) struct Video {
    /// RFC 6381.
    pub(super) rfc6381: String,
    /// What its parameter sets say.
    pub(super) sequence: Sequence,
}

/// What parameter sets say, as far as they are there and sound.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    /// Width and height after cropping.
    pub(super) size: Option<(u16, u16)>,
    /// The colour description.
    pub(super) colour: Option<Colour>,
}

impl Sequence {
    /// A size that no entry can hold counts as not said.
    pub(super) fn new(width: u32, height: u32, colour: Option<Colour>) -> Self {
        let size = u16::try_from(width).ok().zip(u16::try_from(height).ok());
        Self { size, colour }
    }
}

/// Of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Audio {
    /// RFC 6381.
    pub(super) rfc6381: String,
    /// Channels; `None` where only the entry or the samples tell.
    pub(super) channels: Option<u16>,
    /// Samples a second; `None` where only the entry or the samples tell.
    pub(super) sample_rate: Option<u32>,
    /// Complexity index of joint object coding.
    pub(super) joc: Option<u8>,
}
