// Threads that help with work of a millisecond. Whoever has the work begins it at once; helpers join while it
// lasts, and one that the system lets run too late is not waited for.
#ifndef RG_CORE_THREAD_POOL_H
#define RG_CORE_THREAD_POOL_H

typedef struct rg_thread_pool rg_thread_pool_t;

// threads: whoever calls included. RG_ELIMIT.
int rg_thread_pool_new(rg_thread_pool_t **pool, int threads);
void rg_thread_pool_destroy(rg_thread_pool_t **pool);

int rg_thread_pool_size(const rg_thread_pool_t *pool);

// Calls work(self, 0) on this thread and work(self, i) on each helper that comes, i in 1..size-1, and returns
// when these calls have; there is at least the first. The calls share the work among them and return when
// none is left. From one thread at a time.
void rg_thread_pool_run(rg_thread_pool_t *pool, void (*work)(void *self, int i), void *self);

#endif
