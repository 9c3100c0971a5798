// What LAMMPS and a plugin agree on. LAMMPS does not install its own header for this.
// Layout: LAMMPS manual, section "Writing plugins".
#ifndef FORESHOCK_PLUGIN_API_H
#define FORESHOCK_PLUGIN_API_H

extern "C" {
typedef void *(foreshock_factory1)(void *);
typedef void *(foreshock_factory2)(void *, int, char **);

typedef struct {
  const char *version;
  const char *style;
  const char *name;
  const char *info;
  const char *author;
  union {
    foreshock_factory1 *v1;
    foreshock_factory2 *v2;
  } creator;
  void *handle;
} foreshock_plugin_t;

typedef void (*foreshock_register_t)(foreshock_plugin_t *, void *);
}

#endif
