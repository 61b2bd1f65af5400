// A link to a host name with several addresses, which __wrap_getaddrinfo makes up.
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

enum { REPLICAS = 3 };
static const char *const ADDRESSES[REPLICAS] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
static atomic_uint known; // bit i: the name has address i

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list);

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    struct addrinfo **at = list;
    if (strcmp(host, "both") == 0) { // a name with addresses of both families
        if (__real_getaddrinfo("127.0.0.1", port, hints, list) != 0) return EAI_FAIL;
        while (*at) at = &(*at)->ai_next;
        return __real_getaddrinfo("::1", port, hints, at);
    }
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
    server_t server[REPLICAS];
    char endpoint[REPLICAS][64];
    rg_link_t *link;
    int port;
} replicas_fixture_t;

static void start(replicas_fixture_t *f, int i)
{
    snprintf(f->endpoint[i], sizeof f->endpoint[i], f->port ? "tcp://%s:%d" : "tcp://%s:*", ADDRESSES[i],
             f->port);
    if (server_start(&f->server[i], &f->options, f->endpoint[i]) != 0) fail_msg("%s", rg_error());
    f->port = atoi(strrchr(f->server[i].bound, ':') + 1);
}

static void open_link(replicas_fixture_t *f)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://replicas:%d", f->port);
    assert_int_equal(rg_link_new(&f->link, &f->options, "encoder", endpoint, NULL), 0);
}

static int replicas_make(void **state)
{
    replicas_fixture_t *f = calloc(1, sizeof *f);
    f->options = wire_options;
    f->options.insecure = 1;
    start(f, 0);
    start(f, 1);
    *state = f;
    return 0;
}

static int replicas_drop(void **state)
{
    replicas_fixture_t *f = *state;
    rg_link_destroy(&f->link);
    free(f);
    return 0;
}

static void count(void *self, int err, const rg_msg_t *reply)
{
    assert_int_equal(err, 0);
    assert_non_null(reply);
    ++*(int *)self;
}

static void send_batch(replicas_fixture_t *f, uint64_t index, int *replies)
{
    rg_msg_t *request = batch_request(index, 1);
    rg_link_send(f->link, &request, -1, count, replies);
}

// The number of requests since the last count.
static int count_came(replicas_fixture_t *f, int i)
{
    int n = 0;
    while (sem_trywait(&f->server[i].came) == 0) n++;
    return n;
}

// Sends requests one after the other until this replica has got one. All replicas are counted then.
static void reach(replicas_fixture_t *f, int wanted)
{
    int sent = 0, came = 0, reached = 0;
    while (!reached || came < sent) {
        int replies = 0;
        if (!reached) send_batch(f, (uint64_t)(2 * sent++ + 1), &replies);
        while (rg_link_pending(f->link)) assert_int_equal(rg_link_poll(f->link, -1), 0);
        for (int i = 0; i < REPLICAS; i++) {
            int n = *f->endpoint[i] ? count_came(f, i) : 0;
            came += n;
            reached |= n > 0 && i == wanted;
        }
    }
}

static void open_both(replicas_fixture_t *f)
{
    atomic_store(&known, 3);
    open_link(f);
    reach(f, 0);
    reach(f, 1);
}

// ---- tests
static void requests_are_dealt_out(void **state)
{
    replicas_fixture_t *f = *state;
    int replies = 0;
    open_both(f);
    for (uint64_t index = 1; index < 20; index += 2) send_batch(f, index, &replies);
    while (replies < 10) assert_int_equal(rg_link_poll(f->link, -1), 0);
    for (int i = 0; i < 2; i++) {
        server_stop(&f->server[i]);
        assert_int_equal(count_came(f, i), 5);
    }
}

static void what_a_lost_replica_had_goes_to_the_others(void **state)
{
    replicas_fixture_t *f = *state;
    int replies = 0;
    open_both(f);
    for (uint64_t index = 2; index < 10; index += 2) send_batch(f, index, &replies); // which both keep
    for (int i = 0; i < 2; i++)
        for (int n = 0; n < 2; n++) sem_wait(&f->server[i].came);
    server_stop(&f->server[1]);
    for (int n = 0; n < 2; n += count_came(f, 0)) assert_int_equal(rg_link_poll(f->link, 20), 0);
    server_release_kept(&f->server[0]);
    while (replies < 4) assert_int_equal(rg_link_poll(f->link, -1), 0);
    assert_int_equal(rg_link_pending(f->link), 0);
    server_stop(&f->server[0]);
    assert_int_equal(count_came(f, 0), 0); // nothing was asked twice
}

static void note_error(void *self, int err, const rg_msg_t *reply)
{
    assert_null(reply);
    *(int *)self = err;
}

// Polls until one of the replicas 0 and 1 has got a request, and says which.
static int await_replica(replicas_fixture_t *f)
{
    for (;;) {
        assert_int_equal(rg_link_poll(f->link, 20), 0);
        for (int i = 0; i < 2; i++)
            if (f->server[i].running && count_came(f, i)) return i;
    }
}

static void what_ends_two_replicas_is_not_sent_to_the_third(void **state)
{
    replicas_fixture_t *f = *state;
    int err = 0;
    open_both(f);
    rg_msg_t *request = batch_request(POISON, 1);
    rg_link_send(f->link, &request, -1, note_error, &err);
    for (int i = 0; i < 2; i++) server_stop(&f->server[await_replica(f)]);
    start(f, 2);
    atomic_store(&known, 7);
    while (!err) assert_int_equal(rg_link_poll(f->link, 20), 0);
    assert_int_equal(err, RG_ECRASH);
    reach(f, 2); // it runs, and all that came is what reach has sent
    server_stop(&f->server[2]);
}

static void replicas_come_and_go(void **state)
{
    replicas_fixture_t *f = *state;
    atomic_store(&known, 0); // the name is not known yet
    open_link(f);
    assert_int_equal(rg_link_poll(f->link, 0), 0);
    atomic_store(&known, 1);
    reach(f, 0);
    atomic_store(&known, 2); // another one instead
    reach(f, 1);
    start(f, 2);
    atomic_store(&known, 6); // and one more
    reach(f, 2);
    reach(f, 1);
    for (int i = 1; i < 3; i++) reach(f, i);
    for (int i = 0; i < 3; i++) server_stop(&f->server[i]);
    assert_int_equal(count_came(f, 0), 0);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, replicas_make, replicas_drop)

static void an_ipv6_address_of_a_name_is_used(void **state)
{
    (void)state;
    server_t server = {0};
    rg_link_t *link;
    char endpoint[64];
    if (server_start(&server, &wire_options, "tcp://[::1]:*") != 0) skip(); // a machine without IPv6
    snprintf(endpoint, sizeof endpoint, "tcp://both:%s", strrchr(server.bound, ':') + 1);
    rg_wire_options_t options = wire_options;
    options.insecure = 1;
    assert_ok(rg_link_new(&link, &options, "encoder", endpoint, NULL));
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), *reply = NULL;
    assert_ok(rg_link_ask(link, &request, &reply, -1));
    rg_msg_destroy(&reply);
    rg_link_destroy(&link);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv6_address_of_a_name_is_used),
        WITH_FIXTURE(requests_are_dealt_out),
        WITH_FIXTURE(what_a_lost_replica_had_goes_to_the_others),
        WITH_FIXTURE(what_ends_two_replicas_is_not_sent_to_the_third),
        WITH_FIXTURE(replicas_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
