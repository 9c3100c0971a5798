// The one place that knows how LAMMPS releases differ.
#ifndef FORESHOCK_COMPAT_H
#define FORESHOCK_COMPAT_H

#include "error.h"

#include <string>

// Since 2 Apr 2025 an error can mark the offending word of the input line.
#if FORESHOCK_LAMMPS_NUM_VER >= 20250402
#define FORESHOCK_ERROR_AT(error, word, message)             \
  do {                                                       \
    const int at_ = (word);                                  \
    if (at_ >= 0) (error)->all(FLERR, at_, "{}", (message)); \
    (error)->all(FLERR, "{}", (message));                    \
  } while (0)
#else
#define FORESHOCK_ERROR_AT(error, word, message) \
  do {                                           \
    (void) (word);                               \
    (error)->all(FLERR, "{}", (message));        \
  } while (0)
#endif

#endif
