/* Steps of optimisers: from their numbers to those of a rule, and elements divided among threads. */
#include "training/optimizer.h"

#include <math.h>

#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"
#include "training/update_kernels.h"

#define DECLARE(isa) \
    extern const fa__update_kernels fa__update_kernels_##isa##_float, fa__update_kernels_##isa##_double;
FA__EACH_ISA(DECLARE)
#define KERNELS(isa) {&fa__update_kernels_##isa##_float, &fa__update_kernels_##isa##_double},
static const fa__update_kernels *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};

/* the fewest elements that are worth a thread: some 20 microseconds */
#define GRAIN 32768
#define CACHE_LINE 64
#define WORTH_ALIGNING 256 /* elements */
#define QUANTUM 64         /* elements: threads do not share cache lines of aligned arrays */

static size_t size_of(fa__dtype dtype) {
    return dtype == FA__F64 ? sizeof(double) : sizeof(float);
}

/* `bytes` into an array that may be null */
static void *at(const void *array, size_t bytes) {
    return array ? (void *)((uintptr_t)array + bytes) : 0;
}

/* Numbers ------------------------------------------------------------------------------------------ */

static int is_at_least_0(double x) {
    return x >= 0 && x < INFINITY;
}

static int is_share(double x) {
    return x >= 0 && x < 1;
}

int fa__is_valid_step(const fa_step *s) {
    return s->step >= 1 && is_at_least_0(s->lr) && is_at_least_0(s->weight_decay) && is_at_least_0(s->eps) &&
           is_at_least_0(s->momentum) && isfinite(s->dampening) && is_share(s->beta1) && is_share(s->beta2) &&
           is_share(s->alpha) && is_at_least_0(s->lr_decay) && is_at_least_0(s->clip_value) &&
           s->gradient_factor == s->gradient_factor;
}

/* what every optimiser has; weight decay is a part of the gradient */
static fa__rule_numbers common_numbers(const fa_step *s) {
    return (fa__rule_numbers){
        .factor = s->gradient_factor != 0 ? s->gradient_factor : 1,
        .limit = s->clip_value > 0 ? s->clip_value : INFINITY,
        .decay = s->weight_decay,
        .keep = 1,
        .rate = s->lr,
        .eps = s->eps,
        .momentum = s->momentum,
    };
}

static void decouple_decay(fa__rule_numbers *r, const fa_step *s) {
    r->decay = 0;
    r->keep = 1 - s->lr * s->weight_decay;
}

static fa__rule sgd(const fa_step *s, fa__rule_numbers *r) {
    r->old1 = s->momentum;
    r->new1 = s->step == 1 ? 1 : 1 - s->dampening; /* velocity is 0 before, and g after the first step */
    return s->momentum == 0 ? FA__PLAIN_RULE : s->nesterov ? FA__NESTEROV_RULE : FA__MOMENTUM_RULE;
}

/* rate m/(root_scale sqrt(v) + eps): means of t gradients are divided by 1 - beta^t. With eps_hat the same is done to the
 * rate, not to v, before eps is added. */
static fa__rule adam(const fa_step *s, fa__rule_numbers *r) {
    const double t = (double)s->step, of_mean = 1 - pow(s->beta1, t), root = sqrt(1 - pow(s->beta2, t));
    r->old1 = s->beta1, r->new1 = 1 - s->beta1;
    r->old2 = s->beta2, r->new2 = 1 - s->beta2;
    r->rate = s->eps_hat ? s->lr * root / of_mean : s->lr / of_mean;
    r->root_scale = s->eps_hat ? 1 : 1 / root;
    if (s->decoupled) decouple_decay(r, s);
    return FA__ADAM_RULE;
}

static fa__rule amsgrad(const fa_step *s, fa__rule_numbers *r) {
    adam(s, r);
    return FA__AMSGRAD_RULE;
}

static fa__rule rmsprop(const fa_step *s, fa__rule_numbers *r) {
    r->old2 = s->alpha, r->new2 = 1 - s->alpha;
    if (s->momentum == 0) return s->centered ? FA__CENTERED_RULE : FA__RMSPROP_RULE;
    return s->centered ? FA__CENTERED_MOMENTUM_RULE : FA__RMSPROP_MOMENTUM_RULE;
}

