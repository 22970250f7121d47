/* The widest vectors that the machine has, for loops that take much of the time of an exhaustive run. */
#ifndef FA_EVALUATION_VECTORS_H
#define FA_EVALUATION_VECTORS_H

/* Compiled for several instruction sets, of which the loader chooses one. FASTACT_ISA selects kernels only: the
 * same code judges all of them. The two passes turn selects back into branches, which are not vectorised. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__)
#define WIDEST_VECTORS                                                           \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), \
                   optimize("no-tree-pre", "no-thread-jumps")))
#else
#define WIDEST_VECTORS
#endif

#endif
