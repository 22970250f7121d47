/* The first call of a process. It allocates no memory, sets neither errno nor a floating-point flag, and does not undo
 * what another thread sets meanwhile.
 *
 * The allocator and getenv are replaced here: one counts, the other calls fa_set_isa while the library looks for its
 * instruction set. The argument says which check to make; the last line is "N passed, N failed".
 */
#include <errno.h>
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "fastact.h"

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static size_t allocations;

void *malloc(size_t bytes) {
    allocations++;
    return __libc_malloc(bytes);
}
void *calloc(size_t n, size_t bytes) {
    allocations++;
    return __libc_calloc(n, bytes);
}
void *realloc(void *memory, size_t bytes) {
    allocations++;
    return __libc_realloc(memory, bytes);
}

static const char *set_meanwhile;
extern char **environ;

char *getenv(const char *name) {
    size_t length = strlen(name);
    if (set_meanwhile && strcmp(name, "FASTACT_ISA") == 0) fa_set_isa(set_meanwhile);
    for (char **entry = environ; *entry; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return *entry + length + 1;
    return 0;
}

enum { MANY = 200000, SIDE = 64 };
static float x[MANY], y[MANY];
static double wide[MANY];
static char workspace[1 << 20];

static void short_call(void) {
    fa_gelu_f32(x, y, 100);
}

static void long_call(void) {
    fa_gelu_f32(x, y, MANY);
}

static void long_float64_call(void) {
    fa_tanh_backward_f64(wide, wide, wide, MANY);
}

static void dense_call(void) {
    const fa_dense layer = {.size = sizeof layer,
                            .rows = SIDE,
                            .n_in = SIDE,
                            .n_out = SIDE,
                            .activation = FA_gelu,
                            .saving = FA_SAVE_INPUT,
                            .x = {x, SIDE, 1, 0},
                            .w = {x, SIDE, 1, 0},
                            .y = {y, SIDE, 0},
                            .saved = {y + SIDE * SIDE, SIDE, 0}};
    fa_dense_forward_f32(&layer, workspace, sizeof workspace);
}

static void threads_call(void) {
    fa_num_threads();
}

static const struct {
    const char *name;
    void (*call)(void);
} calls[] = {{"short", short_call},
             {"long", long_call},
             {"float64", long_float64_call},
             {"dense", dense_call},
             {"threads", threads_call}};

static void test_traces(const char *name, void (*call)(void)) {
    feclearexcept(FE_ALL_EXCEPT);
    allocations = 0;
    errno = 77;
    call();
    size_t allocated = allocations;
    int number = errno, flags = fetestexcept(FE_ALL_EXCEPT);
    check(allocated == 0, "allocates nothing", name, allocated);
    check(number == 77, "errno", name, (size_t)number);
    check(flags == 0, "floating-point flags", name, (size_t)flags);
}

/* the least capable one, which is never the default where there are others */
static void test_isa_set_meanwhile(void) {
    static char least[64];
    snprintf(least, sizeof least, "%s", fa_isas());
    least[strcspn(least, ",")] = 0;
    set_meanwhile = least;
    check(strcmp(fa_isa(), least) == 0, "set during the first call", least, 0);
    check(strcmp(fa_isa(), least) == 0, "and kept", least, 0);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (strcmp(argv[1], calls[i].name) == 0) test_traces(calls[i].name, calls[i].call);
    if (strcmp(argv[1], "isa") == 0) test_isa_set_meanwhile();
    return report();
}
