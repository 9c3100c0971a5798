#!/usr/bin/env bash
# Installs a wheel into an empty environment as a user would, and uses it with nothing else set up.
#     lammps-plugin/test_wheel.sh target/wheel/*.whl
# Prints how much was downloaded, how long it took from the empty environment to the first warning, how much
# of that was CPU time, and how busy the machine was.
set -euo pipefail

wheel=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# Nothing of the developer's environment, nor of LAMMPS's or MPI's, may help.
clean=(env -i HOME="$work" PATH="$work/venv/bin:/usr/bin:/bin" OMP_NUM_THREADS=1)

fail() { printf 'FAILED: %s\n' "$1" >&2; [ $# -lt 2 ] || tail -n 30 "$2" >&2; exit 1; }
# CPU seconds of this shell's ended children (proc(5): cutime and cstime).
cpu() { awk -v ticks="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($14 + $15) / ticks }' /proc/$$/stat; }
load() { cut -d' ' -f1 /proc/loadavg; }
expect() { grep -q -- "$1" "$2" || fail "$2 lacks '$1'" "$2"; }

megabytes=$((($(stat -c %s "$wheel") + 500000) / 1000000))
[ "$megabytes" -lt 25 ] || fail "the wheel has $megabytes MB: expected less than 25"
case $wheel in *-py3-none-manylinux*) ;; *) fail "$wheel: expected a tag py3-none-manylinux" ;; esac

# ---- from nothing to a warning ----

"${PYTHON:-python3}" -m venv venv
before=$(cpu)
load_before=$(load)
SECONDS=0
venv/bin/python -m pip install --disable-pip-version-check --no-cache-dir lammps mpich "$wheel" >pip.log 2>&1 \
  || fail "pip install" pip.log
installed=$SECONDS
pip_cpu=$(cpu)
cp -r venv/share/foreshock/examples/oxide-failing example
cd example
"${clean[@]}" lmp -in in.oxide-failing -suffix omp -nonbuf >screen 2>&1 &
lmp=$!
until grep -qs 'ALARM' screen; do
  kill -0 "$lmp" 2>/dev/null || break
  sleep 0.1
done
warned=$SECONDS
load_after=$(load)
wait "$lmp" || fail "lmp -in in.oxide-failing" screen
lmp_cpu=$(cpu)
expect 'ALARM' screen
expect 'halts the run at step' screen
cd ..
python=$(venv/bin/python -c 'import platform; print(platform.python_version())')
downloaded=$(sed -n 's/^ *Downloading .*(\([0-9.]*\) MB).*/\1/p' pip.log | awk '{ sum += $1 } END { print sum }')

# ---- lmp, mpiexec, Python ----

cat >in.example <<'INPUT'
units lj
lattice fcc 0.8442
region box block 0 6 0 6 0 8
create_box 2 box
region low block INF INF INF INF INF 4
create_atoms 1 box
set region low type 2
mass * 1.0
velocity all create 0.3 87287
pair_style lj/cut 2.5
pair_coeff * * 1.0 1.0
group upper type 1
group lower type 2
fix 1 all nve
fix w all foreshock 10 upper lower region 2 cutoff 1 1 1.4 1 2 1.4 2 2 1.4 reference 0.1 baseline 0.1 2 lag 0.1
thermo 100
thermo_style custom step temp f_w[5] f_w[10]
run 200
INPUT
"${clean[@]}" lmp -in in.example >lmp.out 2>&1 || fail "lmp" lmp.out
expect 'samples on 1 ranks\?' lmp.out
"${clean[@]}" mpiexec -n 2 lmp -in in.example >mpiexec.out 2>&1 || fail "mpiexec -n 2 lmp" mpiexec.out
expect 'samples on 2 ranks' mpiexec.out
"${clean[@]}" python -c 'from lammps import lammps
lammps().file("in.example")' >python.out 2>&1 || fail "from lammps import lammps" python.out
expect 'samples on 1 ranks\?' python.out

# ---- the program ----

"${clean[@]}" foreshock replay example/run.jsonl >replay.out 2>&1 && fail "replay of an alarm ends with 0"
expect 'alarm' replay.out
"${clean[@]}" foreshock doctor >doctor.out 2>&1 || fail "foreshock doctor" doctor.out
[ -f venv/share/man/man1/foreshock-replay.1 ] || fail "no manual pages"
licences=$(echo venv/lib/python*/site-packages/lammps_plugin_foreshock-*.dist-info/licenses)
for crate in 'cxx ' 'serde_json '; do expect "    $crate" "$licences/linked/foreshockplugin.so.txt"; done
for crate in 'clap ' 'ratatui ' 'axum '; do expect "    $crate" "$licences/linked/foreshock.txt"; done

printf 'Python %s, empty environment: installed after %s s, first warning after %s s\n' \
  "$python" "$installed" "$warned"
printf 'CPU time: pip %s s, lmp until its halt, one sample after the warning, %s s\n' \
  "$(awk "BEGIN { print $pip_cpu - $before }")" "$(awk "BEGIN { print $lmp_cpu - $pip_cpu }")"
printf 'machine: %s cores,%s; load %s at the start, %s at the warning\n' "$(nproc)" \
  "$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -n 1)" "$load_before" "$load_after"
printf 'wheel %s MB, downloaded beside it %s MB: %s\n' "$megabytes" "$downloaded" "$(basename "$wheel")"
