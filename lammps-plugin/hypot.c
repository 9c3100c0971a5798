/* hypotf for the program in the wheel. glibc 2.35 gave this one function a new version, and with it the
 * program would not start on any older system (RHEL 9 has 2.34); the linker option --wrap puts this one in
 * its place. In double precision the squares of floats neither overflow nor lose what a float can hold. */
#include <math.h>

float __wrap_hypotf(float x, float y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  return (float)sqrt((double)x * x + (double)y * y);
}
