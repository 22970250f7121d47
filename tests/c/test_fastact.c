/* The plain C test program: libfastact.a used from C alone, every function of every row.
 * Knows the public API, and the few private functions that read files or bits; does not know any row, nor
 * true values, which the Python suite has.
 *
 * It runs with the instruction set that FASTACT_ISA names, or the best. The closing line is
 * "N passed, N failed"; the exit status tells the same.
 */
#include <errno.h>
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "fastact.h"
#include "platform/float16.h"
#include "elementwise/internal.h"

static int passed, failed;

static void check(int holds, const char *what, const char *where, size_t n) {
    if (holds) {
        passed++;
    } else {
        failed++;
        printf("FAILED %s: %s, n = %zu\n", what, where, n);
    }
}

/* Every function as one case ------------------------------------------------------------------- */

typedef void runner(const void *grad, const void *x, void *first, void *second, size_t n);

typedef struct {
    const char *name;
    int row, inputs, results;
    fa__direction direction;
    fa__dtype dtype;
    size_t size;
    runner *run, *other; /* with default parameters, and with others */
} test_case;

/* parameters far enough from the default that a mix-up would show; as the row table gives them, too */
#define OTHER(default_) ((default_) * 1.5 + 0.25)
#define AS_DEFAULT(i, parameter, default_, kind) , default_
#define AS_OTHER(i, parameter, default_, kind) , OTHER(default_)

#define RUNNERS(name, dtype, suffix, args, from)                                                            \
    static void name##_##dtype##_f_##suffix(const void *g, const void *x, void *a, void *b, size_t n) {     \
        (void)g, (void)b;                                                                                   \
        fa_##name##_##dtype(x, a, n args);                                                                  \
    }                                                                                                       \
    static void name##_##dtype##_d_##suffix(const void *g, const void *x, void *a, void *b, size_t n) {     \
        (void)g, (void)b;                                                                                   \
        fa_##name##_derivative_##dtype(x, a, n args);                                                       \
    }                                                                                                       \
    static void name##_##dtype##_b_##suffix(const void *g, const void *x, void *a, void *b, size_t n) {     \
        (void)b;                                                                                            \
        fa_##name##_backward_##dtype(g, x, a, n args);                                                      \
    }                                                                                                       \
    static void name##_##dtype##_v_##suffix(const void *g, const void *x, void *a, void *b, size_t n) {     \
        (void)g;                                                                                            \
        fa_##name##_value_and_derivative_##dtype(x, a, b, n args);                                          \
    }                                                                                                       \
    FA_IF_OUTPUT(                                                                                           \
        from,                                                                                               \
        static void name##_##dtype##_o_##suffix(const void *g, const void *x, void *a, void *b, size_t n) { \
            (void)b;                                                                                        \
            fa_##name##_backward_from_output_##dtype(g, x, a, n args);                                      \
        })
#define FA_ACT(name, params, f, df, kinks, from, ulp32, ulp64, ulp64d, about) \
    RUNNERS(name, f32, usual, FA_EACH_PARAM(AS_DEFAULT, params), from)        \
    RUNNERS(name, f32, other, FA_EACH_PARAM(AS_OTHER, params), from)          \
    RUNNERS(name, f64, usual, FA_EACH_PARAM(AS_DEFAULT, params), from)        \
    RUNNERS(name, f64, other, FA_EACH_PARAM(AS_OTHER, params), from)
#include "fastact/activations.def"
#undef FA_ACT

