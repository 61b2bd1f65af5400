#include "common/core/image_name.h"
#include "tests/support/test.h"

static void test_names(void **state)
{
    (void)state;
    static const char *const images[] = {"a.jpg", "a.JPG", "a.jpeg", "a.jpe", "a.jfif", "a.b.Png", "x.webp"};
    static const char *const quiet[] = {".hidden.jpg", "._a.jpg",  "Thumbs.db",
                                        ".DS_Store",   "__MACOSX", ".git"};
    static const char *const others[] = {"a.txt", "a.heic", "jpg", "a.jpg.part", "README"};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) assert_true(rg_image_name_known(images[i]));
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++) {
        assert_true(rg_image_name_quiet(quiet[i]));
        assert_false(rg_image_name_known(quiet[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(rg_image_name_quiet(others[i]));
        assert_false(rg_image_name_known(others[i]));
    }
    assert_int_equal(rg_image_name_format("dir.png/name"), RG_IMAGE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
