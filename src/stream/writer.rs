//! Appends lines to a stream.
//!
//! Every line is one `write` straight to the file, without a buffer of ours: a run that is killed
//! leaves whole lines but for, at most, the last. A writer that fails says so once and is silent from
//! then on; a simulation does not stop because its record does.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::schema::{Header, Line};
use crate::error::{Error, Result};

/// The open stream of a run.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: Option<File>,
}

impl Writer {
    /// Starts a stream; an existing file is replaced.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be made or the header not be written.
    pub fn create(path: &Path, header: &Header) -> Result<Self> {
        let mut file = File::create(path).map_err(|error| Error::file(path, error))?;
        file.write_all(&Line::Header(Box::new(header.clone())).to_bytes())
            .map_err(|error| Error::file(path, error))?;
        Ok(Self { path: path.to_owned(), file: Some(file) })
    }

    /// Continues a stream: checks that it was made by the same set-up and cuts off a last line that
    /// was not finished. A file that does not exist or holds nothing is started.
    ///
    /// # Errors
    /// [`Error::File`] when the file is no stream, was made by another set-up, or cannot be written.
    pub fn append(path: &Path, header: &Header) -> Result<Self> {
        if std::fs::metadata(path).map_or(0, |m| m.len()) == 0 {
            return Self::create(path, header);
        }
        let reader = Reader::open(path)?;
        reader.header().fits(header).map_err(|error| Error::file(path, error))?;
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().read(true).write(true).open(path)?;
            let end = end_of_last_line(&mut file)?;
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            Ok(file)
        };
        let file = open().map_err(|error| Error::file(path, error))?;
        Ok(Self { path: path.to_owned(), file: Some(file) })
    }

    /// Writes a line. `Some(message)` the first time that this fails; later lines are not tried.
    #[must_use = "the message is given once"]
    pub fn write(&mut self, line: &Line) -> Option<String> {
        let file = self.file.as_mut()?;
        let error = file.write_all(&line.to_bytes()).err()?;
        self.file = None;
        Some(format!("{}: {error}; recording stops, the run goes on", self.path.display()))
    }
}

/// Position behind the last newline.
fn end_of_last_line(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
