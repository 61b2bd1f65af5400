// Work that takes longer than the loop should be away, such as decoding a large JPEG: done one after another
// on a thread of its own, and finished on the loop's.
#ifndef RG_GATEWAY_CHORES_H
#define RG_GATEWAY_CHORES_H

typedef struct rg_chores rg_chores_t;

typedef struct {
    int (*run)(void *self);            // on the thread
    void (*done)(void *self, int err); // on the loop's, with what run returned and its rg_error()
    void *self;
} rg_chore_t;

// At most max wait at a time. RG_ELIMIT.
int rg_chores_new(rg_chores_t **chores, int max);

// Waits for the running one; it and all others are done with RG_ESTOPPED.
void rg_chores_destroy(rg_chores_t **chores);

// RG_EBUSY if too many wait already, RG_ESTOPPED at the end: done is not called then.
int rg_chores_add(rg_chores_t *chores, const rg_chore_t *chore);

// For rg_service_add_fd: readable when one has run; rg_chores_step (chores as self) then finishes it.
int rg_chores_fd(const rg_chores_t *chores);
void rg_chores_step(void *chores);

#endif