#define CASE(name, letter, in, out, direction, dtype, DTYPE, size) \
    {"fa_" #name " " #direction " " #dtype,                        \
     FA__ROW_##name,                                               \
     in,                                                           \
     out,                                                          \
     direction,                                                    \
     DTYPE,                                                        \
     size,                                                         \
     name##_##dtype##_##letter##_usual,                            \
     name##_##dtype##_##letter##_other},
#define CASES(name, dtype, DTYPE, size, from)                         \
    CASE(name, f, 1, 1, FA__FORWARD, dtype, DTYPE, size)              \
    CASE(name, d, 1, 1, FA__DERIVATIVE, dtype, DTYPE, size)           \
    CASE(name, b, 2, 1, FA__BACKWARD, dtype, DTYPE, size)             \
    CASE(name, v, 1, 2, FA__VALUE_AND_DERIVATIVE, dtype, DTYPE, size) \
    FA_IF_OUTPUT(from, CASE(name, o, 2, 1, FA__BACKWARD_FROM_OUTPUT, dtype, DTYPE, size))
static const test_case cases[] = {
#define FA_ACT(name, params, f, df, kinks, from, ulp32, ulp64, ulp64d, about) \
    CASES(name, f32, FA__F32, sizeof(float), from)                            \
    CASES(name, f64, FA__F64, sizeof(double), from)
#include "fastact/activations.def"
#undef FA_ACT
};
enum { CASE_COUNT = sizeof cases / sizeof cases[0], MANY = 5 * 32768 + 77, LONGEST = 4 * FA__LANES + 1 };

/* Arguments -------------------------------------------------------------------------------------- */

static _Alignas(64) char grad[MANY * sizeof(double)], input[MANY * sizeof(double)];
static _Alignas(64) char want[2][MANY * sizeof(double)], got[2][(MANY + 32) * sizeof(double)];

static void put(char *array, size_t size, size_t i, double value) {
    if (size == sizeof(float))
        ((float *)(void *)array)[i] = (float)value;
    else
        ((double *)(void *)array)[i] = value;
}

/* numbers of all sizes, and now and then a special one */
static void fill(size_t size, size_t n) {
    static const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e-42, -3e-310, 1e30};
    uint64_t state = 12345;
    for (size_t i = 0; i < 2 * n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double value = ((double)(state >> 11) * 0x1p-53 - 0.5) * 24;
        if (i % 29 == 7) value = special[state >> 60 & 7];
        put(i < n ? grad : input, size, i % n, value);
    }
}

static int is_nan(const char *array, size_t size, size_t i) {
    float narrow = 0;
    double wide = 0;
    memcpy(size == sizeof(float) ? (void *)&narrow : (void *)&wide, array + i * size, size);
    return isnan(narrow) || isnan(wide);
}

/* bit for bit, but one NaN is as good as another */
static int same(const test_case *c, const char *const results[2], size_t n) {
    for (int r = 0; r < c->results; r++) {
        if (memcmp(results[r], want[r], n * c->size) == 0) continue;
        for (size_t i = 0; i < n; i++)
            if (memcmp(results[r] + i * c->size, want[r] + i * c->size, c->size) != 0 &&
                !(is_nan(results[r], c->size, i) && is_nan(want[r], c->size, i)))
                return 0;
    }
    return 1;
}

static int got_same(const test_case *c, size_t n) {
    const char *const results[2] = {got[0], got[1]};
    return same(c, results, n);
}

/* The tests, each for one case -------------------------------------------------------------------- */

static void test_lengths(const test_case *c) {
    c->run(grad, input, want[0], want[1], LONGEST);
    for (size_t n = 0; n <= LONGEST; n++) {
        size_t before = (n % 7 + 1) * c->size, length = n * c->size;
        memset(got, 0x5a, sizeof got[0]), memset(got[1], 0x5a, sizeof got[1]);
        c->run(grad, input, got[0] + before, got[1] + before, n);
        const char *const results[2] = {got[0] + before, got[1] + before};
        check(same(c, results, n), "same bits at any length", c->name, n);
        int untouched = 1;
        for (int r = 0; r < 2; r++)
            for (size_t i = 0; i < before + length + 64; i++)
                if ((i < before || i >= before + (r < c->results ? length : 0)) && got[r][i] != 0x5a)
                    untouched = 0;
        check(untouched, "nothing written before or after", c->name, n);
    }
    c->run(NULL, NULL, NULL, NULL, 0);
}

