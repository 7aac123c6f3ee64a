//! Hashes that are the same in every process, on every platform and in every build.
//!
//! `std`'s hashers promise none of that, so these few lines are ours: a folded 64 x 64 multiply in
//! the manner of wyhash. Not for adversaries; for telling two runs apart.

const K1: u64 = 0xa076_1d64_78bd_642f;
const K2: u64 = 0xe703_7ed1_a0b4_28db;

#[expect(
    clippy::cast_possible_truncation,
    reason = "the two halves are folded on purpose"
)]
const fn fold(a: u64, b: u64) -> u64 {
    let wide = (a as u128).wrapping_mul(b as u128);
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Mixes two words into a hash.
pub(crate) const fn mix(hash: u64, a: u64, b: u64) -> u64 {
    fold(hash ^ a ^ K1, b ^ K2).wrapping_add(hash.rotate_left(23))
}

/// Hashes a name at compile time (FNV-1a).
pub(crate) const fn name_hash(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}

/// Accumulates the digest of a value.
#[derive(Clone, Copy, Debug)]
pub struct Digester(u64);

impl Default for Digester {
    fn default() -> Self {
        Self(K2)
    }
}

impl Digester {
    /// Mixes in one number.
    pub fn word(&mut self, word: u64) {
        self.pair(word, 0);
    }

    /// Mixes in two numbers, for the price of one.
    pub fn pair(&mut self, first: u64, second: u64) {
        self.0 = mix(self.0, first, second);
    }

    /// Mixes in bytes, with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut pairs = bytes.chunks_exact(16);
        for pair in &mut pairs {
            self.0 = mix(self.0, little(&pair[..8]), little(&pair[8..]));
        }
        let rest = pairs.remainder();
        let (low, high) = rest.split_at(rest.len().min(8));
        self.0 = mix(self.0, little(low), little(high));
        self.word(bytes.len() as u64);
    }

    /// The digest so far.
    pub const fn finish(&self) -> u64 {
        self.0
    }
}

fn little(bytes: &[u8]) -> u64 {
    match <[u8; 8]>::try_from(bytes) {
        Ok(whole) => u64::from_le_bytes(whole),
        Err(_) => bytes
            .iter()
            .rev()
            .fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    }
}

/// A value with a digest that never differs between processes, builds or platforms.
pub trait Digest {
    /// Mixes this value into the digest.
    fn feed(&self, digester: &mut Digester);

    /// The digest of this value alone.
    fn digest(&self) -> u64 {
        let mut digester = Digester::default();
        self.feed(&mut digester);
        digester.finish()
    }
}

macro_rules! digest_as_word {
    ($($int:ty),*) => {$(
        impl Digest for $int {
            fn feed(&self, digester: &mut Digester) {
                digester.word(u64::from(*self));
            }
        }
    )*};
}
digest_as_word!(u8, u16, u32, u64, bool);

macro_rules! digest_as_bits {
    ($($int:ty),*) => {$(
        impl Digest for $int {
            fn feed(&self, digester: &mut Digester) {
                digester.word(i64::from(*self).cast_unsigned());
            }
        }
    )*};
}
digest_as_bits!(i8, i16, i32, i64);

impl Digest for usize {
    fn feed(&self, digester: &mut Digester) {
        digester.word(*self as u64);
    }
}

impl Digest for () {
    fn feed(&self, _: &mut Digester) {}
}

impl Digest for str {
    fn feed(&self, digester: &mut Digester) {
        digester.bytes(self.as_bytes());
    }
}

impl Digest for String {
    fn feed(&self, digester: &mut Digester) {
        digester.bytes(self.as_bytes());
    }
}

impl<T: Digest> Digest for [T] {
    fn feed(&self, digester: &mut Digester) {
        digester.word(self.len() as u64);
        self.iter().for_each(|item| item.feed(digester));
    }
}

impl<T: Digest> Digest for Vec<T> {
    fn feed(&self, digester: &mut Digester) {
        self.as_slice().feed(digester);
    }
}

impl<T: Digest> Digest for Option<T> {
    fn feed(&self, digester: &mut Digester) {
        digester.word(u64::from(self.is_some()));
        if let Some(value) = self {
            value.feed(digester);
        }
    }
}

impl<T: Digest + ?Sized> Digest for &T {
    fn feed(&self, digester: &mut Digester) {
        (**self).feed(digester);
    }
}

impl<T: Digest + ?Sized> Digest for Box<T> {
    fn feed(&self, digester: &mut Digester) {
        (**self).feed(digester);
    }
}

impl<A: Digest, B: Digest> Digest for (A, B) {
    fn feed(&self, digester: &mut Digester) {
        self.0.feed(digester);
        self.1.feed(digester);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_pinned() {
        // These numbers are part of stored repro files: a change of them is a format change.
        assert_eq!("steadfast".digest(), 6_936_262_765_185_071_975);
        assert_eq!(name_hash("net.loss"), 9_645_236_552_457_471_829);
    }

    #[test]
    fn bytes_differ_by_length_and_place() {
        let all = [
            &b""[..],
            b"\0",
            b"\0\0",
            b"a",
            b"a\0",
            b"\0a",
            &[0; 16],
            &[0; 17],
            &[0; 32],
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[..i] {
                let digest = |bytes: &[u8]| {
                    let mut digester = Digester::default();
                    digester.bytes(bytes);
                    digester.finish()
                };
                assert_ne!(digest(a), digest(b), "{a:?} {b:?}");
            }
        }
    }
}
