#include "tests/bench/adder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"

// AT_ONCE: vectors in a request, as an encoder sends them. LOWEST: the adder's priority. As a rule whoever adds is on
// another machine, and takes no processor from the service and its clients.
enum { AT_ONCE = 64, LOWEST = 19 };

struct adder {
    adder_plan_t plan;
    pthread_t thread;
    atomic_int stop;
    uint32_t added;
    double took_s;
    int err;
};

// Sends the next vectors when their time has come.
static int add_next(adder_t *adder, rg_link_t *link, double start_ms)
{
    const adder_plan_t *plan = &adder->plan;
    float vectors[AT_ONCE * CLIENT_D];
    double early_ms = start_ms + adder->added * 1e3 / plan->rate - rg_clock_ms();
    plan->draw(plan->self, vectors, plan->first + adder->added, AT_ONCE);
    if (early_ms > 0) nanosleep(&(struct timespec){.tv_nsec = (long)(early_ms * 1e6)}, NULL);
    int err = client_add(link, vectors, plan->first + adder->added, AT_ONCE);
    adder->added += AT_ONCE;
    return err;
}

static void *add_steadily(void *data)
{
    adder_t *adder = data;
    const adder_plan_t *plan = &adder->plan;
    const rg_wire_options_t wire = rg_wire_options(plan->config);
    rg_link_t *link = NULL;
    setpriority(PRIO_PROCESS, (id_t)gettid(), LOWEST);
    int err = rg_link_new(&link, &wire, "retrieval", plan->config->endpoints.retrieval, NULL);
    const double start_ms = rg_clock_ms();
    while (!err && !atomic_load(&adder->stop) && plan->first + adder->added + AT_ONCE <= plan->end)
        err = add_next(adder, link, start_ms);
    adder->took_s = (rg_clock_ms() - start_ms) / 1e3;
    adder->err = err;
    rg_link_destroy(&link);
    return NULL;
}

int adder_start(adder_t **out, const adder_plan_t *plan)
{
    adder_t *adder = rg_alloc(sizeof *adder);
    *adder = (adder_t){.plan = *plan};
    if (pthread_create(&adder->thread, NULL, add_steadily, adder) != 0) {
        free(adder);
        return rg_fail(RG_ELIMIT, "no thread can be created");
    }
    *out = adder;
    return 0;
}

int adder_stop(adder_t **out, uint32_t *added, double *rate)
{
    adder_t *adder = *out;
    *out = NULL;
    atomic_store(&adder->stop, 1);
    pthread_join(adder->thread, NULL);
    *added = adder->added;
    *rate = adder->added / adder->took_s;
    int err = adder->err ? rg_fail(adder->err, "the adding failed") : 0;
    free(adder);
    return err;
}
