// The memory plan of a step. All tensors lie in one arena, a range of addresses that is reserved once. A
// piece of it goes back to the arena as soon as its last reader has run:
//
//   forward    x -> norm -> y        rg_tape_forget(x): backward computes x again from the norm's input
//   backward   node n .. node 1      after node i ran: the data and the gradient of its output are free
//
// A gradient is allocated when its first consumer writes it. So the peak of a step is little more than what
// the forward pass must keep, and every step of one shape takes the same pieces from the arena in the same
// order.
#include "common/nn/tape.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/arena.h"
#include "common/core/err.h"

// Reserved addresses cost nothing; only touched pages become memory.
#ifdef RG_SANITIZED
static const size_t ARENA_CAPACITY = (size_t)8 << 30;
#else
static const size_t ARENA_CAPACITY = (size_t)64 << 30;
#endif

typedef struct node {
    rg_tensor_t *y;
    int op; // its number on the stopwatch
    rg_backward_fn *backward;
    void *ctx;
    struct node *before;
} node_t;

struct rg_tape {
    rg_backend_t *backend;
    rg_arena_t arena;
    size_t covered; // bytes of the arena that the device has too
    node_t *last;
    rg_stopwatch_t *watch;
    int op;
    int paused;
    int error;
    double *scalars; // [RG_TAPE_SCALARS]; NULL: none so far
    int n_scalars;
    const atomic_int *stop; // or NULL
};

int rg_tape_new(rg_tape_t **out, rg_backend_t *backend)
{
    rg_tape_t *tape = rg_alloc(sizeof *tape);
    int err = rg_arena_init(&tape->arena, ARENA_CAPACITY);
    if (err) {
        free(tape);
        return err;
    }
    tape->backend = backend;
    *out = tape;
    return 0;
}

void rg_tape_destroy(rg_tape_t **out)
{
    rg_tape_t *tape = *out;
    if (!tape) return;
    rg_backend_release(tape->backend, tape->arena.base);
    rg_arena_fini(&tape->arena);
    free(tape);
    *out = NULL;
}

void rg_tape_reset(rg_tape_t *tape)
{
    rg_arena_reset(&tape->arena);
    tape->last = NULL;
    tape->error = 0;
    tape->scalars = NULL;
    tape->n_scalars = 0;
}

rg_backend_t *rg_tape_backend(const rg_tape_t *tape)
{
    return tape->backend;
}

void rg_tape_pause(rg_tape_t *tape)
{
    tape->paused++;
}

void rg_tape_resume(rg_tape_t *tape)
{
    tape->paused--;
}

static size_t data_bytes(const rg_tensor_t *x)
{
    return rg_tensor_size(x) * (x->half ? sizeof(uint16_t) : sizeof(float));
}

static size_t grad_bytes(const rg_tensor_t *x)
{
    return rg_tensor_size(x) * sizeof(float);
}

static void give_data(rg_tape_t *tape, rg_tensor_t *x)
{
    if (!x->owned || !x->data) return;
    rg_arena_give(&tape->arena, x->data, data_bytes(x));
    x->data = NULL;
}

void rg_tape_forget(rg_tape_t *tape, rg_tensor_t *x)
{
    if (!x->needs_grad || x->remake) give_data(tape, x);
}

const float *rg_tape_data(rg_tape_t *tape, rg_tensor_t *x)
{
    if (!x->data) {
        assert(x->remake);
        x->data = rg_tape_alloc(tape, data_bytes(x));
        x->remake(tape, x->remake_ctx);
    }
    return x->data;
}

int rg_tape_backward(rg_tape_t *tape)
{
    for (node_t *node = tape->last; node && rg_tape_interrupted(tape) != RG_ESTOPPED; node = node->before) {
        rg_tensor_t *y = node->y;
        if (tape->watch) rg_stopwatch_continue(tape->watch, node->op, RG_STOPWATCH_BACKWARD);
        node->backward(tape, node->ctx);
        if (!y) continue;
        if (y->grad) rg_arena_give(&tape->arena, y->grad, grad_bytes(y));
        y->grad = NULL;
        give_data(tape, y);
    }
    tape->last = NULL;
    return rg_tape_error(tape);
}

void rg_tape_stop_at(rg_tape_t *tape, const atomic_int *stop)
{
    tape->stop = stop;
}

int rg_tape_interrupted(rg_tape_t *tape)
{
    if (!tape->error && tape->stop && atomic_load(tape->stop))
        rg_tape_fail(tape, rg_fail(RG_ESTOPPED, "stopped within an iteration"));
    return tape->error;
}

int rg_tape_error(const rg_tape_t *tape)
{
    return tape->error ? tape->error : rg_backend_error(tape->backend);
}

rg_tensor_t *rg_tape_input(rg_tape_t *tape, int n, int h, int w, int c, const float *data)
{
    size_t size = (size_t)n * (size_t)h * (size_t)w * (size_t)c * sizeof *data;
    return rg_tape_view(tape, n, h, w, c, rg_tape_upload(tape, data, size));
}

