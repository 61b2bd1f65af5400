// Which status goes with which error.
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

#include "common/core/err.h"
#include "services/gateway/reply.h"

static void every_error_has_a_status(void **state)
{
    (void)state;
    static const struct {
        int err;
        unsigned status;
    } cases[] = {{RG_EINVAL, 400},  {RG_EUSAGE, 400},   {RG_ENOENT, 404},  {RG_EMODEL, 409},
                 {RG_ELIMIT, 413},  {RG_EFORMAT, 415},  {RG_EBUSY, 503},   {RG_ETIMEOUT, 504},
                 {RG_EFULL, 507},   {RG_EACCES, 403},   {RG_EIO, 500},     {RG_ESHAPE, 500},
                 {RG_ECONFIG, 500}, {RG_ENUMERIC, 500}, {RG_EREMOTE, 422}, {RG_ESTOPPED, 503}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(rg_reply_status(cases[i].err), cases[i].status);
#define ASSERT_STATUS(name, code, sentence) assert_in_range(rg_reply_status(name), 400, 599);
    RG_ERRORS(ASSERT_STATUS)
    assert_int_equal(rg_reply_status(-999), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_error_has_a_status)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
