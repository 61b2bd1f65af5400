// A link to a name with several addresses. What the names are, __wrap_getaddrinfo says.
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

enum { REPLICAS = 3 };
static const char *const ADDRESSES[REPLICAS] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
static atomic_uint known; // which of them `replicas` has: a bit each

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list);

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    struct addrinfo **at = list;
    if (strcmp(host, "replicas") != 0) return __real_getaddrinfo(host, port, hints, list);
    *list = NULL;
    for (int i = 0; i < REPLICAS; i++) {
        if (!(atomic_load(&known) & 1u << i)) continue;
        if (__real_getaddrinfo(ADDRESSES[i], port, hints, at) != 0) return EAI_FAIL;
        while (*at) at = &(*at)->ai_next;
    }
    return *list ? 0 : EAI_NONAME;
}

typedef struct {
    rg_wire_options_t options;
    fixture_t service[REPLICAS];
    char endpoint[REPLICAS][64];
    rg_link_t *link;
    int port;
} bench_t;

static void start(bench_t *bench, int i)
{
    snprintf(bench->endpoint[i], sizeof bench->endpoint[i], bench->port ? "tcp://%s:%d" : "tcp://%s:*",
             ADDRESSES[i], bench->port);
    if (fixture_start(&bench->service[i], &bench->options, bench->endpoint[i]) != 0)
        fail_msg("%s", rg_error());
    bench->port = atoi(strrchr(bench->service[i].bound, ':') + 1);
}

static void open_link(bench_t *bench)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://replicas:%d", bench->port);
    assert_int_equal(rg_link_new(&bench->link, &bench->options, "encoder", endpoint, NULL), 0);
}

static int bench_make(void **state)
{
    bench_t *bench = calloc(1, sizeof *bench);
    bench->options = fixture_options;
    bench->options.insecure = 1;
    start(bench, 0);
    start(bench, 1);
    *state = bench;
    return 0;
}

static int bench_drop(void **state)
{
    bench_t *bench = *state;
    rg_link_destroy(&bench->link);
    free(bench);
    return 0;
}

static void count(void *self, int err, const rg_msg_t *reply)
{
    assert_int_equal(err, 0);
    assert_non_null(reply);
    ++*(int *)self;
}

static void send_batch(bench_t *bench, uint64_t index, int *replies)
{
    rg_msg_t *request = batch_request(index, 1);
    rg_link_send(bench->link, &request, -1, count, replies);
}

// How many requests have come since the last count.
static int count_came(bench_t *bench, int i)
{
    int n = 0;
    while (sem_trywait(&bench->service[i].came) == 0) n++;
    return n;
}

// Sends requests that are answered, one after the other, until this replica has had one; all are counted
// then.
static void reach(bench_t *bench, int wanted)
{
    int sent = 0, came = 0, reached = 0;
    while (!reached || came < sent) {
        int replies = 0;
        if (!reached) send_batch(bench, (uint64_t)(2 * sent++ + 1), &replies);
        while (rg_link_pending(bench->link)) assert_int_equal(rg_link_poll(bench->link, -1), 0);
        for (int i = 0; i < REPLICAS; i++) {
            int n = *bench->endpoint[i] ? count_came(bench, i) : 0;
            came += n;
            reached |= n > 0 && i == wanted;
        }
    }
}

static void open_both(bench_t *bench)
{
    atomic_store(&known, 3);
    open_link(bench);
    reach(bench, 0);
    reach(bench, 1);
}

// ------------------------------------------------------------------ tests
static void requests_are_dealt_out(void **state)
{
    bench_t *bench = *state;
    int replies = 0;
    open_both(bench);
    for (uint64_t index = 1; index < 20; index += 2) send_batch(bench, index, &replies);
    while (replies < 10) assert_int_equal(rg_link_poll(bench->link, -1), 0);
    for (int i = 0; i < 2; i++) {
        fixture_stop(&bench->service[i]);
        assert_int_equal(count_came(bench, i), 5);
    }
}

static void what_a_lost_replica_had_goes_to_the_others(void **state)
{
    bench_t *bench = *state;
    int replies = 0;
    open_both(bench);
    for (uint64_t index = 2; index < 10; index += 2) send_batch(bench, index, &replies); // which both keep
    for (int i = 0; i < 2; i++)
        for (int n = 0; n < 2; n++) sem_wait(&bench->service[i].came);
    fixture_stop(&bench->service[1]);
    for (int n = 0; n < 2; n += count_came(bench, 0)) assert_int_equal(rg_link_poll(bench->link, 20), 0);
    fixture_release_kept(&bench->service[0]);
    while (replies < 4) assert_int_equal(rg_link_poll(bench->link, -1), 0);
    assert_int_equal(rg_link_pending(bench->link), 0);
    fixture_stop(&bench->service[0]);
    assert_int_equal(count_came(bench, 0), 0); // nothing was asked twice
}

static void replicas_come_and_go(void **state)
{
    bench_t *bench = *state;
    atomic_store(&known, 0); // the name is not known yet
    open_link(bench);
    assert_int_equal(rg_link_poll(bench->link, 0), 0);
    atomic_store(&known, 1);
    reach(bench, 0);
    atomic_store(&known, 2); // another one instead
    reach(bench, 1);
    start(bench, 2);
    atomic_store(&known, 6); // and one more
    reach(bench, 2);
    reach(bench, 1);
    for (int i = 1; i < 3; i++) reach(bench, i);
    for (int i = 0; i < 3; i++) fixture_stop(&bench->service[i]);
    assert_int_equal(count_came(bench, 0), 0);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_make, bench_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BENCH(requests_are_dealt_out),
        ON_BENCH(what_a_lost_replica_had_goes_to_the_others),
        ON_BENCH(replicas_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
