// Threads that help with work of a millisecond. Whoever has the work begins it at once; helpers join while it
// lasts, and one that the system lets run too late is not waited for.
#ifndef RG_CORE_CREW_H
#define RG_CORE_CREW_H

typedef struct rg_crew rg_crew_t;

// threads: whoever calls included. RG_ELIMIT.
int rg_crew_new(rg_crew_t **crew, int threads);
void rg_crew_destroy(rg_crew_t **crew);

int rg_crew_size(const rg_crew_t *crew);

// Calls work(self, 0) on this thread and work(self, i) on each helper that comes, i in 1..size-1, and returns
// when these calls have; there is at least the first. The calls share the work among them and return when
// none is left. From one thread at a time.
void rg_crew_work(rg_crew_t *crew, void (*work)(void *self, int i), void *self);

#endif