static void test_in_place(const test_case *c, size_t n) {
    c->run(grad, input, want[0], want[1], n);
    memcpy(got[0], input, n * c->size);
    c->run(grad, got[0], got[0], got[1], n);
    check(got_same(c, n), "in place of x", c->name, n);
    if (c->results == 2) {
        memcpy(got[1], input, n * c->size);
        c->run(grad, got[1], got[0], got[1], n);
        check(got_same(c, n), "derivative in place of x", c->name, n);
    }
    if (c->inputs == 2) {
        memcpy(got[0], grad, n * c->size);
        c->run(got[0], input, got[0], got[1], n);
        check(got_same(c, n), "in place of grad", c->name, n);
    }
}

/* parameters arrive in the order of the row: against arrays of them, through the engine */
static void test_parameters(const test_case *c) {
    enum { N = 100 };
    static _Alignas(64) char parameters[FA__MAX_PARAMS][N * sizeof(double)];
    char *base[FA__MAX_OPERANDS];
    ptrdiff_t stride[FA__MAX_OPERANDS];
    int operands = 0;
    const fa__row *row = &fa__rows[c->row];
    if (c->inputs == 2) base[operands++] = grad;
    base[operands++] = input;
    for (int i = 0; i < row->n_params; i++) {
        double value = OTHER(row->param_defaults[i]);
        for (size_t k = 0; k < N; k++) put(parameters[i], c->size, k, value);
        base[operands++] = parameters[i];
    }
    for (int r = 0; r < c->results; r++) base[operands++] = want[r];
    for (int i = 0; i < operands; i++) stride[i] = (ptrdiff_t)c->size;
    fa__execute_1d(c->row, c->direction, c->dtype, base, stride, N);
    c->other(grad, input, got[0], got[1], N);
    check(got_same(c, N), "parameters by value and by array", c->name, N);
}

static void test_threads(const test_case *c) {
    fa_set_num_threads(1);
    c->run(grad, input, want[0], want[1], MANY);
    for (int threads = 2; threads <= 3; threads++) {
        fa_set_num_threads(threads);
        c->run(grad, input, got[0], got[1], MANY); /* after a rest it may be alone; the next one is not */
        c->run(grad, input, got[0], got[1], MANY);
        check(got_same(c, MANY), "same bits for any number of threads", c->name, (size_t)threads);
    }
    fa_set_num_threads(0);
}

static void test_state(const test_case *c, size_t n) {
    c->run(grad, input, want[0], want[1], n);
    feclearexcept(FE_ALL_EXCEPT);
    errno = 1234;
    c->run(grad, input, got[0], got[1], n);
    check(errno == 1234, "errno untouched", c->name, n);
    check(fetestexcept(FE_ALL_EXCEPT) == 0, "no floating-point flag raised", c->name, n);
    feraiseexcept(FE_INEXACT | FE_DIVBYZERO);
    c->run(grad, input, got[0], got[1], n);
    check(fetestexcept(FE_ALL_EXCEPT) == (FE_INEXACT | FE_DIVBYZERO), "flags kept", c->name, n);
    feclearexcept(FE_ALL_EXCEPT);
    fesetround(FE_UPWARD);
    c->run(grad, input, got[0], got[1], n);
    check(fegetround() == FE_UPWARD, "rounding mode kept", c->name, n);
    fesetround(FE_TONEAREST);
    check(got_same(c, n), "same bits in any rounding mode", c->name, n);
#if defined(__x86_64__)
    unsigned flushing = 0x1f80 | 0x8040, before = _mm_getcsr();
    _mm_setcsr(flushing);
    c->run(grad, input, got[0], got[1], n);
    unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    check(after == flushing, "MXCSR untouched", c->name, n);
    check(got_same(c, n), "same bits with flush to zero", c->name, n);
#endif
}

