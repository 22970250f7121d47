/* What activations rest on: cgroup quotas, float16, streaming stores, caches. The last line is "N passed, N failed". */
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "checks.h"
#include "elementwise/kernels.h"
#include "fastact.h"
#include "platform/caches.h"
#include "platform/cgroup.h"
#include "platform/float16.h"

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
    char members[256], long_lines[3000] = "";
    snprintf(members, sizeof members, "%s/members", root);
    for (int i = 0; i < 13; i++) strcat(long_lines, "7:memory:/a-long-name/of-a-group/without-cpus\n");
    memset(long_lines + strlen(long_lines), 'x', 1000);
    strcat(long_lines, "\n0::/a9\n");
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
        {long_lines, "a9/cpu.max", "250001 100000", "a9/other", "", 3}, /* read in parts; no end of line */
    };
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
        write_file(root, "members", quotas[i].membership);
        write_file(root, quotas[i].path, quotas[i].text);
        write_file(root, quotas[i].more_path, quotas[i].more_text);
        feclearexcept(FE_ALL_EXCEPT);
        check(fa__cgroup_quota(root, members) == quotas[i].expected, "cgroup quota", quotas[i].path, i);
        check(fetestexcept(FE_ALL_EXCEPT) == 0, "no floating-point flag", quotas[i].path, i);
    }
    write_file(root, "cpu.max", "300000 100000\n");
    write_file(root, "members", "0::/\n");
    check(fa__cgroup_quota(root, members) == 3, "quota of the root", "cpu.max", 0);
    check(fa__cgroup_quota(root, "/nonexistent") == 0, "no membership file", "/nonexistent", 0);
}

/* a float16 by its definition: sign, exponent, fraction */
static double float16_value(uint16_t half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double size = exponent == 31  ? (fraction ? NAN : INFINITY)
                  : exponent == 0 ? ldexp(fraction, -24)
                                  : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -size : size;
}

static void test_float16(void) {
    size_t wrong = 0, count = 0;
    for (uint32_t half = 0; half < 65536; half++) {
        double value = float16_value((uint16_t)half);
        float converted = fa__float16_to_float32((uint16_t)half);
        int equal =
            isnan(value) ? isnan(converted) : converted == value && !signbit(converted) == !signbit(value);
        uint16_t back = fa__float32_to_float16(converted);
        wrong += !equal || (isnan(value) ? !isnan(float16_value(back)) : back != half);
    }
    check(wrong == 0, "every float16 to float32 and back", "fa__float16_to_float32", wrong);
    wrong = 0;
    for (uint64_t u = 0; u < UINT32_MAX; u += 65521 / 16, count++) { /* rounds to nearest, ties to even */
        uint32_t word = (uint32_t)u;
        float x;
        memcpy(&x, &word, sizeof x);
        if (isnan(x)) continue;
        uint16_t half = fa__float32_to_float16(x);
        int exponent = isinf(x) || x == 0 ? -14 : ilogbf(x) < -14 ? -14 : ilogbf(x);
        double unit = ldexp(1, exponent - 10), expected = isinf(x) ? x : rint(x / unit) * unit;
        if (fabs(expected) > 65504) expected = copysign(INFINITY, x);
        wrong += float16_value(half) != expected || (half >> 15) != (signbit(x) != 0);
    }
    check(wrong == 0 && count > 1000000, "float32 to float16", "fa__float32_to_float16", wrong);
}

/* spans, by whichever way the processor has: the bits of single numbers, NaN included */
static void test_float16_spans(void) {
    enum { COUNT = 65536 + 3 };
    static uint16_t numbers[COUNT], back[COUNT];
    static float floats[COUNT];
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT; i++) numbers[i] = (uint16_t)i;
    fa__float16_to_float32_n(floats, numbers, COUNT);
    fa__float32_to_float16_n(back, floats, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        float one = fa__float16_to_float32(numbers[i]);
        wrong += memcmp(&one, &floats[i], sizeof one) != 0 || back[i] != fa__float32_to_float16(one);
    }
    check(wrong == 0, "spans to float32", "fa__float16_to_float32_n", wrong);
    for (size_t round = wrong = 0; round < 64; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            uint32_t word = (uint32_t)(i * 65537 + round * 12345677);
            memcpy(&floats[i], &word, sizeof word);
        }
        fa__float32_to_float16_n(back, floats, COUNT);
        for (size_t i = 0; i < COUNT; i++) wrong += back[i] != fa__float32_to_float16(floats[i]);
    }
    check(wrong == 0, "spans to float16", "fa__float32_to_float16_n", wrong);
}

/* numbers next to the middle between two float16 numbers, to which a float32 would round them */
static void test_float64_to_float16(void) {
    size_t wrong = 0;
    for (uint32_t half = 0; half < 0x7bff; half++) {
        double low = float16_value((uint16_t)half), middle = (low + float16_value((uint16_t)(half + 1))) / 2;
        uint16_t even = (uint16_t)(half + (half & 1));
        wrong += fa__float64_to_float16(low) != half || fa__float64_to_float16(middle) != even;
        wrong += fa__float64_to_float16(nextafter(middle, 0)) != half;
        wrong += fa__float64_to_float16(nextafter(-middle, -INFINITY)) != (uint16_t)(0x8000 | (half + 1));
    }
    check(wrong == 0, "float64 to float16", "fa__float64_to_float16", wrong);
}

/* whole lines of one or two results, and nothing else, whatever is prefetched */
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

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s EMPTY_FOLDER\n", argv[0]);
        return 2;
    }
    test_cgroup(argv[1]);
    test_float16();
    test_float16_spans();
    test_float64_to_float16();
    test_stream();
    return report();
}
