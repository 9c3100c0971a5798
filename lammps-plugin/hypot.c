/* hypot and hypotf for the program in the wheel. glibc 2.35 gave these two functions a new version, and with
 * it the program would not start on any older system (RHEL 9 has 2.34). The linker option --wrap puts these
 * in their place, which call the version that every glibc of the architecture has. */
#if defined(__x86_64__)
#define OLDEST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLDEST "GLIBC_2.17"
#else
#error "which version of glibc was the first one on this architecture?"
#endif

double old_hypot(double x, double y);
float old_hypotf(float x, float y);
__asm__(".symver old_hypot, hypot@" OLDEST);
__asm__(".symver old_hypotf, hypotf@" OLDEST);

double __wrap_hypot(double x, double y) { return old_hypot(x, y); }
float __wrap_hypotf(float x, float y) { return old_hypotf(x, y); }