static void test_every_case(void) {
    for (int i = 0; i < CASE_COUNT; i++) {
        const test_case *c = &cases[i];
        fill(c->size, MANY);
        test_lengths(c);
        test_in_place(c, 1), test_in_place(c, 1000), test_in_place(c, MANY);
        test_parameters(c);
        test_threads(c);
        test_state(c, 777), test_state(c, MANY);
    }
}

/* Instruction sets, limits, forks ----------------------------------------------------------------- */

static void test_isa(void) {
    char before[32], list[128];
    snprintf(before, sizeof before, "%s", fa_isa());
    snprintf(list, sizeof list, "%s", fa_isas());
    check(strstr(list, before) != NULL, "fa_isas lists fa_isa", before, 0);
    check(fa_set_isa("nonsense") == -1, "unknown name refused", "nonsense", 0);
    check(strcmp(fa_isa(), before) == 0, "a refused name changes nothing", before, 0);
    for (const char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        check(fa_set_isa(name) == 0 && strcmp(fa_isa(), name) == 0, "name forced", name, 0);
        for (int i = 0; i < CASE_COUNT; i += 7) {
            fill(cases[i].size, 100);
            cases[i].run(grad, input, want[0], want[1], 100);
            cases[i].run(grad, input, got[0], got[1], 100);
            check(got_same(&cases[i], 100), "runs and repeats", name, (size_t)i);
        }
    }
    const char *wanted = getenv("FASTACT_ISA");
    if (wanted && *wanted) check(strcmp(before, wanted) == 0, "FASTACT_ISA obeyed", wanted, 0);
    fa_set_isa(before);
}

static void test_num_threads(void) {
    int usual = fa_num_threads();
    check(usual >= 1, "at least one thread", "fa_num_threads", 0);
    fa_set_num_threads(1);
    check(fa_num_threads() == 1, "one thread", "fa_set_num_threads", 1);
    fa_set_num_threads(1000000);
    check(fa_num_threads() <= sysconf(_SC_NPROCESSORS_ONLN), "no more than CPUs", "fa_set_num_threads", 0);
    fa_set_num_threads(0);
    check(fa_num_threads() == usual, "back to the default", "fa_set_num_threads", 0);
}

static void write_file(const char *root, const char *path, const char *text) {
    char name[512];
    snprintf(name, sizeof name, "%s/%s", root, path);
    for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(name, 0700);
    }
    FILE *file = fopen(name, "w");
    check(file && fputs(text, file) >= 0 && fclose(file) == 0, "temporary file", path, 0);
}