rg_tensor_t *rg_tape_view(rg_tape_t *tape, int n, int h, int w, int c, const float *data)
{
    rg_tensor_t *x = rg_tape_alloc(tape, sizeof *x);
    *x = (rg_tensor_t){.n = n, .h = h, .w = w, .c = c, .data = (float *)data};
    return x;
}

// ---- host and device

// The arena's addresses have a copy on the device as far as they are used. The host's pages of a tensor are
// touched only if it is uploaded or read.
static void *alloc_covered(rg_tape_t *tape, size_t size)
{
    void *memory = rg_arena_alloc(&tape->arena, size);
    if (tape->arena.used > tape->covered && !rg_backend_error(tape->backend)) {
        int err = rg_backend_cover(tape->backend, tape->arena.base, tape->arena.used);
        if (err < 0) rg_tape_fail(tape, err);
        tape->covered = tape->arena.used;
    }
    return memory;
}

static int is_in_arena(const rg_tape_t *tape, const void *data)
{
    const char *base = tape->arena.base, *at = data;
    return at >= base && at < base + tape->arena.used;
}

const void *rg_tape_upload(rg_tape_t *tape, const void *data, size_t size)
{
    if (!tape->backend->apart) return data;
    if (!is_in_arena(tape, data)) data = memcpy(rg_tape_alloc(tape, size), data, size);
    rg_backend_push(tape->backend, data, size);
    return data;
}

const float *rg_tape_read(rg_tape_t *tape, const rg_tensor_t *x)
{
    size_t size = rg_tensor_size(x) * sizeof *x->data;
    int err = rg_backend_pull(tape->backend, x->data, size);
    if (err) {
        memset(x->data, 0, size);
        rg_tape_fail(tape, err);
    }
    return x->data;
}

void rg_tape_push(rg_tape_t *tape, const float *data, size_t n)
{
    rg_backend_push(tape->backend, data, n * sizeof *data);
}

double *rg_tape_scalar(rg_tape_t *tape)
{
    rg_backend_t *backend = tape->backend;
    const size_t size = RG_TAPE_SCALARS * sizeof *tape->scalars;
    assert(tape->n_scalars < RG_TAPE_SCALARS);
    if (!tape->scalars) {
        tape->scalars = rg_tape_alloc(tape, size);
        backend->fill(backend, (float *)tape->scalars, 0, size / sizeof(float));
    }
    return &tape->scalars[tape->n_scalars++];
}

int rg_tape_read_scalars(rg_tape_t *tape)
{
    return tape->scalars ? rg_backend_pull_doubles(tape->backend, tape->scalars, (size_t)tape->n_scalars) : 0;
}

static rg_tensor_t *own(rg_tape_t *tape, rg_tensor_t shape)
{
    rg_tensor_t *x = rg_tape_alloc(tape, sizeof *x);
    *x = shape;
    x->data = rg_tape_alloc(tape, data_bytes(x));
    x->owned = 1;
    return x;
}

rg_tensor_t *rg_tape_tensor(rg_tape_t *tape, int n, int h, int w, int c)
{
    return own(tape, (rg_tensor_t){.n = n, .h = h, .w = w, .c = c});
}

rg_tensor_t *rg_tape_tensor_half(rg_tape_t *tape, int n, int h, int w, int c)
{
    return own(tape, (rg_tensor_t){.n = n, .h = h, .w = w, .c = c, .half = 1});
}

size_t rg_tape_peak_bytes(const rg_tape_t *tape)
{
    return tape->arena.peak;
}

void rg_tape_watch(rg_tape_t *tape, rg_stopwatch_t *watch)
{
    tape->watch = watch;
}

void rg_tape_op(rg_tape_t *tape, const char *fmt, ...)
{
    char name[RG_STOPWATCH_NAME];
    va_list args;
    if (!tape->watch) return;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    tape->op = rg_stopwatch_begin(tape->watch, name);
}

void *rg_tape_alloc(rg_tape_t *tape, size_t size)
{
    return tape->backend->apart ? alloc_covered(tape, size) : rg_arena_alloc(&tape->arena, size);
}

int rg_tape_wants(const rg_tape_t *tape, int needs_grad)
{
    return needs_grad && !tape->paused;
}

void rg_tape_record(rg_tape_t *tape, rg_tensor_t *y, rg_backward_fn *backward, void *ctx)
{
    node_t *node = rg_tape_alloc(tape, sizeof *node);
    *node = (node_t){.y = y, .op = tape->op, .backward = backward, .ctx = ctx, .before = tape->last};
    tape->last = node;
}

rg_tensor_t *rg_tape_record_unary(rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t *y, rg_backward_fn *backward,
                                  const void *extra, int value)
{
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad))) {
        rg_unary_op_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (rg_unary_op_t){x, y, extra, value};
        rg_tape_record(tape, y, backward, op);
    }
    return y;
}

void rg_tape_fail(rg_tape_t *tape, int err)
{
    if (!tape->error) tape->error = err;
}

float *rg_tape_grad(rg_tape_t *tape, rg_tensor_t *x, int *add)
{
    if (!x->needs_grad) return NULL;
    *add = x->grad != NULL;
    if (!x->grad) x->grad = rg_tape_alloc(tape, grad_bytes(x));
    return x->grad;
}
