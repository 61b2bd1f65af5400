// Who is let in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "services/gateway/gate.h"

#define TOKEN "abcdefghijklmnopqrstuvwxyz0123456789_-ABCDE"

static const rg_gate_t local = {.loopback = 1}, local_token = {.loopback = 1, .token = TOKEN},
                       remote = {.token = TOKEN};

static const rg_visit_t plain = {.method = "GET", .path = "/api/v1/system", .host = "localhost:8080"};

static void assert_verdict(const rg_gate_t *gate, const rg_visit_t *visit, enum rg_verdict want)
{
    enum rg_verdict got = rg_gate_ask(gate, visit);
    if (got != want)
        fail_msg("%s %s host %s origin %s site %s: %d, expected %d", visit->method, visit->path, visit->host,
                 visit->origin, visit->fetch_site, (int)got, (int)want);
}

static void own_names_are_let_in_on_loopback(void **state)
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
    rg_visit_t visit = plain;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        visit.host = own[i];
        assert_verdict(&local, &visit, RG_GATE_OPEN);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        visit.host = others[i];
        assert_verdict(&local, &visit, RG_GATE_HOST);
        visit.path = "/";
        assert_verdict(&local, &visit, RG_GATE_HOST);
        visit.path = plain.path;
    }
    visit.host = NULL;
    assert_verdict(&local, &visit, RG_GATE_HOST);
}

static void any_name_will_do_with_the_token(void **state)
{
    (void)state;
    rg_visit_t visit = plain;
    visit.host = "box.example";
    assert_verdict(&local_token, &visit, RG_GATE_TOKEN);
    visit.path = "/";
    assert_verdict(&local_token, &visit, RG_GATE_OPEN);
    visit.path = "/api/v1/session";
    assert_verdict(&local_token, &visit, RG_GATE_OPEN);
    visit.path = plain.path;
    visit.authorization = "Bearer " TOKEN;
    assert_verdict(&local_token, &visit, RG_GATE_OPEN);
    assert_verdict(&local, &visit, RG_GATE_HOST);
}

static void other_origins_are_refused(void **state)
{
    (void)state;
    static const char *const foreign[] = {"http://evil.example",    "null",           "http://localhost",
                                          "http://localhost:80801", "localhost:8080", ""};
    rg_visit_t visit = plain;
    visit.origin = "http://localhost:8080";
    assert_verdict(&local, &visit, RG_GATE_OPEN);
    assert_verdict(&local_token, &visit, RG_GATE_OPEN);
    visit.origin = "https://LOCALHOST:8080";
    assert_verdict(&local, &visit, RG_GATE_OPEN);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        visit.origin = foreign[i];
        assert_verdict(&local, &visit, RG_GATE_ORIGIN);
    }
    visit.authorization = "Bearer " TOKEN; // a page cannot make its visitor's browser do it either
    assert_verdict(&remote, &visit, RG_GATE_ORIGIN);
}

static void what_the_browser_says_of_the_site_counts(void **state)
{
    (void)state;
    rg_visit_t visit = plain;
    static const struct {
        const char *site;
        enum rg_verdict verdict;
    } cases[] = {{"none", RG_GATE_OPEN},
                 {"same-origin", RG_GATE_OPEN},
                 {"same-site", RG_GATE_ORIGIN},
                 {"cross-site", RG_GATE_ORIGIN},
                 {"", RG_GATE_ORIGIN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        visit.fetch_site = cases[i].site;
        assert_verdict(&local, &visit, cases[i].verdict);
    }
    visit.fetch_site = "cross-site"; // a link to the page
    visit.path = "/";
    assert_verdict(&local, &visit, RG_GATE_OPEN);
    visit.method = "POST";
    assert_verdict(&local, &visit, RG_GATE_ORIGIN);
}

static void beyond_loopback_the_token_opens(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Bearer",       "Bearer ", "Bearer x",      "Bearer " TOKEN "x",
                                        "Basic " TOKEN, TOKEN,     "Bearer  " TOKEN};
    static const char *const wrong_cookies[] = {
        "rg_token=", "rg_token=x", "xrg_token=" TOKEN, "rg_token=" TOKEN "x", "rg_token",
        "",          ";;; ",       "a=rg_token=" TOKEN};
    static const char *const cookies[] = {"rg_token=" TOKEN, "a=b; rg_token=" TOKEN "; c=d",
                                          ";rg_token=" TOKEN};
    rg_visit_t visit = plain;
    visit.host = "box.example";
    assert_verdict(&remote, &visit, RG_GATE_TOKEN);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        visit.authorization = wrong[i];
        assert_verdict(&remote, &visit, RG_GATE_TOKEN);
    }
    visit.authorization = "bearer " TOKEN;
    assert_verdict(&remote, &visit, RG_GATE_OPEN);
    visit.authorization = NULL;
    for (size_t i = 0; i < sizeof wrong_cookies / sizeof *wrong_cookies; i++) {
        visit.cookie = wrong_cookies[i];
        assert_verdict(&remote, &visit, RG_GATE_TOKEN);
    }
    for (size_t i = 0; i < sizeof cookies / sizeof *cookies; i++) {
        visit.cookie = cookies[i];
        assert_verdict(&remote, &visit, RG_GATE_OPEN);
    }
}

static void little_is_open_beyond_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        enum rg_verdict verdict;
    } cases[] = {
        {"GET", "/", RG_GATE_OPEN},
        {"GET", "/style.css", RG_GATE_OPEN},
        {"GET", "/healthz", RG_GATE_OPEN},
        {"POST", "/api/v1/session", RG_GATE_OPEN},
        {"GET", "/metrics", RG_GATE_TOKEN},
        {"HEAD", "/metrics", RG_GATE_TOKEN},
        {"GET", "/api/v1/openapi.yaml", RG_GATE_TOKEN},
        {"GET", "/api/", RG_GATE_TOKEN},
        {"POST", "/", RG_GATE_TOKEN},
        {"DELETE", "/healthz", RG_GATE_TOKEN},
        {"GET", "/api/v1/session/x", RG_GATE_TOKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rg_visit_t visit = {.method = cases[i].method, .path = cases[i].path, .host = "box.example"};
        assert_verdict(&remote, &visit, cases[i].verdict);
    }
}

static void without_a_token_nothing_is_it(void **state)
{
    (void)state;
    assert_false(rg_gate_knows(&local, "", 0));
    assert_true(rg_gate_knows(&remote, TOKEN, strlen(TOKEN)));
    assert_false(rg_gate_knows(&remote, TOKEN, strlen(TOKEN) - 1));
    char longer[1000] = TOKEN;
    assert_false(rg_gate_knows(&remote, longer, sizeof longer));
}

static void loopback_is_a_range_of_addresses(void **state)
{
    (void)state;
    static const char *const in[] = {"127.0.0.1", "127.0.0.2", "127.255.255.255", "::1"};
    static const char *const out[] = {"0.0.0.0", "10.0.0.1", "::", "128.0.0.1", "localhost", ""};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) assert_true(rg_gate_is_loopback(in[i]));
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) assert_false(rg_gate_is_loopback(out[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_names_are_let_in_on_loopback),
        cmocka_unit_test(any_name_will_do_with_the_token),
        cmocka_unit_test(other_origins_are_refused),
        cmocka_unit_test(what_the_browser_says_of_the_site_counts),
        cmocka_unit_test(beyond_loopback_the_token_opens),
        cmocka_unit_test(little_is_open_beyond_loopback),
        cmocka_unit_test(without_a_token_nothing_is_it),
        cmocka_unit_test(loopback_is_a_range_of_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