static void test_cgroup(const char *root) {
    char members[256];
    snprintf(members, sizeof members, "%s/members", root);
    const struct {
        const char *membership, *path, *text, *more_path, *more_text;
        int expected;
    } quotas[] = {
        {"0::/a1/b\n", "a1/b/cpu.max", "200000 100000\n", "a1/cpu.max", "max 100000\n", 2},
        {"0::/a2/b\n", "a2/b/cpu.max", "max 100000\n", "a2/cpu.max", "150000 100000\n", 2}, /* rounded up */
        {"0::/a3/b\n", "a3/b/cpu.max", "400000 100000\n", "a3/cpu.max", "100000 100000\n",
         1}, /* the tighter */
        {"0::/a4\n", "a4/cpu.max", "max 100000\n", "a4/other", "", 0},
        {"0::/a5\n", "a5/cpu.max", "10000 100000\n", "a5/other", "", 1},
        {"0::/a6\n", "a6/cpu.max", "nonsense\n", "a6/other", "", 0},
        {"0::/missing/deep\n", "a7/other", "", "a7/more", "", 0},
        {"4:memory:/m\n3:cpu,cpuacct:/v1/x\n", "cpu,cpuacct/v1/x/cpu.cfs_quota_us", "250000\n",
         "cpu,cpuacct/v1/x/cpu.cfs_period_us", "100000\n", 3},
        {"3:cpu,cpuacct:/v2\n", "cpu,cpuacct/v2/cpu.cfs_quota_us", "-1\n", "cpu,cpuacct/v2/cpu.cfs_period_us",
         "100000\n", 0},
        {"3:cpu,cpuacct:/v3\n", "cpu,cpuacct/v3/cpu.cfs_quota_us", "100000\n", "cpu,cpuacct/v3/other", "", 0},
        {"garbage\n\n", "a8/other", "", "a8/more", "", 0},
    };
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
        write_file(root, "members", quotas[i].membership);
        write_file(root, quotas[i].path, quotas[i].text);
        write_file(root, quotas[i].more_path, quotas[i].more_text);
        check(fa__cgroup_quota(root, members) == quotas[i].expected, "cgroup quota", quotas[i].path, i);
    }
    write_file(root, "cpu.max", "300000 100000\n");
    write_file(root, "members", "0::/\n");
    check(fa__cgroup_quota(root, members) == 3, "quota of the root", "cpu.max", 0);
    check(fa__cgroup_quota(root, "/nonexistent") == 0, "no membership file", "/nonexistent", 0);
}

/* a half by its definition: sign, exponent, fraction */
static double half_value(uint16_t half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double size = exponent == 31  ? (fraction ? NAN : INFINITY)
                  : exponent == 0 ? ldexp(fraction, -24)
                                  : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -size : size;
}

static void test_half(void) {
    size_t wrong = 0, count = 0;
    for (uint32_t half = 0; half < 65536; half++) {
        double value = half_value((uint16_t)half);
        float converted = fa__float_from_half((uint16_t)half);
        int equal =
            isnan(value) ? isnan(converted) : converted == value && !signbit(converted) == !signbit(value);
        uint16_t back = fa__half_from_float(converted);
        wrong += !equal || (isnan(value) ? !isnan(half_value(back)) : back != half);
    }
    check(wrong == 0, "every half to float and back", "fa__float_from_half", wrong);
    wrong = 0;
    for (uint64_t u = 0; u < UINT32_MAX; u += 65521 / 16, count++) { /* rounds to nearest, ties to even */
        uint32_t word = (uint32_t)u;
        float x;
        memcpy(&x, &word, sizeof x);
        if (isnan(x)) continue;
        uint16_t half = fa__half_from_float(x);
        int exponent = isinf(x) || x == 0 ? -14 : ilogbf(x) < -14 ? -14 : ilogbf(x);
        double unit = ldexp(1, exponent - 10), expected = isinf(x) ? x : rint(x / unit) * unit;
        if (fabs(expected) > 65504) expected = copysign(INFINITY, x);
        wrong += half_value(half) != expected || (half >> 15) != (signbit(x) != 0);
    }
    check(wrong == 0 && count > 1000000, "floats to half", "fa__half_from_float", wrong);
}

/* runs of halves by whichever way the processor has: the bits of one by one, NaN included */
static void test_runs_of_halves(void) {
    enum { COUNT = 65536 + 3 };
    static uint16_t halves[COUNT], back[COUNT];
    static float floats[COUNT];
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT; i++) halves[i] = (uint16_t)i;
    fa__floats_from_halves(floats, halves, COUNT);
    fa__halves_from_floats(back, floats, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        float one = fa__float_from_half(halves[i]);
        wrong += memcmp(&one, &floats[i], sizeof one) != 0 || back[i] != fa__half_from_float(one);
    }
    check(wrong == 0, "runs of halves", "fa__floats_from_halves", wrong);
    for (size_t round = wrong = 0; round < 64; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            uint32_t word = (uint32_t)(i * 65537 + round * 12345677);
            memcpy(&floats[i], &word, sizeof word);
        }
        fa__halves_from_floats(back, floats, COUNT);
        for (size_t i = 0; i < COUNT; i++) wrong += back[i] != fa__half_from_float(floats[i]);
    }
    check(wrong == 0, "floats to runs of halves", "fa__halves_from_floats", wrong);
}

