//! Why a track can't go out: the one error of reading a sample entry.
//!
//! A track whose entry is refused is left out, or fails the whole source when nothing else is left; the
//! caller decides. The table names what people know these codes by.

use super::super::boxes::FourCc;

/// Why a sample entry can't be put into CMAF or HLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// The format is known, and no player of CMAF or HLS takes it.
    #[error("sample entry '{entry}': {name} is not carried by CMAF or HLS")]
    NotCarried {
        /// Type of the sample entry.
        entry: FourCc,
        /// What people call it.
        name: &'static str,
    },
    /// The descriptor of an MPEG-4 entry names a format no player takes.
    #[error("sample entry '{entry}': object type 0x{object_type:02x} is not carried by CMAF or HLS")]
    ObjectType {
        /// Type of the sample entry.
        entry: FourCc,
        /// `objectTypeIndication` of `esds` (ISO/IEC 14496-1 7.2.6.6).
        object_type: u8,
    },
    /// The format is protected by a scheme other than Common Encryption.
    #[error("sample entry '{entry}': protection scheme '{scheme}' is not Common Encryption")]
    Scheme {
        /// Type of the sample entry.
        entry: FourCc,
        /// `scheme_type` of `schm`.
        scheme: FourCc,
    },
    /// No format goes by this code.
    #[error("sample entry '{entry}' is unknown")]
    Unknown {
        /// Type of the sample entry.
        entry: FourCc,
    },
    /// The track's handler speaks of other media than its sample entry.
    #[error("sample entry '{entry}' does not belong in a track of handler '{handler}'")]
    Handler {
        /// Type of the sample entry.
        entry: FourCc,
        /// `handler_type` of `hdlr`.
        handler: FourCc,
    },
    /// A box that a decoder can't start without is not there.
    #[error("sample entry '{entry}' has no '{config}' box")]
    Missing {
        /// Type of the sample entry.
        entry: FourCc,
        /// Type of the missing box.
        config: FourCc,
    },
    /// A box is there and says nothing sound.
    #[error("sample entry '{entry}' has a broken '{config}' box")]
    Broken {
        /// Type of the sample entry.
        entry: FourCc,
        /// Type of the broken box.
        config: FourCc,
    },
    /// The entry ends before its own fixed fields do.
    #[error("sample entry '{entry}' ends after {len} bytes, before its own fields do")]
    Short {
        /// Type of the sample entry; zeros when not even that is there.
        entry: FourCc,
        /// Bytes there are.
        len: usize,
    },
}

impl Unsupported {
    /// The refusal of an entry that nothing here reads.
    pub(super) fn unread(entry: FourCc) -> Self {
        NAMES
            .iter()
            .find(|(codes, _)| codes.contains(&&entry.0))
            .map_or(Self::Unknown { entry }, |&(_, name)| Self::NotCarried { entry, name })
    }
}

/// Formats that are met in the wild and have no place in CMAF or HLS.
const NAMES: &[(&[&[u8; 4]], &str)] = &[
    (
        &[
            b"lpcm", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"fl64", b"ipcm", b"fpcm", b"raw ",
            b"NONE", b"s16l", b"42ni", b"23ni",
        ],
        "PCM audio",
    ),
    (&[b"ulaw", b"alaw"], "G.711 audio"),
    (&[b"samr", b"sawb", b"sawp"], "AMR audio"),
    (&[b"sevc", b"sqcp", b"ssmv"], "3GPP2 voice"),
    (&[b"QDM2", b"QDMC"], "QDesign audio"),
    (&[b"ima4", b"ms\0\x02", b"ms\0\x11"], "ADPCM audio"),
    (&[b"agsm", b"spex", b"MAC3", b"MAC6", b"Qclp"], "legacy audio"),
    (&[b"wma ", b"owma"], "Windows Media Audio"),
    (&[b"dtsc", b"dtsh", b"dtsl", b"dtse", b"dtsx", b"dtsy", b"DTS ", b"dts+", b"dts-"], "DTS audio"),
    (&[b"mlpa"], "Dolby TrueHD audio"),
    (&[b"mha1", b"mha2", b"mhm1", b"mhm2"], "MPEG-H audio"),
    (&[b"iamf"], "IAMF audio"),
    (&[b"drms", b"drmi"], "a FairPlay download"),
    (&[b"apco", b"apcs", b"apcn", b"apch", b"ap4h", b"ap4x", b"aprn", b"aprh"], "ProRes video"),
    (&[b"jpeg", b"mjpa", b"mjpb", b"AVDJ", b"mjp2", b"png ", b"gif ", b"tiff"], "a sequence of pictures"),
    (&[b"s263", b"h263", b"H263"], "H.263 video"),
    (&[b"mp1v", b"mp2v", b"m2v1", b"hdv1", b"hdv2", b"hdv3", b"xdv2", b"xdvb"], "MPEG-2 video"),
    (&[b"DIVX", b"XVID", b"divx", b"xvid", b"3IV2", b"DX50", b"mp43", b"MP42"], "DivX video"),
    (&[b"SVQ1", b"SVQ3", b"cvid", b"rle ", b"rpza", b"smc ", b"IV50", b"8BPS"], "legacy QuickTime video"),
    (&[b"dvc ", b"dvcp", b"dvpp", b"dv5n", b"dv5p", b"dvh5", b"dvh6", b"dvhp", b"dvhq"], "DV video"),
    (&[b"AVdn", b"AVdh", b"CFHD", b"apv1"], "mezzanine video"),
    (&[b"wmv1", b"wmv2", b"WMV3", b"vc-1", b"WVC1", b"ovc1"], "Windows Media Video"),
    (
        &[b"uncv", b"2vuy", b"yuv2", b"v210", b"v308", b"v408", b"v410", b"r210", b"BGRA"],
        "uncompressed video",
    ),
    (&[b"vvc1", b"vvi1"], "VVC video"),
    (&[b"evc1"], "EVC video"),
    (&[b"lvc1"], "LCEVC video"),
    (&[b"lhv1", b"lhe1", b"svc1", b"svc2", b"mvc1", b"mvc2"], "an enhancement layer"),
    (&[b"text"], "QuickTime text"),
    (&[b"c608", b"c708"], "a caption track"),
    (&[b"mp4s", b"subp"], "a track of subtitle pictures"),
    (&[b"sbtt", b"stxt"], "plain text"),
    (&[b"tmcd"], "timecode"),
    (&[b"rtp ", b"srtp", b"rrtp", b"sm2t"], "a hint track"),
    (&[b"mebx", b"mett", b"metx", b"urim", b"gpmd", b"fdsc", b"camm", b"evte"], "timed metadata"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_code_stands_for() {
        let refusal = |code| Unsupported::unread(FourCc(code)).to_string();
        assert_eq!(refusal(*b"sowt"), "sample entry 'sowt': PCM audio is not carried by CMAF or HLS");
        assert_eq!(
            refusal(*b"ms\0\x02"),
            "sample entry 'ms\\x00\\x02': ADPCM audio is not carried by CMAF or HLS"
        );
        assert_eq!(refusal(*b"zzzz"), "sample entry 'zzzz' is unknown");
    }
}
