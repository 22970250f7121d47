/* The floating-point environment of the calling thread: kernels run in the default one (round to nearest, subnormals
 * kept, no exception trapped) and leave the caller's as it was, exception flags included. */
#ifndef FA_PLATFORM_FENV_H
#define FA_PLATFORM_FENV_H

#if defined(__x86_64__)
#include <xmmintrin.h>
typedef unsigned int fa__fenv;
#define FA__DEFAULT_CSR 0x1f80u /* all exceptions masked, no flags, round to nearest, no flush to zero */
#define FA__CSR_FLAGS 0x3fu
static inline fa__fenv fa__enter_fenv(void) {
    fa__fenv caller = _mm_getcsr();
    _mm_setcsr(FA__DEFAULT_CSR);
    return caller;
}
static inline void fa__leave_fenv(fa__fenv caller) {
    _mm_setcsr(caller);
}
/* The same for one number: the register is written only where it has to be, which halves the time of relu. It has to be read
 * once more, which waits for what is being computed, so that arrays take as long as before, or a few ns longer. */
static inline fa__fenv fa__enter_fenv_of_one(void) {
    fa__fenv caller = _mm_getcsr();
    if ((caller & ~FA__CSR_FLAGS) != FA__DEFAULT_CSR) _mm_setcsr(FA__DEFAULT_CSR);
    return caller;
}
static inline void fa__leave_fenv_of_one(fa__fenv caller) {
    if (_mm_getcsr() != caller) _mm_setcsr(caller);
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
#if !defined(__x86_64__)
#define fa__enter_fenv_of_one fa__enter_fenv
#define fa__leave_fenv_of_one fa__leave_fenv
#endif

#endif
