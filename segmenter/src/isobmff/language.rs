//! Languages of tracks: from what files pack into 15 bits to what players read (BCP 47).
//!
//! Used where `mdhd` and `elng` are read. A language nobody named is `None`, never `und`: a player tells
//! its user better about a track without a language than about an unknown one.

/// The language that `mdhd` packs (ISO/IEC 14496-12 8.4.2): three letters of five bits each, or a
/// Macintosh code. `None` when it names none.
pub fn from_packed(packed: u16) -> Option<String> {
    const FIRST_ISO_CODE: u16 = 0x400;
    const UNSPECIFIED: u16 = 0x7fff;
    match packed & 0x7fff {
        // Also what files hold that leave the field at zero, far more of them than QuickTime's English.
        0 | UNSPECIFIED => None,
        code if code < FIRST_ISO_CODE => macintosh(code).map(str::to_owned),
        code => bcp47(&letters(code)?),
    }
}

/// A language tag as BCP 47 would write it (RFC 5646 2.1.1, 4.5): the shortest code of the language, the
/// usual case. For the value of `elng` (8.4.6); `None` when it is no tag, or names no language.
pub fn bcp47(tag: &str) -> Option<String> {
    let tag = tag.trim_matches(|c: char| c == '\0' || c.is_whitespace()).replace('_', "-");
    let is_subtag =
        |part: &str| matches!(part.len(), 1..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if !tag.split('-').all(is_subtag) {
        return None;
    }
    let mut parts = tag.split('-');
    let language = language(&parts.next()?.to_ascii_lowercase())?;
    let mut written = language;
    let mut is_extension = written.len() == 1;
    for part in parts {
        written.push('-');
        written.push_str(&subtag(part, is_extension));
        is_extension |= part.len() == 1;
    }
    Some(written)
}

/// The three-letter code of a tag's language (ISO 639-2/T), as `mdhd` packs it; `None` when it has none.
pub fn iso639_2(tag: &str) -> Option<&str> {
    let primary = tag.split('-').next()?;
    match primary.len() {
        3 => Some(primary),
        _ => ALPHA_2.iter().find(|(_, short)| *short == primary).map(|(long, _)| *long),
    }
}

fn letters(code: u16) -> Option<String> {
    let letter = |shift: u16| u8::try_from(code >> shift & 0x1f).ok().map(|letter| char::from(letter + 0x60));
    let letters: String = [letter(10)?, letter(5)?, letter(0)?].into_iter().collect();
    letters.bytes().all(|byte| byte.is_ascii_lowercase()).then_some(letters)
}

/// The primary subtag; `None` for the codes that stand for no language.
fn language(code: &str) -> Option<String> {
    if matches!(code, "und" | "zxx" | "mis") || !code.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let terminology =
        BIBLIOGRAPHIC.iter().find(|(code_b, _)| *code_b == code).map_or(code, |(_, code_t)| code_t);
    let short = ALPHA_2.iter().find(|(long, _)| *long == terminology);
    Some(short.map_or(terminology, |(_, short)| short).to_owned())
}

/// A later subtag in its usual case: `Hant`, `TW`, and small letters for the rest.
fn subtag(part: &str, is_extension: bool) -> String {
    match part.len() {
        2 if !is_extension => part.to_ascii_uppercase(),
        4 if !is_extension && part.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            let (first, rest) = part.split_at(1);
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        }
        _ => part.to_ascii_lowercase(),
    }
}

/// The language of a Macintosh code (QuickTime File Format, "Language Code Values").
fn macintosh(code: u16) -> Option<&'static str> {
    MACINTOSH.get(usize::from(code)).copied().or(match code {
        50 => Some("kk"),
        51 => Some("az"),
        53 => Some("hy"),
        54 => Some("ka"),
        57 => Some("mn"),
        62 => Some("ks"),
        63 => Some("sd"),
        64 => Some("ne"),
        65 => Some("sa"),
        66 => Some("mr"),
        67 => Some("bn"),
        68 => Some("as"),
        69 => Some("gu"),
        70 => Some("pa"),
        71 => Some("or"),
        72 => Some("ml"),
        73 => Some("kn"),
        74 => Some("ta"),
        75 => Some("te"),
        76 => Some("si"),
        77 => Some("my"),
        78 => Some("km"),
        79 => Some("lo"),
        80 => Some("vi"),
        81 => Some("id"),
        82 => Some("tl"),
        83 => Some("ms"),
        85 => Some("am"),
        88 => Some("so"),
        89 => Some("sw"),
        94 => Some("eo"),
        128 => Some("cy"),
        129 => Some("eu"),
        130 => Some("ca"),
        131 => Some("la"),
        _ => None,
    })
}

