#include "fix_foreshock.h"

#include "compat.h"
#include "foreshock/src/ffi/bridge.rs.h"

#include "atom.h"
#include "comm.h"
#include "compute.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "group.h"
#include "input.h"
#include "memory.h"
#include "modify.h"
#include "neighbor.h"
#include "pair.h"
#include "timer.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <unistd.h>

using namespace LAMMPS_NS;
using namespace FixConst;

static constexpr int COLUMNS = 10;
static constexpr int ROWS = 2;
static constexpr int GHOST_MAX = 4;

static foreshock::Host host_facts(LAMMPS *lmp)
{
  foreshock::Host host;
  host.units = lmp->update->unit_style;
  host.ntypes = lmp->atom->ntypes;
  host.natoms = lmp->atom->natoms;
  host.dt = lmp->update->dt;
  host.dimension = lmp->domain->dimension;
  for (int k = 0; k < 3; k++) host.periodic[k] = lmp->domain->periodicity[k] != 0;
  for (int g = 0; g < lmp->group->ngroup; g++)
    if (lmp->group->names[g]) host.groups.push_back(lmp->group->names[g]);
  host.rank = lmp->comm->me;
  host.ranks = lmp->comm->nprocs;
  host.version = lmp->version;
  return host;
}

static rust::Vec<rust::String> to_words(int narg, char **arg)
{
  rust::Vec<rust::String> words;
  // Lossy: a word that is not UTF-8 is refused by name instead of throwing here.
  for (int i = 0; i < narg; i++) words.push_back(rust::String::lossy(arg[i]));
  return words;
}

// The message of the lowest rank that has one, on all ranks: LAMMPS prints what rank 0 says, and an
// error that only some ranks raise would leave the others waiting for ever.
static std::string first_failure(LAMMPS *lmp, const std::string &own)
{
  const int ranks = lmp->comm->nprocs;
  int first = own.empty() ? ranks : lmp->comm->me, who = ranks;
  MPI_Allreduce(&first, &who, 1, MPI_INT, MPI_MIN, lmp->world);
  if (who == ranks) return {};
  char text[1024] = {0};
  std::strncpy(text, own.c_str(), sizeof(text) - 1);
  MPI_Bcast(text, sizeof(text), MPI_CHAR, who, lmp->world);
  return text;
}

// Checks the words first: an error must name the offending word before anything exists.
static rust::Box<foreshock::Engine> make_engine(LAMMPS *lmp, int narg, char **arg)
{
  if (!lmp->domain->box_exist)
    lmp->error->all(FLERR, "Fix foreshock: the simulation box must be defined first");
  if (!lmp->atom->tag_enable)
    lmp->error->all(FLERR, "Fix foreshock requires atom IDs (atom_modify id yes)");
  const auto words = to_words(narg, arg);
  const auto host = host_facts(lmp);
  auto checked = foreshock::check_fix(words, host);
  // Files are read by every rank; one of them may fail alone.
  const auto refusal =
      first_failure(lmp, checked.word >= 0 ? std::string(checked.message) : std::string());
  if (!refusal.empty()) FORESHOCK_ERROR_AT(lmp->error, checked.word, refusal);
  for (int word = 4; word < 6; word++)
    if (lmp->group->dynamic[lmp->group->find(arg[word])])
      FORESHOCK_ERROR_AT(lmp->error, word,
                         fmt::format("fix foreshock: {} = '{}': expected a static group: it names each "
                                     "atom's initial side",
                                     word == 4 ? "sideA" : "sideB", arg[word]));
  std::optional<rust::Box<foreshock::Engine>> made;
  std::string failure;
  try {
    made = foreshock::new_engine(words, host);
  } catch (const rust::Error &e) {
    failure = e.what();
  }
  failure = first_failure(lmp, failure);
  if (!failure.empty()) lmp->error->all(FLERR, "{}", failure);
  return std::move(*made);
}

