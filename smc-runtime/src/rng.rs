//! Counter-based random streams: every number is a function of (seed, purpose, stage, particle, draw), so results do
//! not depend on how many threads computed them or on where a run was interrupted.

use std::convert::Infallible;

use rand::TryRng;
use serde::{Deserialize, Serialize};

/// What a stream is for. Two purposes never share a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Purpose {
    /// The order of the rows, drawn once when a model is bound to data.
    Rows = 1,
    /// Initial particles.
    Start = 2,
    /// Choice of ancestors.
    Resample = 3,
    /// Momenta and other proposals of a kernel.
    Propose = 4,
    /// Acceptance of a proposal.
    Accept = 5,
    /// Posterior predictive draws.
    Predict = 6,
    /// Whatever a user's own policy or kernel draws.
    User = 7,
    /// Simulated data and test inputs.
    Simulate = 8,
}

/// The root of all streams of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// Streams of the run with that seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream of a (purpose, stage, particle, draw). `draw` uses 24 bits, `stage` and `particle` 32.
    ///
    /// ```
    /// use rand::Rng as _;
    /// use smc_runtime::rng::{Purpose, Streams};
    /// let streams = Streams::new(1);
    /// let a = streams.stream(Purpose::User, 3, 5, 0).next_u64();
    /// assert_eq!(a, streams.stream(Purpose::User, 3, 5, 0).next_u64());
    /// assert_ne!(a, streams.stream(Purpose::User, 3, 6, 0).next_u64());
    /// ```
    pub fn stream(&self, purpose: Purpose, stage: usize, particle: usize, draw: usize) -> Stream {
        let draw = (draw as u32) & 0x00ff_ffff;
        Stream {
            key: [self.seed as u32, (self.seed >> 32) as u32],
            counter: [
                0,
                particle as u32,
                stage as u32,
                (u32::from(purpose as u8) << 24) | draw,
            ],
            words: [0; 4],
            used: 4,
        }
    }
}

/// One stream: Philox4x32-10 (Salmon et al., 2011) with the stream's identity in its counter.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    used: usize,
}

impl Stream {
    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// A uniform number strictly between 0 and 1; uses two words.
    pub fn uniform(&mut self) -> f64 {
        let bits = (u64::from(self.word()) << 32) | u64::from(self.word());
        ((bits >> 11) as f64 + 0.5) * (1.0 / (1u64 << 53) as f64)
    }

    /// Two independent standard normal numbers by the Box-Muller transform; uses two words.
    pub fn normal_pair(&mut self) -> [f64; 2] {
        const UNIT: f64 = 1.0 / 4_294_967_296.0;
        let radius = (-2.0 * ((f64::from(self.word()) + 0.5) * UNIT).ln()).sqrt();
        let angle = std::f64::consts::TAU * UNIT * f64::from(self.word());
        let (sin, cos) = angle.sin_cos();
        [radius * cos, radius * sin]
    }

    /// A standard normal number; uses two words.
    pub fn normal(&mut self) -> f64 {
        self.normal_pair()[0]
    }

    /// Fills a slice with independent standard normal numbers.
    pub fn fill_normal(&mut self, out: &mut [f32]) {
        for pair in out.chunks_mut(2) {
            let z = self.normal_pair();
            for (slot, z) in pair.iter_mut().zip(z) {
                *slot = z as f32;
            }
        }
    }

    /// A random order of `0..n` (Fisher-Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            let j = (self.uniform() * (i + 1) as f64) as usize;
            order.swap(i, j.min(i));
        }
        order
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.word()) | (u64::from(self.word()) << 32))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(4) {
            let bytes = self.word().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    for _ in 0..10 {
        let a = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let b = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with Random123 (kat_vectors, philox4x32-10).
    #[test]
    fn philox_gives_the_published_words() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn normal_numbers_have_normal_moments() {
        let n = 200_000;
        let mut z = vec![0.0f32; n];
        Streams::new(7)
            .stream(Purpose::User, 0, 0, 0)
            .fill_normal(&mut z);
        let moment = |k: i32| z.iter().map(|&z| f64::from(z).powi(k)).sum::<f64>() / n as f64;
        // Standard errors of the raw moments of a standard normal: sqrt(E z^2k - (E z^k)^2) / sqrt(n).
        for (k, mean, se) in [
            (1, 0.0, 1.0),
            (2, 1.0, 2f64.sqrt()),
            (3, 0.0, 15f64.sqrt()),
            (4, 3.0, 96f64.sqrt()),
        ] {
            let error = (moment(k) - mean) * (n as f64).sqrt() / se;
            assert!(
                error.abs() < 4.0,
                "moment {k} is {error} standard errors off"
            );
        }
    }

    #[test]
    fn a_permutation_holds_each_row_once() {
        let mut order = Streams::new(3)
            .stream(Purpose::Rows, 0, 0, 0)
            .permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }
}
