// Entry point that LAMMPS calls after loading foreshockplugin.so, and again after every `clear`.

#include "fix_foreshock.h"
#include "plugin_api.h"

#include "lammps.h"
#include "library.h"

#include <string>

using namespace LAMMPS_NS;

static Fix *create(LAMMPS *lmp, int narg, char **arg)
{
  return new FixForeshock(lmp, narg, arg);
}

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle,
                                                                         void *regfunc)
{
  // Class layouts, and with them everything C++, differ between releases: refuse through LAMMPS's C
  // interface, which does not. All other LAMMPS symbols are weak (see CMakeLists.txt) and may be null
  // here.
  const int release = lammps_version(lmp);
  if (release != FORESHOCK_LAMMPS_NUM_VER) {
    if (lammps_extract_setting(lmp, "world_rank") == 0) {
      const std::string message =
          "foreshock plugin not loaded: it was built for LAMMPS release " +
          std::to_string(FORESHOCK_LAMMPS_NUM_VER) + ", this is " + std::to_string(release) +
          "; build one for it with: foreshock plugin build";
      lammps_error(lmp, LMP_ERROR_WARNING, message.c_str());
    }
    return;
  }
  const auto *host = static_cast<const LAMMPS *>(lmp);
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