// Word 0 of both buffers: how many words are summed; word 1: their length. The rest is reduced by
// maximum.
static void reduce(void *in, void *inout, int *, MPI_Datatype *)
{
  const auto *a = static_cast<const double *>(in);
  auto *b = static_cast<double *>(inout);
  const auto sums = static_cast<std::size_t>(b[0]), total = static_cast<std::size_t>(b[1]);
  for (std::size_t i = 2; i < sums; i++) b[i] += a[i];
  for (std::size_t i = sums; i < total; i++) b[i] = std::max(a[i], b[i]);
}

FixForeshock::FixForeshock(LAMMPS *lmp, int narg, char **arg) :
    Fix(lmp, narg, arg), engine(make_engine(lmp, narg, arg)), stress(nullptr), energy(nullptr),
    reduction(MPI_OP_NULL), last_step(-1), expected_step(-1), begin_step(-1), end_step(-1), halted(false),
    running(false), sampled(false), ghost_width(1),
    communication(0.0), per_atom(nullptr)
{
  nevery = engine->every();
  scalar_flag = vector_flag = array_flag = 1;
  size_vector = COLUMNS;
  size_array_rows = ROWS;
  size_array_cols = engine->columns();
  extscalar = extvector = extarray = 0;
  global_freq = 1;
  peratom_flag = 1;
  size_peratom_cols = PER_ATOM;
  peratom_freq = nevery;
  restart_global = restart_peratom = 1;
  create_attribute = 1;
  dynamic_group_allow = 1;
  stores_ids = 1;
  comm_forward = GHOST_MAX;
  MPI_Op_create(&reduce, 1, &reduction);

  for (int k = 0; k < 2; k++) side_names[k] = std::string(engine->side(k));
  const int bits[2] = {group->bitmask[group->find(side_names[0])], group->bitmask[group->find(side_names[1])]};
  bigint own = 0, shared = 0;
  for (int i = 0; i < atom->nlocal; i++)
    if ((atom->mask[i] & groupbit) && (atom->mask[i] & bits[0]) && (atom->mask[i] & bits[1])) own++;
  MPI_Allreduce(&own, &shared, 1, MPI_LMP_BIGINT, MPI_SUM, world);
  if (shared > 0)
    FORESHOCK_ERROR_AT(error, 5,
                       fmt::format("fix foreshock: sideB = '{}': expected a group without atoms of sideA = '{}', "
                                   "found {} in both",
                                   side_names[1], side_names[0], shared));
  grow_arrays(atom->nmax);
  atom->add_callback(Atom::GROW);
  atom->add_callback(Atom::RESTART);
  for (int i = 0; i < atom->nlocal; i++) set_arrays(i);

  if (engine->stress_wanted() != 0) {
    stress_id = std::string(id) + "_foreshock_stress";
    energy_id = std::string(id) + "_foreshock_pe";
    modify->add_compute(fmt::format("{} all stress/atom NULL", stress_id));
    modify->add_compute(fmt::format("{} all pe/atom", energy_id));
  }
}

FixForeshock::~FixForeshock()
{
  if (copymode) return;
  engine->shutdown();
  if (modify->get_fix_by_id(id)) {
    atom->delete_callback(id, Atom::GROW);
    atom->delete_callback(id, Atom::RESTART);
  }
  for (const auto &compute : {stress_id, energy_id})
    if (!compute.empty() && modify->get_compute_by_id(compute)) modify->delete_compute(compute);
  memory->destroy(per_atom);
  if (reduction != MPI_OP_NULL) MPI_Op_free(&reduction);
}

int FixForeshock::setmask()
{
  return END_OF_STEP | POST_RUN;
}

