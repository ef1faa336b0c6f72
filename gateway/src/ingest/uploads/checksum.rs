//! Sums by which a client proves that its bytes came as it sent them (`Upload-Checksum`).

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// Names of the sums that are understood.
pub const ALGORITHMS: [&str; 3] = ["sha1", "sha256", "sha512"];

/// A sum that bytes have to have.
#[derive(Clone, Debug)]
pub struct Checksum {
    expected: Vec<u8>,
    hasher: Hasher,
}

#[derive(Clone, Debug)]
enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Checksum {
    /// By this algorithm, this sum; `None` if the algorithm is not known.
    pub fn new(algorithm: &str, expected: Vec<u8>) -> Option<Self> {
        let hasher = match algorithm {
            "sha1" => Hasher::Sha1(Sha1::new()),
            "sha256" => Hasher::Sha256(Sha256::new()),
            "sha512" => Hasher::Sha512(Sha512::new()),
            _ => return None,
        };
        Some(Self { expected, hasher })
    }

    /// Counts more bytes in.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Whether the bytes are those.
    pub(super) fn holds(self) -> bool {
        match self.hasher {
            Hasher::Sha1(hasher) => hasher.finalize()[..] == self.expected,
            Hasher::Sha256(hasher) => hasher.finalize()[..] == self.expected,
            Hasher::Sha512(hasher) => hasher.finalize()[..] == self.expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sum_tells_a_change() {
        let sums = [
            Sha1::digest(b"bytes").to_vec(),
            Sha256::digest(b"bytes").to_vec(),
            Sha512::digest(b"bytes").to_vec(),
        ];
        for (algorithm, sum) in ALGORITHMS.into_iter().zip(sums) {
            let checksum = Checksum::new(algorithm, sum).unwrap();
            let of = |pieces: &[&[u8]]| {
                let mut checksum = checksum.clone();
                pieces.iter().for_each(|piece| checksum.update(piece));
                checksum.holds()
            };
            assert!(of(&[b"by", b"tes"]) && !of(&[b"bytez"]), "{algorithm}");
        }
        assert!(Checksum::new("crc32", Vec::new()).is_none());
    }
}
