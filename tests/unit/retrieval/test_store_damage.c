// Damage to data.mdb: bits that flip, a file that is cut short, a write that fails. Whatever happens, it is
// found, nothing wrong is served, and the process ends with a sentence if it has to end.
#include "tests/support/plain_store.h"
#include "tests/unit/retrieval/sets.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/core/rng.h"
#include "services/retrieval/verify.h"
#include "tests/unit/retrieval/process.h"
#include "tests/unit/retrieval/values.h"

enum { STEPPED = 300, CONTENT = 2 };
enum { N = 150, LARGE = 3000, PAGE = 4096, HEAD = 16, FLIPS = 1000, OPENINGS = 100 };

static int fails_from = -1; // writes to the meta pages fail

// In place of the function of the C library, for LMDB.
ssize_t pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    if (fails_from >= 0 && at < 2 * PAGE) {
        errno = EIO;
        return -1;
    }
    if (lseek(fd, at, SEEK_SET) != at) return -1;
    return write(fd, data, size);
}

// ---- a set with all kinds of pages

// Every third picture has a thumbnail that needs pages of its own.
static rg_set_item_t large_item_of(const picture_t *p, unsigned n, unsigned char *thumbnail)
{
    rg_set_item_t item = item_of(p);
    memset(thumbnail, (int)(n % 256), LARGE);
    if (n % 3 == 0) item.thumbnail = (rg_store_value_t){thumbnail, LARGE};
    return item;
}

static rg_set_t *large_set(const char *folder)
{
    rg_set_t *set = open_set(folder);
    static unsigned char thumbnail[LARGE];
    use(set, "m");
    for (unsigned n = 0; n < N; n++) {
        picture_t p;
        rg_set_outcome_t outcome;
        picture(&p, n);
        const rg_set_item_t item = large_item_of(&p, n, thumbnail);
        assert_ok(rg_set_add(set, "m", &item, 1, &outcome));
    }
    take_out(set, N - 10, 10);
    use(set, "next");
    assert_ok(add(set, "next", 0, N / 2, NULL));
    return set;
}

static char *data_of(const char *folder)
{
    return rg_format("%s/data.mdb", folder);
}

static void flip(int fd, uint64_t bit)
{
    unsigned char byte;
    assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (unsigned char)(1 << bit % 8);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
}

// ---- which bytes mean something

typedef struct {
    unsigned char *bytes; // of the file
    unsigned char
        *used; // [size] 1: the byte means something; CONTENT: to a key or a value, which has a checksum
    size_t size;
} picture_of_file_t;

