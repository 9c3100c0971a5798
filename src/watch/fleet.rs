//! Many streams, followed fairly.
//!
//! Enters: files, and folders in which streams (`*.jsonl`, or `*.jsonl.zst` as campaigns keep them)
//! appear and vanish. Leaves: their [`Follower`]s by number; a number is never given twice. A look
//! reads a bounded amount of each, so that a huge file delays no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::follower::{Follower, Status};
use crate::error::{Error, Result};

/// Most streams that are followed.
pub const MOST: usize = 2000;
/// Time between two looks at the folders.
const SCAN: Duration = Duration::from_secs(2);
/// Folders below a given one that are searched.
const DEPTH: usize = 8;
/// Most entries of folders per scan.
const ENTRIES: usize = 100_000;
/// Bytes of one stream and time for all of them per look.
const BUDGET: u64 = 4 << 20;
const SLICE: Duration = Duration::from_millis(50);

/// Streams that are followed.
#[derive(Debug)]
pub struct Fleet {
    folders: Vec<PathBuf>,
    runs: BTreeMap<usize, Follower>,
    found: BTreeMap<PathBuf, usize>,
    next: usize,
    scanned: Option<Instant>,
    turn: usize,
    ignored: usize,
}

impl Fleet {
    /// Follows files and whatever streams lie in folders. A path that does not exist is a file that
    /// starts later if its name ends like a stream's.
    ///
    /// # Errors
    /// [`Error::Input`] for a path that is neither.
    pub fn new(paths: &[PathBuf]) -> Result<Self> {
        let mut fleet = Self {
            folders: Vec::new(),
            runs: BTreeMap::new(),
            found: BTreeMap::new(),
            next: 0,
            scanned: None,
            turn: 0,
            ignored: 0,
        };
        let mut given = BTreeSet::new();
        for path in paths {
            if !given.insert(path) {
                continue;
            }
            if path.is_dir() {
                fleet.folders.push(path.clone());
            } else if path.exists() || is_stream(path) {
                fleet.add(path, &path.to_string_lossy());
            } else {
                let expected = "a folder, a file, or the name of a stream (.jsonl) that starts later";
                return Err(Error::input("FILE", path.display(), expected));
            }
        }
        Ok(fleet)
    }

    fn add(&mut self, path: &Path, name: &str) -> Option<usize> {
        if self.runs.len() >= MOST {
            self.ignored += 1;
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.runs.insert(number, Follower::new(path, name));
        Some(number)
    }

    /// The runs by number.
    #[must_use]
    pub fn runs(&self) -> &BTreeMap<usize, Follower> {
        &self.runs
    }

    /// Whether there are folders in which runs can appear.
    #[must_use]
    pub fn has_folders(&self) -> bool {
        !self.folders.is_empty()
    }

    /// Streams beyond [`MOST`] that are not followed.
    #[must_use]
    pub fn ignored(&self) -> usize {
        self.ignored
    }

    /// The runs' numbers, most urgent first: alarms and warnings, then whatever is not known to be well,
    /// each by warning probability, CUSUM and index.
    #[must_use]
    pub fn by_risk(&self) -> Vec<usize> {
        let mut keyed: Vec<_> = self.runs.iter().map(|(&number, run)| (number, run.risk())).collect();
        keyed.sort_by(|(m, a), (n, b)| {
            let order = b.0.cmp(&a.0).then(b.1.total_cmp(&a.1));
            order.then(b.2.total_cmp(&a.2)).then(b.3.total_cmp(&a.3)).then(m.cmp(n))
        });
        keyed.into_iter().map(|(number, _)| number).collect()
    }

    /// Looks at every stream once, and now and then for new ones.
    pub fn look(&mut self, now: Instant) {
        if self.scanned.is_none_or(|last| now.saturating_duration_since(last) >= SCAN) {
            self.scanned = Some(now);
            self.scan();
        }
        let start = Instant::now();
        let numbers: Vec<usize> = self.runs.keys().copied().collect();
        if numbers.is_empty() {
            return;
        }
        // Whoever came last in this look comes first in the next.
        for place in 0..numbers.len() {
            let at = (self.turn + place) % numbers.len();
            if start.elapsed() >= 4 * SLICE {
                self.turn = at;
                return;
            }
            if let Some(run) = self.runs.get_mut(&numbers[at]) {
                run.look(now, BUDGET, Instant::now() + SLICE);
            }
        }
    }

    /// Whether all that is there was read.
    #[must_use]
    pub fn caught_up(&self, now: Instant) -> bool {
        let settled = |run: &Follower| run.caught_up() || matches!(run.status(now), Status::Unusable(_));
        self.scanned.is_some() && self.runs.values().all(settled)
    }

    /// Finds new streams in the folders and lets those go that have moved away.
    fn scan(&mut self) {
        let mut here = BTreeMap::new();
        let mut entries = 0;
        for folder in &self.folders {
            walk(folder, DEPTH, &mut entries, &mut |path| {
                let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
                here.insert(path.to_owned(), name);
            });
        }
        let gone: Vec<PathBuf> =
            self.found.keys().filter(|path| !here.contains_key(*path)).cloned().collect();
        for path in gone {
            if let Some(number) = self.found.remove(&path) {
                self.runs.remove(&number);
            }
        }
        self.ignored = 0;
        for (path, name) in here {
            if !self.found.contains_key(&path)
                && let Some(number) = self.add(&path, &name)
            {
                self.found.insert(path, number);
            }
        }
    }
}

/// Whether a file is named like a stream.
fn is_stream(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    !name.starts_with('.') && (name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
}

/// All streams below a folder. Links to folders are not followed: they may lead in circles.
fn walk(folder: &Path, depth: usize, entries: &mut usize, found: &mut dyn FnMut(&Path)) {
    // A folder that vanishes or cannot be read holds nothing for us.
    let Ok(list) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = list.flatten().take(ENTRIES - (*entries).min(ENTRIES)).collect();
    *entries += paths.len();
    paths.sort_by_key(std::fs::DirEntry::path);
    for entry in paths {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if depth > 0 && !entry.file_name().to_string_lossy().starts_with('.') {
                walk(&path, depth - 1, entries, found);
            }
        } else if is_stream(&path) && path.is_file() {
            found(&path);
        }
    }
}