/* doubles between two halves, just beside the middle: a float in between would round them to it */
static void test_double_to_half(void) {
    size_t wrong = 0;
    for (uint32_t half = 0; half < 0x7bff; half++) {
        double low = half_value((uint16_t)half), middle = (low + half_value((uint16_t)(half + 1))) / 2;
        uint16_t even = (uint16_t)(half + (half & 1));
        wrong += fa__half_from_double(low) != half || fa__half_from_double(middle) != even;
        wrong += fa__half_from_double(nextafter(middle, 0)) != half;
        wrong += fa__half_from_double(nextafter(-middle, -INFINITY)) != (uint16_t)(0x8000 | (half + 1));
    }
    check(wrong == 0, "doubles to half", "fa__half_from_double", wrong);
}

/* whole lines of one or two results, and nothing beside them, whatever is fetched meanwhile */
static void test_stream(void) {
    enum { MOST = 6 * FA__LINE, ROOM = MOST + 2 * FA__LINE };
    static _Alignas(FA__LINE) char from[2][ROOM], to[2][ROOM];
    static const char untouched[FA__LINE];
    size_t wrong = 0;
    for (size_t i = 0; i < ROOM; i++) from[0][i] = (char)(i * 37 + 1), from[1][i] = (char)(i * 53 + 2);
    for (size_t first = 0; first <= MOST; first += FA__LINE)
        for (size_t second = 0; second <= MOST; second += FA__LINE)
            for (int inputs = 0; inputs < 3; inputs++) {
                size_t bytes[2] = {first, second};
                fa__traffic traffic = {.open = second ? 2 : 1,
                                       .coming = {from[0], to[1]},
                                       .inputs = inputs,
                                       .coming_bytes = inputs ? MOST : 0};
                memset(to, 0, sizeof to);
                for (int k = 0; k < 2; k++) {
                    traffic.leaving[k].from = from[k] + 5;
                    traffic.leaving[k].to = to[k] + FA__LINE;
                    traffic.leaving[k].bytes = bytes[k];
                }
                fa__active_kernels()->stream(&traffic);
                fa__stream_fence();
                wrong += traffic.open != 0 || traffic.coming_bytes != 0;
                for (int k = 0; k < 2; k++)
                    wrong += memcmp(to[k] + FA__LINE, from[k] + 5, bytes[k]) != 0 ||
                             memcmp(to[k], untouched, FA__LINE) != 0 ||
                             memcmp(to[k] + FA__LINE + bytes[k], untouched, FA__LINE) != 0;
            }
    check(wrong == 0, "stream", fa_isa(), wrong);
    fa__caches caches = fa__get_caches();
    check(caches.own + caches.shared > 1 << 16, "caches", "fa__get_caches", caches.own + caches.shared);
}

/* a threaded call before the fork, and one of the same size in the child, which must neither hang nor differ */
static void test_fork(void) {
    const test_case *c = &cases[CASE_COUNT - 1];
    fill(c->size, MANY);
    c->run(grad, input, want[0], want[1], MANY);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        c->run(grad, input, got[0], got[1], MANY);
        _exit(got_same(c, MANY) ? 0 : 1);
    }
    int status = -1;
    check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "fork after use", c->name, MANY);
    c->run(grad, input, got[0], got[1], MANY);
    check(got_same(c, MANY), "parent after fork", c->name, MANY);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s EMPTY_FOLDER\n", argv[0]);
        return 2;
    }
    test_every_case();
    test_isa();
    test_num_threads();
    test_cgroup(argv[1]);
    test_half();
    test_runs_of_halves();
    test_double_to_half();
    test_stream();
    test_fork();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
