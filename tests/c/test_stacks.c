/* Threads with stacks of 40 KB, of which the C library takes a part, may make any call: every activation in every direction,
 * type and layout, dense layers, rows, losses and health, on a thread whose stack is painted before, so that what was touched
 * shows afterwards.
 *
 * It uses the instruction set that FASTACT_ISA names, or the best one; run it with LD_BIND_NOW=1, since looking functions up
 * takes stack of the dynamic linker. The last line is "N passed, N failed".
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "elementwise/call.h"
#include "fastact.h"

enum { STACK = 256 << 10, PROMISE = 30 << 10, PAINT = 0xa7 };
enum { SHORT = 37, LONG = 2500, TIMED = 20000, STREAMED = 1 << 21, ROWS = 70, COLUMNS = 90 };

static char *stack;

static void *nothing(void *unused) {
    return unused;
}

/* Bytes of stack that a thread with this function touches */
static size_t stack_of(void *(*function)(void *), void *argument) {
    pthread_attr_t attributes;
    pthread_t thread;
    memset(stack, PAINT, STACK);
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, STACK) != 0 ||
        pthread_create(&thread, &attributes, function, argument) != 0)
        return STACK;
    pthread_join(thread, 0);
    pthread_attr_destroy(&attributes);
    size_t untouched = 0;
    while (untouched < STACK && (unsigned char)stack[untouched] == PAINT) untouched++;
    return STACK - untouched;
}

static void check_stack(void *(*function)(void *), void *argument, const char *what, const char *where) {
    size_t used = stack_of(function, argument) - stack_of(nothing, 0);
    check(used <= PROMISE, what, where, used);
}

/* Activations ------------------------------------------------------------------------------------- */

static char *memory[FA__MAX_OPERANDS];

typedef struct {
    int entry;
    fa__direction direction;
    fa__dtype dtype;
} activation_case;

static size_t size_of(fa__dtype dtype) {
    return dtype == FA__F16 ? 2 : dtype == FA__F32 ? sizeof(float) : sizeof(double);
}

/* rows x columns, with strides in elements; parameters one for each element, or the same for all */
static void run_layout(const activation_case *c, size_t rows, size_t columns, ptrdiff_t row, ptrdiff_t column,
                       int per_element, fa__source source) {
    int inputs = fa__arities[c->direction].inputs, params = fa__entries[c->entry].n_params;
    static fa__call call; /* not on the stack that is measured */
    call = (fa__call){.entry = c->entry, .direction = c->direction, .dtype = c->dtype, .ndim = 2};
    call.shape[0] = rows;
    call.shape[1] = columns;
    for (int i = 0; i < inputs + params + fa__arities[c->direction].results; i++) {
        int fixed = i >= inputs && i < inputs + params && !per_element;
        ptrdiff_t size = i < inputs + params ? (ptrdiff_t)sizeof(double) : (ptrdiff_t)size_of(c->dtype);
        call.stride[i][0] = fixed ? 0 : row * size;
        call.stride[i][1] = fixed ? 0 : column * size;
        call.base[i] = memory[i] + (row < 0 || column < 0 ? (rows * columns - 1) * (size_t)size : 0);
        call.source[i] = source;
    }
    fa__execute(&call);
}

static void *run_activation(void *argument) {
    const activation_case *c = argument;
    const fa__source sources[] = {(fa__source)c->dtype, FA__SWAPPED_F64};
    for (int per_element = 0; per_element < 2; per_element++)
        for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
            run_layout(c, 1, SHORT, 0, 1, per_element, sources[i]);
            run_layout(c, 1, LONG, 0, -1, per_element, sources[i]);
            run_layout(c, 1, LONG, 0, 1, per_element, sources[i]);
            run_layout(c, 40, 50, 1, 40, per_element, sources[i]);
            run_layout(c, 300, 7, 10, 1, per_element, sources[i]);
        }
    return 0;
}

static int exists(int entry, int direction) {
    const fa__entry *e = &fa__entries[entry];
    if (direction < FA__BY_PARAMETER) return direction != FA__BACKWARD_FROM_OUTPUT || e->from_output;
    int parameter = direction - FA__BY_PARAMETER;
    return parameter < e->n_params && *e->param_derivatives[parameter];
}

static void test_activations(void) {
    const fa__dtype dtypes[] = {FA__F16, FA__F32, FA__F64};
    for (int entry = 0; entry < FA__ENTRIES; entry++)
        for (int direction = 0; direction < FA__DIRECTIONS; direction++) {
            if (!exists(entry, direction)) continue;
            for (int i = entry % 8 != 0; i < 3; i++) { /* float16 is computed by the kernels of float32 */
                activation_case c = {entry, (fa__direction)direction, dtypes[i]};
                check_stack(run_activation, &c, "activation", fa__entries[entry].name);
            }
        }
}

/* results that threads share, and results too large for the caches */
static void *run_streamed(void *direction) {
    activation_case c = {FA__ENTRY_snake, *(fa__direction *)direction, FA__F64};
    run_layout(&c, 1, TIMED, 0, 2, 1, (fa__source)FA__F64);
    run_layout(&c, 1, STREAMED, 0, 1, 0, (fa__source)FA__F64);
    return 0;
}

