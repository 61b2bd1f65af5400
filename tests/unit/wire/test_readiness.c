// The state of a service: loading, ready, failed; who learns of it, and what happens to requests meanwhile.
#include <sys/un.h>

#include "common/wire/readiness.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"
#include "tests/unit/wire/http_client.h"

// A load reports 34 % and waits for the test. Its result is load_err.
static sem_t load_begun, load_may_end;
static int load_err;

static int load_slowly(void *self, const atomic_int *stop)
{
    (void)stop;
    rg_service_progress(((server_t *)self)->service, 34, 100);
    sem_post(&load_begun);
    sem_wait(&load_may_end);
    return load_err ? rg_fail(load_err, "faces: there is no such folder") : 0;
}

static int load_until_stopped(void *self, const atomic_int *stop)
{
    (void)self;
    sem_post(&load_begun);
    while (!atomic_load(stop)) sched_yield();
    return rg_fail(RG_ESTOPPED, "stopped");
}

static int readiness_make(void **state)
{
    sem_init(&load_begun, 0, 0);
    sem_init(&load_may_end, 0, 0);
    load_err = 0;
    if (fixture_make(state) != 0) return -1;
    ((fixture_t *)*state)->server.load = load_slowly;
    return 0;
}

static int readiness_drop(void **state)
{
    sem_post(&load_may_end);
    return fixture_drop(state);
}

static void start_with_link(fixture_t *f)
{
    f->server.http_port = draw_port();
    fixture_start(f);
    assert_ok(rg_link_new(&f->link, &f->options, "loader", f->endpoint, NULL));
}

static void assert_state(fixture_t *f, const char *state, const char *detail)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), *reply = NULL;
    assert_ok(rg_link_ask(f->link, &request, &reply, -1));
    const Rg__V1__StatusReply *status = rg_msg_body(reply);
    assert_string_equal(status->state, state);
    assert_string_equal(status->detail, detail);
    rg_msg_destroy(&reply);
}

// Asks until the service has this state.
static void await_state(fixture_t *f, const char *state)
{
    for (int found = 0; !found;) {
        rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), *reply = NULL;
        assert_ok(rg_link_ask(f->link, &request, &reply, -1));
        found = strcmp(((const Rg__V1__StatusReply *)rg_msg_body(reply))->state, state) == 0;
        rg_msg_destroy(&reply);
    }
}

static void assert_http(fixture_t *f, const char *path, const char *status, const char *body)
{
    char request[128];
    int fd = connect_to(f->server.http_port);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" CLOSE, path);
    say(fd, request);
    assert_heard(fd, status, body);
}

static int ask_batch(fixture_t *f, int timeout_ms)
{
    rg_msg_t *request = batch_request(1, 1), *reply = NULL;
    int err = rg_link_ask(f->link, &request, &reply, timeout_ms);
    rg_msg_destroy(&reply);
    return err;
}

// ---- tests

static void a_service_without_a_load_is_ready_at_once(void **state)
{
    fixture_t *f = *state;
    f->server.load = NULL;
    start_with_link(f);
    assert_state(f, "ready", "");
    assert_http(f, "/healthz", "200 OK", "ok\n");
}

static void a_loading_service_answers_status(void **state)
{
    fixture_t *f = *state;
    start_with_link(f);
    sem_wait(&load_begun);
    assert_state(f, "loading", "34 %");
    assert_http(f, "/healthz", "503 Service Unavailable", "loading, 34 %\n");
    assert_http(f, "/livez", "200 OK", "ok\n");
    sem_post(&load_may_end);
    await_state(f, "ready");
    assert_state(f, "ready", "");
    assert_http(f, "/healthz", "200 OK", "ok\n");
}

static void take_answer(void *self, int err, const rg_msg_t *reply)
{
    (void)reply;
    *(int *)self = err ? err : 1;
}

static void a_request_waits_for_the_end_of_the_load(void **state)
{
    fixture_t *f = *state;
    int answer = 0;
    start_with_link(f);
    sem_wait(&load_begun);
    rg_msg_t *request = batch_request(1, 1);
    rg_link_send(f->link, &request, -1, take_answer, &answer);
    assert_state(f, "loading", "34 %"); // the service has seen the request before this one
    assert_int_equal(answer, 0);
    sem_post(&load_may_end);
    while (!answer) assert_ok(rg_link_poll(f->link, -1));
    assert_int_equal(answer, 1);
    assert_int_equal(f->server.n_seen, 1);
}