static uint16_t u16(const unsigned char *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint64_t u64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void mark_page(picture_of_file_t *file, uint64_t number);

// table: 1 for the values that describe tables.
static void mark_entry(picture_of_file_t *file, const unsigned char *node, int is_branch)
{
    const size_t key = u16(node + 6), value = u16(node) | (size_t)u16(node + 2) << 16;
    const unsigned char *data = node + 8 + key;
    const int flags = is_branch ? 0 : u16(node + 4);
    const size_t stored = is_branch ? 0 : flags & 1 ? 8 : value;
    memset(file->used + (node - file->bytes), 1, 8 + key + stored);
    if (!is_branch) memset(file->used + (node - file->bytes) + 8, CONTENT, key + (flags & 3 ? 0 : stored));
    if (is_branch) mark_page(file, value | (uint64_t)u16(node + 4) << 32);
    if (flags & 2) { // a table: its unused first field does not count
        memset(file->used + (data - file->bytes), 0, 4);
        if (u64(data + 40) != UINT64_MAX) mark_page(file, u64(data + 40));
    }
    if (flags & 1) {
        memset(file->used + (node - file->bytes), CONTENT, 4); // the size within the last page
        const size_t at = u64(data) * PAGE;
        memset(file->used + at, 1, HEAD);
        memset(file->used + at + HEAD, CONTENT, value);
        memset(file->used + at + 8, 0, 2);
    }
}

static void mark_page(picture_of_file_t *file, uint64_t number)
{
    const size_t at = number * PAGE;
    const unsigned char *page = file->bytes + at;
    const size_t lower = u16(page + 12);
    memset(file->used + at, 1, lower);
    memset(file->used + at + 8, 0, 2); // unused
    for (size_t i = HEAD; i < lower; i += 2) mark_entry(file, page + u16(page + i), u16(page + 10) & 1);
}

static picture_of_file_t look_at(const char *path)
{
    picture_of_file_t file;
    assert_ok(rg_file_read(path, 64 << 20, &file.bytes, &file.size));
    file.used = rg_alloc(file.size + 1);
    const int newer = u64(file.bytes + PAGE + HEAD + 128) > u64(file.bytes + HEAD + 128);
    mark_page(&file, u64(file.bytes + (size_t)newer * PAGE + HEAD + 24 + 48 + 40));
    return file;
}

// A random bit of a page that holds data; `used`: of a byte that means something.
static uint64_t draw_bit(rg_rng_t *rng, const picture_of_file_t *file, int used)
{
    for (;;) {
        uint64_t at = 2 * PAGE + rg_rng_below(rng, (uint32_t)(file->size - 2 * PAGE));
        if (!used || file->used[at]) return at * 8 + rg_rng_below(rng, 8);
    }
}

// ---- the tests

static void verify_finds_every_flipped_bit(void **state)
{
    rg_set_t *set = large_set(*state);
    char *path = data_of(*state);
    picture_of_file_t file = look_at(path);
    int fd = open(path, O_RDWR);
    rg_rng_t rng;
    rg_rng_init(&rng, 1, 0, 0);
    for (int i = 0; i < FLIPS; i++) {
        rg_verify_report_t report = {0};
        uint64_t bit = draw_bit(&rng, &file, 1);
        rg_read_view_t read = read_view_of(set);
        flip(fd, bit);
        int err = rg_verify(&report, &read, &GO);
        flip(fd, bit);
        rg_read_view_end(&read);
        if (err || report.problems == 0)
            fail_msg("bit %llu of page %llu, byte %llu: %d, %s", (unsigned long long)bit % 8,
                     (unsigned long long)(bit / 8 / PAGE), (unsigned long long)(bit / 8 % PAGE), err,
                     rg_error());
    }
    rg_read_view_t read = read_view_of(set);
    rg_verify_report_t report;
    assert_ok(rg_verify(&report, &read, &GO));
    assert_int_equal(report.problems, 0);
    rg_read_view_end(&read);
    close(fd);
    rg_set_close(&set);
    free(file.bytes);
    free(file.used);
    free(path);
}

// Compares all that a set serves with what was added. Returns the number of images.
static unsigned check_served(rg_set_t *set)
{
    unsigned served = 0;
    rg_read_view_t read = read_view_of(set);
    for (size_t row = 0; row < read.view->rows.count; row++) {
        static unsigned char large[LARGE];
        picture_t p;
        rg_store_image_t image;
        rg_store_value_t value;
        if (!rg_view_is_alive(read.view, row)) continue;
        const rg_image_row_t found = rg_rows_at(&read.view->rows, row);
        if (rg_store_image(read.txn, (uint64_t)found.label, &image) != 0) continue;
        const unsigned n = (unsigned)atoi(image.name);
        picture(&p, n);
        const rg_set_item_t item = large_item_of(&p, n, large);
        assert_memory_equal(image.id, p.id, RG_ID_SIZE);
        assert_string_equal(image.name, p.name);
        assert_memory_equal(found.vector, p.embedding, sizeof p.embedding);
        if (rg_store_thumbnail(read.txn, &image, &value) != 0) continue;
        assert_int_equal(value.size, item.thumbnail.size);
        assert_memory_equal(value.data, item.thumbnail.data, value.size);
        if (rg_store_derived(read.txn, &image, read.slot, RG_DERIVED_FEATURES, sizeof p.features, &value) !=
            0)
            continue;
        assert_memory_equal(value.data, p.features, sizeof p.features);
        served++;
    }
    rg_read_view_end(&read);
    return served;
}

// The set opens without the damaged image, or says what is damaged and what to do.
static void a_damaged_file_is_served_right_or_refused(void **state)
{
    rg_set_t *set = large_set(*state);
    assert_int_equal(check_served(set), N - 10);
    rg_set_close(&set);
    char *path = data_of(*state);
    picture_of_file_t file = look_at(path);
    unsigned refused = 0, without = 0;
    rg_rng_t rng;
    rg_rng_init(&rng, 2, 0, 0);
    for (int i = 0; i < OPENINGS; i++) {
        const rg_set_options_t options = {.path = *state, .index = "Flat", .map_bytes = MAP_BYTES};
        uint64_t bit = draw_bit(&rng, &file, i % 2);
        file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_ok(rg_file_write(path, file.bytes, file.size));
        file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        int err = rg_set_open(&set, &options);
        if (err) {
            assert_int_equal(err, RG_EFORMAT);
            assert_says(*state);
            refused++;
            continue;
        }
        unsigned served = check_served(set);
        assert_in_range(served, N - 11, N - 10);
        without += served < N - 10;
        rg_set_close(&set);
    }
    assert_true(refused > 0 && without > 0);
    free(file.bytes);
    free(file.used);
    free(path);
}

// LMDB would look for the other meta page at a place that the damaged size of pages says.
static void a_meta_page_with_another_size_of_pages_is_refused(void **state)
{
    enum { PAGE_SIZE_AT = 16 + 24 }; // in a meta page
    rg_set_t *set = large_set(*state);
    rg_set_close(&set);
    char *path = data_of(*state);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (uint64_t page = 0; page < 2; page++)
        for (uint64_t i = 0; i < 32; i++) {
            const uint64_t bit = 8 * (page * PAGE + PAGE_SIZE_AT) + i;
            rg_store_t *store = NULL;
            flip(fd, bit);
            assert_fails(rg_store_open(&store, *state, MAP_BYTES), RG_EFORMAT, path);
            assert_null(store);
            flip(fd, bit);
        }
    close(fd);
    set = open_set(*state);
    rg_set_close(&set);
    free(path);
}

static void a_file_that_is_cut_short_is_refused(void **state)
{
    rg_set_t *set = large_set(*state);
    rg_set_close(&set);
    char *path = data_of(*state);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    for (off_t size = info.st_size - PAGE; size > 0; size -= 7 * PAGE + 100) {
        rg_store_t *store = NULL;
        assert_int_equal(truncate(path, size), 0);
        assert_fails(rg_store_open(&store, *state, MAP_BYTES), RG_EFORMAT, path);
        assert_says("put a copy of the folder in its place");
        if (size >= 2 * PAGE) assert_says("cut short");
        assert_null(store);
    }
    free(path);
}

// Makes the file so large that it is not checked when it is opened.
static void enlarge(const char *path)
{
    assert_int_equal(truncate(path, RG_STORE_CHECKED_AT_ONCE + PAGE), 0);
}

// Flips a bit of the number of a leaf page, which LMDB does not look at. Returns the bit.
static uint64_t flip_page_number(const char *path)
{
    picture_of_file_t file = look_at(path);
    size_t at = 2 * PAGE;
    while (!file.used[at] || u16(file.bytes + at + 10) != 2) at += PAGE;
    int fd = open(path, O_RDWR);
    flip(fd, 8 * at + 3);
    close(fd);
    free(file.bytes);
    free(file.used);
    return 8 * at + 3;
}

static void a_large_file_is_read_before_it_is_checked_but_not_written(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N);
    rg_set_close(&set);
    char *path = data_of(*state), *suspect = rg_format("%s/suspect", (char *)*state);
    rg_store_t *store = NULL;
    rg_store_txn_t *txn = NULL;
    uint64_t count, bit = flip_page_number(path);
    enlarge(path);
    assert_ok(rg_store_open(&store, *state, 2 * MAP_BYTES));
    assert_true(rg_store_is_unchecked(store));
    assert_ok(rg_store_begin_read(store, &txn));
    assert_ok(rg_store_count(txn, &count));
    assert_int_equal(count, N);
    rg_store_abort(&txn);
    assert_fails(rg_store_begin_write(store, &txn), RG_EBUSY, "is still being checked");
    assert_fails(rg_store_check(store), RG_EFORMAT, "it has the number of another page");
    assert_true(rg_store_is_unchecked(store));
    rg_store_close(&store);
    assert_true(rg_exists(suspect)); // so it is checked before it is opened again
    assert_fails(rg_store_open(&store, *state, 2 * MAP_BYTES), RG_EFORMAT,
                 "it has the number of another page");
    int fd = open(path, O_RDWR);
    flip(fd, bit);
    close(fd);
    assert_ok(rg_store_open(&store, *state, 2 * MAP_BYTES));
    assert_false(rg_store_is_unchecked(store) || rg_exists(suspect));
    rg_store_close(&store);
    assert_ok(rg_store_open(&store, *state, 2 * MAP_BYTES));
    assert_true(rg_store_is_unchecked(store));
    assert_ok(rg_store_check(store));
    assert_ok(rg_store_check(store)); // once is enough
    assert_ok(rg_store_begin_write(store, &txn));
    rg_store_abort(&txn);
    rg_store_close(&store);
    free(suspect);
    free(path);
}

