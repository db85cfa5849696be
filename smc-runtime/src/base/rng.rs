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
    /// The order of the rows, drawn once when a model is bound to data, and of mini-batches at each epoch.
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
    /// Lengths of trajectories.
    Trajectory = 9,
    /// Random choices of an annealing policy.
    Batch = 10,
    /// Rows whose gradient stands for that of all.
    Surrogate = 11,
    /// Draws from the prior that measure how wide it is.
    Reference = 12,
    /// Trial moves of an adaptation.
    Trial = 13,
    /// A draw from the prior at which a model is looked at when it is bound.
    Check = 14,
    /// Rows that a feature's column is shuffled among.
    Shuffle = 15,
    /// What a member of several independent runs draws.
    Member = 16,
    /// Draws that a fitted density is judged by.
    Judge = 17,
}

/// The root of all streams of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// Streams of the run with that seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream of a (purpose, stage, particle, draw). `draw` uses 24 bits, `stage` and `particle` 32.
    ///
    /// ```
    /// use rand::Rng as _;
    /// use smc_runtime::base::rng::{Purpose, Streams};
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

impl Streams {
    /// Independent streams, for a part of the run that keys its draws by itself.
    ///
    /// ```
    /// use rand::Rng as _;
    /// use smc_runtime::base::rng::{Purpose, Streams};
    /// let streams = Streams::new(1);
    /// let apart = streams.branch(Purpose::Trial);
    /// let first = |streams: Streams| streams.stream(Purpose::Propose, 0, 0, 0).next_u64();
    /// assert_ne!(first(streams), first(apart));
    /// ```
    pub fn branch(&self, purpose: Purpose) -> Self {
        Self::seeded_by(self.stream(purpose, 0, 0, 0))
    }

    /// The streams of member number `member` of several independent runs.
    pub fn member(&self, member: usize) -> Self {
        Self::seeded_by(self.stream(Purpose::Member, 0, member, 0))
    }

    fn seeded_by(mut stream: Stream) -> Self {
        Self::new((u64::from(stream.word()) << 32) | u64::from(stream.word()))
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

    /// `n` independent standard normal numbers, both of each pair: for data, whose bits should outlast any change to how
    /// samplers draw theirs.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        let pairs = (0..n.div_ceil(2)).flat_map(|_| self.normal_pair());
        pairs.map(|z| z as f32).take(n).collect()
    }

    /// Fills a slice with independent standard normal numbers, a block at a time from fresh counters: the same bits
    /// on every instruction set.
    pub fn fill_normal(&mut self, out: &mut [f32]) {
        let mut chunks = out.chunks_exact_mut(BLOCK);
        for chunk in &mut chunks {
            chunk.copy_from_slice(&self.normal_block());
        }
        let rest = chunks.into_remainder();
        if !rest.is_empty() {
            rest.copy_from_slice(&self.normal_block()[..rest.len()]);
        }
    }

