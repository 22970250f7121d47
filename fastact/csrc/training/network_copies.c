#include "training/network_copies.h"

#include <string.h>

#include "platform/parallel.h"

/* One thread's arrays, those of copy `at` */
typedef struct {
    const fa__copies *all;
    fa_dense *layers;
    fa_network_norm *norms;
    fa_network_step step;
    fa__passes passes;
    size_t at;
} place;

/* null stays null */
static void *moved(const void *p, size_t bytes) {
    return p ? (char *)p + bytes : 0;
}

/* Layers and norms for each thread, before the first one changes those that the caller gave */
static void copy_layers(const fa__copies *c, size_t threads) {
    const fa_network_step *s = c->first.step;
    for (size_t thread = 1; thread < threads; thread++) {
        const size_t shift = thread * c->memory;
        memcpy(moved(s->layers, shift), s->layers, s->count * sizeof *s->layers);
        if (s->norms) memcpy(moved(s->norms, shift), s->norms, s->count * sizeof *s->norms);
    }
}

static void begin_thread(place *t, const fa__copies *c, size_t thread) {
    const size_t shift = thread * c->memory, count = c->first.step->count;
    *t = (place){.all = c, .step = *c->first.step, .passes = c->first};
    t->layers = moved(t->step.layers, shift), t->norms = moved(t->step.norms, shift);
    t->passes.step = &t->step, t->passes.workspace = moved(c->first.workspace, shift);
    t->step.layers = t->layers, t->step.norms = t->norms;
    for (size_t i = 0; i < count; i++) {
        fa_dense *l = &t->layers[i];
        if (i > 0) l->x.data = moved(l->x.data, shift);
        l->y.data = moved(l->y.data, shift), l->saved.data = moved(l->saved.data, shift);
        l->dx.data = moved(l->dx.data, shift), l->grad_y.data = moved(l->grad_y.data, shift);
        if (!t->norms) continue;
        fa_network_norm *n = &t->norms[i];
        n->between = moved(n->between, shift), n->y = moved(n->y, shift);
        n->statistics = moved(n->statistics, shift);
    }
}

static void move_norm(fa_network_norm *n, size_t parameters, size_t statistics) {
    n->weight = moved(n->weight, parameters), n->bias = moved(n->bias, parameters);
    n->grad_weight = moved(n->grad_weight, parameters), n->grad_bias = moved(n->grad_bias, parameters);
    n->running_mean = moved(n->running_mean, statistics);
    n->running_variance = moved(n->running_variance, statistics);
}

static void move_to(place *t, size_t copy) {
    const fa__copies *c = t->all;
    const size_t by = copy - t->at, parameters = by * c->parameters;
    const size_t size = c->first.dtype == FA__F64 ? sizeof(double) : sizeof(float);
    for (size_t i = 0; i < t->step.count; i++) {
        fa_dense *l = &t->layers[i];
        l->w.data = moved(l->w.data, parameters), l->b.data = moved(l->b.data, parameters);
        l->dw.data = moved(l->dw.data, parameters), l->db.data = moved(l->db.data, parameters);
        if (t->norms) move_norm(&t->norms[i], parameters, by * l->n_out * size);
    }
    t->layers[0].x.data = moved(t->layers[0].x.data, by * c->x);
    t->step.labels = moved(t->step.labels, by * c->target);
    t->step.probabilities = moved(t->step.probabilities, by * c->target);
    t->step.target = moved(t->step.target, by * c->target);
    t->step.weights = moved(t->step.weights, by * c->weights);
    t->step.losses = moved(t->step.losses, by * c->losses);
    t->step.dropout = c->dropout ? c->dropout + copy * t->step.count : 0;
    if (c->dropout) t->step.seed = c->seeds[copy], t->step.number = c->numbers[copy];
    t->at = copy;
}

typedef struct {
    const fa__copies *all;
    size_t threads;
} share;

static void run_threads(const void *context, size_t begin, size_t end) {
    const share *s = context;
    for (size_t thread = begin; thread < end; thread++) {
        place t;
        begin_thread(&t, s->all, thread);
        const size_t first = s->all->copies * thread / s->threads;
        const size_t last = s->all->copies * (thread + 1) / s->threads;
        for (size_t copy = first; copy < last; copy++) {
            move_to(&t, copy);
            fa__differentiate(&t.passes);
        }
    }
}

/* of the products of one copy, and of as much beside them as some 100 products take */
static size_t work_of(const fa_network_step *s) {
    size_t work = 0;
    for (size_t i = 0; i < s->count; i++) {
        const fa_dense *l = fa__layer_at(s->layers, i);
        work += (l->rows + 8) * (l->n_in + 32) * (l->n_out + 1) * 3;
    }
    return work;
}

void fa__run_copies(const fa__copies *c) {
    const size_t useful = work_of(c->first.step) * c->copies / FA__GEMM_GRAIN;
    size_t threads = (size_t)fa__threads_to_share();
    if (threads > c->threads) threads = c->threads;
    if (threads > c->copies) threads = c->copies;
    if (threads > useful) threads = useful > 0 ? useful : 1;
    copy_layers(c, threads);
    fa__parallel_for(run_threads, &(share){c, threads}, threads, 1, 1);
}
