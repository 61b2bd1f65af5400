// Access control of the HTTP interface: the check of a request, and the token file.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/file.h"
#include "services/gateway/http_access.h"
#include "tests/support/test.h"

// ---- the check

#define TOKEN "abcdefghijklmnopqrstuvwxyz0123456789_-ABCDE"

static const rg_http_access_t local = {.loopback = 1}, local_token = {.loopback = 1, .token = TOKEN},
                              remote = {.token = TOKEN};

static const rg_access_request_t plain = {
    .method = "GET", .path = "/api/v1/system", .host = "localhost:8080"};

static void assert_verdict(const rg_http_access_t *access, const rg_access_request_t *request,
                           enum rg_access_verdict want)
{
    enum rg_access_verdict got = rg_http_access_check(access, request);
    if (got != want)
        fail_msg("%s %s host %s origin %s site %s: %d, expected %d", request->method, request->path,
                 request->host, request->origin, request->fetch_site, (int)got, (int)want);
}

static void local_names_are_allowed_on_loopback(void **state)
{
    (void)state;
    static const char *const own[] = {"localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:8080",
                                      "127.9.9.9", "[::1]",        "[::1]:8080"};
    static const char *const others[] = {"evil.example",
                                         "localhost.evil.example",
                                         "127.0.0.1.evil.example",
                                         "10.0.0.1",
                                         "[::2]",
                                         "[::1",
                                         "[::1]evil",
                                         "localhost]",
                                         "",
                                         "::1",
                                         "[localhost]",
                                         "0.0.0.0",
                                         "127.0.0.1 evil",
                                         "[]",
                                         ":80"};
    rg_access_request_t request = plain;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        request.host = own[i];
        assert_verdict(&local, &request, RG_ACCESS_ALLOWED);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        request.host = others[i];
        assert_verdict(&local, &request, RG_ACCESS_HOST);
        request.path = "/";
        assert_verdict(&local, &request, RG_ACCESS_HOST);
        request.path = plain.path;
    }
    request.host = NULL;
    assert_verdict(&local, &request, RG_ACCESS_HOST);
}

static void any_host_is_allowed_with_the_token(void **state)
{
    (void)state;
    rg_access_request_t request = plain;
    request.host = "box.example";
    assert_verdict(&local_token, &request, RG_ACCESS_TOKEN);
    request.path = "/";
    assert_verdict(&local_token, &request, RG_ACCESS_ALLOWED);
    request.path = "/api/v1/session";
    assert_verdict(&local_token, &request, RG_ACCESS_ALLOWED);
    request.path = plain.path;
    request.authorization = "Bearer " TOKEN;
    assert_verdict(&local_token, &request, RG_ACCESS_ALLOWED);
    assert_verdict(&local, &request, RG_ACCESS_HOST);
}

static void other_origins_are_refused(void **state)
{
    (void)state;
    static const char *const foreign[] = {"http://evil.example",    "null",           "http://localhost",
                                          "http://localhost:80801", "localhost:8080", ""};
    rg_access_request_t request = plain;
    request.origin = "http://localhost:8080";
    assert_verdict(&local, &request, RG_ACCESS_ALLOWED);
    assert_verdict(&local_token, &request, RG_ACCESS_ALLOWED);
    request.origin = "https://LOCALHOST:8080";
    assert_verdict(&local, &request, RG_ACCESS_ALLOWED);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        request.origin = foreign[i];
        assert_verdict(&local, &request, RG_ACCESS_ORIGIN);
    }
    request.authorization = "Bearer " TOKEN; // a page of another origin may not send it either
    assert_verdict(&remote, &request, RG_ACCESS_ORIGIN);
}

static void the_header_sec_fetch_site_counts(void **state)
{
    (void)state;
    rg_access_request_t request = plain;
    static const struct {
        const char *site;
        enum rg_access_verdict verdict;
    } cases[] = {{"none", RG_ACCESS_ALLOWED},
                 {"same-origin", RG_ACCESS_ALLOWED},
                 {"same-site", RG_ACCESS_ORIGIN},
                 {"cross-site", RG_ACCESS_ORIGIN},
                 {"", RG_ACCESS_ORIGIN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        request.fetch_site = cases[i].site;
        assert_verdict(&local, &request, cases[i].verdict);
    }
    request.fetch_site = "cross-site"; // a link to the page
    request.path = "/";
    assert_verdict(&local, &request, RG_ACCESS_ALLOWED);
    request.method = "POST";
    assert_verdict(&local, &request, RG_ACCESS_ORIGIN);
}

static void the_token_is_needed_beyond_loopback(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Bearer",       "Bearer ", "Bearer x",      "Bearer " TOKEN "x",
                                        "Basic " TOKEN, TOKEN,     "Bearer  " TOKEN};
    static const char *const wrong_cookies[] = {
        "rg_token=", "rg_token=x", "xrg_token=" TOKEN, "rg_token=" TOKEN "x", "rg_token",
        "",          ";;; ",       "a=rg_token=" TOKEN};
    static const char *const cookies[] = {"rg_token=" TOKEN, "a=b; rg_token=" TOKEN "; c=d",
                                          ";rg_token=" TOKEN};
    rg_access_request_t request = plain;
    request.host = "box.example";
    assert_verdict(&remote, &request, RG_ACCESS_TOKEN);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        request.authorization = wrong[i];
        assert_verdict(&remote, &request, RG_ACCESS_TOKEN);
    }
    request.authorization = "bearer " TOKEN;
    assert_verdict(&remote, &request, RG_ACCESS_ALLOWED);
    request.authorization = NULL;
    for (size_t i = 0; i < sizeof wrong_cookies / sizeof *wrong_cookies; i++) {
        request.cookie = wrong_cookies[i];
        assert_verdict(&remote, &request, RG_ACCESS_TOKEN);
    }
    for (size_t i = 0; i < sizeof cookies / sizeof *cookies; i++) {
        request.cookie = cookies[i];
        assert_verdict(&remote, &request, RG_ACCESS_ALLOWED);
    }
}

