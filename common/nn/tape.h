// A tape for reverse-mode differentiation. Forward ops write tensors into its arena and record one backward
// function each; rg_tape_backward runs these in reverse order. rg_tape_reset keeps the arena's pages, so a
// steady-state step allocates nothing.
//
// A training step:
//
//     x = rg_tape_input(tape, n, h, w, c, pixels);
//     y = rg_conv(tape, x, &layer);
//     loss = rg_tape_scalar(tape);
//     rg_loss_l1(tape, y, target, 10, loss);
//     rg_tape_backward(tape);
//     rg_optim_norm(..., squares = rg_tape_scalar(tape));
//     rg_tape_read_scalars(tape);
//     rg_optim_step(..., sqrt(*squares));
//     rg_tape_reset(tape);
//
// A loss is given its weight when it is recorded, so no op is needed for the sum of the losses.
//
// Errors are sticky: an op that fails (oneDNN refuses it) leaves zeros behind and rg_tape_error returns the
// error. Shapes that cannot match are programmer errors and assert, because configurations are validated when
// they are read.
#ifndef RG_NN_TAPE_H
#define RG_NN_TAPE_H

#include <stdatomic.h>

#include "common/core/clock.h"
#include "common/nn/backend.h"
#include "common/nn/tensor.h"

typedef struct rg_tape rg_tape_t;
typedef void rg_backward_fn(rg_tape_t *tape, void *ctx);

// backend is borrowed.
int rg_tape_new(rg_tape_t **tape, rg_backend_t *backend);
void rg_tape_destroy(rg_tape_t **tape);
void rg_tape_reset(rg_tape_t *tape); // all its tensors are gone

rg_backend_t *rg_tape_backend(const rg_tape_t *tape);

// While the tape is paused, ops record nothing and their outputs need no gradient. Calls nest.
void rg_tape_pause(rg_tape_t *tape);
void rg_tape_resume(rg_tape_t *tape);

// Runs every recorded backward function once, the last one first, and forgets them. Returns the tape's sticky
// error, or 0. Memory is reused on the way: afterwards tensors that recorded ops made have neither data nor
// gradient. Leaves keep theirs.
int rg_tape_backward(rg_tape_t *tape);
int rg_tape_error(const rg_tape_t *tape);

// From now on the flag (borrowed; NULL: none) can interrupt the work: once it is nonzero, rg_tape_backward
// ends before its next function, and rg_tape_interrupted fails the tape, both with RG_ESTOPPED.
void rg_tape_stop_at(rg_tape_t *tape, const atomic_int *stop);
int rg_tape_interrupted(rg_tape_t *tape); // the sticky error, after a look at the flag

// A tensor with uninitialised data.
rg_tensor_t *rg_tape_tensor(rg_tape_t *tape, int n, int h, int w, int c);
rg_tensor_t *rg_tape_tensor_half(rg_tape_t *tape, int n, int h, int w, int c);
// A tensor over the host's data, which outlives the step (borrowed, not written). It gets no gradient.
rg_tensor_t *rg_tape_input(rg_tape_t *tape, int n, int h, int w, int c, const float *data);
// The same over data of a tensor, of this tape or another one.
rg_tensor_t *rg_tape_view(rg_tape_t *tape, int n, int h, int w, int c, const float *data);

// Host and device (backend.h), for everything that is not a kernel. Where memory is not apart these cost
// nothing. What a kernel reads: returns where the device finds the host's data [size bytes], which is borrowed
// until backward. What a kernel wrote: x's data for the host to read, until the next op; zeros if the device
// fails, and the tape has the error. What the host wrote with rg_tape_push a kernel can read.
const void *rg_tape_upload(rg_tape_t *tape, const void *data, size_t size);
const float *rg_tape_read(rg_tape_t *tape, const rg_tensor_t *x);
void rg_tape_push(rg_tape_t *tape, const float *data, size_t n);

// A number that kernels compute for the host: a loss or a norm. It begins as 0 and lives until the tape's reset. The
// host may read it after the next rg_tape_read_scalars, which waits for the device once for all of them. A tape has at
// most RG_TAPE_SCALARS.
enum { RG_TAPE_SCALARS = 32 };
double *rg_tape_scalar(rg_tape_t *tape);
int rg_tape_read_scalars(rg_tape_t *tape);

// Promises that no later op reads x, so that later tensors may use its memory. If backward needs x and x was
// made by a norm, the norm computes it again; x of any other op that backward needs is kept.
void rg_tape_forget(rg_tape_t *tape, rg_tensor_t *x);

size_t rg_tape_peak_bytes(const rg_tape_t *tape);

// Times every op from now on (watch borrowed; NULL: stop timing). rg_tape_op also names other work in
// between.
void rg_tape_watch(rg_tape_t *tape, rg_stopwatch_t *watch);
void rg_tape_op(rg_tape_t *tape, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// ---- for ops; each op first names itself with rg_tape_op
void *rg_tape_alloc(rg_tape_t *tape, size_t size);
// 1 if an op whose inputs have this needs_grad must record itself: it is set and the tape is not paused.
int rg_tape_wants(const rg_tape_t *tape, int needs_grad);
// y: the op's output, which is free after this backward; NULL for a loss.
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
// For backward functions: x's data, computed again if it was forgotten.
const float *rg_tape_data(rg_tape_t *tape, rg_tensor_t *x);
// Where to put d/dx: allocates x->grad at the first call; *add says whether a gradient is already there. NULL
// if x needs no gradient.
float *rg_tape_grad(rg_tape_t *tape, rg_tensor_t *x, int *add);

#endif
