/* What kernel sources share: files that are compiled once for each instruction set, FA_ISA, and each element type,
 * FA_REAL (float or double). Knows names only. */
#ifndef FA_PLATFORM_KERNEL_H
#define FA_PLATFORM_KERNEL_H

#define FA__PASTE(a, b) FA__PASTE_(a, b)
#define FA__PASTE_(a, b) a##b

/* FA__KERNEL_NAME(fa__loops) is fa__loops_avx2_float, say: what one compilation defines */
#define FA__KERNEL_NAME(name) FA__PASTE(name, FA__PASTE(FA__PASTE(_, FA_ISA), FA__PASTE(_, FA_REAL)))

#define FA__IS_float 0
#define FA__IS_double 1
#define FA__REAL_IS_DOUBLE FA__PASTE(FA__IS_, FA_REAL)

typedef FA_REAL real;

#endif