static void test_streamed(void) {
    for (int direction = 0; direction < FA__BACKWARD_FROM_OUTPUT; direction++)
        check_stack(run_streamed, &direction, "streamed results", "snake");
}

/* Dense layers ------------------------------------------------------------------------------------ */

static char workspace[1 << 22];
static fa_dense layers[2];

static void set_layers(int entry, fa_saving saving, size_t stack_ndim) {
    static const size_t shape[] = {9};
    static const ptrdiff_t step[] = {ROWS * COLUMNS};
    const ptrdiff_t n = COLUMNS;
    for (int i = 0; i < 2; i++)
        layers[i] = (fa_dense){.size = sizeof(fa_dense),
                               .rows = ROWS,
                               .n_in = COLUMNS,
                               .n_out = COLUMNS,
                               .stack_ndim = stack_ndim,
                               .stack_shape = shape,
                               .activation = fa__entries[entry].id,
                               .saving = saving,
                               .x = {memory[0], n, 1, step},
                               .w = {memory[1], n, 1, 0},
                               .b = {memory[1], 0, 1, 0},
                               .grad_y = {memory[2], n, 1, step},
                               .y = {memory[3], n, step},
                               .saved = {memory[4], n, step},
                               .dx = {memory[5], n, step},
                               .dw = {memory[6], n, 0},
                               .db = {memory[7], 0, 0}};
}

static void *run_network(void *answer) {
    *(int *)answer = fa_network_forward_f32(layers, 2, workspace, sizeof workspace) |
                     fa_network_forward_f64(layers, 2, workspace, sizeof workspace) |
                     fa_network_backward_f32(layers, 2, workspace, sizeof workspace) |
                     fa_network_backward_f64(layers, 2, workspace, sizeof workspace);
    return 0;
}

static void test_dense(void) {
    for (int entry = 0; entry < FA__ENTRIES; entry++)
        for (size_t stack_ndim = 0; stack_ndim < 2; stack_ndim++) {
            int answer = 1;
            set_layers(entry, FA_SAVE_INPUT, stack_ndim);
            check_stack(run_network, &answer, "dense", fa__entries[entry].name);
            check(answer == FA_OK, "dense runs", fa__entries[entry].name, stack_ndim);
            if (!fa__entries[entry].mask[0]) continue;
            set_layers(entry, FA_SAVE_BIT_MASK, stack_ndim);
            check_stack(run_network, &answer, "bit mask", fa__entries[entry].name);
            check(answer == FA_OK, "bit mask runs", fa__entries[entry].name, stack_ndim);
        }
}

/* Rows and losses --------------------------------------------------------------------------------- */

static void *run_rows(void *answer) {
    double total;
    void *const *m = (void *const *)memory;
    static int64_t labels[ROWS];
    *(int *)answer = fa_softmax_f32(m[0], m[1], ROWS, COLUMNS, 1) |
                     fa_log_softmax_backward_f64(m[0], m[1], m[2], ROWS, COLUMNS, 1) |
                     fa_softmax_cross_entropy_f64(m[0], labels, 0, 0, m[3], m[1], ROWS, COLUMNS) |
                     fa_nll_f32(m[0], labels, 0, m[3], m[1], ROWS, COLUMNS) |
                     fa_sigmoid_binary_cross_entropy_f32(m[0], m[1], m[2], m[3], &total, m[4], 1, LONG, 1) |
                     fa_kl_divergence_f64(m[0], m[1], m[2], m[3], &total, m[4], 1, STREAMED / 2);
    return 0;
}

static void test_rows(void) {
    int answer = 1;
    check_stack(run_rows, &answer, "rows", "losses");
    check(answer == FA_OK, "rows run", "losses", 0);
}

/* Health ------------------------------------------------------------------------------------------- */

static void *run_health(void *argument) {
    static double low[COLUMNS], high[COLUMNS], sums[2 * FA_HEALTH_SUMS * COLUMNS], extremes[2 * COLUMNS];
    static int64_t counts[FA_HEALTH_COUNTS * COLUMNS];
    static fa_health call;
    int *entry = argument;
    call = (fa_health){
        .size = sizeof call, .rows = ROWS, .units = COLUMNS, .activation = fa__entries[*entry].id};
    call.z = call.grad_y = (fa_input){memory[0], COLUMNS, 1, 0};
    call.low = low;
    call.high = high;
    call.counts = counts;
    call.sums = sums;
    call.extremes = extremes;
    *entry = fa_health_f32(&call) | fa_health_f64(&call);
    return 0;
}

static void test_health(void) {
    for (int entry = 0; entry < FA__ENTRIES; entry++) {
        int argument = entry;
        check_stack(run_health, &argument, "health", fa__entries[entry].name);
        check(argument == FA_OK, "health runs", fa__entries[entry].name, 0);
    }
}

int main(void) {
    if (posix_memalign((void **)(void *)&stack, 4096, STACK) != 0) return 2;
    for (int i = 0; i < FA__MAX_OPERANDS; i++) memory[i] = calloc(STREAMED, sizeof(double));
    test_activations();
    test_streamed();
    test_dense();
    test_rows();
    test_health();
    return report();
}