static int check_in_steps(rg_store_t *store)
{
    int err = rg_store_check_outline(store);
    for (double share = 0; share < 1 && !err;) err = rg_store_check_step(store, &share);
    return err ? err : rg_store_check_finish(store);
}

static void steps_find_every_flipped_bit(void **state)
{
    rg_set_t *set = large_set(*state);
    rg_set_close(&set);
    char *path = data_of(*state), *suspect = rg_format("%s/suspect", (char *)*state);
    picture_of_file_t file = look_at(path);
    rg_rng_t rng;
    rg_rng_init(&rng, 3, 0, 0);
    for (int i = 0; i < STEPPED; i++) {
        uint64_t bit = draw_bit(&rng, &file, 1);
        rg_store_t *store = NULL;
        assert_ok(rg_file_write(path, file.bytes, file.size)); // ids and names may have been mended
        enlarge(path);
        assert_ok(rg_store_open(&store, *state, 2 * MAP_BYTES));
        int fd = open(path, O_RDWR);
        if (i) flip(fd, bit);
        int err = check_in_steps(store);
        close(fd);
        if (!i) assert_ok(err);
        if (i && !err) assert_int_equal(file.used[bit / 8], CONTENT);
        if (err) assert_true(rg_exists(suspect));
        unlink(suspect);
        rg_store_close(&store);
    }
    free(file.bytes);
    free(file.used);
    free(suspect);
    free(path);
}

