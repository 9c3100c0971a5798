//! Fixed-stride rows of 64-bit words, handed out by number.

/// No row.
pub const NONE: u32 = u32::MAX;

/// A growing pool of rows of equal length.
#[derive(Debug)]
pub struct RowPool {
    stride: usize,
    words: Vec<u64>,
    free: Vec<u32>,
}

impl RowPool {
    /// A pool of rows of `stride` words.
    pub fn new(stride: usize) -> Self {
        Self { stride, words: Vec::new(), free: Vec::new() }
    }

    /// Words in a row.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Hands out a zeroed row.
    pub fn allocate(&mut self) -> u32 {
        if let Some(row) = self.free.pop() {
            self.row_mut(row).fill(0);
            return row;
        }
        let row = (self.words.len() / self.stride.max(1)) as u32;
        self.words.resize(self.words.len() + self.stride, 0);
        row
    }

    /// A row's words.
    #[inline]
    pub fn row(&self, row: u32) -> &[u64] {
        &self.words[row as usize * self.stride..][..self.stride]
    }

    /// A row's words, mutably.
    #[inline]
    pub fn row_mut(&mut self, row: u32) -> &mut [u64] {
        &mut self.words[row as usize * self.stride..][..self.stride]
    }

    /// Makes every row that `used` does not name available again.
    pub fn keep_only(&mut self, used: impl Iterator<Item = u32>) {
        let rows = self.words.len() / self.stride.max(1);
        let mut live = vec![false; rows];
        for row in used.filter(|&row| row != NONE) {
            live[row as usize] = true;
        }
        self.free.clear();
        self.free.extend((0..rows as u32).rev().filter(|&row| !live[row as usize]));
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.words.capacity() * 8 + self.free.capacity() * 4
    }
}
