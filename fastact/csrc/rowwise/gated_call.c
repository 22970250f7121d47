/* Gated pairs tile by tile: f and f' of a tile by the kernels of its entry, then the products. Tiles are divided among
 * threads. Short rows share a tile, through buffers. */
#include "rowwise/gated_call.h"

#include <math.h>
#include <string.h>

#include "elementwise/plan.h"
#include "elementwise/span.h"
#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"

#define TILE FA__GATED_TILE
#define GRAIN 16384 /* the fewest elements that are worth a thread: some 20 microseconds */

/* The kernels of every instruction set of the build ------------------------------------------------- */

#define DECLARE(isa) \
    extern const fa__gated_kernels fa__gated_kernels_##isa##_float, fa__gated_kernels_##isa##_double;
FA__EACH_ISA(DECLARE)
#define KERNELS(isa) {&fa__gated_kernels_##isa##_float, &fa__gated_kernels_##isa##_double},
static const fa__gated_kernels *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};

/* A tile ------------------------------------------------------------------------------------------- */

typedef struct {
    fa__gated_call call; /* rows of all arrays made one where they follow each other */
    const fa__gated_kernels *kernels;
    fa__gated_kernel *kernel;
    fa__plan plan; /* of f in double, where its gate is given */
    double alpha;
    int is_given;
    size_t size;     /* of an element */
    size_t together; /* rows that share a tile; 0: a row has several */
} gated_run;

/* f at a, which may be the same memory, and f' unless d is null */
static void apply(const gated_run *r, const double *a, double *f, double *d, size_t n) {
    char *operand[FA__MAX_OPERANDS];
    int i = 0;
    operand[i++] = (char *)a;
    for (int k = 0; k < r->plan.params; k++) operand[i++] = (char *)&r->call.parameters[k];
    operand[i++] = (char *)f;
    if (d) operand[i] = (char *)d;
    fa__run_span(&r->plan, operand, n, 0);
}

/* n elements, at most TILE, of contiguous arrays */
static void run_tile(const gated_run *r, size_t n, const char *grad_y, const char *a, const char *b,
                     char *out_a, char *out_b) {
    _Alignas(FA__LINE) double f[TILE], d[TILE];
    if (r->is_given) {
        r->kernels->widened(a, f, n, r->call.limit);
        apply(r, f, f, grad_y ? d : 0, n);
    }
    r->kernel(
        &(fa__gated_tile){n, grad_y, a, b, f, d, out_a, out_b, r->call.limit, r->call.offset, r->alpha});
}

/* Rows --------------------------------------------------------------------------------------------- */

/* the element `column` of a row of an array that may be null */
static char *at(const void *array, size_t row, ptrdiff_t step, size_t column) {
    return array ? (char *)array + (ptrdiff_t)row * step + column : 0;
}

static void gather(char *to, const char *from, ptrdiff_t step, size_t rows, size_t bytes) {
    for (size_t i = 0; from && i < rows; i++) memcpy(to + i * bytes, from + (ptrdiff_t)i * step, bytes);
}

static void scatter(char *to, const char *from, ptrdiff_t step, size_t rows, size_t bytes) {
    for (size_t i = 0; to && i < rows; i++) memcpy(to + (ptrdiff_t)i * step, from + i * bytes, bytes);
}

/* a tile of several rows; results take the place of the inputs */
static void run_short_rows(const gated_run *r, size_t first, size_t rows) {
    _Alignas(FA__LINE) double grad_y[TILE], a[TILE], b[TILE];
    const fa__gated_call *c = &r->call;
    const size_t bytes = c->n * r->size;
    gather((char *)grad_y, at(c->grad_y, first, c->step_grad_y, 0), c->step_grad_y, rows, bytes);
    gather((char *)a, at(c->a, first, c->step_a, 0), c->step_a, rows, bytes);
    gather((char *)b, at(c->b, first, c->step_b, 0), c->step_b, rows, bytes);
    run_tile(r, rows * c->n, c->grad_y ? (char *)grad_y : 0, (char *)a, (char *)b, (char *)a,
             c->out_b ? (char *)b : 0);
    scatter(at(c->out_a, first, c->step_out_a, 0), (char *)a, c->step_out_a, rows, bytes);
    scatter(at(c->out_b, first, c->step_out_b, 0), (char *)b, c->step_out_b, rows, bytes);
}

