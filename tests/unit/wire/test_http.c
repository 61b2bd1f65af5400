// /metrics and /healthz, requested over plain sockets.
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"
#include "tests/unit/wire/http_client.h"

enum { CLIENTS = 24 };

static int http_make(void **state)
{
    if (fixture_make(state) != 0) return -1;
    fixture_t *f = *state;
    int err = RG_EIO;
    f->server.name = "loader";
    for (int i = 0; i < TRIES && err == RG_EIO; i++) {
        f->server.http_port = draw_port();
        err = server_start(&f->server, &f->options, f->endpoint);
    }
    return err;
}

// ---- clients
static char *exchange(const fixture_t *f, const char *request)
{
    int fd = connect_to(f->server.http_port);
    say(fd, request);
    return hear(fd);
}

static void assert_answer(const fixture_t *f, const char *request, const char *status, const char *body)
{
    int fd = connect_to(f->server.http_port);
    say(fd, request);
    assert_heard(fd, status, body);
}

static void assert_healthy(const fixture_t *f)
{
    assert_answer(f, "GET /healthz HTTP/1.1\r\n" CLOSE, "200 OK", "ok\n");
}

static void ask(fixture_t *f, rg_msg_t *request)
{
    rg_link_t *link;
    rg_msg_t *reply = NULL;
    assert_int_equal(rg_link_new(&link, &f->options, "fixture", f->server.bound, NULL), 0);
    if (rg_link_ask(link, &request, &reply, -1) != 0) fail_msg("%s", rg_error());
    rg_msg_destroy(&reply);
    rg_link_destroy(&link);
}

static void ask_status(fixture_t *f)
{
    ask(f, rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST));
}