/// Macintosh codes from zero on.
const MACINTOSH: &[&str] = &[
    "en", "fr", "de", "it", "nl", "sv", "es", "da", "pt", "no", "he", "ja", "ar", "fi", "el", "is", "mt",
    "tr", "hr", "zh-Hant", "ur", "hi", "th", "ko", "lt", "pl", "hu", "et", "lv", "se", "fo", "fa", "ru",
    "zh-Hans", "nl-BE", "ga", "sq", "ro", "cs", "sk", "sl", "yi", "sr", "mk", "bg", "uk", "be", "uz",
];

/// Bibliographic codes with the terminological ones that replace them (ISO 639-2/B and /T).
const BIBLIOGRAPHIC: &[(&str, &str)] = &[
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("mao", "mri"),
    ("may", "msa"),
    ("per", "fas"),
    ("rum", "ron"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

/// Codes of ISO 639-2/T with their twins of ISO 639-1.
const ALPHA_2: &[(&str, &str)] = &[
    ("aar", "aa"),
    ("abk", "ab"),
    ("afr", "af"),
    ("aka", "ak"),
    ("amh", "am"),
    ("ara", "ar"),
    ("arg", "an"),
    ("asm", "as"),
    ("ava", "av"),
    ("ave", "ae"),
    ("aym", "ay"),
    ("aze", "az"),
    ("bak", "ba"),
    ("bam", "bm"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bih", "bh"),
    ("bis", "bi"),
    ("bod", "bo"),
    ("bos", "bs"),
    ("bre", "br"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cha", "ch"),
    ("che", "ce"),
    ("chu", "cu"),
    ("chv", "cv"),
    ("cor", "kw"),
    ("cos", "co"),
    ("cre", "cr"),
    ("cym", "cy"),
    ("dan", "da"),
    ("deu", "de"),
    ("div", "dv"),
    ("dzo", "dz"),
    ("ell", "el"),
    ("eng", "en"),
    ("epo", "eo"),
    ("est", "et"),
    ("eus", "eu"),
    ("ewe", "ee"),
    ("fao", "fo"),
    ("fas", "fa"),
    ("fij", "fj"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("fry", "fy"),
    ("ful", "ff"),
    ("gla", "gd"),
    ("gle", "ga"),
    ("glg", "gl"),
    ("glv", "gv"),
    ("grn", "gn"),
    ("guj", "gu"),
    ("hat", "ht"),
    ("hau", "ha"),
    ("heb", "he"),
    ("her", "hz"),
    ("hin", "hi"),
    ("hmo", "ho"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ibo", "ig"),
    ("ido", "io"),
    ("iii", "ii"),
    ("iku", "iu"),
    ("ile", "ie"),
    ("ina", "ia"),
    ("ind", "id"),
    ("ipk", "ik"),
    ("isl", "is"),
    ("ita", "it"),
    ("jav", "jv"),
    ("jpn", "ja"),
    ("kal", "kl"),
    ("kan", "kn"),
    ("kas", "ks"),
    ("kat", "ka"),
    ("kau", "kr"),
    ("kaz", "kk"),
    ("khm", "km"),
    ("kik", "ki"),
    ("kin", "rw"),
    ("kir", "ky"),
    ("kom", "kv"),
    ("kon", "kg"),
    ("kor", "ko"),
    ("kua", "kj"),
    ("kur", "ku"),
    ("lao", "lo"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lim", "li"),
    ("lin", "ln"),
    ("lit", "lt"),
    ("ltz", "lb"),
    ("lub", "lu"),
    ("lug", "lg"),
    ("mah", "mh"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("mlg", "mg"),
    ("mlt", "mt"),
    ("mon", "mn"),
    ("mri", "mi"),
    ("msa", "ms"),
    ("mya", "my"),
    ("nau", "na"),
    ("nav", "nv"),
    ("nbl", "nr"),
    ("nde", "nd"),
    ("ndo", "ng"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nno", "nn"),
    ("nob", "nb"),
    ("nor", "no"),
    ("nya", "ny"),
    ("oci", "oc"),
    ("oji", "oj"),
    ("ori", "or"),
    ("orm", "om"),
    ("oss", "os"),
    ("pan", "pa"),
    ("pli", "pi"),
    ("pol", "pl"),
    ("por", "pt"),
    ("pus", "ps"),
    ("que", "qu"),
    ("roh", "rm"),
    ("ron", "ro"),
    ("run", "rn"),
    ("rus", "ru"),
    ("sag", "sg"),
    ("san", "sa"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("sme", "se"),
    ("smo", "sm"),
    ("sna", "sn"),
    ("snd", "sd"),
    ("som", "so"),
    ("sot", "st"),
    ("spa", "es"),
    ("sqi", "sq"),
    ("srd", "sc"),
    ("srp", "sr"),
    ("ssw", "ss"),
    ("sun", "su"),
    ("swa", "sw"),
    ("swe", "sv"),
    ("tah", "ty"),
    ("tam", "ta"),
    ("tat", "tt"),
    ("tel", "te"),
    ("tgk", "tg"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tir", "ti"),
    ("ton", "to"),
    ("tsn", "tn"),
    ("tso", "ts"),
    ("tuk", "tk"),
    ("tur", "tr"),
    ("twi", "tw"),
    ("uig", "ug"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("ven", "ve"),
    ("vie", "vi"),
    ("vol", "vo"),
    ("wln", "wa"),
    ("wol", "wo"),
    ("xho", "xh"),
    ("yid", "yi"),
    ("yor", "yo"),
    ("zha", "za"),
    ("zho", "zh"),
    ("zul", "zu"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(code: &[u8; 3]) -> u16 {
        code.iter().fold(0, |packed, letter| packed << 5 | u16::from(letter - 0x60))
    }

    #[test]
    fn a_packed_language_gets_its_shortest_code() {
        let of = |code| from_packed(packed(code));
        assert_eq!(of(b"eng").as_deref(), Some("en"));
        assert_eq!(of(b"ger").as_deref(), Some("de"));
        assert_eq!(of(b"deu").as_deref(), Some("de"));
        assert_eq!(of(b"fil").as_deref(), Some("fil"));
    }

    #[test]
    fn no_language_is_none() {
        for packed in [0, 0x7fff, packed(b"und"), packed(b"zxx"), 0x3ff, 0x401] {
            assert_eq!(from_packed(packed), None, "{packed:#x}");
        }
    }

    #[test]
    fn small_codes_are_those_of_the_macintosh() {
        assert_eq!(from_packed(11).as_deref(), Some("ja"));
        assert_eq!(from_packed(19).as_deref(), Some("zh-Hant"));
        assert_eq!(from_packed(128).as_deref(), Some("cy"));
    }

    #[test]
    fn a_tag_gets_its_usual_form() {
        let tags = [
            ("EN_us\0", Some("en-US")),
            ("zho-hant-tw", Some("zh-Hant-TW")),
            ("sr-LATN", Some("sr-Latn")),
            ("de-CH-1996", Some("de-CH-1996")),
            ("en-x-Ab", Some("en-x-ab")),
            ("und", None),
            ("", None),
            ("en us", None),
            ("en--US", None),
        ];
        for (tag, expected) in tags {
            assert_eq!(bcp47(tag).as_deref(), expected, "{tag}");
        }
    }

    #[test]
    fn every_code_of_the_tables_reads_back() {
        assert_eq!((ALPHA_2.len(), BIBLIOGRAPHIC.len()), (184, 20));
        for (long, short) in ALPHA_2 {
            assert_eq!(bcp47(long).as_deref(), Some(*short));
            assert_eq!(bcp47(short).as_deref(), Some(*short));
        }
    }
}
