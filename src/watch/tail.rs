//! The end of a growing file, line by line.
//!
//! Enters: a path. Leaves: every complete line once, in order, with its position. A file may appear
//! later, grow, be cut short or be replaced; a last line without its end stays back until the end
//! comes. Work is proportional to the new bytes, memory to one line, and no file stays open between
//! two looks (a campaign has more files than a process may hold open), but for compressed ones, which
//! do not grow and are read once.

use std::fs::{File, Metadata};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Longest line that is followed, bytes; longer ones are skipped. A sample has some 10 kB at most.
pub const MAX_LINE: usize = 1 << 20;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;
/// Bytes in front of the position that are compared to notice a file rewritten in place.
const MARK: usize = 64;

/// What a look at the file gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The file is another one now, or was cut: what came before is void.
    Reset,
    /// A line without its newline, and where it starts.
    Line(u64, &'a [u8]),
    /// A line of more than [`MAX_LINE`] bytes, and where it starts.
    TooLong(u64),
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Whether there is a file.
    pub exists: bool,
    /// Bytes read by this look.
    pub read: u64,
    /// Bytes not read yet; unknown and 0 for a compressed file that is being read.
    pub behind: u64,
    /// Whether everything that is there was read.
    pub caught_up: bool,
    /// Seconds since the file was written to, by the clocks of this machine and the file's.
    pub written_s_ago: f64,
}

/// A file that is followed.
pub struct Tail {
    path: PathBuf,
    packed: bool,
    decoder: Option<Box<dyn Read + Send>>,
    identity: Option<(u64, u64)>,
    /// Position behind the bytes that were read.
    offset: u64,
    /// The line that has no end yet, and where it starts.
    partial: Vec<u8>,
    start: u64,
    skipping: bool,
    /// The last bytes in front of `offset`.
    mark: Vec<u8>,
    finished: bool,
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("path", &self.path).field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl Tail {
    /// Follows a file, which need not exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            packed: path.extension().is_some_and(|extension| extension == "zst"),
            decoder: None,
            identity: None,
            offset: 0,
            partial: Vec::new(),
            start: 0,
            skipping: false,
            mark: Vec::new(),
            finished: false,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the last line has no end (yet).
    #[must_use]
    pub fn unfinished(&self) -> bool {
        self.skipping || !self.partial.is_empty()
    }

    /// Starts from the beginning at the next look.
    pub fn rewind(&mut self) {
        self.decoder = None;
        self.offset = 0;
        self.partial = Vec::new();
        self.start = 0;
        self.skipping = false;
        self.mark.clear();
        self.finished = false;
    }

    /// Reads what is new, at most about `budget` bytes and not past `deadline`, and gives it to `sink`
    /// until that breaks (the rest of what was read is then lost: rewind).
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn look(
        &mut self,
        budget: u64,
        deadline: Instant,
        sink: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>,
    ) -> std::io::Result<Look> {
        let metadata = match std::fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(self.missing()),
            Err(error) => return Err(error),
        };
        // Opening a pipe or a device would wait or never end.
        if !metadata.is_file() {
            return Err(std::io::Error::other("is not a regular file"));
        }
        let identity = (metadata.dev(), metadata.ino());
        let replaced = self.identity.is_some_and(|before| before != identity);
        self.identity = Some(identity);
        if replaced || (!self.packed && metadata.len() < self.offset) {
            self.rewind();
            if sink(Piece::Reset).is_break() {
                return Ok(self.found(&metadata, 0));
            }
        }
        let pending = if self.packed { !self.finished } else { metadata.len() > self.offset };
        let read = if pending { self.read(budget, deadline, sink)? } else { 0 };
        Ok(self.found(&metadata, read))
    }

    fn missing(&self) -> Look {
        Look { exists: false, read: 0, behind: 0, caught_up: true, written_s_ago: 0.0 }
    }

    fn found(&self, metadata: &Metadata, read: u64) -> Look {
        let behind = if self.packed { 0 } else { metadata.len().saturating_sub(self.offset) };
        let age = metadata.modified().ok().and_then(|at| at.elapsed().ok());
        Look {
            exists: true,
            read,
            behind,
            caught_up: if self.packed { self.finished } else { behind == 0 },
            written_s_ago: age.map_or(0.0, |age| age.as_secs_f64()),
        }
    }

    fn read(
        &mut self,
        budget: u64,
        deadline: Instant,
        sink: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>,
    ) -> std::io::Result<u64> {
        let mut plain = None;
        if self.packed && self.decoder.is_none() {
            let file = BufReader::new(File::open(&self.path)?);
            self.decoder = Some(Box::new(zstd::Decoder::with_buffer(file)?));
        } else if !self.packed {
            let mut file = File::open(&self.path)?;
            if self.rewritten(&mut file)? {
                self.rewind();
                if sink(Piece::Reset).is_break() {
                    return Ok(0);
                }
            }
            file.seek(SeekFrom::Start(self.offset))?;
            plain = Some(file);
        }
        let mut chunk = vec![0; CHUNK];
        let mut total = 0;
        while total < budget {
            let count = match (&mut plain, &mut self.decoder) {
                (Some(file), _) => file.read(&mut chunk)?,
                (None, Some(decoder)) => decoder.read(&mut chunk)?,
                (None, None) => 0,
            };
            if count == 0 {
                if self.packed {
                    self.finished = true;
                    self.decoder = None;
                }
                break;
            }
            total += count as u64;
            if self.feed(&chunk[..count], sink).is_break() || Instant::now() >= deadline {
                break;
            }
        }
        Ok(total)
    }

