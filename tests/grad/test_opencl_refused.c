// A driver whose compiler refuses the kernels: this program has broken ones in their place.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/nn/opencl.h"
#include "tests/support/test.h"

extern const char rg__ocl_source[];
extern const size_t rg__ocl_source_size;
const char rg__ocl_source[] = "__kernel void broken(this is no kernel";
const size_t rg__ocl_source_size = sizeof rg__ocl_source - 1;

static void test_the_log_is_named(void **state)
{
    char folder[] = "/tmp/rg-opencl-XXXXXX";
    rg_backend_t *backend = NULL;
    unsigned char *log;
    size_t size;
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_fails(rg_opencl_backend_new(&backend, 0, folder), RG_EVERSION, "");
    assert_null(backend);
    const char *path = strstr(rg_error(), folder);
    assert_non_null(strstr(rg_error(), "the driver's compiler refuses the kernels; what it says is in "));
    assert_non_null(path);
    assert_ok(rg_file_read(path, 1 << 20, &log, &size));
    assert_true(size > 0);
    remove(path);
    remove(folder);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_log_is_named)};
    return cmocka_run_group_tests_name("opencl refused", tests, NULL, NULL);
}
