#include "common/core/endpoint.h"

#include "common/core/err.h"
#include "tests/support/test.h"

static void endpoints_have_parts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port, is_ipv6, is_loopback;
    } cases[] = {
        {"tcp://127.0.0.1:9100", "127.0.0.1", 9100, 0, 1},
        {"tcp://127.9.0.1:1", "127.9.0.1", 1, 0, 1},
        {"tcp://localhost:65535", "localhost", 65535, 0, 1},
        {"tcp://[::1]:9100", "::1", 9100, 1, 1},
        {"tcp://[fe80::1%eth0]:5", "fe80::1%eth0", 5, 1, 0},
        {"tcp://[::]:9100", "::", 9100, 1, 0},
        {"tcp://*:9100", "*", 9100, 0, 0},
        {"tcp://127.0.0.1:*", "127.0.0.1", 0, 0, 1},
        {"tcp://127.evil.example:5", "127.evil.example", 5, 0, 0},
    };
    rg_endpoint_t endpoint;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(rg_endpoint_parse(cases[i].text, &endpoint));
        assert_string_equal(endpoint.host, cases[i].host);
        assert_int_equal(endpoint.port, cases[i].port);
        assert_int_equal(rg_endpoint_is_ipv6(&endpoint), cases[i].is_ipv6);
        assert_int_equal(rg_endpoint_is_loopback(&endpoint), cases[i].is_loopback);
        assert_null(endpoint.path);
    }
    assert_ok(rg_endpoint_parse("ipc://run/a.ipc", &endpoint));
    assert_string_equal(endpoint.path, "run/a.ipc");
}

static void bad_endpoints_are_told(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"tcp://127.0.0.1:99999", "'99999' is not a port: use a number from 1 to 65535"},
        {"tcp://127.0.0.1:0", "'0' is not a port"},
        {"tcp://127.0.0.1:-1", "'-1' is not a port"},
        {"tcp://127.0.0.1:91x", "'91x' is not a port"},
        {"tcp://127.0.0.1:", "'' is not a port"},
        {"tcp://127.0.0.1", "has no port"},
        {"tcp://[::1]", "has no port"},
        {"tcp://::1:9100", "stands in brackets"},
        {"tcp://[example]:9100", "'example' is not an IPv6 address"},
        {"tcp://:9100", "has no port"},
        {"ipc://", "has no path"},
        {"http://x:1", "begins with ipc:// or tcp://"},
        {"", "begins with ipc:// or tcp://"},
    };
    rg_endpoint_t endpoint;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(rg_endpoint_parse(cases[i][0], &endpoint), RG_ECONFIG, cases[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(endpoints_have_parts),
                                       cmocka_unit_test(bad_endpoints_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
