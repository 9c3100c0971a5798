//! Reads a stream back, line by line.
//!
//! Streams come from runs that were killed, continued, copied in part or edited. A last line that was
//! not finished is dropped; a damaged line is reported with its number and skipped; an unknown schema
//! is refused. Memory stays at one line: a first pass only looks for restarts, so that the second can
//! leave out the lines that they supersede.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::schema::{Header, Line, VERSION};
use crate::error::{Error, Result};

/// Longest line that is read, bytes.
pub const MAX_LINE: u64 = 16 << 20;

/// A line that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// An open stream; iterates over its lines after the header.
#[derive(Debug)]
pub struct Reader {
    lines: Lines,
    header: Header,
    /// (line, frame) of every restart, in order; each frame is the least of this and later restarts.
    restarts: Vec<(u64, u64)>,
    truncated: bool,
    superseded: u64,
}

impl Reader {
    /// Opens a stream and reads its header.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read, is no stream, or has another schema version.
    pub fn open(path: &Path) -> Result<Self> {
        let refuse = |message: String| Error::file(path, message);
        let restarts = find_restarts(path)?;
        let mut lines = Lines::open(path)?;
        let first = lines.next_line()?.ok_or_else(|| refuse("is empty".to_owned()))?;
        let value: serde_json::Value = match first.content {
            Content::TooLong => return Err(refuse("line 1 is too long for a header".to_owned())),
            Content::Bytes(ref bytes) => serde_json::from_slice(bytes)
                .map_err(|error| refuse(format!("line 1 is not a stream's header: {error}")))?,
        };
        if value.get("type").and_then(|t| t.as_str()) != Some("header") {
            return Err(refuse("line 1 is not a stream's header: no \"type\":\"header\"".to_owned()));
        }
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => {
                return Err(refuse(format!("schema version {version}: this build reads version {VERSION}")));
            }
            None => return Err(refuse("line 1 has no schema version".to_owned())),
        }
        let header: Header =
            serde_json::from_value(value).map_err(|error| refuse(format!("header: {error}")))?;
        header.check().map_err(|error| refuse(format!("header: {error}")))?;
        Ok(Self { lines, header, restarts, truncated: false, superseded: 0 })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Number of the line read last, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.lines.number
    }

    /// Whether the last line was not finished; known at the end.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Lines left out so far because a restart superseded them.
    #[must_use]
    pub fn superseded(&self) -> u64 {
        self.superseded
    }

    fn is_superseded(&self, number: u64, line: &Line) -> bool {
        let next = self.restarts.partition_point(|&(at, _)| at <= number);
        match (line.frame(), self.restarts.get(next)) {
            (Some(frame), Some(&(_, first))) => frame >= first,
            _ => false,
        }
    }

    fn check(&self, line: &Line) -> std::result::Result<(), String> {
        let interfaces = self.header.settings.interfaces;
        let interface = match line {
            Line::Header(_) => return Err("a second header".to_owned()),
            Line::Sample { interface, values, .. } => {
                let expected = self.header.descriptors.len();
                if values.len() != expected {
                    return Err(format!("{} values, expected {expected}", values.len()));
                }
                *interface
            }
            Line::Verdict { verdict, .. } => verdict.interface,
            Line::Alarm { alarm, .. } => alarm.interface,
            Line::Drop { interface, .. } | Line::Event { interface, .. } => *interface,
            Line::Run { .. } | Line::Restart { .. } | Line::Change { .. } | Line::Halt { .. } => {
                return Ok(());
            }
        };
        if interface < interfaces {
            Ok(())
        } else {
            Err(format!("interface {interface}, expected less than {interfaces}"))
        }
    }
}

impl Iterator for Reader {
    type Item = std::result::Result<Line, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let raw = match self.lines.next_line() {
                Ok(raw) => raw?,
                Err(error) => {
                    // Reading on would give the same error for ever.
                    self.lines.ended = true;
                    return Some(Err(Damage { line: self.lines.number + 1, message: error.to_string() }));
                }
            };
            let damage = |message: String| Damage { line: raw.number, message };
            let bytes = match &raw.content {
                Content::Bytes(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => continue,
                Content::Bytes(bytes) => bytes,
                Content::TooLong => {
                    return Some(Err(damage(format!("longer than {MAX_LINE} bytes"))));
                }
            };
            let line: Line = match serde_json::from_slice(bytes) {
                Ok(line) => line,
                Err(_) if !raw.finished => {
                    self.truncated = true;
                    return None;
                }
                Err(error) => return Some(Err(damage(error.to_string()))),
            };
            if let Err(message) = self.check(&line) {
                return Some(Err(damage(message)));
            }
            if self.is_superseded(raw.number, &line) {
                self.superseded += 1;
                continue;
            }
            return Some(Ok(line));
        }
    }
}

/// Lines of the restarts, with the least first frame of each and all later ones.
fn find_restarts(path: &Path) -> Result<Vec<(u64, u64)>> {
    let mut lines = Lines::open(path)?;
    let mut restarts = Vec::new();
    let mark = b"\"restart\"";
    while let Some(raw) = lines.next_line()? {
        if let Content::Bytes(bytes) = raw.content
            && bytes.windows(mark.len()).any(|part| part == mark)
            && let Ok(Line::Restart { frame, .. }) = serde_json::from_slice(&bytes)
        {
            restarts.push((raw.number, frame));
        }
    }
    let mut least = u64::MAX;
    for (_, frame) in restarts.iter_mut().rev() {
        least = least.min(*frame);
        *frame = least;
    }
    Ok(restarts)
}

enum Content {
    Bytes(Vec<u8>),
    TooLong,
}

struct Raw {
    number: u64,
    content: Content,
    finished: bool,
}

/// A stream's text; the tool also reads what a campaign has compressed.
fn input(path: &Path) -> std::io::Result<Box<dyn BufRead + Send>> {
    let file = BufReader::new(File::open(path)?);
    #[cfg(feature = "cli")]
    if path.extension().is_some_and(|extension| extension == "zst") {
        return Ok(Box::new(BufReader::new(zstd::Decoder::with_buffer(file)?)));
    }
    Ok(Box::new(file))
}

/// Lines of bounded length.
struct Lines {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    number: u64,
    ended: bool,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        // Read twice, hence no pipes (opening one would also wait for its writer).
        let regular = std::fs::metadata(path).map_err(|error| Error::file(path, error))?.is_file();
        if !regular {
            return Err(Error::file(path, "is not a regular file"));
        }
        let input = input(path).map_err(|error| Error::file(path, error))?;
        Ok(Self { path: path.to_owned(), input, number: 0, ended: false })
    }

    fn next_line(&mut self) -> Result<Option<Raw>> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes);
        if read.map_err(|error| Error::file(&self.path, error))? == 0 {
            self.ended = true;
            return Ok(None);
        }
        self.number += 1;
        let finished = bytes.last() == Some(&b'\n');
        if !finished && bytes.len() as u64 == MAX_LINE {
            self.input.skip_until(b'\n').map_err(|error| Error::file(&self.path, error))?;
            return Ok(Some(Raw { number: self.number, content: Content::TooLong, finished: true }));
        }
        Ok(Some(Raw { number: self.number, content: Content::Bytes(bytes), finished }))
    }
}
