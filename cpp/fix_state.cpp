// fix foreshock's bookkeeping for LAMMPS: state that travels with atoms, restarts, and what ghosts are
// told.

#include "fix_foreshock.h"
#include "foreshock/src/ffi/bridge.rs.h"
#include "atom.h"
#include "comm.h"
#include "error.h"
#include "group.h"
#include "memory.h"
#include "update.h"
#include <algorithm>
#include <cstdint>
#include <cstring>

using namespace LAMMPS_NS;

// ---- state that travels with atoms ----

void FixForeshock::grow_arrays(int nmax)
{
  memory->grow(per_atom, nmax, PER_ATOM, "foreshock:per_atom");
  array_atom = per_atom;
  engine->grow(nmax);
}

void FixForeshock::copy_arrays(int i, int j, int)
{
  engine->copy(i, j);
  std::memcpy(per_atom[j], per_atom[i], PER_ATOM * sizeof(double));
}

void FixForeshock::set_arrays(int i)
{
  std::fill_n(per_atom[i], PER_ATOM, 0.0);
  std::uint8_t side = 0;
  // Whatever the fix's group: it may be dynamic, and is looked at when a sample is taken.
  for (int k = 0; k < 2; k++) {
    const int which = group->find(side_names[k]);
    if (which >= 0 && (atom->mask[i] & group->bitmask[which])) side = k + 1;
  }
  engine->set(i, side);
}

int FixForeshock::pack_exchange(int i, double *buffer)
{
  return static_cast<int>(engine->pack(i, rust::Slice<double>(buffer, engine->words(i))));
}

int FixForeshock::unpack_exchange(int i, double *buffer)
{
  std::fill_n(per_atom[i], PER_ATOM, 0.0);
  try {
    return static_cast<int>(engine->unpack(i, rust::Slice<const double>(buffer, engine->max_words())));
  } catch (const rust::Error &e) {
    error->one(FLERR, "Fix foreshock {}: {}", id, e.what());
  }
  return 0;
}

int FixForeshock::pack_restart(int i, double *buffer)
{
  const int n = static_cast<int>(engine->pack(i, rust::Slice<double>(buffer + 1, engine->words(i))));
  buffer[0] = n + 1;
  return n + 1;
}

void FixForeshock::unpack_restart(int nlocal, int nth)
{
  double *extra = atom->extra[nlocal];
  int at = 0;
  for (int i = 0; i < nth; i++) at += static_cast<int>(extra[at]);
  const int n = static_cast<int>(extra[at]) - 1;
  try {
    engine->unpack(nlocal, rust::Slice<const double>(extra + at + 1, n));
  } catch (const rust::Error &e) {
    error->one(FLERR, "Fix foreshock {}: {}", id, e.what());
  }
}

int FixForeshock::size_restart(int i)
{
  return static_cast<int>(engine->words(i)) + 1;
}

int FixForeshock::maxsize_restart()
{
  return static_cast<int>(engine->max_words()) + 1;
}

void FixForeshock::write_restart(FILE *fp)
{
  if (comm->me != 0) return;
  rust::Vec<std::uint8_t> state;
  try {
    state = engine->save();
  } catch (const rust::Error &e) {
    // Only rank 0 is here.
    error->one(FLERR, "Fix foreshock {}: {}", id, e.what());
  }
  const std::int64_t head[2] = {static_cast<std::int64_t>(state.size()), last_step};
  const int size = static_cast<int>(sizeof(head) + state.size());
  fwrite(&size, sizeof(int), 1, fp);
  fwrite(head, sizeof(head), 1, fp);
  fwrite(state.data(), 1, state.size(), fp);
}

void FixForeshock::restart(char *buffer)
{
  std::int64_t head[2];
  std::memcpy(head, buffer, sizeof(head));
  last_step = head[1];
  expected_step = update->ntimestep;
  std::string failure;
  try {
    engine->restore(rust::Slice<const std::uint8_t>(
        reinterpret_cast<const std::uint8_t *>(buffer + sizeof(head)), head[0]));
  } catch (const rust::Error &e) {
    failure = e.what();
  }
  all_or_none(failure);
}

// ---- ghosts ----

int FixForeshock::pack_forward_comm(int n, int *list, double *buffer, int, int *)
{
  const auto width = static_cast<std::size_t>(ghost_width);
  return static_cast<int>(engine->pack_ghosts(rust::Slice<const std::int32_t>(list, n), width,
                                              rust::Slice<double>(buffer, n * width)));
}

void FixForeshock::unpack_forward_comm(int n, int first, double *buffer)
{
  const auto width = static_cast<std::size_t>(ghost_width);
  engine->unpack_ghosts(first, width, rust::Slice<const double>(buffer, n * width));
}