void FixForeshock::init()
{
  if (atom->molecular == Atom::TEMPLATE)
    error->all(FLERR, "Fix foreshock does not support atom style template");
  if (!atom->tag_enable) error->all(FLERR, "Fix foreshock requires atom IDs");
  if (comm->mode != Comm::SINGLE)
    error->all(FLERR, "Fix foreshock does not support comm_modify mode multi: ghosts of some types reach less far");

  stress = energy = nullptr;
  const int wanted = engine->stress_wanted();
  if (wanted != 0) {
    stress = modify->get_compute_by_id(stress_id);
    energy = modify->get_compute_by_id(energy_id);
    if (!stress || !energy)
      error->all(FLERR, "Fix foreshock: computes {} and {} were deleted; keep them or use stress no",
                 stress_id, energy_id);
    if (!force->pair) {
      if (wanted == 1) error->all(FLERR, "Fix foreshock: stress yes requires a pair style");
      if (!running && comm->me == 0)
        utils::logmesg(lmp, fmt::format("Fix foreshock {}: no pair style: stress and energy are not measured\n", id));
      stress = energy = nullptr;
    }
  }
  engine->set_stress(stress != nullptr);
  request_tallies(update->ntimestep);

  // `run` and `rerun` only; a minimization is not sampled. A rerun initialises every snapshot.
  if (update->whichflag != 1) return;
  // Other bounds are another run, though the last one may have ended in an error that a host caught.
  if (running && update->beginstep == begin_step && update->endstep == end_step) return;
  begin_step = update->beginstep;
  end_step = update->endstep;

  // A configuration that was sampled at the end of the last run is not sampled again when
  // reset_timestep has set its step back. A step further on is another configuration (rerun,
  // minimize).
  if (last_step >= 0 && expected_step >= 0 && update->ntimestep < expected_step)
    last_step = last_step == expected_step ? update->ntimestep : -1;

  // Neighbor and comm initialise after fixes: their cutoff is put together here as they will.
  const double pair_cutoff = force->pair ? force->pair->cutforce : 0.0;
  const double coverage =
      std::max(pair_cutoff + neighbor->skin, comm->cutghostuser) - neighbor->skin;
  std::string failure;
  try {
    engine->begin_run(update->dt, coverage, atom->natoms, update->ntimestep, update->nsteps);
  } catch (const rust::Error &e) {
    failure = e.what();    // perhaps of rank 0 alone, which has more to set up
  }
  all_or_none(failure);
  maxexchange = static_cast<int>(engine->max_words()) + 1;
  communication = 0.0;
  halted = false;
  running = true;
  sampled = false;
}

// Per-atom tallies are wanted at sampled steps only: they cost a virial at each of them.
void FixForeshock::request_tallies(bigint step)
{
  if (!stress) return;
  stress->addstep(step);
  energy->addstep(step);
}

void FixForeshock::setup(int)
{
  // Off the sampling grid nothing is measured: a sample there would bend the windows, and ten
  // runs of 130 steps must give what one of 1300 gives.
  if (update->ntimestep % nevery == 0) sample();
  // Also where the configuration was sampled at the end of the last run: reset_timestep has forgotten
  // what was asked for then.
  request_tallies((update->ntimestep / nevery + 1) * nevery);
}

void FixForeshock::end_of_step()
{
  sample();
}

foreshock::Atoms FixForeshock::view()
{
  foreshock::Atoms v;
  const int n = atom->nlocal;
  v.nlocal = n;
  v.nghost = atom->nghost;
  v.x = atom->nmax > 0 ? atom->x[0] : nullptr;
  v.tag = reinterpret_cast<const std::uint8_t *>(atom->tag);
  v.image = reinterpret_cast<const std::uint8_t *>(atom->image);
  v.wide_tag = sizeof(tagint) == 8;
  v.wide_image = sizeof(imageint) == 8;
  v.kind = atom->type;
  v.mask = atom->mask;
  v.groupbit = groupbit;
  v.mass = atom->mass;
  v.rmass = atom->rmass;
  v.pe = v.stress = nullptr;
  if (stress && n > 0) {
    v.pe = energy->vector_atom;
    v.stress = stress->array_atom[0];
  }
  for (int k = 0; k < 3; k++) {
    v.lo[k] = domain->boxlo[k];
    v.periodic[k] = domain->periodicity[k] != 0;
  }
  for (int k = 0; k < 6; k++) v.h[k] = domain->h[k];
  return v;
}

// Raises a failure of any rank on all of them.
void FixForeshock::all_or_none(const std::string &failure)
{
  const auto first = first_failure(lmp, failure);
  if (first.empty()) return;
  // A host program may catch the error and start another run.
  running = false;
  error->all(FLERR, "Fix foreshock {}: {}", id, first);
}

