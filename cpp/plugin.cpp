// Entry point that LAMMPS calls after loading foreshockplugin.so, and again after every `clear`.

#include "fix_foreshock.h"
#include "plugin_api.h"

#include "comm.h"
#include "lammps.h"
#include "utils.h"

using namespace LAMMPS_NS;

static Fix *create(LAMMPS *lmp, int narg, char **arg)
{
  return new FixForeshock(lmp, narg, arg);
}

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle,
                                                                         void *regfunc)
{
  auto *host = static_cast<LAMMPS *>(lmp);
  // Class layouts differ between releases: refuse, instead of crashing later.
  if (host->num_ver != FORESHOCK_LAMMPS_NUM_VER) {
    if (host->comm->me == 0)
      utils::logmesg(host,
                     "WARNING: foreshock plugin not loaded: it was built for LAMMPS release " +
                         std::to_string(FORESHOCK_LAMMPS_NUM_VER) + ", this is " +
                         std::to_string(host->num_ver) +
                         "; build one for it with: foreshock plugin build\n");
    return;
  }
  foreshock_plugin_t plugin{};
  plugin.version = host->version;
  plugin.style = "fix";
  plugin.name = "foreshock";
  plugin.info = "in-situ early warning of interface failure " FORESHOCK_VERSION;
  plugin.author = "The Foreshock developers";
  plugin.creator.v2 = reinterpret_cast<foreshock_factory2 *>(&create);
  plugin.handle = handle;
  reinterpret_cast<foreshock_register_t>(regfunc)(&plugin, lmp);
}
