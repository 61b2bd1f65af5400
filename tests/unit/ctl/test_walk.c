#include "services/ctl/walk.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "tests/support/test.h"

typedef struct {
    const char *folder;
    char text[512]; // the paths below the folder, each with its problem
    int n, stop_at;
} visits_t;

static int note_visit(void *self, const rg_walk_file_t *file)
{
    visits_t *visits = self;
    size_t n = strlen(visits->text);
    visits->n++;
    if (visits->n == visits->stop_at) return rg_fail(RG_EFULL, "enough");
    if (visits->n < 16)
        snprintf(visits->text + n, sizeof visits->text - n, "%s%s%s;", file->path + strlen(visits->folder),
                 file->problem ? "!" : "", file->problem ? file->problem : "");
    assert_int_equal(file->given, strlen(visits->folder));
    return 0;
}

static int walk(const char *folder, visits_t *visits, int archives, rg_left_out_t *left_out)
{
    const rg_walk_spec_t spec = {
        .visit = note_visit, .self = visits, .archives = archives, .left_out = left_out};
    return rg_walk(folder, &spec);
}

static void touch(const char *folder, const char *name)
{
    char *path = rg_format("%s/%s", folder, name);
    assert_ok(rg_mkdirs_for(path));
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    free(path);
}

static void test_order_links_and_hidden_files(void **state)
{
    visits_t visits = {.folder = *state};
    rg_left_out_t left_out = {0};
    char *loop = rg_format("%s/b/loop", (char *)*state), *dead = rg_format("%s/dead.jpg", (char *)*state);
    static const char *const names[] = {"c.png",   "a.jpg",      "b/2.JPG", "b/1.jpg",
                                        "b/x.txt", ".git/z.jpg", ".h.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) touch(*state, names[i]);
    assert_int_equal(symlink("..", loop), 0);
    assert_int_equal(symlink("nowhere", dead), 0);
    assert_ok(walk(*state, &visits, 0, &left_out));
    assert_string_equal(visits.text, "/a.jpg;/b/1.jpg;/b/2.JPG;/b/loop!a folder that contains itself;/c.png;"
                                     "/dead.jpg!a link to nothing;");
    assert_int_equal(left_out.total, 1);
    visits = (visits_t){.folder = *state, .stop_at = 2};
    assert_fails(walk(*state, &visits, 0, NULL), RG_EFULL, "enough");
    assert_int_equal(visits.n, 2);
    free(loop);
    free(dead);
}

// A folder as img2dataset writes it.
static void test_archives_are_visited_if_wanted(void **state)
{
    visits_t visits = {.folder = *state};
    rg_left_out_t left_out = {0};
    static const char *const names[] = {"00000.tar", "00000.parquet", "00000_stats.json", "1.TAR.gz",
                                        "a.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) touch(*state, names[i]);
    assert_ok(walk(*state, &visits, 1, &left_out));
    assert_string_equal(visits.text, "/00000.tar;/1.TAR.gz;/a.jpg;");
    assert_int_equal(left_out.total, 2);
    visits = (visits_t){.folder = *state};
    assert_ok(walk(*state, &visits, 0, &left_out));
    assert_string_equal(visits.text, "/a.jpg;");
    assert_int_equal(left_out.total, 2 + 4);
}

static void test_a_folder_larger_than_a_piece(void **state)
{
    visits_t visits = {.folder = *state};
    char name[32];
    for (int i = 0; i < RG_WALK_PIECE + 10; i++) {
        snprintf(name, sizeof name, "%d.jpg", i);
        touch(*state, name);
    }
    assert_ok(walk(*state, &visits, 0, NULL));
    assert_int_equal(visits.n, RG_WALK_PIECE + 10);
}

static void test_deep_folders_end(void **state)
{
    visits_t visits = {.folder = *state};
    char *path = rg_strdup("");
    for (int i = 0; i < RG_WALK_DEPTH + 5; i++) {
        char *deeper = rg_format("%sd/", path);
        free(path);
        path = deeper;
    }
    char *file = rg_format("%sx.jpg", path);
    touch(*state, file);
    assert_ok(walk(*state, &visits, 0, NULL));
    assert_int_equal(visits.n, 1);
    assert_non_null(strstr(visits.text, "!more than 100 folders in each other"));
    free(file);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_order_links_and_hidden_files),
        IN_FOLDER(test_archives_are_visited_if_wanted),
        IN_FOLDER(test_a_folder_larger_than_a_piece),
        IN_FOLDER(test_deep_folders_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
