//! Body bytes as a function of seed and position, so that a body of any size needs no memory.

use std::{fmt, sync::Arc};

use artifact_cache_layers::digest::Sha256;
use sha2::Digest as _;

/// Bytes are made in blocks of this size; each block starts with its own number, so that no two are alike.
const BLOCK: usize = 64 << 10;
const STAMP: usize = 8;

/// The bytes of a representation.
#[derive(Clone)]
pub(crate) struct Content(Kind);

#[derive(Clone)]
enum Kind {
    Literal(Arc<[u8]>),
    Seeded {
        block: Arc<[u8]>,
        seed: u64,
        length: u64,
    },
}

impl Content {
    /// `length` bytes that depend on `seed` only.
    pub(crate) fn seeded(seed: u64, length: u64) -> Self {
        let mut state = seed;
        let block = (0..BLOCK / 8).flat_map(|_| next(&mut state).to_le_bytes());
        Self(Kind::Seeded {
            block: block.collect(),
            seed,
            length,
        })
    }

    /// A body without end, for chunked and close-delimited framing.
    pub(crate) fn endless(seed: u64) -> Self {
        Self::seeded(seed, u64::MAX)
    }

    /// Exactly these bytes.
    pub(crate) fn literal(bytes: impl AsRef<[u8]>) -> Self {
        Self(Kind::Literal(bytes.as_ref().into()))
    }

    pub(crate) fn length(&self) -> u64 {
        match &self.0 {
            Kind::Literal(bytes) => bytes.len() as u64,
            Kind::Seeded { length, .. } => *length,
        }
    }

    /// Fills `buffer` with the bytes from `offset` on and returns how many there were.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let left = self.length().saturating_sub(offset);
        let wanted = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = &mut buffer[..wanted];
        match &self.0 {
            Kind::Literal(bytes) => {
                let start = index(offset.min(bytes.len() as u64));
                buffer.copy_from_slice(&bytes[start..start + wanted]);
            }
            Kind::Seeded { block, seed, .. } => fill(block, *seed, offset, buffer),
        }
        wanted
    }

    /// All bytes in memory: for small contents.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.slice(0, self.length())
    }

    /// The bytes `[from, to)` in memory.
    pub(crate) fn slice(&self, from: u64, to: u64) -> Vec<u8> {
        let mut bytes = vec![0; index(to - from)];
        let read = self.read_at(from, &mut bytes);
        bytes.truncate(read);
        bytes
    }

    /// The digest of the whole, computed piece by piece.
    pub(crate) fn sha256(&self) -> Sha256 {
        self.sha256_of(0, self.length())
    }

    /// The digest of the bytes `[from, to)`.
    pub(crate) fn sha256_of(&self, from: u64, to: u64) -> Sha256 {
        let (mut hasher, mut piece) = (sha2::Sha256::new(), vec![0; 1 << 20]);
        let mut offset = from;
        while offset < to {
            let size = index((to - offset).min(piece.len() as u64));
            let read = self.read_at(offset, &mut piece[..size]);
            hasher.update(&piece[..read]);
            offset += read as u64;
        }
        Sha256::from(<[u8; 32]>::from(hasher.finalize()))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Literal(bytes) => write!(f, "{} literal bytes", bytes.len()),
            Kind::Seeded { seed, length, .. } => write!(f, "{length} bytes of seed {seed}"),
        }
    }
}

fn fill(block: &[u8], seed: u64, mut offset: u64, mut buffer: &mut [u8]) {
    while !buffer.is_empty() {
        let number = offset / BLOCK as u64;
        let within = index(offset % BLOCK as u64);
        let size = buffer.len().min(BLOCK - within);
        let (piece, rest) = buffer.split_at_mut(size);
        piece.copy_from_slice(&block[within..within + size]);
        let stamp = (seed ^ number.rotate_left(32)).to_le_bytes();
        if within < STAMP {
            let stamp = &stamp[within..STAMP.min(within + size)];
            piece[..stamp.len()].copy_from_slice(stamp);
        }
        offset += size as u64;
        buffer = rest;
    }
}

fn index(value: u64) -> usize {
    usize::try_from(value).expect("it fits in memory")
}

/// `SplitMix64`, by Sebastiano Vigna: the next number of the sequence.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_read_in_odd_pieces_equals_content_read_at_once() {
        let content = Content::seeded(3, 200_001);
        let whole = content.bytes();
        let pieces: Vec<u8> = (0..200_001)
            .step_by(777)
            .flat_map(|from| content.slice(from, (from + 777).min(200_001)))
            .collect();
        assert_eq!(whole, pieces);
        assert_eq!(content.sha256(), Sha256::of(&whole));
        assert_ne!(whole[..8], whole[BLOCK..BLOCK + 8]);
    }
}
