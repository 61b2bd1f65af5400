// The HTTP server with routes of a service: bodies, late answers, admission.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"
#include "tests/unit/wire/http_client.h"

enum { BODY_MAX = 100000, MEMORY = 150000, CONNECTIONS = 4 };

// Requests that wait for a request to /release.
typedef struct {
    rg_http_request_t *waiting[8];
    int n;
} shelf_t;

typedef struct {
    rg_wire_options_t options;
    rg_http_spec_t http;
    char endpoint[600];
    server_t server;
    void *folder;
    shelf_t shelf;
} routes_fixture_t;

// ---- handlers
static void echo(void *self, rg_http_request_t *request)
{
    size_t size;
    const unsigned char *body = rg_http_body(request, &size);
    unsigned sum = 0;
    (void)self;
    for (size_t i = 0; i < size; i++) sum += body[i];
    char *line = rg_format("%zu bytes, sum %u, parameter %s, query %s", size, sum,
                           rg_http_parameter(request) ? rg_http_parameter(request) : "-",
                           rg_http_query(request, "q") ? rg_http_query(request, "q") : "-");
    rg_http_reply_text(request, 200, line);
    free(line);
}

static void keep(void *self, rg_http_request_t *request)
{
    shelf_t *shelf = self;
    shelf->waiting[shelf->n++] = request;
}

static void release(void *self, rg_http_request_t *request)
{
    shelf_t *shelf = self;
    char text[40];
    snprintf(text, sizeof text, "%d released", shelf->n);
    for (int i = 0; i < shelf->n; i++) rg_http_reply_text(shelf->waiting[i], 200, "at last");
    shelf->n = 0;
    rg_http_reply_text(request, 200, text);
}

static void count(void *self, rg_http_request_t *request)
{
    const shelf_t *shelf = self;
    char text[40];
    snprintf(text, sizeof text, "%d wait", shelf->n);
    rg_http_reply_text(request, 200, text);
}

static int admit(void *self, rg_http_request_t *request)
{
    (void)self;
    if (!rg_http_header(request, "X-Refused")) return 1;
    rg_http_reply_text(request, 403, "not you");
    return 0;
}

static const rg_http_route_t routes[] = {
    {.method = "GET", .path = "/echo/*", .handle = echo},
    {.method = "POST", .path = "/echo", .handle = echo, .body_max = BODY_MAX},
    {.method = "GET", .path = "/echo", .handle = echo},
    {.method = "GET", .path = "/keep", .handle = keep},
    {.method = "POST", .path = "/keep", .handle = keep, .body_max = BODY_MAX},
    {.method = "GET", .path = "/release", .handle = release},
    {.method = "GET", .path = "/count", .handle = count},
};

static const rg_http_header_t headers[] = {{"X-Common", "yes"}, {NULL, NULL}};

// ---- fixture
static int routes_make(void **state)
{
    routes_fixture_t *f = calloc(1, sizeof *f);
    int err = RG_EIO;
    if (folder_make(&f->folder) != 0) return -1;
    f->options = wire_options;
    snprintf(f->endpoint, sizeof f->endpoint, "ipc://%s/s.ipc", (char *)f->folder);
    f->http = (rg_http_spec_t){.routes = routes,
                               .n_routes = sizeof routes / sizeof *routes,
                               .admit = admit,
                               .headers = headers,
                               .not_found = "nothing here",
                               .connections = CONNECTIONS,
                               .memory = MEMORY,
                               .self = &f->shelf};
    f->server.name = "gateway";
    f->server.http = &f->http;
    for (int i = 0; i < TRIES && err == RG_EIO; i++) {
        f->server.http_port = draw_port();
        err = server_start(&f->server, &f->options, f->endpoint);
    }
    *state = f;
    return err;
}

static int routes_drop(void **state)
{
    routes_fixture_t *f = *state;
    server_stop(&f->server);
    int failed = folder_remove(&f->folder);
    free(f);
    return failed;
}

// ---- clients
static void assert_answer(const routes_fixture_t *f, const char *request, const char *status,
                          const char *body)
{
    int fd = connect_to(f->server.http_port);
    say(fd, request);
    assert_heard(fd, status, body);
}

