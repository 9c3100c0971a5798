// Entry point that LAMMPS calls after loading foreshockplugin.so, and again after every `clear`.

#include "fix_foreshock.h"
#include "plugin_api.h"

#include "lammps.h"
#include "library.h"

#include <dlfcn.h>
#include <string>

using namespace LAMMPS_NS;

static Fix *create(LAMMPS *lmp, int narg, char **arg)
{
  return new FixForeshock(lmp, narg, arg);
}

// utils::logmesg(LAMMPS *, const std::string &), which a LAMMPS of the other std::string ABI lacks.
#if _GLIBCXX_USE_CXX11_ABI
static constexpr char TAKES_A_STRING[] =
    "_ZN9LAMMPS_NS5utils7logmesgEPNS_6LAMMPSERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE";
#else
static constexpr char TAKES_A_STRING[] = "_ZN9LAMMPS_NS5utils7logmesgEPNS_6LAMMPSERKSs";
#endif

static void refuse(void *lmp, const std::string &why)
{
  if (lammps_extract_setting(lmp, "world_rank") != 0) return;
  const std::string message =
      "foreshock plugin not loaded: " + why + "; build one for it with: foreshock plugin build";
  lammps_error(lmp, LMP_ERROR_WARNING, message.c_str());
}

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle,
                                                                         void *regfunc)
{
  // Class layouts, and with them everything C++, differ between releases: refuse through LAMMPS's C
  // interface, which does not. All other LAMMPS symbols are weak (see CMakeLists.txt) and may be null
  // here.
  const int release = lammps_version(lmp);
  if (release != FORESHOCK_LAMMPS_NUM_VER)
    return refuse(lmp, "it was built for LAMMPS release " + std::to_string(FORESHOCK_LAMMPS_NUM_VER) +
                           ", this is " + std::to_string(release));
  const struct {
    const char *name;
    int bytes;
  } sizes[] = {{"tagint", sizeof(tagint)}, {"imageint", sizeof(imageint)}, {"bigint", sizeof(bigint)}};
  for (const auto &size : sizes)
    if (const int bytes = lammps_extract_setting(lmp, size.name); bytes != size.bytes)
      return refuse(lmp, "it was built for a LAMMPS with " + std::to_string(8 * size.bytes) + " bits per " +
                             size.name + ", this one has " + std::to_string(8 * bytes));
  if (!dlsym(RTLD_DEFAULT, TAKES_A_STRING))
    return refuse(lmp, "it was built for a LAMMPS with the other std::string ABI");
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
