// All parts of a request that the gateway parses: escapes of the query string, parameters, host, origin and token in
// headers, names of runs and images; and lines of a journal.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "common/wire/edits.h"
#include "common/wire/http.h"
#include "services/gateway/http_access.h"
#include "services/gateway/http_api.h"
#include "services/gateway/run_files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

enum { PARTS = 6 };

#define TOKEN "0123456789abcdef0123456789abcdef"

// Beyond loopback, only a request with the token is allowed.
static void check_access(char *const part[PARTS])
{
    const rg_http_access_t remote = {.token = TOKEN}, local = {.loopback = 1};
    const rg_access_request_t request = {.method = "POST",
                                         .path = "/api/v1/images",
                                         .host = part[0],
                                         .origin = *part[1] ? part[1] : NULL,
                                         .authorization = part[2],
                                         .cookie = part[3]};
    int has_token = strstr(part[2], TOKEN) || strstr(part[3], TOKEN);
    if (rg_http_access_check(&remote, &request) == RG_ACCESS_ALLOWED && !has_token) abort();
    rg_http_access_check(&local, &request);
    rg_http_access_has_credentials(&request);
    rg_address_is_loopback(part[0]);
}

static void read_parameters(const char *text)
{
    static const char *const choices[] = {"any", "annotated", "unannotated", NULL};
    rg_config_t config;
    rg_edits_t edits;
    uint64_t number;
    uint8_t id[16];
    int choice;
    rg_config_init(&config);
    if (rg_api_param_number("k", text, 1, 100, 10, &number) == 0 && (number < 1 || number > 100)) abort();
    if (rg_api_param_choice("annotation", text, choices, &choice) == 0 && (choice < 0 || choice > 2)) abort();
    rg_api_param_id("image", text, id);
    rg_api_param_text("name", text);
    if (rg_api_param_time("added_after", text, &number) == 0 && *text && (number < 1 || number > INT64_MAX))
        abort();
    rg_edits_parse(&edits, &config, text);
}

// Any text becomes a name that everyone can show, and a name stays as it is.
static void make_names(const char *text)
{
    char name[RG_TEXT_NAME + 1], again[RG_TEXT_NAME + 1];
    rg_text_name(text, name);
    rg_text_name(name, again);
    if (strcmp(name, again) != 0 || !rg_text_is_printable(name)) abort();
    char *repaired = rg_text_repair(text);
    if (!rg_text_is_utf8(repaired)) abort();
    free(repaired);
}

// A name that is not of a run or a picture has no path.
static void find_files(const char *text)
{
    rg_run_entry_t served = {.name = "served", .served = 1};
    rg_runs_t runs = {.base = "/nowhere", .entry = {served}, .n = 1};
    rg_sample_t sample;
    char *path;
    if (rg_runs_path(&runs, text, "metrics.jsonl", &path) == 0) {
        if (strcmp(path, "/nowhere/served/metrics.jsonl") != 0) abort();
        free(path);
    }
    if (rg_sample_parse(text, &sample) && strchr(text, '/')) abort();
}

static void view_journal(const uint8_t *data, size_t size)
{
    char path[96], *text;
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_open());
    scratch_write(path, data, size);
    if (rg_journal_read_part(path, size / 3, &text) != 0) abort();
    json_t *object = json_loads(text, 0, NULL);
    if (!object) abort();
    json_decref(object);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1), *rest = text, *part[PARTS], empty[1] = "";
    if (!text) abort();
    memcpy(text, data, size);
    for (int i = 0; i < PARTS; i++) {
        part[i] = strsep(&rest, "\n");
        if (!part[i]) part[i] = empty;
        size_t length = rg_http_unescape(part[i]);
        if (length != strlen(part[i])) abort();
        make_names(part[i]);
        read_parameters(part[i]);
        find_files(part[i]);
    }
    check_access(part);
    view_journal(data, size);
    free(text);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const seeds[] = {
        "localhost:8080\nhttp://localhost:8080\nBearer " TOKEN "\nrg_token=" TOKEN "\nBlond_Hair=1,Young=0\n",
        "[::1]:80\nnull\nbearer x\na=b; rg_token=x; c\n%2e%2e%2fetc\n00112233445566778899aabbccddeeff",
        "127.0.0.1\n\n\n\nserved\neval-stage3-Male.png\nstage1-0000400.png\nunannotated\n10\n%00%c3%b6",
        "{\"stage\":\"stage1\",\"iteration\":10,\"recon\":0.5}\n{\"stage\":\n[1]\n{\"a\":1}\n{\"b\":",
    };
    if (i >= sizeof seeds / sizeof *seeds) return 0;
    int n = snprintf((char *)out, capacity, "%s", seeds[i]);
    return (size_t)n < capacity ? (size_t)n : capacity - 1;
}