static void a_deadline_says_what_the_service_does(void **state)
{
    fixture_t *f = *state;
    start_with_link(f);
    sem_wait(&load_begun);
    assert_state(f, "loading", "34 %"); // connected
    assert_fails(ask_batch(f, 300), RG_ETIMEOUT, "no answer within 300 ms: loading, 34 %");
}

static void a_failed_load_is_told_and_tried_again(void **state)
{
    fixture_t *f = *state;
    load_err = RG_ENOENT;
    start_with_link(f);
    sem_wait(&load_begun);
    sem_post(&load_may_end);
    await_state(f, "failed");
    assert_state(f, "failed", "faces: there is no such folder");
    assert_http(f, "/healthz", "503 Service Unavailable", "failed: faces: there is no such folder\n");
    assert_http(f, "/livez", "200 OK", "ok\n");
    assert_fails(ask_batch(f, -1), RG_ENOENT, "loader: faces: there is no such folder");
    load_err = 0;
    sem_wait(&load_begun); // again
    assert_state(f, "failed", "faces: there is no such folder");
    sem_post(&load_may_end);
    await_state(f, "ready");
    assert_ok(ask_batch(f, -1));
}

static void a_load_ends_when_the_service_is_stopped(void **state)
{
    fixture_t *f = *state;
    f->server.load = load_until_stopped;
    start_with_link(f);
    sem_wait(&load_begun);
    server_stop(&f->server);
    assert_int_equal(f->server.run_err, 0);
}

static void what_is_left_to_do_is_said(void **state)
{
    (void)state;
    const rg_service_spec_t spec = {.name = "trainer"};
    rg__readiness_t readiness;
    char text[RG__READINESS_TEXT];
    assert_ok(rg__readiness_init(&readiness, &spec));
    rg__readiness_stopping(&readiness, "finishes its step and saves");
    rg__readiness_text(&readiness, text);
    assert_string_equal(text, "stopping, finishes its step and saves");
    rg__readiness_fini(&readiness);
}

// ---- notices

static int open_notify_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address.sun_family), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    char name[120];
    snprintf(name, sizeof name, "@%.*s", (int)(size - offsetof(struct sockaddr_un, sun_path)) - 1,
             address.sun_path + 1);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_notice(int fd, const char *want)
{
    char text[1024];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    assert_string_equal(text, want);
}

static void changes_are_told_to_the_parent(void **state)
{
    fixture_t *f = *state;
    int fd = open_notify_socket();
    start_with_link(f);
    assert_notice(fd, "X_RG_STATE=loading\nSTATUS=loading\n");
    assert_notice(fd, "X_RG_STATE=loading\nSTATUS=loading, 34 %\n");
    sem_post(&load_may_end);
    assert_notice(fd, "X_RG_STATE=ready\nSTATUS=ready\nREADY=1\n");
    server_stop(&f->server);
    assert_notice(fd, "X_RG_STATE=stopping\nSTATUS=stopping\nSTOPPING=1\n");
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_service_without_a_load_is_ready_at_once, readiness_make,
                                        readiness_drop),
        cmocka_unit_test_setup_teardown(a_loading_service_answers_status, readiness_make, readiness_drop),
        cmocka_unit_test_setup_teardown(a_request_waits_for_the_end_of_the_load, readiness_make,
                                        readiness_drop),
        cmocka_unit_test_setup_teardown(a_deadline_says_what_the_service_does, readiness_make,
                                        readiness_drop),
        cmocka_unit_test_setup_teardown(a_failed_load_is_told_and_tried_again, readiness_make,
                                        readiness_drop),
        cmocka_unit_test_setup_teardown(a_load_ends_when_the_service_is_stopped, readiness_make,
                                        readiness_drop),
        cmocka_unit_test(what_is_left_to_do_is_said),
        cmocka_unit_test_setup_teardown(changes_are_told_to_the_parent, readiness_make, readiness_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
