/* The instruction sets of this build, and the one in use. Must not depend on what is compiled for them.
 *
 * FA__EACH_ISA(M), which the build defines, lists them from the least to the most capable: M(sse2) M(avx2) M(avx512). */
#ifndef FA_PLATFORM_ISA_H
#define FA_PLATFORM_ISA_H

#if !defined(FA__EACH_ISA)
#error "define FA__EACH_ISA(M) as M(isa) for each instruction set of the build: see flags.mk"
#endif

enum {
#define FA__NUMBER(isa) FA__ISA_##isa,
    FA__EACH_ISA(FA__NUMBER)
#undef FA__NUMBER
        FA__ISAS
};

int fa__active_isa(void); /* one of the above */
const char *fa__isa_name(int isa);
int fa__isa_runs_here(int isa);
int fa__set_isa(const char *name); /* 0; -1 for an unknown name; -2 for one that this machine cannot run */

#endif
