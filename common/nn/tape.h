// The tape: forward ops write tensors into its arena and record one backward function each; rg_tape_backward
// runs them in reverse. A steady-state step allocates nothing: rg_tape_reset keeps the arena's pages.
//
// A network under training:  x = rg_tape_input(...); y = rg_conv(tape, x, &layer); rg_loss_l1(tape, y, t,
// 10);
//                            rg_tape_backward(tape); (optim.h updates)  rg_tape_reset(tape);
// Losses carry their weight, so the seed of every gradient is known where the loss is recorded and the total
// needs no node of its own.
//
// Errors are sticky: an op that fails (oneDNN refuses) leaves zeros behind and rg_tape_error tells; shapes
// that cannot match are a programmer's error and assert, since configurations are validated when they are
// read.
#ifndef RG_NN_TAPE_H
#define RG_NN_TAPE_H

#include "common/core/stopwatch.h"
#include "common/nn/backend.h"
#include "common/nn/tensor.h"

typedef struct rg_tape rg_tape_t;
typedef void rg_backward_fn(rg_tape_t *tape, void *ctx);

// backend is borrowed.
int rg_tape_new(rg_tape_t **tape, rg_backend_t *backend);
void rg_tape_destroy(rg_tape_t **tape);
void rg_tape_reset(rg_tape_t *tape); // all its tensors are gone

rg_backend_t *rg_tape_backend(const rg_tape_t *tape);

// While paused ops record nothing and their outputs need no gradient. Nests.
void rg_tape_pause(rg_tape_t *tape);
void rg_tape_resume(rg_tape_t *tape);

// Runs every recorded backward once, last first, and forgets them. Memory goes on to what comes later: of the
// tensors made by recorded ops neither data nor gradient is there afterwards; leaves keep theirs. The tape's
// sticky error, or 0.
int rg_tape_backward(rg_tape_t *tape);
int rg_tape_error(const rg_tape_t *tape);

// A tensor with uninitialised data.
rg_tensor_t *rg_tape_tensor(rg_tape_t *tape, int n, int h, int w, int c);
rg_tensor_t *rg_tape_tensor_half(rg_tape_t *tape, int n, int h, int w, int c);
// A tensor over data that outlives the step (borrowed, not written); no gradient.
rg_tensor_t *rg_tape_input(rg_tape_t *tape, int n, int h, int w, int c, const float *data);

// No op will read x from here on: its memory is free for later tensors. Where backward needs x it is computed
// again, which only the norms do; of other ops' results that backward needs, nothing is forgotten.
void rg_tape_forget(rg_tape_t *tape, rg_tensor_t *x);

size_t rg_tape_peak_bytes(const rg_tape_t *tape);

// Times every op from now on (borrowed; NULL: no longer). rg_tape_op also names other work in between.
void rg_tape_watch(rg_tape_t *tape, rg_stopwatch_t *watch);
void rg_tape_op(rg_tape_t *tape, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// ---- for ops, which first say their name with rg_tape_op
void *rg_tape_alloc(rg_tape_t *tape, size_t size);
// 1 if an op with this input (and, where given, this trainable flag) must record.
int rg_tape_wants(const rg_tape_t *tape, int needs_grad);
// y: the op's output, whose last reader this backward is; NULL for a loss.
void rg_tape_record(rg_tape_t *tape, rg_tensor_t *y, rg_backward_fn *backward, void *ctx);
// For an op with one input: sets y->needs_grad and, where a gradient will flow, records backward with a
// rg_unary_op_t as its context. Returns y.
typedef struct {
    rg_tensor_t *x, *y;
    const void *extra; // what the op needs beyond its tensors; lives until the tape's reset
    int value;
} rg_unary_op_t;
rg_tensor_t *rg_tape_record_unary(rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t *y, rg_backward_fn *backward,
                                  const void *extra, int value);
void rg_tape_fail(rg_tape_t *tape, int err);
// x's data, computed again if it was forgotten: for backward functions.
const float *rg_tape_data(rg_tape_t *tape, rg_tensor_t *x);
// Where to put d/dx: finds room for x->grad at the first call, *add says whether something is already there.
// NULL if x needs no gradient.
float *rg_tape_grad(rg_tape_t *tape, rg_tensor_t *x, int *add);

#endif
