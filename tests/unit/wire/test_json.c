#include <string.h>

#include <stdlib.h>

#include "common/wire/json.h"
#include "common/wire/search_request.h"
#include "tests/support/test.h"

static uint8_t id[16] = {0xab, 1};

// Takes the reference.
static void assert_json(json_t *value, const char *want)
{
    assert_non_null(value);
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(6) | JSON_ENCODE_ANY);
    assert_non_null(text);
    assert_string_equal(text, want);
    free(text);
    json_decref(value);
}

static void text_is_made_utf8(void **state)
{
    (void)state;
    assert_json(rg_json_text("f\xc3\xbcr.jpg"), "\"f\xc3\xbcr.jpg\"");
    assert_json(rg_json_text("f\xfcr.jpg"), "\"f%FCr.jpg\"");
    assert_json(rg_json_text(""), "\"\"");
}

static void a_status_has_its_fields_by_key(void **state)
{
    (void)state;
    Rg__V1__Field state_field = RG__V1__FIELD__INIT, file = RG__V1__FIELD__INIT,
                  *fields[] = {&state_field, &file};
    Rg__V1__StatusReply status = RG__V1__STATUS_REPLY__INIT;
    state_field.key = "state", state_field.value = "idle";
    file.key = "file", file.value = "\xff.jpg";
    status.service = "loader", status.version = "1.2.3", status.pid = 7, status.uptime_s = 1.5;
    status.state = "loading", status.detail = "34 %";
    status.n_fields = 2, status.fields = fields;
    json_t *object = json_pack("{s:s}", "service", "loader");
    rg_json_status(object, &status);
    assert_json(object, "{\"service\":\"loader\",\"version\":\"1.2.3\",\"pid\":7,\"uptime_s\":1.5,\"state\":"
                        "\"loading\",\"detail\":\"34 %\","
                        "\"fields\":{\"state\":\"idle\",\"file\":\"%FF.jpg\"}}");
}

// Kinds without any request are left out, and so are samples that count no requests.
static void stats_are_by_kind_of_request(void **state)
{
    (void)state;
    static const struct {
        char *name, *label;
        double value, p50_s, p99_s;
    } all[] = {
        {"rg_requests_total", "search", 10, 0, 0},
        {"rg_requests_total", "list", 0, 0, 0},
        {"rg_requests_total", "add", 5, 0, 0},
        {"rg_request_errors_total", "search", 2, 0, 0},
        {"rg_request_seconds", "search", 3, 0.25, 0.5},
        {"rg_open_requests", "", 1, 0, 0},
        {"rg_loss", "", 0.25, 0, 0},
    };
    enum { N = sizeof all / sizeof *all };
    Rg__V1__Sample sample[N], *samples[N];
    Rg__V1__StatsReply stats = RG__V1__STATS_REPLY__INIT;
    for (int i = 0; i < N; i++) {
        rg__v1__sample__init(samples[i] = &sample[i]);
        sample[i].name = all[i].name, sample[i].label = all[i].label, sample[i].value = all[i].value;
        sample[i].p50_s = all[i].p50_s, sample[i].p99_s = all[i].p99_s;
    }
    stats.uptime_s = 20, stats.n_samples = N, stats.samples = samples;
    json_t *object = json_object();
    rg_json_stats(object, &stats);
    assert_json(object,
                "{\"uptime_s\":20.0,\"requests\":{"
                "\"search\":{\"count\":10,\"errors\":2,\"per_s\":0.5,\"p50_ms\":250.0,\"p99_ms\":500.0},"
                "\"add\":{\"count\":5,\"errors\":0,\"per_s\":0.25,\"p50_ms\":0.0,\"p99_ms\":0.0}},"
                "\"values\":{\"rg_open_requests\":1,\"rg_loss\":0.25}}");
}

static void an_image_is_shown_by_its_id(void **state)
{
    (void)state;
    Rg__V1__Listed image = RG__V1__LISTED__INIT;
    image.id = (ProtobufCBinaryData){sizeof id, id};
    image.name = "a/\xe4.jpg";
    image.generation = 3, image.added_ms = 1700000000000, image.annotated = 1;
    assert_json(rg_json_image(&image), "{\"id\":\"ab010000000000000000000000000000\",\"name\":\"a/%E4.jpg\","
                                       "\"generation\":3,\"added_ms\":1700000000000,\"annotated\":true}");
    image.id.len = 15;
    assert_null(rg_json_image(&image));
}

static void a_neighbour_has_a_rank_unless_it_is_missing(void **state)
{
    (void)state;
    Rg__V1__Neighbour missing = RG__V1__NEIGHBOUR__INIT, neighbour = RG__V1__NEIGHBOUR__INIT;
    Rg__V1__Neighbour *found[] = {&missing, &neighbour};
    Rg__V1__SearchReply reply = RG__V1__SEARCH_REPLY__INIT;
    reply.generation = 7, reply.images = 1, reply.neighbours = found, reply.n_neighbours = 2;
    neighbour.id = (ProtobufCBinaryData){sizeof id, id};
    neighbour.name = "a.jpg";
    neighbour.dist_l2sq = 0.5f;
    neighbour.generation = 3, neighbour.added_ms = 1700000000000;
    assert_json(
        rg_json_search(&reply, 0),
        "{\"generation\":7,\"images\":1,\"neighbours\":["
        "{\"rank\":2,\"name\":\"a.jpg\",\"id\":\"ab010000000000000000000000000000\","
        "\"dist_l2sq\":0.5,\"generation\":3,\"added_ms\":1700000000000,\"annotated\":false}],"
        "\"message\":\"1 of 2 images found: the retrieval set has no more images than these and the image "
        "itself\"}");
}

static void a_short_search_says_why(void **state)
{
    (void)state;
    char text[RG_SHORTFALL_SIZE];
    Rg__V1__Neighbour missing = RG__V1__NEIGHBOUR__INIT, neighbour = RG__V1__NEIGHBOUR__INIT;
    Rg__V1__Neighbour *found[] = {&neighbour, &missing};
    Rg__V1__SearchReply reply = RG__V1__SEARCH_REPLY__INIT;
    neighbour.id = (ProtobufCBinaryData){sizeof id, id};
    reply.neighbours = found, reply.n_neighbours = 1, reply.images = 9;
    assert_false(rg_search_shortfall(&reply, 0, text));
    reply.n_neighbours = 2;
    assert_true(rg_search_shortfall(&reply, 0, text));
    assert_non_null(strstr(text, "1 of 2 images found: the index found no more"));
    assert_true(rg_search_shortfall(&reply, 1, text));
    assert_string_equal(text, "1 of 2 images found: no more images meet the conditions");
    reply.images = 0, found[0] = &missing;
    assert_true(rg_search_shortfall(&reply, 1, text));
    assert_string_equal(text,
                        "0 of 2 images found: the retrieval set is empty: rg-ctl add-images DIR fills it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_made_utf8),
        cmocka_unit_test(a_status_has_its_fields_by_key),
        cmocka_unit_test(stats_are_by_kind_of_request),
        cmocka_unit_test(an_image_is_shown_by_its_id),
        cmocka_unit_test(a_neighbour_has_a_rank_unless_it_is_missing),
        cmocka_unit_test(a_short_search_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