void FixForeshock::sample()
{
  const bigint step = update->ntimestep;
  if (step == last_step) return;
  // Only the snapshots of a rerun can be elsewhere.
  if (running && sampled && step - last_step != nevery)
    error->all(FLERR, "Fix foreshock {}: snapshots at steps {} and {}: expected them every N = {} steps", id,
               last_step, step, nevery);

  if (stress) {
    if (energy->invoked_peratom != step) energy->compute_peratom();
    if (stress->invoked_peratom != step) stress->compute_peratom();
    request_tallies((step / nevery + 1) * nevery);
  }
  auto atoms = view();

  if (engine->needs_survey()) {
    auto counts = engine->survey(atoms);
    all_or_none(std::string(engine->failure()));
    MPI_Allreduce(MPI_IN_PLACE, counts.data(), static_cast<int>(counts.size()), MPI_DOUBLE, MPI_SUM,
                  world);
    std::string failure;
    try {
      engine->locate(rust::Slice<const double>(counts.data(), counts.size()), atoms);
    } catch (const rust::Error &e) {
      failure = e.what();
    }
    all_or_none(failure);
  }

  ghost_width = static_cast<int>(engine->prepare(atoms));
  comm->forward_comm(this, ghost_width);
  engine->local(atoms, update->dt, step);

  const double start = platform::walltime();
  auto payload = engine->payload();
  MPI_Datatype message;
  MPI_Type_contiguous(static_cast<int>(payload.size()), MPI_DOUBLE, &message);
  MPI_Type_commit(&message);
  MPI_Allreduce(MPI_IN_PLACE, payload.data(), 1, message, reduction, world);
  MPI_Type_free(&message);
  if (engine->failed()) {
    const std::string own(engine->failure());
    all_or_none(own.empty() ? own : fmt::format("rank {}: {}", comm->me, own));
  }
  gather_mail();
  communication += platform::walltime() - start;

  if (comm->me == 0)
    engine->finish(rust::Slice<const double>(mail.data(), mail.size()), step, atoms);
  auto packet = engine->packet();
  const double wait = platform::walltime();
  MPI_Bcast(packet.data(), static_cast<int>(packet.size()), MPI_DOUBLE, 0, world);
  communication += platform::walltime() - wait;
  bool stop = false;
  std::string failure;
  try {
    stop = engine->accept();
  } catch (const rust::Error &e) {
    failure = e.what();
  }
  if (!failure.empty()) {
    if (comm->me == 0) log(engine->take_log());
    running = false;
    error->all(FLERR, "Fix foreshock {}: {}", id, failure);
  }
  last_step = step;
  sampled = true;

  const auto values = engine->per_atom();
  if (atom->nlocal > 0) std::copy(values.begin(), values.end(), per_atom[0]);
  if (comm->me == 0) log(engine->take_log());
  if (engine->dump_due()) dump_recorder();
  if (stop && !halted) halt();
}

// Collects what ranks have to tell beyond the fixed payload; most samples have nothing.
void FixForeshock::gather_mail()
{
  mail.clear();
  if (engine->mail_length() > 0) mail = gather(engine->mail());
}

// All ranks' words on rank 0, in the order of ranks.
std::vector<double> FixForeshock::gather(rust::Slice<const double> own)
{
  const int n = static_cast<int>(own.size());
  std::vector<int> counts(comm->nprocs), offsets(comm->nprocs + 1);
  MPI_Gather(&n, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, world);
  for (int r = 0; r < comm->nprocs; r++) offsets[r + 1] = offsets[r] + counts[r];
  std::vector<double> all(comm->me == 0 ? offsets.back() : 0);
  MPI_Gatherv(own.data(), n, MPI_DOUBLE, all.data(), counts.data(), offsets.data(), MPI_DOUBLE, 0,
              world);
  return all;
}

