// fix foreshock: hands LAMMPS's atoms to the Rust engine, does its communication, and turns its
// verdict into thermo output and a halt. No physics here.
#ifndef FORESHOCK_FIX_H
#define FORESHOCK_FIX_H

#include "fix.h"

#include "rust/cxx.h"

#include <string>
#include <vector>

namespace foreshock {
struct Atoms;
struct Engine;
}    // namespace foreshock

namespace LAMMPS_NS {

class FixForeshock : public Fix {
 public:
  FixForeshock(class LAMMPS *, int, char **);
  ~FixForeshock() override;

  int setmask() override;
  void init() override;
  void setup(int) override;
  void end_of_step() override;
  void post_run() override;
  int modify_param(int, char **) override;

  double compute_scalar() override;
  double compute_vector(int) override;
  double compute_array(int, int) override;
  double memory_usage() override;

  void grow_arrays(int) override;
  void copy_arrays(int, int, int) override;
  void set_arrays(int) override;
  int pack_exchange(int, double *) override;
  int unpack_exchange(int, double *) override;
  int pack_restart(int, double *) override;
  void unpack_restart(int, int) override;
  int size_restart(int) override;
  int maxsize_restart() override;
  void write_restart(FILE *) override;
  void restart(char *) override;
  int pack_forward_comm(int, int *, double *, int, int *) override;
  void unpack_forward_comm(int, int, double *) override;

 private:
  static constexpr int PER_ATOM = 3;    // columns of the per-atom array

  void sample();
  void all_or_none(const std::string &failure);
  void gather_mail();
  std::vector<double> gather(rust::Slice<const double> own);
  void dump_recorder();
  void request_tallies(bigint step);
  foreshock::Atoms view();
  void halt();
  std::string reason_file() const;
  void log(const rust::Vec<rust::String> &lines);

  rust::Box<foreshock::Engine> engine;
  class Compute *stress, *energy;    // per-atom tallies, null when stress is off
  std::string stress_id, energy_id;
  std::string side_names[2];
  MPI_Op reduction;
  bigint last_step;      // step of the last sample, -1 before the first
  bigint expected_step;    // step at which the next run starts unless it is reset
  bigint begin_step, end_step;    // of the current run
  bool halted;
  bool running;    // between a run's init and its end
  bool sampled;    // since then
  int ghost_width;
  double communication;    // seconds of the current run
  std::vector<double> mail;
  double **per_atom;
};

}    // namespace LAMMPS_NS

#endif