// Polls until this many requests wait.
static void until_waiting(const routes_fixture_t *f, int n)
{
    char want[40];
    snprintf(want, sizeof want, "\r\n\r\n%d wait\n", n);
    for (int there = 0; !there;) {
        int fd = connect_to(f->server.http_port);
        say(fd, "GET /count HTTP/1.1\r\n" CLOSE);
        char *text = hear(fd);
        there = strstr(text, want) != NULL;
        free(text);
    }
}

// A body of n bytes, each 'a'.
static void say_bytes(int fd, size_t n)
{
    char block[1000];
    memset(block, 'a', sizeof block);
    for (size_t done = 0; done < n; done += sizeof block) {
        size_t size = n - done < sizeof block ? n - done : sizeof block;
        if (send(fd, block, size, MSG_NOSIGNAL) != (ssize_t)size) return; // it hung up
    }
}

// ---- tests
static void routes_have_methods_and_parameters(void **state)
{
    assert_answer(*state, "GET /echo/a%20b%2Fc?q=x%26y+z HTTP/1.1\r\n" CLOSE, "200 OK",
                  "0 bytes, sum 0, parameter a b/c, query x&y z\n");
    assert_answer(*state, "GET /echo?p=1 HTTP/1.1\r\n" CLOSE, "200 OK",
                  "0 bytes, sum 0, parameter -, query -\n");
    assert_answer(*state, "GET /echo/ HTTP/1.1\r\n" CLOSE, "404 Not Found", "nothing here\n");
    assert_answer(*state, "GET /echoes HTTP/1.1\r\n" CLOSE, "404 Not Found", "nothing here\n");
    assert_answer(*state, "PUT /echo HTTP/1.1\r\n" CLOSE, "405 Method Not Allowed",
                  "only POST, GET is answered\n");
    assert_answer(*state, "POST /echo/x HTTP/1.1\r\n" CLOSE, "405 Method Not Allowed",
                  "only GET is answered\n");
    assert_answer(*state, "GET /healthz HTTP/1.1\r\n" CLOSE, "200 OK", "ok\n");
}

static void zeroes_stay_escaped(void **state)
{
    assert_answer(*state, "GET /echo/a%00b?q=c%00d HTTP/1.1\r\n" CLOSE, "200 OK",
                  "0 bytes, sum 0, parameter a%00b, query c%00d\n");
    char text[] = "%41%4a%4A%zz%4%%00%%41";
    size_t length = rg_http_unescape(text);
    assert_int_equal(length, strlen(text));
    assert_string_equal(text, "AJJ%zz%4%%00%A");
}

