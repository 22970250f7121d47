/* Included before every source (see the Makefile): NaN, infinities, signed zeros and error terms must not be assumed away.
 * -ffast-math and its parts define these macros, as far as compilers tell. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
    defined(__NO_SIGNED_ZEROS__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#error \
    "fastact must not be compiled with -ffast-math or parts of it: NaN, infinities and error terms would be lost"
#endif
