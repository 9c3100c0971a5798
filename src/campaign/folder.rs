//! The campaign's folder: what is done, what is being done, what failed.
//!
//! `runs/NAME` holds finished runs only: a run works in `work/NAME` and is moved over as its last
//! act. What is found in `work/` by the holder of the lock was left by a process that died, and is
//! deleted. `failed/NAME` is the quarantine.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::{Error, Result};

/// Paths of a campaign's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder itself.
    pub root: PathBuf,
}

/// The exclusive right to run in a folder; the kernel takes it back when the process ends, however
/// it ends.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

impl Folder {
    /// The folder `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Finished runs.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Runs in progress.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Quarantine.
    #[must_use]
    pub fn failed(&self) -> PathBuf {
        self.root.join("failed")
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Creates what is missing, takes the lock and clears what a dead process left.
    ///
    /// # Errors
    /// [`Error::State`] when another process holds the lock, [`Error::File`] when the folder cannot
    /// be written.
    pub fn lock(&self) -> Result<Lock> {
        for folder in [self.root.clone(), self.runs(), self.work(), self.failed()] {
            std::fs::create_dir_all(&folder).map_err(|error| Error::file(&folder, error))?;
        }
        let path = self.lock_path();
        let fail = |error: std::io::Error| Error::file(&path, error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        let mut file = match take(file) {
            Ok(file) => file,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut owner = String::new();
                // Who it is is a courtesy: that somebody has it is what matters.
                let _ = file.read_to_string(&mut owner);
                let owner = if owner.trim().is_empty() { "another process" } else { owner.trim() };
                return Err(Error::file(&self.root, format!("{owner} is running this campaign")));
            }
            Err((_, error)) => return Err(fail(error.into())),
        };
        let owner = format!("process {}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(owner.as_bytes()))
            .map_err(fail)?;
        for name in self.names(&self.work())? {
            self.clear(&self.work().join(name))?;
        }
        Ok(Lock { _file: file })
    }

    /// Whether some process runs this campaign now.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        let Ok(file) = File::open(self.lock_path()) else {
            return false;
        };
        // Taken for a moment and released again, should it be free.
        matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, Errno::EWOULDBLOCK)))
    }

    /// Names in one of the folders; none where it does not exist.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read.
    pub fn names(&self, folder: &Path) -> Result<BTreeSet<String>> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(Error::file(folder, error)),
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(|error| Error::file(folder, error))?;
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    /// Deletes a run's folder, if it is there; a file in its place, too.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be deleted.
    pub fn clear(&self, folder: &Path) -> Result<()> {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        let removed = match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() == NotADirectory => std::fs::remove_file(folder),
            removed => removed,
        };
        match removed {
            Err(error) if error.kind() != NotFound => Err(Error::file(folder, error)),
            _ => Ok(()),
        }
    }

    /// Moves a run's folder; both places are on one file system, so it is here or there.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be moved.
    pub fn move_to(&self, from: &Path, to: &Path) -> Result<()> {
        self.clear(to)?;
        std::fs::rename(from, to).map_err(|error| Error::file(from, error))?;
        sync(to.parent().unwrap_or(to))
    }
}

/// Takes the lock, with some patience: `is_locked` holds it for a moment.
fn take(mut file: File) -> std::result::Result<Flock<File>, (File, Errno)> {
    for _ in 0..10 {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((back, Errno::EWOULDBLOCK)) => file = back,
            result => return result,
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err((file, Errno::EWOULDBLOCK))
}

/// Brings a file or a folder's entries to the disk.
///
/// # Errors
/// [`Error::File`] when that fails.
pub fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| Error::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_and_leftovers_are_cleared() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let folder = Folder::new(&dir.path().join("new"));
        assert!(!folder.is_locked());
        let lock = folder.lock().expect("free");
        assert!(folder.is_locked());
        let message = folder.lock().expect_err("taken").to_string();
        assert!(message.contains(&format!("process {} is running", std::process::id())), "{message}");
        std::fs::create_dir_all(folder.work().join("half/deep")).expect("creates");
        std::fs::write(folder.work().join("stray"), "a file").expect("writes");
        drop(lock);
        assert!(!folder.is_locked(), "the lock ends with its holder");
        folder.lock().expect("free again");
        assert!(folder.names(&folder.work()).expect("readable").is_empty());
    }
}