// An image that is added before the end of the check changes no page that is damaged.
static void an_addition_checks_the_pages_that_it_changes(void **state)
{
    rg_set_t *set = large_set(*state);
    rg_set_close(&set);
    char *path = data_of(*state);
    picture_of_file_t file = look_at(path);
    rg_store_t *store = NULL;
    unsigned refused = 0, stored = 0;
    enlarge(path);
    assert_ok(rg_store_open(&store, *state, 2 * MAP_BYTES));
    assert_ok(rg_store_check_outline(store));
    int fd = open(path, O_RDWR);
    for (size_t at = 2 * PAGE; at < file.size; at += PAGE) {
        if (!file.used[at] || u16(file.bytes + at + 10) != 2) continue;
        rg_store_txn_t *txn = NULL;
        rg_store_image_t image = {.id = "an id", .name = "name.jpg"};
        flip(fd, 8 * at + 3);
        assert_ok(rg_store_begin_write(store, &txn));
        int err = rg_store_put(txn, &image, (rg_store_value_t){"JPEG", 4});
        if (err) assert_fails(err, RG_EFORMAT, "it has the number of another page");
        *(err ? &refused : &stored) += 1;
        assert_fails(rg_store_delete(txn, 1), RG_EBUSY, "is still being checked");
        rg_store_abort(&txn);
        flip(fd, 8 * at + 3);
    }
    assert_true(refused >= 3 && stored > refused);
    close(fd);
    rg_store_close(&store);
    free(file.bytes);
    free(file.used);
    free(path);
}

