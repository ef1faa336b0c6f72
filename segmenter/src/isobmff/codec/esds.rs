//! `esds`: descriptors of MPEG-4 systems (ISO/IEC 14496-1 7.2.6, 14496-14 5.6).

use super::super::boxes::Fields;

/// What `DecoderConfigDescriptor` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DecoderConfig<'a> {
    /// `objectTypeIndication`: what format it is.
    pub(super) object_type: u8,
    /// `DecoderSpecificInfo`: the format's own configuration; may be empty.
    pub(super) specific: &'a [u8],
}

const ES: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC: u8 = 5;

impl<'a> DecoderConfig<'a> {
    /// Reads the body of `esds`.
    pub(super) fn read(esds: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(esds);
        fields.version_and_flags()?;
        let config = match descriptor(&mut fields)? {
            (ES, body) => find(es(body)?, DECODER_CONFIG)?,
            (DECODER_CONFIG, body) => body,
            _ => return None,
        };
        let mut fields = Fields::new(config);
        let object_type = fields.u8()?;
        fields.skip(12)?; // stream type, buffer size, bit rates
        Some(Self { object_type, specific: find(fields.rest(), DECODER_SPECIFIC).unwrap_or(&[]) })
    }
}

/// What follows the fields of an `ES_Descriptor` (7.2.6.5).
fn es(body: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields::new(body);
    fields.skip(2)?; // ES_ID
    let flags = fields.u8()?;
    if flags & 0x80 != 0 {
        fields.skip(2)?; // dependsOn_ES_ID
    }
    if flags & 0x40 != 0 {
        let len = usize::from(fields.u8()?);
        fields.skip(len)?; // URLstring
    }
    if flags & 0x20 != 0 {
        fields.skip(2)?; // OCR_ES_Id
    }
    Some(fields.rest())
}

/// The first descriptor of this tag.
fn find(descriptors: &[u8], tag: u8) -> Option<&[u8]> {
    let mut fields = Fields::new(descriptors);
    loop {
        let (found, body) = descriptor(&mut fields)?;
        if found == tag {
            return Some(body);
        }
    }
}

/// The next tag and body; one that claims more than there is ends with what there is (8.3.3).
fn descriptor<'a>(fields: &mut Fields<'a>) -> Option<(u8, &'a [u8])> {
    let tag = fields.u8()?;
    let mut len = 0usize;
    for _ in 0..4 {
        let byte = fields.u8()?;
        len = len << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let body = fields.take(len.min(fields.rest().len()))?;
    Some((tag, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: [u8; 19] = [4, 0x80, 0x80, 0x80, 0x11, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];

    fn esds(es_fields: &[u8]) -> Vec<u8> {
        let stream = [es_fields, &CONFIG, &[2, 0x12, 0x10]].concat();
        [&[0, 0, 0, 0, 3, u8::try_from(stream.len()).unwrap()][..], &stream].concat()
    }

    #[test]
    fn every_optional_field_of_the_stream_is_passed_over() {
        let expected = Some(DecoderConfig { object_type: 0x40, specific: &[0x12, 0x10] });
        assert_eq!(DecoderConfig::read(&esds(&[0, 1, 0])), expected);
        assert_eq!(DecoderConfig::read(&esds(&[0, 1, 0xe0, 0, 9, 2, b'a', b'b', 0, 7])), expected);
    }

    #[test]
    fn a_decoder_needs_no_configuration_of_its_own() {
        let esds = [&[0, 0, 0, 0, 3, 0x12, 0, 0, 0][..], &[4, 13, 0x6b], &[0; 12]].concat();
        assert_eq!(DecoderConfig::read(&esds), Some(DecoderConfig { object_type: 0x6b, specific: &[] }));
    }
}
