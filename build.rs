//! Generates the two bindings, each only where its feature asks for it.
//!
//! * `plugin`: the cxx bridge between `src/ffi/bridge.rs` and the C++ fix in `cpp/`;
//! * `inprocess`: LAMMPS's C library interface (`library.h`), through bindgen, loaded at run time so
//!   that nothing links against LAMMPS.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "plugin")]
    bridge::generate();
    #[cfg(feature = "inprocess")]
    library::generate();
}

#[cfg(feature = "plugin")]
mod bridge {
    const BRIDGE: &str = "src/ffi/bridge.rs";

    /// Compiles the bridge's C++ half into the static library. The std::string ABI of the LAMMPS
    /// release in question comes in through `CXXFLAGS`, which the `cc` crate watches.
    pub fn generate() {
        cxx_build::bridge(BRIDGE)
            .std("c++17")
            .include("cpp")
            .flag_if_supported("-fvisibility=hidden")
            .flag_if_supported("-fvisibility-inlines-hidden")
            .flag_if_supported("-ffunction-sections")
            .compile("foreshock_bridge");
        println!("cargo:rerun-if-changed={BRIDGE}");
        for entry in std::fs::read_dir("cpp").into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "h") {
                println!("cargo:rerun-if-changed={}", path.display());
            }
        }
    }
}

#[cfg(feature = "inprocess")]
mod library {
    use std::env;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// What `src/inprocess.rs` calls; in every release served.
    const FUNCTIONS: [&str; 19] = [
        "lammps_open_no_mpi",
        "lammps_close",
        "lammps_version",
        "lammps_file",
        "lammps_command",
        "lammps_commands_string",
        "lammps_has_error",
        "lammps_get_last_error_message",
        "lammps_get_natoms",
        "lammps_get_thermo",
        "lammps_extract_setting",
        "lammps_extract_atom",
        "lammps_extract_compute",
        "lammps_extract_fix",
        "lammps_gather",
        "lammps_free",
        "lammps_find_pair_neighlist",
        "lammps_neighlist_num_elements",
        "lammps_neighlist_element_neighbors",
    ];

    /// Writes `lammps_api.rs`: one struct of function pointers, filled from `liblammps.so` at run time.
    pub fn generate() {
        for key in ["FORESHOCK_LAMMPS_INCLUDE", "FORESHOCK_VENV", "LIBCLANG_PATH"] {
            println!("cargo:rerun-if-env-changed={key}");
        }
        let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts"));
        let venv = env::var_os("FORESHOCK_VENV").map_or_else(|| root.join(".venv"), PathBuf::from);
        let packages = site_packages(&venv);
        let include = env::var_os("FORESHOCK_LAMMPS_INCLUDE")
            .map(PathBuf::from)
            .or_else(|| packages.as_ref().map(|dir| dir.join("lammps/include/lammps")))
            .filter(|dir| dir.join("library.h").is_file())
            .unwrap_or_else(|| {
                panic!(
                    "feature 'inprocess' needs LAMMPS's library.h: run `make setup`, or set \
                     FORESHOCK_LAMMPS_INCLUDE to the directory that holds it (venv looked at: {})",
                    venv.display()
                )
            });
        if env::var_os("LIBCLANG_PATH").is_none()
            && let Some(clang) = packages.map(|dir| dir.join("clang/native")).filter(|dir| dir.is_dir())
        {
            // SAFETY: a build script of ours has one thread, and nothing read the environment before.
            #[allow(unsafe_code)]
            unsafe {
                env::set_var("LIBCLANG_PATH", clang);
            }
        }
        let mut builder = bindgen::Builder::default()
            .header(include.join("library.h").to_string_lossy())
            .dynamic_library_name("LammpsApi")
            .dynamic_link_require_all(true)
            .wrap_unsafe_ops(true)
            .layout_tests(false)
            .generate_comments(false);
        for function in FUNCTIONS {
            builder = builder.allowlist_function(function);
        }
        // The libclang wheel ships no builtin headers (stdint.h and friends): borrow the compiler's.
        if let Some(builtin) = compiler_headers() {
            builder = builder.clang_arg("-isystem").clang_arg(builtin);
        }
        println!("cargo:rerun-if-changed={}", include.join("library.h").display());
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for build scripts"));
        let file = out.join("lammps_api.rs");
        builder
            .generate()
            .unwrap_or_else(|error| panic!("bindgen on {}/library.h: {error}", include.display()))
            .write_to_file(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// `<venv>/lib/python3.*/site-packages`.
    fn site_packages(venv: &Path) -> Option<PathBuf> {
        std::fs::read_dir(venv.join("lib"))
            .ok()?
            .flatten()
            .map(|entry| entry.path().join("site-packages"))
            .find(|dir| dir.is_dir())
    }

    fn compiler_headers() -> Option<String> {
        let output = Command::new("cc").arg("-print-file-name=include").output().ok()?;
        let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        Path::new(&path).is_dir().then_some(path)
    }
}