static void head_is_get_without_its_body(void **state)
{
    int fd = connect_to(((routes_fixture_t *)*state)->server.http_port);
    say(fd, "HEAD /echo HTTP/1.1\r\n" CLOSE);
    char *text = hear(fd);
    assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
    assert_non_null(strstr(text, "\r\nContent-Length: 37\r\n"));
    assert_non_null(strstr(text, "\r\nX-Common: yes\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    free(text);
}

static void bodies_may_be_as_large_as_the_route_says(void **state)
{
    int fd = connect_to(((routes_fixture_t *)*state)->server.http_port);
    say(fd, "POST /echo HTTP/1.1\r\nContent-Length: 100000\r\n" CLOSE);
    say_bytes(fd, BODY_MAX);
    assert_heard(fd, "200 OK", "100000 bytes, sum 9700000, parameter -, query -\n");
    assert_answer(*state, "POST /echo HTTP/1.1\r\nContent-Length: 100001\r\n" CLOSE, "413 Content Too Large",
                  "a body may have 100000 bytes\n");
    assert_answer(*state, "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999\r\n" CLOSE,
                  "413 Content Too Large", "a body may have 100000 bytes\n");
    assert_answer(*state, "GET /echo HTTP/1.1\r\nContent-Length: 1\r\n" CLOSE, "400 Bad Request",
                  "this request takes no body\n");
    assert_answer(*state, "POST /echo HTTP/1.1\r\n" CLOSE, "200 OK",
                  "0 bytes, sum 0, parameter -, query -\n");
}

static void chunks_are_bounded_together(void **state)
{
    assert_answer(*state,
                  "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE
                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                  "200 OK", "5 bytes, sum 495, parameter -, query -\n");
    int fd = connect_to(((routes_fixture_t *)*state)->server.http_port);
    say(fd, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE);
    for (int i = 0; i < 11; i++) {
        say(fd, "2710\r\n");
        say_bytes(fd, 10000);
        say(fd, "\r\n");
    }
    say(fd, "0\r\n\r\n");
    assert_heard(fd, "413 Content Too Large", "a body may have 100000 bytes\n");
}

// A body that never ends is cut off.
static void endless_chunks_are_cut(void **state)
{
    int fd = connect_to(((routes_fixture_t *)*state)->server.http_port);
    say(fd, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "7fffffff\r\n");
    say_bytes(fd, 100 * BODY_MAX);
    char *text = hear(fd);
    assert_string_equal(text, "");
    free(text);
    assert_answer(*state, "GET /healthz HTTP/1.1\r\n" CLOSE, "200 OK", "ok\n");
}

static void bodies_of_all_are_bounded_together(void **state)
{
    routes_fixture_t *f = *state;
    int first = connect_to(f->server.http_port);
    say(first, "POST /keep HTTP/1.1\r\nContent-Length: 100000\r\n" CLOSE);
    say_bytes(first, BODY_MAX);
    until_waiting(f, 1);
    int second = connect_to(f->server.http_port);
    say(second, "POST /echo HTTP/1.1\r\nContent-Length: 60000\r\n" CLOSE);
    char *text = hear(second);
    assert_int_equal(strncmp(text, "HTTP/1.1 503 Service Unavailable\r\n", 34), 0);
    assert_non_null(strstr(text, "\r\nRetry-After: 1\r\n"));
    free(text);
    assert_answer(f, "GET /release HTTP/1.1\r\n" CLOSE, "200 OK", "1 released\n");
    assert_heard(first, "200 OK", "at last\n");
    second = connect_to(f->server.http_port);
    say(second, "POST /echo HTTP/1.1\r\nContent-Length: 60000\r\n" CLOSE);
    say_bytes(second, 60000);
    assert_heard(second, "200 OK", "60000 bytes, sum 5820000, parameter -, query -\n");
}

static void answers_may_come_later(void **state)
{
    routes_fixture_t *f = *state;
    int early[2];
    for (int i = 0; i < 2; i++) {
        early[i] = connect_to(f->server.http_port);
        say(early[i], "GET /keep HTTP/1.1\r\n" CLOSE);
    }
    until_waiting(f, 2);
    assert_answer(f, "GET /release HTTP/1.1\r\n" CLOSE, "200 OK", "2 released\n");
    for (int i = 0; i < 2; i++) assert_heard(early[i], "200 OK", "at last\n");
}

// Answers requests of clients that have gone; their connections become free.
static void clients_may_leave_while_they_wait(void **state)
{
    routes_fixture_t *f = *state;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < CONNECTIONS - 1; i++) {
            int fd = connect_to(f->server.http_port);
            say(fd, "GET /keep HTTP/1.1\r\n" CLOSE);
            until_waiting(f, i + 1);
            close(fd);
        }
        assert_answer(f, "GET /release HTTP/1.1\r\n" CLOSE, "200 OK", "3 released\n");
    }
}

// As many requests wait as may: others are told to come again, but for health.
static void those_beyond_the_limit_are_told(void **state)
{
    routes_fixture_t *f = *state;
    int fd[CONNECTIONS], late;
    for (int i = 0; i < CONNECTIONS; i++) {
        if (i > 0) until_waiting(f, i);
        fd[i] = connect_to(f->server.http_port);
        say(fd[i], "GET /keep HTTP/1.1\r\n" CLOSE);
    }
    for (int told = 0; !told;) {
        late = connect_to(f->server.http_port);
        say(late, "GET /echo HTTP/1.1\r\n" CLOSE);
        char *text = hear(late);
        told = strstr(text, "200 OK") == NULL;
        free(text);
    }
    assert_answer(f, "GET /echo HTTP/1.1\r\n" CLOSE, "503 Service Unavailable",
                  "too many requests are in work; try again later\n");
    assert_answer(f, "GET /healthz HTTP/1.1\r\n" CLOSE, "200 OK", "ok\n");
    for (int i = 0; i < CONNECTIONS; i++) close(fd[i]);
}

