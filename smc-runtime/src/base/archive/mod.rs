//! Named arrays with a header in one file, in the format `safetensors`: written whole or not at all, checked at the door, and read block by block.

mod atomic;
mod read;
mod write;

pub use atomic::write_whole;
pub use read::Archive;
pub use write::{Block, Values, archive};

use super::fingerprint::Mixed;

/// The version of what stands in the header. Another one is another format.
pub const FORMAT: &str = "1";

/// Keys of the header's metadata.
const KIND: &str = "kind";
const VERSION: &str = "format";
const WRITER: &str = "writer";
const CONTENT: &str = "content";
const CHECKS: &str = "checks";

/// A number that stands for bytes; it finds accidents, not malice.
fn check(bytes: &[u8]) -> u64 {
    let mut check = Check::default();
    check.add(bytes);
    check.number()
}

/// The same of bytes that come in parts, all but the last of them multiples of 8 long.
#[derive(Default)]
struct Check {
    of_words: Mixed,
    bytes: u64,
}

impl Check {
    fn add(&mut self, part: &[u8]) {
        let (words, rest) = part.as_chunks::<8>();
        for word in words {
            self.of_words.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.of_words.add(u64::from_le_bytes(last));
        }
        self.bytes += part.len() as u64;
    }

    fn number(mut self) -> u64 {
        self.of_words.add(self.bytes);
        self.of_words.number()
    }
}