static fa__rule adagrad(const fa_step *s, fa__rule_numbers *r) {
    r->rate = s->lr / (1 + (double)(s->step - 1) * s->lr_decay);
    return FA__ADAGRAD_RULE;
}

static fa__rule lion(const fa_step *s, fa__rule_numbers *r) {
    r->old1 = s->beta1, r->new1 = 1 - s->beta1;
    r->old2 = s->beta2, r->new2 = 1 - s->beta2;
    decouple_decay(r, s);
    return FA__LION_RULE;
}

static fa__rule (*const rules[FA__OPTIMIZERS])(const fa_step *, fa__rule_numbers *) = {
    sgd, adam, rmsprop, adagrad, lion, amsgrad};

/* Updates ------------------------------------------------------------------------------------------ */

typedef struct {
    const fa__update *update;
    const fa__update_kernels *kernels;
    size_t size;
} update_run;

static void run_kernel(const update_run *r, fa__rule rule, const fa__rule_numbers *numbers, size_t begin,
                       size_t end) {
    const fa__update *u = r->update;
    const size_t bytes = begin * r->size;
    const fa__rule_arrays part = {
        .n = end - begin,
        .parameters = at(u->parameters, bytes),
        .gradients = at(u->gradients, bytes),
        .states = {at(u->states[0], bytes), at(u->states[1], bytes), at(u->states[2], bytes)},
        .numbers = numbers,
    };
    r->kernels->of[rule](&part);
}

/* Elements of one copy. Those before a cache line's end come first: vectors of others do not cross lines, where arrays are
 * equally far from one. */
static void run_part(const update_run *r, size_t copy, size_t begin, size_t end) {
    const fa__update *u = r->update;
    fa__rule_numbers numbers = common_numbers(&u->steps[copy]);
    const fa__rule rule = rules[u->optimizer](&u->steps[copy], &numbers);
    const size_t beyond = ((uintptr_t)u->parameters + begin * r->size) % CACHE_LINE;
    if (beyond != 0 && end - begin >= WORTH_ALIGNING) {
        const size_t first = begin + (CACHE_LINE - beyond) / r->size;
        run_kernel(r, rule, &numbers, begin, first);
        begin = first;
    }
    run_kernel(r, rule, &numbers, begin, end);
}

static void run_range(const void *context, size_t begin, size_t end) {
    const update_run *r = context;
    const size_t n = r->update->n;
    fa__fenv caller = fa__enter_fenv();
    while (begin < end) {
        const size_t copy = begin / n, left = (copy + 1) * n - begin, length = end - begin;
        const size_t next = begin + (left < length ? left : length);
        run_part(r, copy, begin, next);
        begin = next;
    }
    fa__leave_fenv(caller);
}

void fa__run_update(const fa__update *update) {
    const update_run r = {update, kernels[fa__active_isa()][update->dtype], size_of(update->dtype)};
    fa__parallel_for(run_range, &r, update->copies * update->n, GRAIN, QUANTUM);
}

/* Sums of squares ---------------------------------------------------------------------------------- */

/* of a fixed number of parts, whatever the number of threads, and then of these */
#define PARTS 64

typedef struct {
    const void *x;
    size_t n, size, length;
    fa__squares_kernel *kernel;
    double *sums;
} squares_run;

static void run_sums(const void *context, size_t begin, size_t end) {
    const squares_run *r = context;
    fa__fenv caller = fa__enter_fenv();
    for (size_t k = begin; k < end; k++) {
        const size_t first = k * r->length, left = first < r->n ? r->n - first : 0;
        r->sums[k] = r->kernel(at(r->x, first * r->size), left < r->length ? left : r->length);
    }
    fa__leave_fenv(caller);
}

double fa__sum_of_squares(fa__dtype dtype, const void *x, size_t n) {
    double sums[PARTS], total = 0;
    const squares_run r = {
        .x = x,
        .n = n,
        .size = size_of(dtype),
        .length = n / PARTS + 1,
        .kernel = kernels[fa__active_isa()][dtype]->sum_of_squares,
        .sums = sums,
    };
    fa__parallel_for(run_sums, &r, PARTS, GRAIN / r.length + 1, 1);
    fa__fenv caller = fa__enter_fenv();
    for (int k = 0; k < PARTS; k++) total += sums[k];
    fa__leave_fenv(caller);
    return total;
}
