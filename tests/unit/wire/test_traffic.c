// Meters of a service.
#include <czmq.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/wire/traffic.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

static int traffic_make(void **state)
{
    if (fixture_make(state) != 0) return -1;
    fixture_t *f = *state;
    f->options.message_max_mib = 1;
    fixture_start(f);
    return rg_link_new(&f->link, &f->options, "fixture", f->endpoint, NULL);
}

static int ask(fixture_t *f, rg_msg_t *request)
{
    rg_msg_t *reply = NULL;
    int err = rg_link_ask(f->link, &request, &reply, -1);
    rg_msg_destroy(&reply);
    return err;
}

static rg_msg_t *ask_stats(fixture_t *f)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATS_REQUEST), *reply = NULL;
    if (rg_link_ask(f->link, &request, &reply, -1) != 0) fail_msg("%s", rg_error());
    assert_int_equal(rg_msg_kind(reply), RG__V1__ENVELOPE__BODY_STATS_REPLY);
    return reply;
}

// The sample of that name and label, or NULL.
static const Rg__V1__Sample *find(const rg_msg_t *stats, const char *name, const char *label)
{
    const Rg__V1__StatsReply *body = rg_msg_body(stats);
    for (size_t i = 0; i < body->n_samples; i++)
        if (strcmp(body->samples[i]->name, name) == 0 && strcmp(body->samples[i]->label, label) == 0)
            return body->samples[i];
    return NULL;
}

static double value_of(const rg_msg_t *stats, const char *name, const char *label)
{
    const Rg__V1__Sample *sample = find(stats, name, label);
    if (!sample) fail_msg("no sample %s %s", name, label);
    return sample->value;
}

static void assert_counts(const rg_msg_t *stats, const char *kind, int requests, int errors, int answered)
{
    assert_int_equal(value_of(stats, "rg_requests_total", kind), requests);
    assert_int_equal(value_of(stats, "rg_request_errors_total", kind), errors);
    const Rg__V1__Sample *seconds = find(stats, "rg_request_seconds", kind);
    assert_non_null(seconds);
    assert_int_equal(seconds->count, answered);
    assert_true(seconds->p50_s <= seconds->p99_s && seconds->value >= 0);
    assert_true((answered > 0) == (seconds->p99_s > 0));
}

static void requests_are_counted_by_kind(void **state)
{
    fixture_t *f = *state;
    for (uint64_t i = 0; i < 3; i++) assert_int_equal(ask(f, batch_request(2 * i + 1, 1)), 0);
    assert_int_equal(ask(f, rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST)), RG_EMODEL);
    assert_int_equal(ask(f, rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST)), 0);
    assert_int_equal(ask(f, rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST)), RG_EINVAL);
    assert_int_equal(ask(f, rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY)), RG_EINVAL);
    rg_msg_t *stats = ask_stats(f);
    assert_counts(stats, "batch", 3, 0, 3);
    assert_counts(stats, "embed", 1, 1, 1);
    assert_counts(stats, "status", 1, 0, 1);
    assert_counts(stats, "other", 2, 2, 2);
    assert_counts(stats, "model", 0, 0, 0);
    assert_counts(stats, "stats", 1, 0, 0); // the one that asks
    assert_null(find(stats, "rg_requests_total", "remove"));
    assert_true(value_of(stats, "rg_sent_bytes_total", "") > 3 * 4000); // the batches' pixels
    assert_true(value_of(stats, "rg_received_bytes_total", "") > 0);
    rg_msg_destroy(&stats);
}

static void a_reply_that_became_an_error_is_one(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(ask(f, rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REQUEST)), RG_ELIMIT);
    rg_msg_t *stats = ask_stats(f);
    assert_counts(stats, "train", 1, 1, 1);
    assert_true(value_of(stats, "rg_sent_bytes_total", "") < 1 << 20); // what was refused did not go out
    rg_msg_destroy(&stats);
}

static void take_nothing(void *self, int err, const rg_msg_t *reply)
{
    (void)self, (void)err, (void)reply;
}

static void a_request_is_open_until_it_is_answered(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *request = batch_request(2, 1);
    rg_link_send(f->link, &request, -1, take_nothing, NULL);
    rg_msg_t *stats = ask_stats(f);
    assert_int_equal(value_of(stats, "rg_open_requests", ""), 2); // and the one that asks
    assert_counts(stats, "batch", 1, 0, 0);
    rg_msg_destroy(&stats);
    server_release_kept(&f->server);
    while (rg_link_pending(f->link)) assert_int_equal(rg_link_poll(f->link, -1), 0);
    stats = ask_stats(f);
    assert_int_equal(value_of(stats, "rg_open_requests", ""), 1);
    assert_counts(stats, "batch", 1, 0, 1);
    rg_msg_destroy(&stats);
}

