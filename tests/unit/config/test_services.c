#include <string.h>

#include "common/config/services.h"
#include "common/core/err.h"
#include "tests/support/test.h"

static void services_are_found_by_their_own_names(void **state)
{
    (void)state;
    for (int i = 0; i < RG_SERVICES; i++) assert_int_equal(rg_services_find(rg_services_name(i)), i);
    assert_int_equal(rg_services_find("bakery"), -1);
    assert_int_equal(rg_services_find(""), -1);
}

static void each_has_its_endpoint(void **state)
{
    (void)state;
    rg_config_t config;
    rg_config_init(&config);
    strcpy(config.endpoints.retrieval, "tcp://a:1");
    strcpy(config.endpoints.encoder, "tcp://b:1");
    strcpy(config.endpoints.loader, "tcp://c:1");
    strcpy(config.endpoints.trainer, "tcp://d:1");
    strcpy(config.endpoints.evaluator, "tcp://e:1");
    strcpy(config.endpoints.gateway, "tcp://f:1");
    assert_string_equal(rg_services_endpoint(&config, rg_services_find("retrieval")), "tcp://a:1");
    assert_string_equal(rg_services_endpoint(&config, rg_services_find("encoder")), "tcp://b:1");
    assert_string_equal(rg_services_endpoint(&config, rg_services_find("loader")), "tcp://c:1");
    assert_string_equal(rg_services_endpoint(&config, rg_services_find("trainer")), "tcp://d:1");
    assert_string_equal(rg_services_endpoint(&config, rg_services_find("evaluator")), "tcp://e:1");
    assert_string_equal(rg_services_endpoint(&config, rg_services_find("gateway")), "tcp://f:1");
}

static void a_list_becomes_a_mask(void **state)
{
    unsigned mask = 99;
    (void)state;
    assert_int_equal(rg_services_parse("trainer,loader", &mask), 0);
    assert_int_equal(mask, 1u << rg_services_find("trainer") | 1u << rg_services_find("loader"));
    assert_int_equal(rg_services_parse("trainer,nobody", &mask), RG_EUSAGE);
    assert_non_null(strstr(rg_error(), "'nobody'"));
    assert_int_equal(rg_services_parse("", &mask), RG_EUSAGE);
    assert_int_equal(mask, 1u << rg_services_find("trainer") | 1u << rg_services_find("loader"));
}

static void the_gateway_exists_if_it_has_a_port(void **state)
{
    (void)state;
    rg_config_t config;
    rg_config_init(&config);
    assert_string_equal(rg_services_name(RG_GATEWAY), "gateway");
    assert_int_equal(rg_services_all(&config), (1u << RG_GATEWAY) - 1);
    assert_int_equal(rg_services_check(&config, 1), 0);
    assert_int_equal(rg_services_check(&config, 1u << RG_GATEWAY), RG_EUSAGE);
    assert_non_null(strstr(rg_error(), "http.gateway"));
    config.http.gateway = 8080;
    assert_int_equal(rg_services_all(&config), (1u << RG_SERVICES) - 1);
    assert_int_equal(rg_services_check(&config, 1u << RG_GATEWAY), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_are_found_by_their_own_names),
        cmocka_unit_test(each_has_its_endpoint),
        cmocka_unit_test(a_list_becomes_a_mask),
        cmocka_unit_test(the_gateway_exists_if_it_has_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