static size_t tiles_of_row(size_t n) {
    return (n + TILE - 1) / TILE;
}

static void run_tiles(const void *context, size_t begin, size_t end) {
    const gated_run *r = context;
    const fa__gated_call *c = &r->call;
    fa__fenv caller = fa__enter_fenv();
    for (size_t unit = begin; unit < end; unit++) {
        if (r->together) {
            const size_t first = unit * r->together, left = c->rows - first;
            run_short_rows(r, first, left < r->together ? left : r->together);
            continue;
        }
        const size_t row = unit / tiles_of_row(c->n), from = unit % tiles_of_row(c->n) * TILE;
        const size_t left = c->n - from, byte = from * r->size;
        run_tile(r, left < TILE ? left : TILE, at(c->grad_y, row, c->step_grad_y, byte),
                 at(c->a, row, c->step_a, byte), at(c->b, row, c->step_b, byte),
                 at(c->out_a, row, c->step_out_a, byte), at(c->out_b, row, c->step_out_b, byte));
    }
    fa__leave_fenv(caller);
}

/* Calls -------------------------------------------------------------------------------------------- */

/* Rows that follow each other in every array are one row */
static void merge_rows(fa__gated_call *c, size_t size) {
    const ptrdiff_t row = (ptrdiff_t)(c->n * size);
    if ((c->grad_y && c->step_grad_y != row) || c->step_a != row || c->step_b != row ||
        c->step_out_a != row || (c->out_b && c->step_out_b != row))
        return;
    c->n *= c->rows;
    c->rows = 1;
}

/* Parameters as numbers of the arrays' dtype */
static void round_parameters(fa__gated_call *c) {
    for (int k = 0; k < FA__MAX_PARAMS && c->dtype == FA__F32; k++)
        c->parameters[k] = (double)(float)c->parameters[k];
}

static void start_plan(fa__plan *plan, int entry, int backward) {
    const fa__direction direction = backward ? FA__VALUE_AND_DERIVATIVE : FA__FORWARD;
    fa__start_plan(plan, entry, direction, FA__F64);
    for (int i = 0; i < plan->operands; i++) plan->uniform[i] = (char)fa__is_param(plan, i);
    plan->loop = fa__loop_for(plan, entry, direction, 0);
}

/* Which kernels compute f, and the alpha of x sigmoid(alpha x) */
static fa__gate gate_of(const fa__gated_call *c, double *alpha) {
    *alpha = c->entry == FA__ENTRY_quick_gelu ? 1.702 : c->entry == FA__ENTRY_swish ? c->parameters[0] : 1;
    if (c->entry == FA__ENTRY_identity) return FA__GATE_IDENTITY;
    if (c->entry == FA__ENTRY_relu) return FA__GATE_RELU;
    if (c->dtype != FA__F32) return FA__GATE_GIVEN;
    if (c->entry == FA__ENTRY_sigmoid) return FA__GATE_SIGMOID;
    const int is_silu =
        c->entry == FA__ENTRY_silu || c->entry == FA__ENTRY_quick_gelu || c->entry == FA__ENTRY_swish;
    return is_silu && *alpha > 0 && *alpha < INFINITY ? FA__GATE_SILU : FA__GATE_GIVEN;
}

static void choose_kernels(gated_run *r) {
    const fa__gated_call *c = &r->call;
    const fa__gate gate = gate_of(c, &r->alpha);
    r->kernels = kernels[fa__active_isa()][c->dtype];
    r->kernel = r->kernels->of[gate][c->limit < INFINITY || c->offset != 0][c->grad_y != 0];
    r->is_given = gate == FA__GATE_GIVEN;
    if (r->is_given) start_plan(&r->plan, c->entry, c->grad_y != 0);
}

void fa__run_gated(const fa__gated_call *call) {
    gated_run r;
    r.call = *call;
    r.size = call->dtype == FA__F64 ? sizeof(double) : sizeof(float);
    if (r.call.rows == 0 || r.call.n == 0) return;
    round_parameters(&r.call);
    choose_kernels(&r);
    merge_rows(&r.call, r.size);
    r.together = r.call.rows > 1 && r.call.n <= TILE / 2 ? TILE / r.call.n : 0;
    const size_t units =
        r.together ? (r.call.rows + r.together - 1) / r.together : r.call.rows * tiles_of_row(r.call.n);
    fa__parallel_for(run_tiles, &r, units, GRAIN / TILE, 1);
}