    /// A block from the next counters, which no number has been drawn from.
    fn normal_block(&mut self) -> [f32; BLOCK] {
        let first = self.counter[0];
        self.counter[0] = first.wrapping_add(LANES as u32);
        let words = philox_lanes(first, self.counter, self.key);
        let mut out = [0.0; BLOCK];
        let (even, odd) = out.split_at_mut(BLOCK / 2);
        for (half, pair) in [even, odd].into_iter().zip([[0, 1], [2, 3]]) {
            let (cos, sin) = half.split_at_mut(LANES);
            for lane in 0..LANES {
                [cos[lane], sin[lane]] = box_muller(words[pair[0]][lane], words[pair[1]][lane]);
            }
        }
        out
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

/// Counters that [`Stream::fill_normal`] takes at once.
const LANES: usize = 16;

/// Normal numbers that it makes of them.
const BLOCK: usize = 4 * LANES;

/// Two independent standard normal numbers from two words, in `f32`; see the bounds of [`minus_two_ln`] and
/// [`cos_sin`]. The largest is 6.66.
#[inline]
fn box_muller(radius: u32, angle: u32) -> [f32; 2] {
    let radius = minus_two_ln(radius).sqrt();
    let [cos, sin] = cos_sin(angle);
    [radius * cos, radius * sin]
}

/// −2·ln((w + ½)/2³¹), w the word's upper 31 bits, within 2·10⁻⁷ relative of that of the fraction rounded to `f32`.
///
/// ln(m·2ᵉ) = ln(1 + x) + e·ln 2 with √½ ≤ m < √2 and a polynomial of degree 8 (Cephes, `logf`).
#[inline]
fn minus_two_ln(word: u32) -> f32 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    let u = ((word >> 1) as i32 as f32 + 0.5) * (1.0 / 2_147_483_648.0);
    // Subtracting √½ as bits carries into the exponent exactly where m would fall below it.
    let bits = u.to_bits().wrapping_sub(ROOT_HALF) as i32;
    let e = (bits >> 23) as f32;
    let x = f32::from_bits(((bits & 0x007f_ffff) as u32).wrapping_add(ROOT_HALF)) - 1.0;
    let s = x * x;
    let mut p = 7.037_683_6e-2 * x - 0.115_146_1;
    p = p * x + 0.116_769_99;
    p = p * x - 0.124_201_41;
    p = p * x + 0.142_493_23;
    p = p * x - 0.166_680_58;
    p = p * x + 0.200_007_15;
    p = p * x - 0.249_999_94;
    p = p * x + 0.333_333_3;
    let tail = x * s * p - 2.121_944_4e-4 * e - 0.5 * s;
    -2.0 * (x + tail + 0.693_359_4 * e)
}

/// Cosine and sine of a uniform angle, within 1.5·10⁻⁷.
///
/// The word's upper two bits are the quarter turns; the rest, as a signed fraction of one, adds an angle between −π/4 and
/// π/4 (Cephes, `sinf` and `cosf`).
#[inline]
fn cos_sin(word: u32) -> [f32; 2] {
    let x = (word << 2) as i32 as f32 * (std::f32::consts::FRAC_PI_2 / 4_294_967_296.0);
    let s = x * x;
    let sin = x + x * s * ((-1.951_529_6e-4 * s + 8.332_161e-3) * s - 0.166_666_55);
    let cos = 1.0 - 0.5 * s + s * s * ((2.443_315_7e-5 * s - 1.388_731_6e-3) * s + 4.166_664_6e-2);
    // A quarter turn swaps the two and changes one sign.
    let odd = (word >> 30) & 1 == 1;
    let (a, b) = if odd { (sin, cos) } else { (cos, sin) };
    let flip = |z: f32, sign: u32| f32::from_bits(z.to_bits() ^ (sign & 0x8000_0000));
    [flip(a, word ^ (word << 1)), flip(b, word)]
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// [`philox`] of the counters `first`, `first + 1`, ...: word by word, one lane per counter.
fn philox_lanes(first: u32, counter: [u32; 4], mut key: [u32; 2]) -> [[u32; LANES]; 4] {
    let mut words = counter.map(|word| [word; LANES]);
    for (lane, word) in words[0].iter_mut().enumerate() {
        *word = first.wrapping_add(lane as u32);
    }
    for _ in 0..10 {
        let [c0, c1, c2, c3] = &mut words;
        for lane in 0..LANES {
            let a = u64::from(MULTIPLIERS[0]) * u64::from(c0[lane]);
            let b = u64::from(MULTIPLIERS[1]) * u64::from(c2[lane]);
            c0[lane] = (b >> 32) as u32 ^ c1[lane] ^ key[0];
            c1[lane] = b as u32;
            c2[lane] = (a >> 32) as u32 ^ c3[lane] ^ key[1];
            c3[lane] = a as u32;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    words
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
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
    fn lanes_are_the_counters_one_by_one() {
        let (counter, key) = ([0, 5, 6, 7], [8, 9]);
        for first in [0, 1000, u32::MAX - 3] {
            let words = philox_lanes(first, counter, key);
            for lane in 0..LANES {
                let alone = philox([first.wrapping_add(lane as u32), 5, 6, 7], key);
                assert_eq!(words.map(|w| w[lane]), alone);
            }
        }
    }

    /// Both ends of the range, every exponent and many words in between.
    fn words() -> impl Iterator<Item = u32> {
        let near = |w: u32| (0..64).flat_map(move |i| [w.wrapping_add(i), w.wrapping_sub(i)]);
        let ends = (0..32).flat_map(move |bit| near(1 << bit));
        ends.chain((0..2_000_000).map(|i: u32| i.wrapping_mul(0x9E37_79B9)))
    }

    #[test]
    fn the_logarithm_is_within_its_bound() {
        for w in words() {
            let u = ((w >> 1) as i32 as f32 + 0.5) / 2_147_483_648.0;
            let (exact, found) = (-2.0 * f64::from(u).ln(), f64::from(minus_two_ln(w)));
            assert!(
                (found - exact).abs() <= 2e-7 * exact,
                "{w}: {found} against {exact}"
            );
        }
    }

    #[test]
    fn cosine_and_sine_are_within_their_bounds() {
        for w in words() {
            let turns = f64::from(w >> 30);
            let rest = f64::from((w << 2) as i32) / 4_294_967_296.0;
            let angle = std::f64::consts::FRAC_PI_2 * (turns + rest);
            let exact = [angle.cos(), angle.sin()];
            for (found, exact) in cos_sin(w).into_iter().zip(exact) {
                let error = (f64::from(found) - exact).abs();
                assert!(error <= 1.5e-7, "{w}: {found} against {exact}");
            }
        }
    }

    /// Four million numbers from forty streams, so that first, last and partial blocks are among them.
    fn normals() -> Vec<f64> {
        let mut out = Vec::new();
        for particle in 0..40 {
            let mut z = vec![0.0f32; 100_001 + particle];
            Streams::new(7)
                .stream(Purpose::User, 0, particle, 0)
                .fill_normal(&mut z);
            out.extend(z.into_iter().map(f64::from));
        }
        out
    }

    #[test]
    fn normal_numbers_have_normal_moments() {
        let z = normals();
        let n = z.len() as f64;
        // Raw moments of a standard normal are 1, 1·3, 1·3·5, ...; the variance of z^k is E z^2k − (E z^k)².
        let exact = |k: usize| match k % 2 {
            0 => (1..k).step_by(2).product::<usize>() as f64,
            _ => 0.0,
        };
        for k in 1..=8 {
            let mean = z.iter().map(|z| z.powi(k as i32)).sum::<f64>() / n;
            let se = ((exact(2 * k) - exact(k).powi(2)) / n).sqrt();
            let error = (mean - exact(k)) / se;
            assert!(
                error.abs() < 4.0,
                "moment {k} is {error} standard errors off"
            );
        }
        // Neither neighbours nor the two of a pair are correlated, nor are their squares.
        for lag in [1, LANES, 2 * LANES, BLOCK] {
            for (what, power, variance) in [("numbers", 1, 1.0), ("squares", 2, 4.0)] {
                let centred = |x: f64| x.powi(power) - exact(power as usize);
                let products = z
                    .iter()
                    .zip(&z[lag..])
                    .map(|(&a, &b)| centred(a) * centred(b));
                let error = products.sum::<f64>() / (variance * n).sqrt() / variance.sqrt();
                assert!(
                    error.abs() < 4.0,
                    "{what} {lag} apart: {error} standard errors"
                );
            }
        }
    }

    /// Kolmogorov-Smirnov: √n·sup|F̂ − F| exceeds 1.95 with probability 0.001.
    #[test]
    fn normal_numbers_have_the_normal_cdf() {
        let mut z = normals();
        z.sort_by(f64::total_cmp);
        let n = z.len() as f64;
        let cdf = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
        let gap = |(i, &x): (usize, &f64)| {
            let (low, high) = (i as f64 / n, (i + 1) as f64 / n);
            (high - cdf(x)).max(cdf(x) - low)
        };
        let largest = z.iter().enumerate().map(gap).fold(0.0, f64::max);
        assert!(largest * n.sqrt() < 1.95, "{}", largest * n.sqrt());
    }

    /// Counts beyond 3 to 5 are binomial; beyond that, the radius itself is looked at, which all words decide.
    #[test]
    fn normal_numbers_have_normal_tails() {
        let z = normals();
        let n = z.len() as f64;
        for beyond in [2.0, 3.0, 4.0, 4.5, 5.0] {
            let p = libm::erfc(beyond * std::f64::consts::FRAC_1_SQRT_2);
            let found = z.iter().filter(|z| z.abs() > beyond).count() as f64;
            let error = (found - n * p) / (n * p).sqrt();
            assert!(error.abs() < 4.0, "beyond {beyond}: {found} of {}", n * p);
        }
        // P(radius > r) = exp(−r²/2): the share of words whose radius is larger, by bisection over all of them.
        for r in [1e-2f64, 0.1, 1.0, 3.0, 5.0, 5.5, 6.0, 6.5] {
            let (mut low, mut high) = (0u64, 1 << 32);
            while low < high {
                let middle = u64::midpoint(low, high);
                if f64::from(minus_two_ln(middle as u32)) > r * r {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            let (share, exact) = (low as f64 / 4_294_967_296.0, (-0.5 * r * r).exp());
            // A word more or less at the boundary, and the rounding of the fraction to `f32`.
            let tolerance = 2.0 / 4_294_967_296.0 + 1e-6 * exact;
            assert!(
                (share - exact).abs() < tolerance,
                "radius {r}: {share} against {exact}"
            );
        }
    }

    /// What a slice holds does not depend on what was drawn one by one within the counter before it.
    #[test]
    fn a_filled_slice_begins_at_a_fresh_counter() {
        let fill = |before: usize, len: usize| {
            let mut stream = Streams::new(1).stream(Purpose::User, 0, 0, 0);
            for _ in 0..before {
                stream.word();
            }
            let mut out = vec![0.0; len];
            stream.fill_normal(&mut out);
            out
        };
        assert_eq!(fill(1, 70), fill(4, 70));
        assert_ne!(fill(4, 70), fill(5, 70));
        assert_eq!(fill(0, 100)[..70], fill(0, 70));
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