// The request behind a malformed one is not answered: where it begins is uncertain.
static void malformed_heads_are_refused(void **state)
{
    static const struct {
        const char *head, *sentence;
    } cases[] = {
        {"GET /echo HTTP/1.1\r\nHost: y\r\nHost: x\r\n\r\n", "the request has two Host headers: send one\n"},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 60\r\n\r\n",
         "the request gives the length of its body twice: send one Content-Length or Transfer-Encoding\n"},
        {"POST /echo HTTP/1.1\r\nHost: x\r\ncontent-length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "the request gives the length of its body twice: send one Content-Length or Transfer-Encoding\n"},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         "the request gives the length of its body twice: send one Content-Length or Transfer-Encoding\n"},
    };
    char text[400];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "%sGET /count HTTP/1.1\r\n" CLOSE, cases[i].head);
        assert_answer(*state, text, "400 Bad Request", cases[i].sentence);
    }
}

static void query_arguments_are_counted(void **state)
{
    static const int counts[] = {64, 65, 500, 3000};
    char text[8000];
    for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
        int at = sprintf(text, "GET /echo?q=1");
        for (int i = 1; i < counts[j]; i++) at += sprintf(text + at, "&a");
        sprintf(text + at, " HTTP/1.1\r\n" CLOSE);
        assert_answer(*state, text, counts[j] > 64 ? "400 Bad Request" : "200 OK",
                      counts[j] > 64 ? "the request has more than 64 query arguments: send fewer\n"
                                     : "0 bytes, sum 0, parameter -, query 1\n");
    }
}

static void who_waits_at_the_end_is_told(void **state)
{
    routes_fixture_t *f = *state;
    int fd = connect_to(f->server.http_port);
    say(fd, "GET /keep HTTP/1.1\r\n" CLOSE);
    until_waiting(f, 1);
    server_stop(&f->server);
    assert_heard(fd, "503 Service Unavailable", "the service is stopping\n");
    assert_int_equal(server_start(&f->server, &f->options, f->endpoint), 0); // for routes_drop
}

static void who_is_refused_is_not_read(void **state)
{
    assert_answer(*state, "GET /echo HTTP/1.1\r\nX-Refused: 1\r\n" CLOSE, "403 Forbidden", "not you\n");
    assert_answer(*state, "GET /nothing HTTP/1.1\r\nX-Refused: 1\r\n" CLOSE, "403 Forbidden", "not you\n");
    assert_answer(*state, "POST /echo HTTP/1.1\r\nX-Refused: 1\r\nContent-Length: 1000000000\r\n" CLOSE,
                  "403 Forbidden", "not you\n");
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, routes_make, routes_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(routes_have_methods_and_parameters),
        WITH_FIXTURE(zeroes_stay_escaped),
        WITH_FIXTURE(head_is_get_without_its_body),
        WITH_FIXTURE(bodies_may_be_as_large_as_the_route_says),
        WITH_FIXTURE(chunks_are_bounded_together),
        WITH_FIXTURE(endless_chunks_are_cut),
        WITH_FIXTURE(bodies_of_all_are_bounded_together),
        WITH_FIXTURE(answers_may_come_later),
        WITH_FIXTURE(clients_may_leave_while_they_wait),
        WITH_FIXTURE(those_beyond_the_limit_are_told),
        WITH_FIXTURE(malformed_heads_are_refused),
        WITH_FIXTURE(query_arguments_are_counted),
        WITH_FIXTURE(who_waits_at_the_end_is_told),
        WITH_FIXTURE(who_is_refused_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