static void unreadable_messages_are_counted(void **state)
{
    fixture_t *f = *state;
    zsock_t *raw = zsock_new(ZMQ_DEALER);
    void *handle = zsock_resolve(raw);
    assert_int_equal(zmq_connect(handle, f->endpoint), 0);
    assert_int_equal(zmq_send(handle, "\xff\xff\xff", 3, 0), 3);
    for (double bad = 0; bad == 0;) { // until it has come
        rg_msg_t *stats = ask_stats(f);
        bad = value_of(stats, "rg_unreadable_messages_total", "");
        rg_msg_destroy(&stats);
    }
    zsock_destroy(&raw);
}

static void numbers_of_the_status_are_gauges(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 2; i++) assert_int_equal(ask(f, batch_request(1, 1)), 0);
    rg_msg_t *stats = ask_stats(f);
    assert_int_equal(value_of(stats, "rg_fixture_seen", ""), 2);
    assert_null(find(stats, "rg_fixture_mood", ""));
    assert_true(value_of(stats, "rg_resident_memory_bytes", "") > 100000);
    assert_true(value_of(stats, "rg_uptime_seconds", "") > 0);
    assert_string_equal(((Rg__V1__StatsReply *)rg_msg_body(stats))->service, "fixture");
    rg_msg_destroy(&stats);
}

// ---- without a service
static const rg_service_spec_t lonely = {.name = "lonely"};

static void refresh(rg__traffic_t *traffic, const char *key, const char *value)
{
    Rg__V1__Field field = RG__V1__FIELD__INIT, *fields[] = {&field};
    Rg__V1__StatusReply status = RG__V1__STATUS_REPLY__INIT;
    field.key = (char *)key;
    field.value = (char *)value;
    status.n_fields = 1;
    status.fields = fields;
    rg__traffic_refresh(traffic, &status);
}

static void only_plain_numbers_are_taken_over(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int taken;
    } cases[] = {{"7", 1},   {"-0.25", 1},  {"1e3", 1},  {"", 0},    {"e", 0},       {"none", 0},
                 {"nan", 0}, {"3 of 7", 0}, {"0x10", 0}, {"inf", 0}, {"1e99999", 0}, {"1.2.3", 0}};
    rg__traffic_t *traffic = rg__traffic_new(&lonely);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refresh(traffic, "loss.kl", cases[i].value);
        char *text = rg__traffic_text(traffic);
        int taken = strstr(text, "\nrg_lonely_loss_kl ") != NULL;
        if (taken != cases[i].taken) fail_msg("'%s'", cases[i].value);
        free(text);
    }
    rg__traffic_destroy(&traffic);
}

static void fields_of_earlier_statuses_are_gone(void **state)
{
    (void)state;
    rg__traffic_t *traffic = rg__traffic_new(&lonely);
    refresh(traffic, "old", "1");
    refresh(traffic, "new", "2");
    char *text = rg__traffic_text(traffic);
    assert_null(strstr(text, "rg_lonely_old"));
    assert_non_null(strstr(text, "\nrg_lonely_new 2\n"));
    free(text);
    rg__traffic_destroy(&traffic);
}

static void lost_replies_are_not_sent(void **state)
{
    (void)state;
    rg__traffic_t *traffic = rg__traffic_new(&lonely);
    rg_peer_t peer = {.identity = "p", .identity_size = 1, .id = 1};
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REPLY);
    rg__traffic_begin(traffic, &peer, RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    rg__traffic_end(traffic, &peer, reply, RG_ENOENT);
    char *text = rg__traffic_text(traffic);
    assert_non_null(strstr(text, "\nrg_lost_replies_total 1\n"));
    assert_non_null(strstr(text, "\nrg_sent_bytes_total 0\n"));
    assert_non_null(strstr(text, "\nrg_open_requests 0\n"));
    free(text);
    rg_msg_destroy(&reply);
    rg__traffic_destroy(&traffic);
}

static void requests_never_answered_do_not_pile_up(void **state)
{
    (void)state;
    rg__traffic_t *traffic = rg__traffic_new(&lonely);
    rg_peer_t peer = {.identity = "p", .identity_size = 1};
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REPLY);
    for (peer.id = 1; peer.id <= 2000; peer.id++)
        rg__traffic_begin(traffic, &peer, RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    for (peer.id = 1; peer.id <= 2000; peer.id++) rg__traffic_end(traffic, &peer, reply, 0);
    char *text = rg__traffic_text(traffic);
    assert_non_null(strstr(text, "rg_requests_total{request=\"status\"} 2000\n"));
    assert_non_null(strstr(text, "rg_request_seconds_count{request=\"status\"} 1024\n"));
    assert_non_null(strstr(text, "rg_open_requests 0\n"));
    free(text);
    rg_msg_destroy(&reply);
    rg__traffic_destroy(&traffic);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, traffic_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(requests_are_counted_by_kind),
        WITH_FIXTURE(a_reply_that_became_an_error_is_one),
        WITH_FIXTURE(a_request_is_open_until_it_is_answered),
        WITH_FIXTURE(unreadable_messages_are_counted),
        WITH_FIXTURE(numbers_of_the_status_are_gauges),
        cmocka_unit_test(only_plain_numbers_are_taken_over),
        cmocka_unit_test(fields_of_earlier_statuses_are_gone),
        cmocka_unit_test(lost_replies_are_not_sent),
        cmocka_unit_test(requests_never_answered_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