// The last samples before an alarm, and a restart file of its step. `noinit` writes the atoms as they
// are: the run goes on as if nothing had been written.
void FixForeshock::dump_recorder()
{
  const auto own = engine->dump_message();
  bigint words = static_cast<bigint>(own.size()), total = 0;
  MPI_Allreduce(&words, &total, 1, MPI_LMP_BIGINT, MPI_SUM, world);
  if (total > MAXSMALLINT)
    error->all(FLERR, "Fix foreshock {}: the flight recorder holds {} numbers: expected at most {}; give blackbox "
               "fewer samples", id, total, MAXSMALLINT);
  const auto all = gather(rust::Slice<const double>(own.data(), own.size()));
  int writable = 0;
  if (comm->me == 0) {
    writable = engine->dump(rust::Slice<const double>(all.data(), all.size()), update->ntimestep);
    log(engine->take_log());
  }
  MPI_Bcast(&writable, 1, MPI_INT, 0, world);
  if (!writable) return;
  lmp->input->one("write_restart " + std::string(engine->restart_file(update->ntimestep)) + " noinit");
}

void FixForeshock::log(const rust::Vec<rust::String> &lines)
{
  for (const auto &line : lines)
    utils::logmesg(lmp, fmt::format("Fix foreshock {}: {}\n", id, std::string(line)));
}

// <log>.foreshock.json; LAMMPS keeps only the open file of its log, so its name is asked of the
// system.
std::string FixForeshock::reason_file() const
{
  if (logfile) {
    char path[4096];
    const std::string link = "/proc/self/fd/" + std::to_string(fileno(logfile));
    const auto n = readlink(link.c_str(), path, sizeof(path) - 1);
    if (n > 0) return std::string(path, n) + ".foreshock.json";
  }
  return std::string(id) + ".foreshock.json";
}

// All ranks are here at the same step: the verdict came with the broadcast packet.
void FixForeshock::halt()
{
  halted = true;
  std::string reason;
  if (comm->me == 0) {
    reason = std::string(engine->reason(reason_file(), update->ntimestep));
    log(engine->take_log());
  }
  const int style = engine->halt_style();
  if (style == 2) running = false;
  if (style == 2)
    error->all(FLERR, "Fix foreshock {} halts the run at step {}: {}", id, update->ntimestep, reason);
  timer->force_timeout();
}

void FixForeshock::post_run()
{
  // A minimization ends here, too; it was not sampled.
  if (update->whichflag == 2) return;
  running = false;
  expected_step = update->ntimestep;
  const auto table = engine->end_run(timer->get_wall(Timer::TOTAL), communication);
  if (comm->me == 0)
    for (const auto &line : table) utils::logmesg(lmp, std::string(line) + "\n");
  all_or_none(std::string(engine->failure()));
  // Verdicts that were still on their way may ask for what no sample of this run could act on.
  int late[2] = {engine->halt_pending() && !halted, engine->late_dump()};
  MPI_Bcast(late, 2, MPI_INT, 0, world);
  if (comm->me == 0) log(engine->take_log());
  if (late[1]) dump_recorder();
  if (late[0]) halt();
  // As fix halt: a soft halt leaves the timeout in force, so that later runs end at once.
  if (halted && engine->halt_style() == 3) {
    timer->reset_timeout();
    // `run pre no` comes without init.
    halted = false;
    engine->clear_halt();
  }
}

int FixForeshock::modify_param(int narg, char **arg)
{
  const int used = std::min(narg, 2);
  const auto checked = engine->modify(to_words(used, arg));
  const auto refusal =
      first_failure(lmp, checked.word >= 0 ? std::string(checked.message) : std::string());
  if (!refusal.empty()) {
    // The words of fix_modify are handed on in place: where ours stand tells which one to mark.
    const auto first = arg - input->arg;
    const bool ours = first > 0 && first < input->narg;
    FORESHOCK_ERROR_AT(error, ours ? static_cast<int>(first) + checked.word : -1, refusal);
  }
  return used;
}

double FixForeshock::compute_scalar()
{
  return engine->output(0);
}

double FixForeshock::compute_vector(int i)
{
  return engine->output(1 + i);
}

double FixForeshock::compute_array(int row, int column)
{
  return engine->output(1 + COLUMNS + static_cast<std::size_t>(row) * size_array_cols + column);
}

double FixForeshock::memory_usage()
{
  return static_cast<double>(engine->bytes()) + mail.capacity() * sizeof(double) +
      static_cast<double>(atom->nmax) * PER_ATOM * sizeof(double);
}
