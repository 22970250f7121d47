# Every compiler flag, once, with its reason; the instruction sets; the sources. Read by Makefile and by setup.py, so
# lines are plain NAME = value. Knows no paths and no build steps.

# gnu11: vector pragmas and statement attributes. O3: the vectoriser with its dynamic cost model.
# ffp-contract=off: a*b+c means two roundings unless written as an fma, on every compiler.
# fno-math-errno, fno-trapping-math: allow selects and built-ins in vector code; no flag or errno leaves the
#   library, because the caller's floating-point state is restored (platform/fenv.h).
# fopenmp-simd: honours "omp simd" without the OpenMP runtime. fPIC, fvisibility: for shared objects.
CFLAGS_COMMON = -std=gnu11 -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -fopenmp-simd -fPIC -fvisibility=hidden

# Where the compiler is GCC: Clang has neither flag, nor the passes. They keep selects from being turned back into branches,
# and table look-ups from being moved into one arm of a select; neither would vectorise.
CFLAGS_GCC = -fno-thread-jumps -fno-tree-pre

# For programs that need few activations, and little memory: after -O3 they take its place, and results have the same bits
CFLAGS_SMALL = -O2 -fno-asynchronous-unwind-tables

# Only platform/ uses the OpenMP runtime
CFLAGS_platform = -fopenmp
LIBS_OPENMP = -fopenmp -lpthread -lm

# Each a*b+c of a matrix product becomes a fused multiply-add where there is one
CFLAGS_gemm = -ffp-contract=fast
# and those of rows, whose error terms are exact with it
CFLAGS_rowwise = -ffp-contract=fast

# Instruction sets by machine, worst first; a machine that is not listed has the portable one, which is plain C. The vector width is given because GCC prefers 256 bits even where 512 exist.
ISAS_x86_64 = sse2 avx2 avx512
ISAS_aarch64 = neon
CFLAGS_portable =
CFLAGS_sse2 = -march=x86-64
CFLAGS_avx2 = -march=x86-64-v3 -mprefer-vector-width=256
CFLAGS_avx512 = -march=x86-64-v4 -mprefer-vector-width=512
CFLAGS_neon = -march=armv8-a

# Compiled once for each instruction set and each of float and double
KERNELS = elementwise/loops.c elementwise/convert.c elementwise/stream.c gemm/micro_kernel.c gemm/single_rows.c rowwise/softmax.c rowwise/cross_entropy.c rowwise/sparse.c rowwise/piecewise.c rowwise/gated.c health/count.c training/update_kernels.c training/dropout_kernel.c training/norm_kernels.c losses/kernels.c quantized/table_kernel.c

# Compiled once
SOURCES = api/activations.c api/scalars.c api/rowwise.c api/gated.c api/losses.c api/dense.c api/runtime.c api/table.c api/private.c api/training.c api/network_step.c platform/isa.c platform/caches.c platform/cgroup.c platform/thread_limits.c platform/affinity.c platform/probe.c platform/leader.c platform/team.c platform/runner.c platform/parallel.c platform/float16.c elementwise/entries.c elementwise/kernels.c elementwise/call.c elementwise/scalar.c elementwise/plan.c elementwise/tiles.c elementwise/span.c rowwise/entries.c rowwise/call.c rowwise/gated_call.c rowwise/nll.c losses/entries.c losses/call.c gemm/gemm.c gemm/blas.c gemm/kernels.c dense/layer.c dense/activate.c dense/group.c dense/bit_mask.c dense/stack.c dense/network.c health/call.c api/health.c quantized/table.c api/quantized.c training/optimizer.c training/dropout.c training/norm.c training/network_passes.c training/network_copies.c