static void only_the_page_needs_no_token_beyond_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        enum rg_access_verdict verdict;
    } cases[] = {
        {"GET", "/", RG_ACCESS_ALLOWED},
        {"GET", "/style.css", RG_ACCESS_ALLOWED},
        {"GET", "/healthz", RG_ACCESS_ALLOWED},
        {"GET", "/livez", RG_ACCESS_ALLOWED},
        {"POST", "/api/v1/session", RG_ACCESS_ALLOWED},
        {"GET", "/metrics", RG_ACCESS_TOKEN},
        {"HEAD", "/metrics", RG_ACCESS_TOKEN},
        {"GET", "/api/v1/openapi.yaml", RG_ACCESS_TOKEN},
        {"GET", "/api/", RG_ACCESS_TOKEN},
        {"POST", "/", RG_ACCESS_TOKEN},
        {"DELETE", "/healthz", RG_ACCESS_TOKEN},
        {"GET", "/api/v1/session/x", RG_ACCESS_TOKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rg_access_request_t request = {
            .method = cases[i].method, .path = cases[i].path, .host = "box.example"};
        assert_verdict(&remote, &request, cases[i].verdict);
    }
}

static void without_a_token_nothing_matches_it(void **state)
{
    (void)state;
    assert_false(rg_http_access_is_token(&local, "", 0));
    assert_true(rg_http_access_is_token(&remote, TOKEN, strlen(TOKEN)));
    assert_false(rg_http_access_is_token(&remote, TOKEN, strlen(TOKEN) - 1));
    char longer[1000] = TOKEN;
    assert_false(rg_http_access_is_token(&remote, longer, sizeof longer));
}

static void loopback_is_a_range_of_addresses(void **state)
{
    (void)state;
    static const char *const in[] = {"127.0.0.1", "127.0.0.2", "127.255.255.255", "::1"};
    static const char *const out[] = {"0.0.0.0", "10.0.0.1", "::", "128.0.0.1", "localhost", ""};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) assert_true(rg_address_is_loopback(in[i]));
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) assert_false(rg_address_is_loopback(out[i]));
}

// ---- the token file

static void token_path(void *folder, char path[600])
{
    snprintf(path, 600, "%s/gateway.token", (char *)folder);
}

static void a_token_is_created_and_kept(void **state)
{
    char path[600], token[RG_TOKEN_SIZE], again[RG_TOKEN_SIZE];
    struct stat info;
    token_path(*state, path);
    assert_fails(rg_token_load(path, 0, token), RG_ENOENT, path);
    assert_ok(rg_token_load(path, 1, token));
    assert_int_equal(strlen(token), 43); // 32 bytes
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_ok(rg_token_load(path, 1, again));
    assert_string_equal(token, again);
    assert_int_equal(unlink(path), 0);
    assert_ok(rg_token_load(path, 1, again));
    assert_string_not_equal(token, again);
}

static void a_token_that_others_may_read_is_refused(void **state)
{
    char path[600], token[RG_TOKEN_SIZE];
    token_path(*state, path);
    assert_ok(rg_token_load(path, 1, token));
    assert_int_equal(chmod(path, 0640), 0);
    assert_fails(rg_token_load(path, 1, token), RG_EACCES, path);
}

static void malformed_tokens_are_refused(void **state)
{
    char path[600], token[RG_TOKEN_SIZE], large[200];
    static const char *const bad[] = {
        "", "\n", "short", "0123456789abcdef;", "two lines 012345\nx", "0123456789abcdef\xc3\xa4"};
    token_path(*state, path);
    memset(large, 'a', sizeof large);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_ok(rg_file_write_secret(path, bad[i], strlen(bad[i])));
        assert_fails(rg_token_load(path, 1, token), RG_EFORMAT, path);
    }
    assert_ok(rg_file_write_secret(path, large, sizeof large));
    assert_fails(rg_token_load(path, 1, token), RG_EFORMAT, "200");
    assert_ok(rg_file_write_secret(path, "0123456789abcdef\r\n", 18));
    assert_ok(rg_token_load(path, 0, token));
    assert_string_equal(token, "0123456789abcdef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_names_are_allowed_on_loopback),
        cmocka_unit_test(any_host_is_allowed_with_the_token),
        cmocka_unit_test(other_origins_are_refused),
        cmocka_unit_test(the_header_sec_fetch_site_counts),
        cmocka_unit_test(the_token_is_needed_beyond_loopback),
        cmocka_unit_test(only_the_page_needs_no_token_beyond_loopback),
        cmocka_unit_test(without_a_token_nothing_matches_it),
        cmocka_unit_test(loopback_is_a_range_of_addresses),
        IN_FOLDER(a_token_is_created_and_kept),
        IN_FOLDER(a_token_that_others_may_read_is_refused),
        IN_FOLDER(malformed_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