static void fault_while_unchecked(const char *folder)
{
    rg_store_t *store = NULL;
    CHECK(rg_store_open(&store, folder, 2 * MAP_BYTES) == 0);
    rg_store_exit_if_unreadable(store);
    raise(SIGSEGV);
}

static void a_fault_before_the_check_makes_the_next_process_check_first(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N);
    rg_set_close(&set);
    char *path = data_of(*state), *suspect = rg_format("%s/suspect", (char *)*state);
    enlarge(path);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        fault_while_unchecked(*state);
        raise(SIGSEGV); // the handler has given way
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_true(rg_exists(suspect));
    free(suspect);
    free(path);
}

// What a child process writes to standard error, and its exit status.
static int run_child(void (*run)(const char *folder), const char *folder, char *text, size_t size)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        run(folder);
        _exit(0);
    }
    close(ends[1]);
    memset(text, 0, size);
    for (size_t at = 0; at < size - 1;) {
        ssize_t n = read(ends[0], text + at, size - 1 - at);
        if (n <= 0) break;
        at += (size_t)n;
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void cut_while_open(const char *folder)
{
    rg_set_t *set = open_set(folder);
    char *path = data_of(folder);
    rg_store_exit_if_unreadable(rg_set_store(set));
    CHECK(truncate(path, 3 * PAGE) == 0);
    check_served(set);
}

static void a_file_that_is_cut_short_while_it_is_open_ends_the_process_with_a_sentence(void **state)
{
    char text[4096];
    rg_set_t *set = large_set(*state);
    rg_set_close(&set);
    assert_int_equal(run_child(cut_while_open, *state, text, sizeof text), EXIT_FAILURE);
    if (!strstr(text, "data.mdb cannot be read")) fail_msg("not the sentence: %s", text);
}

static void a_failed_write_of_a_meta_page_loses_the_store(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", 10);
    assert_false(rg_store_is_lost(rg_set_store(set)));
    fails_from = 0;
    assert_fails(add(set, "m", 10, 1, NULL), RG_EIO, *state);
    fails_from = -1;
    assert_true(rg_store_is_lost(rg_set_store(set)));
    rg_set_close(&set);
    set = open_set(*state); // as a process that is started again
    assert_int_equal(count_of(set), 10);
    assert_ok(add(set, "m", 10, 1, NULL));
    assert_false(rg_store_is_lost(rg_set_store(set)));
    rg_set_close(&set);
}

// ---- stores without checksums

static void a_store_without_checksums_is_converted_once(void **state)
{
    rg_set_t *set = large_set(*state);
    rg_set_close(&set);
    char *plain = rg_format("%s/plain", (char *)*state);
    assert_ok(rg_mkdirs(plain));
    write_plain_store(*state, plain);
    for (int again = 0; again < 2; again++) {
        rg_verify_report_t report;
        set = open_set(plain);
        assert_int_equal(check_served(set), N - 10);
        assert_int_equal(missing_of(set), N - 10 - N / 2);
        rg_read_view_t read = read_view_of(set);
        assert_ok(rg_verify(&report, &read, &GO));
        assert_int_equal(report.problems, 0);
        rg_read_view_end(&read);
        rg_set_close(&set);
    }
    set = open_set(plain); // labels go on
    assert_ok(add(set, "m", 1000, 1, NULL));
    assert_true(is_found(set, 1000));
    rg_set_close(&set);
    free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(verify_finds_every_flipped_bit),
        IN_FOLDER(a_damaged_file_is_served_right_or_refused),
        IN_FOLDER(a_meta_page_with_another_size_of_pages_is_refused),
        IN_FOLDER(a_file_that_is_cut_short_is_refused),
        IN_FOLDER(a_large_file_is_read_before_it_is_checked_but_not_written),
        IN_FOLDER(steps_find_every_flipped_bit),
        IN_FOLDER(an_addition_checks_the_pages_that_it_changes),
        IN_FOLDER(a_fault_before_the_check_makes_the_next_process_check_first),
        IN_FOLDER(a_file_that_is_cut_short_while_it_is_open_ends_the_process_with_a_sentence),
        IN_FOLDER(a_failed_write_of_a_meta_page_loses_the_store),
        IN_FOLDER(a_store_without_checksums_is_converted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