// The body of /metrics; free() it.
static char *get_metrics(const fixture_t *f)
{
    char *text = exchange(f, "GET /metrics HTTP/1.1\r\n" CLOSE);
    assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
    assert_non_null(strstr(text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    char *body = strdup(strstr(text, "\r\n\r\n") + 4);
    free(text);
    return body;
}

// ---- the text format
static size_t name_length(const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_' || text[n] == ':') n++;
    return isdigit((unsigned char)*text) ? 0 : n;
}

// The text after `{name="value",...}`, or NULL.
static const char *skip_labels(const char *at)
{
    if (*at != '{') return at;
    do {
        at++;
        size_t n = name_length(at);
        if (n == 0 || strncmp(at + n, "=\"", 2) != 0) return NULL;
        for (at += n + 2; *at && *at != '"'; at++)
            if (*at == '\\' && (!*++at || !strchr("\\\"n", *at))) return NULL;
        if (*at++ != '"') return NULL;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

// A sample belongs to the family of the last TYPE line.
static int is_sample(const char *line, const char *family, const char *kind)
{
    size_t n = name_length(line), f = strlen(family);
    char *end, suffix[100];
    if (n < f || strncmp(line, family, f) != 0) return 0;
    snprintf(suffix, sizeof suffix, "%.*s", (int)(n - f), line + f);
    int histogram = strcmp(kind, "histogram") == 0;
    if (histogram ? strcmp(suffix, "_bucket") && strcmp(suffix, "_sum") && strcmp(suffix, "_count")
                  : *suffix != 0)
        return 0;
    const char *at = skip_labels(line + n);
    if (!at || *at != ' ') return 0;
    strtod(at + 1, &end);
    return end > at + 1 && *end == 0;
}

// Every line is the help or the type of a new family, or a sample of the current one. Changes text.
static void assert_parses(char *text)
{
    char family[100] = "", kind[20] = "", name[104], seen[20000] = "\n";
    int families = 0;
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *line; (line = strsep(&text, "\n")) && (text || *line);) {
        if (sscanf(line, "# HELP %99s ", family) == 1) {
            snprintf(name, sizeof name, "\n%s\n", family);
            if (strstr(seen, name)) fail_msg("%s comes twice", family);
            strcat(seen, name);
            families++;
        } else if (sscanf(line, "# TYPE %99s %19s", name, kind) == 2) {
            assert_string_equal(name, family);
            assert_non_null(strstr("counter gauge histogram", kind));
        } else if (!is_sample(line, family, kind)) {
            fail_msg("no sample of %s %s: %s", kind, family, line);
        }
    }
    assert_true(families >= 10);
}

// The number of the line that begins with this sample.
static double sample(const char *metrics, const char *name)
{
    char start[200];
    snprintf(start, sizeof start, "\n%s ", name);
    const char *line = strstr(metrics, start);
    if (!line) fail_msg("no %s in\n%s", name, metrics);
    return strtod(line + strlen(start), NULL);
}

// ---- tests
static void metrics_parse_and_grow(void **state)
{
    fixture_t *f = *state;
    char *before = get_metrics(f);
    for (uint64_t i = 0; i < 3; i++) ask(f, batch_request(2 * i + 1, 1));
    char *after = get_metrics(f);
    static const char *const by_3[] = {
        "rg_requests_total{request=\"batch\"}", "rg_request_seconds_count{request=\"batch\"}",
        "rg_request_seconds_bucket{request=\"batch\",le=\"+Inf\"}", "rg_loader_seen"};
    static const char *const grow[] = {"rg_sent_bytes_total", "rg_received_bytes_total", "rg_uptime_seconds"};
    for (size_t i = 0; i < 4; i++) assert_true(sample(after, by_3[i]) == sample(before, by_3[i]) + 3);
    for (size_t i = 0; i < 3; i++) assert_true(sample(after, grow[i]) > sample(before, grow[i]));
    assert_true(sample(after, "rg_request_errors_total{request=\"batch\"}") == 0);
    assert_null(strstr(after, "rg_loader_mood"));
    assert_parses(after);
    free(before);
    free(after);
}

static void health_is_a_word(void **state)
{
    assert_healthy(*state);
    assert_answer(*state, "GET /healthz HTTP/1.0\r\n\r\n", "200 OK", "ok\n");
}

static void only_get_is_answered(void **state)
{
    static const char *const others[] = {"POST", "PUT", "DELETE", "OPTIONS", "BREW"};
    char request[200];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(request, sizeof request, "%s /metrics HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE, others[i]);
        assert_answer(*state, request, "405 Method Not Allowed", "only GET is answered\n");
    }
    char *text = exchange(*state, "POST /metrics HTTP/1.1\r\n" CLOSE);
    assert_non_null(strstr(text, "\r\nAllow: GET\r\n"));
    free(text);
}

static void other_paths_are_not_found(void **state)
{
    assert_answer(*state, "GET / HTTP/1.1\r\n" CLOSE, "404 Not Found",
                  "not found; this server has /metrics, /healthz and /livez\n");
    assert_answer(*state, "GET /metrics/../etc HTTP/1.1\r\n" CLOSE, "404 Not Found",
                  "not found; this server has /metrics, /healthz and /livez\n");
}

// The answer does not wait for the body, which never comes.
static void bodies_are_refused(void **state)
{
    assert_answer(*state, "GET /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n" CLOSE, "400 Bad Request",
                  "this request takes no body\n");
    assert_answer(*state, "GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE, "400 Bad Request",
                  "this request takes no body\n");
    assert_answer(*state, "POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n" CLOSE,
                  "405 Method Not Allowed", "only GET is answered\n");
}

static void a_connection_takes_several_requests(void **state)
{
    char *text = exchange(*state, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                                  "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                                  "GET /healthz HTTP/1.1\r\n" CLOSE);
    char *first = strstr(text, "HTTP/1.1 200 OK"), *second = strstr(text, "HTTP/1.1 404");
    assert_true(first && second && first < second && strstr(second, "HTTP/1.1 200 OK"));
    free(text);
}

static void half_a_request_holds_nobody_up(void **state)
{
    fixture_t *f = *state;
    int slow = connect_to(f->server.http_port);
    say(slow, "GET /metr");
    ask_status(f);
    assert_healthy(f);
    say(slow, "ics HTTP/1.1\r\n");
    ask_status(f);
    assert_healthy(f);
    say(slow, CLOSE);
    char *text = hear(slow);
    assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
    free(text);
}

// More clients than may be connected at a time, several times: at its limit the service must notice that
// connections have ended.
static void many_slow_clients_hold_nobody_up(void **state)
{
    fixture_t *f = *state;
    int slow[CLIENTS];
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            slow[i] = connect_to(f->server.http_port);
            say(slow[i], "GET /healthz HTTP/1.1\r\n");
        }
        ask_status(f);
        for (int i = 0; i < CLIENTS; i++) say(slow[i], CLOSE);
        for (int i = 0; i < CLIENTS; i++) {
            char *text = hear(slow[i]);
            assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
            free(text);
        }
    }
}

// Each slow client sends another byte of its head again and again, so that it is never silent.
static void slow_heads_keep_nobody_out(void **state)
{
    fixture_t *f = *state;
    enum { SLOW = 70, ROUNDS = 2000, WAIT_MS = 10 };
    int slow[SLOW], round = 0;
    for (int i = 0; i < SLOW; i++) {
        slow[i] = connect_to(f->server.http_port);
        say(slow[i], "GET /healthz HTTP/1.1\r\nX: ");
    }
    int quick = connect_to(f->server.http_port);
    say(quick, "GET /healthz HTTP/1.1\r\n" CLOSE);
    while (poll(&(struct pollfd){.fd = quick, .events = POLLIN}, 1, WAIT_MS) == 0 && round++ < ROUNDS)
        for (int i = 0; i < SLOW; i++) send(slow[i], "x", 1, MSG_NOSIGNAL); // it may be cut off
    assert_true(round < ROUNDS);
    assert_heard(quick, "200 OK", "ok\n");
    for (int i = 0; i < SLOW; i++) close(slow[i]);
}

static void clients_that_leave_or_talk_nonsense_harm_nobody(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < CLIENTS; i++) {
        int fd = connect_to(f->server.http_port);
        say(fd, i % 2 ? "GET /metrics HTTP/1.1\r\n" CLOSE : "\x16\x03\x01 not http at all\r\n\r\n\r\n");
        close(fd);
    }
    ask_status(f);
    assert_healthy(f);
}

static void a_port_in_use_is_told(void **state)
{
    fixture_t *f = *state;
    server_t second = {.name = "trainer"};
    char endpoint[700], want[200];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/t.ipc", (char *)f->folder);
    second.http_port = f->server.http_port;
    assert_int_equal(server_start(&second, &f->options, endpoint), RG_EIO);
    snprintf(want, sizeof want, "http.trainer: cannot listen on 127.0.0.1 port %d: Address already in use",
             f->server.http_port);
    assert_string_equal(rg_error(), want);
    assert_healthy(f);
}

static void an_address_that_is_none_is_told(void **state)
{
    fixture_t *f = *state;
    server_t second = {.name = "trainer"};
    char endpoint[700];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/t.ipc", (char *)f->folder);
    f->options.http_address = "localhost:80";
    second.http_port = 9;
    assert_int_equal(server_start(&second, &f->options, endpoint), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "http.address: 'localhost:80' is not an address"));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, http_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(metrics_parse_and_grow),
        WITH_FIXTURE(health_is_a_word),
        WITH_FIXTURE(only_get_is_answered),
        WITH_FIXTURE(other_paths_are_not_found),
        WITH_FIXTURE(bodies_are_refused),
        WITH_FIXTURE(a_connection_takes_several_requests),
        WITH_FIXTURE(half_a_request_holds_nobody_up),
        WITH_FIXTURE(many_slow_clients_hold_nobody_up),
        WITH_FIXTURE(slow_heads_keep_nobody_out),
        WITH_FIXTURE(clients_that_leave_or_talk_nonsense_harm_nobody),
        WITH_FIXTURE(a_port_in_use_is_told),
        WITH_FIXTURE(an_address_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
