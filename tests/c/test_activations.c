/* Every function of every activation, from C alone. True values are the Python suite's.
 *
 * It uses the instruction set that FASTACT_ISA names, or the best one. The last line is "N passed, N failed". */
#include <errno.h>
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "checks.h"
#include "elementwise/call.h"
#include "fastact.h"

/* Every function as one case ------------------------------------------------------------------- */

typedef void runner(const void *grad, const void *x, void *first, void *second, size_t n);

typedef struct {
    const char *name;
    int entry, inputs, results;
    fa__direction direction;
    fa__dtype dtype;
    size_t size;
    runner *run, *other; /* with default parameters, and with others */
} test_case;

/* parameters far enough from the default that a mix-up would show; exact in both types */
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
#define FA_ACT(id, name, params, f, df, kinks, from, ...)              \
    RUNNERS(name, f32, usual, FA_EACH_PARAM(AS_DEFAULT, params), from) \
    RUNNERS(name, f32, other, FA_EACH_PARAM(AS_OTHER, params), from)   \
    RUNNERS(name, f64, usual, FA_EACH_PARAM(AS_DEFAULT, params), from) \
    RUNNERS(name, f64, other, FA_EACH_PARAM(AS_OTHER, params), from)
#include "fastact/activations.def"
#undef FA_ACT

#define CASE(name, letter, in, out, direction, dtype, DTYPE, size) \
    {"fa_" #name " " #direction " " #dtype,                        \
     FA__ENTRY_##name,                                             \
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
#define FA_ACT(id, name, params, f, df, kinks, from, ...) \
    CASES(name, f32, FA__F32, sizeof(float), from)        \
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

/* parameters by value, in the order of the entry, against arrays of them */
static void test_parameters(const test_case *c) {
    enum { N = 100 };
    static _Alignas(64) char parameters[FA__MAX_PARAMS][N * sizeof(double)];
    char *base[FA__MAX_OPERANDS];
    ptrdiff_t stride[FA__MAX_OPERANDS];
    int operands = 0;
    const fa__entry *entry = &fa__entries[c->entry];
    if (c->inputs == 2) base[operands++] = grad;
    base[operands++] = input;
    for (int i = 0; i < entry->n_params; i++) {
        double value = OTHER(entry->param_defaults[i]);
        for (size_t k = 0; k < N; k++) put(parameters[i], c->size, k, value);
        base[operands++] = parameters[i];
    }
    for (int r = 0; r < c->results; r++) base[operands++] = want[r];
    for (int i = 0; i < operands; i++) stride[i] = (ptrdiff_t)c->size;
    fa__execute_1d(c->entry, c->direction, c->dtype, base, stride, N);
    c->other(grad, input, got[0], got[1], N);
    check(got_same(c, N), "parameters by value and by array", c->name, N);
}

static void test_threads(const test_case *c) {
    fa_set_num_threads(1);
    c->run(grad, input, want[0], want[1], MANY);
    for (int threads = 2; threads <= 3; threads++) {
        fa_set_num_threads(threads);
        c->run(grad, input, got[0], got[1],
               MANY); /* after a pause one thread may do it; not so the next one */
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
    check(fa_set_isa("nonsense") == FA_INVALID, "unknown name refused", "nonsense", 0);
    check(fa_set_isa(NULL) == FA_INVALID, "null refused", "fa_set_isa", 0);
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

/* Impossible arguments do nothing */
static void test_impossible_arguments(void) {
    float y[2] = {1, 2};
    fa_gelu_f32(NULL, y, 2);
    fa_gelu_f32(y, NULL, 2);
    fa_gelu_backward_f32(y, NULL, y, 2);
    fa_gelu_value_and_derivative_f32(y, y, NULL, 2);
    fa_gelu_f32(NULL, NULL, 0);
    fa_gelu_f32(y, y, SIZE_MAX);
    fa_gelu_f32(y, y, (size_t)1 << 62);
    check(y[0] == 1 && y[1] == 2, "null pointers and impossible sizes", "fa_gelu_f32", 2);
}

/* What activations say of themselves -------------------------------------------------------------- */

static void test_descriptions(void) {
    static const struct {
        const char *name;
        int id;
    } known[] = {
#define FA_ACT(id, name, ...) {#name, FA_##name},
#include "fastact/activations.def"
#undef FA_ACT
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        fa_activation found = {.size = sizeof found};
        check(fa_activation_by_name(known[i].name) == known[i].id, "id by name", known[i].name, i);
        check(fa_activation_info(known[i].id, &found) == FA_OK, "description", known[i].name, i);
        check(strcmp(found.name, known[i].name) == 0 && found.id == known[i].id, "its name", found.name, i);
        double values[2];
        int answer = fa_activation_mask_values(known[i].id, NULL, 0, values);
        check(answer == (found.has_mask ? FA_OK : FA_INVALID), "two values or more", found.name, i);
    }
    double slope = 0.5, values[2];
    check(fa_activation_mask_values(FA_leaky_relu, &slope, 1, values) == FA_OK && values[0] == 0.5 &&
              values[1] == 1,
          "mask of given parameters", "leaky_relu", 1);
    check(fa_activation_mask_values(FA_leaky_relu, NULL, 1, values) == FA_INVALID, "null parameters",
          "leaky_relu", 1);
    check(fa_activation_mask_values(FA_leaky_relu, &slope, 2, values) == FA_INVALID, "too many", "leaky_relu",
          2);
    fa_activation old = {.size = sizeof old - 1}, newer = {.size = sizeof newer + 8};
    check(fa_activation_by_name("nonsense") == FA_INVALID && fa_activation_by_name(NULL) == FA_INVALID,
          "unknown names", "fa_activation_by_name", 0);
    check(fa_activation_info(-1, &newer) == FA_INVALID && fa_activation_info(1 << 30, &newer) == FA_INVALID &&
              fa_activation_info(FA_relu, NULL) == FA_INVALID &&
              fa_activation_info(FA_relu, &old) == FA_INVALID,
          "refused", "fa_activation_info", 0);
    check(fa_activation_info(FA_relu, &newer) == FA_OK, "a newer client's struct", "fa_activation_info", 0);
    check(fa_version() == FA_VERSION, "version", "fa_version", 0);
}

int main(void) {
    test_every_case();
    test_isa();
    test_num_threads();
    test_fork();
    test_impossible_arguments();
    test_descriptions();
    return report();
}
