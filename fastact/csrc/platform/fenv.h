/* The floating-point environment of the calling thread: kernels run in the default one (round to nearest, subnormals
 * kept, no exception trapped) and leave the caller's as it was, exception flags included. */
#ifndef FA_PLATFORM_FENV_H
#define FA_PLATFORM_FENV_H

#if defined(__x86_64__)
#include <xmmintrin.h>
typedef unsigned int fa__fenv;
static inline fa__fenv fa__enter_fenv(void) {
    fa__fenv caller = _mm_getcsr();
    _mm_setcsr(0x1f80); /* all exceptions masked, no flags, round to nearest, no flush to zero */
    return caller;
}
static inline void fa__leave_fenv(fa__fenv caller) {
    _mm_setcsr(caller);
}
#elif defined(__aarch64__)
typedef struct {
    unsigned long control, status;
} fa__fenv;
static inline fa__fenv fa__enter_fenv(void) {
    fa__fenv caller;
    __asm__ volatile("mrs %0, fpcr" : "=r"(caller.control));
    __asm__ volatile("mrs %0, fpsr" : "=r"(caller.status));
    __asm__ volatile("msr fpcr, %0" : : "r"(0ul) : "memory");
    return caller;
}
static inline void fa__leave_fenv(fa__fenv caller) {
    __asm__ volatile("msr fpcr, %0" : : "r"(caller.control) : "memory");
    __asm__ volatile("msr fpsr, %0" : : "r"(caller.status) : "memory");
}
#else
#include <fenv.h>
typedef fenv_t fa__fenv;
static inline fa__fenv fa__enter_fenv(void) {
    fa__fenv caller;
    fegetenv(&caller);
    fesetenv(FE_DFL_ENV);
    return caller;
}
static inline void fa__leave_fenv(fa__fenv caller) {
    fesetenv(&caller);
}
#endif

#endif
