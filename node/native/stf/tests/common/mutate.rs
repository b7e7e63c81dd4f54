//! Malformed bytes out of good ones: the same cases in every run, as many as DECODER_CASES says.

/// A small generator of numbers.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// A few bytes changed, cut, doubled, dropped, or made what heads of RLP items and widest numbers are made of.
    pub fn mutated(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(40)).min(bytes.len());
            match self.below(7) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => {
                    bytes[at] = [0, 0x7f, 0x80, 0x81, 0xb8, 0xbf, 0xc0, 0xc1, 0xf8, 0xff][self.below(10)]
                }
                2 => bytes.truncate(at),
                3 => drop(bytes.drain(at.min(end)..end)),
                4 => {
                    let doubled = bytes[at.min(end)..end].to_vec();
                    drop(bytes.splice(at..at, doubled));
                }
                5 => drop(bytes.splice(at..at, core::iter::repeat_n(0xff, 1 + self.below(9)))),
                _ => {
                    let place = self.below(good.len());
                    let piece = good[place..good.len().min(place + 1 + self.below(60))].to_vec();
                    drop(bytes.splice(at.min(end)..end, piece));
                }
            }
        }
        bytes
    }
}

/// Give `decode` malformed forms of each of the good ones. It says whether the bytes passed and then asserts what must hold
/// of them; it may not panic. Something passes and something is refused, or the cases say nothing.
pub fn malformed(good: &[Vec<u8>], mut decode: impl FnMut(&[u8]) -> bool) {
    let cases =
        std::env::var("DECODER_CASES").map_or(20_000, |cases| cases.parse().expect("DECODER_CASES is a number"));
    for (seed, bytes) in good.iter().enumerate() {
        assert!(decode(bytes), "the form that all others come from");
        let mut random = Random::new(seed as u64 + 1);
        let refused = (0..cases).filter(|_| !decode(&random.mutated(bytes))).count();
        assert!(refused > cases / 20, "{refused} of {cases} were refused");
    }
}
