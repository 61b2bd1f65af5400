// Deadlines and capacity of HTTP connections, with socket pairs and given times.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire/http_connections.h"
#include "tests/support/test.h"

enum { MAX = 4, PEERS = 12 };

typedef struct {
    rg__http_connections_t all;
    rg__http_connection_t *connection[PEERS];
    int server[PEERS], client[PEERS];
    int n;
} fixture_t;

static int make_connections(void **state)
{
    static fixture_t f;
    f = (fixture_t){0};
    rg__http_connections_init(&f.all, MAX);
    *state = &f;
    return 0;
}

static int drop_connections(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < f->n; i++) {
        rg__http_connection_close(&f->all, &f->connection[i]);
        close(f->server[i]);
        close(f->client[i]);
    }
    return f->all.live != 0;
}

static void open_pair(fixture_t *f, const struct sockaddr *client, double now_ms)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    f->server[f->n] = pair[0];
    f->client[f->n] = pair[1];
    f->connection[f->n++] = rg__http_connection_open(&f->all, pair[0], client, now_ms);
}

static void open_from(fixture_t *f, const char *address, double now_ms)
{
    struct sockaddr_in client = {.sin_family = AF_INET};
    inet_pton(AF_INET, address, &client.sin_addr);
    open_pair(f, (const struct sockaddr *)&client, now_ms);
}

static void open_from_ipv6(fixture_t *f, const char *address, double now_ms)
{
    struct sockaddr_in6 client = {.sin6_family = AF_INET6};
    inet_pton(AF_INET6, address, &client.sin6_addr);
    open_pair(f, (const struct sockaddr *)&client, now_ms);
}

// Whether the client finds its connection ended.
static int is_cut(const fixture_t *f, int i)
{
    char byte;
    return recv(f->client[i], &byte, 1, MSG_DONTWAIT) == 0;
}

// A bit for each connection that is cut.
static unsigned cut_ones(const fixture_t *f)
{
    unsigned cut = 0;
    for (int i = 0; i < f->n; i++) cut |= (unsigned)is_cut(f, i) << i;
    return cut;
}

// ---- deadlines
static void each_phase_has_a_deadline(void **state)
{
    static const struct {
        enum rg__http_phase phase;
        double ms;
    } cases[] = {{RG__HTTP_HEAD, 10000}, {RG__HTTP_BODY, 60000}, {RG__HTTP_ANSWER, 120000}};
    fixture_t *f = *state;
    for (int i = 0; i < 3; i++) {
        open_from(f, "10.0.0.1", 0);
        rg__http_connection_enter(f->connection[i], cases[i].phase, 500);
        assert_true(rg__http_connections_cut_late(&f->all, 500) == cases[i].ms);
        assert_true(rg__http_connections_cut_late(&f->all, 499 + cases[i].ms) == 1);
        assert_false(is_cut(f, i));
        assert_true(rg__http_connections_cut_late(&f->all, 500 + cases[i].ms) == -1);
        assert_true(is_cut(f, i));
    }
}

static void what_the_service_works_on_has_none(void **state)
{
    fixture_t *f = *state;
    open_from(f, "10.0.0.1", 0);
    rg__http_connection_enter(f->connection[0], RG__HTTP_WORK, 0);
    assert_true(rg__http_connections_cut_late(&f->all, 1e12) == -1);
    assert_false(is_cut(f, 0));
}

static void a_slow_body_gives_way_where_memory_is_short(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 3; i++) {
        open_from(f, "10.0.0.1", 0);
        rg__http_connection_enter(f->connection[i], i == 2 ? RG__HTTP_WORK : RG__HTTP_BODY, 2000 - 1000 * i);
    }
    rg__http_connections_cut_slow_body(&f->all, 11000);
    assert_int_equal(cut_ones(f), 0);
    rg__http_connections_cut_slow_body(&f->all, 11001);
    assert_int_equal(cut_ones(f), 1 << 1);
    rg__http_connections_cut_slow_body(&f->all, 12001);
    rg__http_connections_cut_slow_body(&f->all, 1e12);
    assert_int_equal(cut_ones(f), 1 << 0 | 1 << 1);
}

// ---- capacity
static void the_slowest_makes_room(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < MAX; i++) open_from(f, "10.0.0.1", 100 * i);
    rg__http_connection_enter(f->connection[0], RG__HTTP_BODY, 0); // has used less of its time than 1
    open_from(f, "10.0.0.1", 1000);
    assert_int_equal(cut_ones(f), 1 << 1);
    open_from(f, "10.0.0.1", 1000);
    assert_int_equal(cut_ones(f), 1 << 1 | 1 << 2);
}

static void clients_with_few_connections_keep_them(void **state)
{
    fixture_t *f = *state;
    open_from(f, "10.0.0.1", 0);
    for (int i = 1; i < PEERS; i++) open_from(f, "10.0.0.2", 10 * i);
    assert_int_equal(cut_ones(f), 0x1fe); // all but the first and the newest three
}

static void an_ipv6_network_is_one_client(void **state)
{
    static const char *const addresses[] = {"2001:db8::1", "2001:db8::2", "2001:db8::3"};
    fixture_t *f = *state;
    open_from_ipv6(f, "2001:db8:1::1", 0);
    for (int i = 0; i < 6; i++) open_from_ipv6(f, addresses[i % 3], 10 * i);
    assert_int_equal(cut_ones(f), 0xe);
}

static void requests_in_work_are_never_cut(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < MAX; i++) {
        open_from(f, "10.0.0.1", 0);
        rg__http_connection_enter(f->connection[i], RG__HTTP_WORK, 0);
    }
    open_from(f, "10.0.0.2", 100);
    assert_int_equal(cut_ones(f), 0); // nobody can make room
    open_from(f, "10.0.0.1", 200);
    assert_int_equal(cut_ones(f), 1 << MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_connections, drop_connections)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_phase_has_a_deadline),
        TEST(what_the_service_works_on_has_none),
        TEST(a_slow_body_gives_way_where_memory_is_short),
        TEST(the_slowest_makes_room),
        TEST(clients_with_few_connections_keep_them),
        TEST(an_ipv6_network_is_one_client),
        TEST(requests_in_work_are_never_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