    /// Whether the bytes in front of our position are no longer those that were read.
    fn rewritten(&self, file: &mut File) -> std::io::Result<bool> {
        if self.mark.is_empty() {
            return Ok(false);
        }
        let mut here = vec![0; self.mark.len()];
        file.seek(SeekFrom::Start(self.offset - here.len() as u64))?;
        match file.read_exact(&mut here) {
            Ok(()) => Ok(here != self.mark),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Cuts new bytes into lines.
    fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.remember(bytes);
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.offset += part.len() as u64;
            let (content, ended) = match part.split_last() {
                Some((b'\n', content)) => (content, true),
                _ => (part, false),
            };
            if !self.skipping && self.partial.len() + content.len() > MAX_LINE {
                self.skipping = true;
                self.partial = Vec::new();
            }
            if !ended {
                if !self.skipping {
                    self.partial.extend_from_slice(content);
                }
                continue;
            }
            let start = std::mem::replace(&mut self.start, self.offset);
            let flow = if std::mem::take(&mut self.skipping) {
                sink(Piece::TooLong(start))
            } else if self.partial.is_empty() {
                sink(Piece::Line(start, content))
            } else {
                self.partial.extend_from_slice(content);
                let flow = sink(Piece::Line(start, &self.partial));
                self.partial.clear();
                flow
            };
            flow?;
        }
        ControlFlow::Continue(())
    }

    fn remember(&mut self, bytes: &[u8]) {
        let fresh = &bytes[bytes.len().saturating_sub(MARK)..];
        let keep = (MARK - fresh.len()).min(self.mark.len());
        self.mark.drain(..self.mark.len() - keep);
        self.mark.extend_from_slice(fresh);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Duration;

    /// Lines and resets of one look.
    fn look(tail: &mut Tail) -> Vec<String> {
        let mut seen = Vec::new();
        tail.look(u64::MAX, Instant::now() + Duration::from_secs(60), &mut |piece| {
            seen.push(match piece {
                Piece::Reset => "reset".to_owned(),
                Piece::Line(at, bytes) => format!("{at}:{}", String::from_utf8_lossy(bytes)),
                Piece::TooLong(at) => format!("{at} too long"),
            });
            ControlFlow::Continue(())
        })
        .expect("readable");
        seen
    }

    fn append(path: &Path, bytes: &[u8]) {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(bytes)).expect("writable");
    }

    #[test]
    fn follows_a_file_that_starts_later_and_grows_in_pieces() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.jsonl");
        let mut tail = Tail::new(&path);
        assert!(look(&mut tail).is_empty());
        append(&path, b"one\ntw");
        assert_eq!(look(&mut tail), ["0:one"]);
        assert!(tail.unfinished());
        assert!(look(&mut tail).is_empty(), "nothing twice");
        append(&path, b"o\nthree\n");
        assert_eq!(look(&mut tail), ["4:two", "8:three"]);
        assert!(!tail.unfinished());
    }

    #[test]
    fn a_cut_replaced_or_rewritten_file_starts_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.jsonl");
        let mut tail = Tail::new(&path);
        append(&path, b"one\ntwo\n");
        look(&mut tail);
        std::fs::write(&path, b"cut\n").expect("writable");
        assert_eq!(look(&mut tail), ["reset", "0:cut"]);
        let other = dir.path().join("other");
        std::fs::write(&other, b"moved here\n").expect("writable");
        std::fs::rename(&other, &path).expect("renamed");
        assert_eq!(look(&mut tail), ["reset", "0:moved here"]);
        // Same file, longer than before, but not the same text.
        std::fs::write(&path, b"written again and longer\n").expect("writable");
        assert_eq!(look(&mut tail), ["reset", "0:written again and longer"]);
    }

    #[test]
    fn endless_lines_are_skipped_in_bounded_memory() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.jsonl");
        let mut tail = Tail::new(&path);
        append(&path, b"a\n");
        append(&path, &vec![b'x'; 3 * MAX_LINE]);
        assert_eq!(look(&mut tail), ["0:a"]);
        assert!(tail.partial.capacity() <= MAX_LINE + CHUNK);
        append(&path, b"\nb\n");
        assert_eq!(look(&mut tail), ["2 too long".to_owned(), format!("{}:b", 3 * MAX_LINE + 3)]);
    }

    #[test]
    fn a_look_keeps_to_its_budget_and_the_next_goes_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.jsonl");
        append(&path, "0123456789\n".repeat(40_000).as_bytes());
        let mut tail = Tail::new(&path);
        let mut lines = 0;
        let mut looks = 0;
        loop {
            let found = tail
                .look(1, Instant::now() + Duration::from_secs(60), &mut |_| {
                    lines += 1;
                    ControlFlow::Continue(())
                })
                .expect("readable");
            looks += 1;
            if found.caught_up {
                break;
            }
            assert_eq!(found.read, CHUNK as u64);
        }
        assert_eq!((lines, looks), (40_000, 7));
    }

    #[test]
    fn compressed_streams_are_read_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.jsonl.zst");
        std::fs::write(&path, zstd::encode_all(&b"one\ntwo\n"[..], 3).expect("compressible"))
            .expect("writable");
        let mut tail = Tail::new(&path);
        assert_eq!(look(&mut tail), ["0:one", "4:two"]);
        assert!(look(&mut tail).is_empty());
        tail.rewind();
        assert_eq!(look(&mut tail).len(), 2);
    }

    #[test]
    fn pipes_and_folders_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut tail = Tail::new(dir.path());
        let error = tail.look(1, Instant::now(), &mut |_| ControlFlow::Continue(())).expect_err("a folder");
        assert_eq!(error.to_string(), "is not a regular file");
    }
}
