#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/safetensors.h"
#include "tests/support/test.h"

static void what_is_written_is_read_back(void **state)
{
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {-0.5f};
    const rg_safetensor_t tensors[] = {
        {.name = "a.weight", .rank = 2, .shape = {2, 3}, .data = a, .count = 6},
        {.name = "b", .rank = 1, .shape = {1}, .data = b, .count = 1}};
    const rg_safetensors_metadata_t notes[] = {{"stage", "stage1"}, {"text", "two\nlines"}};
    char *path = rg_format("%s/x.safetensors", (char *)*state);
    rg_safetensors_t *file;
    assert_ok(rg_safetensors_write(path, tensors, 2, notes, 2));
    assert_ok(rg_safetensors_open(&file, path));
    const rg_safetensor_t *found = rg_safetensors_find(file, "a.weight");
    assert_non_null(found);
    assert_int_equal(found->rank, 2);
    assert_int_equal(found->shape[1], 3);
    assert_memory_equal(found->data, a, sizeof a);
    assert_memory_equal(rg_safetensors_find(file, "b")->data, b, sizeof b);
    assert_null(rg_safetensors_find(file, "c"));
    assert_string_equal(rg_safetensors_metadata(file, "text"), "two\nlines");
    assert_null(rg_safetensors_metadata(file, "none"));
    rg_safetensors_close(&file);
    free(path);
}

// Parses a file with this header and 8 bytes of data.
static int parse_header(const char *header)
{
    _Alignas(8) unsigned char bytes[1024];
    uint64_t length = (strlen(header) + 7) / 8 * 8;
    rg_safetensors_t *file;
    memcpy(bytes, &length, sizeof length);
    memset(bytes + 8, ' ', length);
    memcpy(bytes + 8, header, strlen(header));
    memset(bytes + 8 + length, 0, 8);
    int err = rg_safetensors_parse(&file, bytes, 16 + length, "file");
    if (!err) rg_safetensors_close(&file);
    return err;
}

static void every_number_is_checked_against_the_file(void **state)
{
    (void)state;
    assert_ok(parse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"));
    assert_ok(parse_header("{}"));
    assert_fails(parse_header("[]"), RG_EFORMAT, "not a JSON object");
    assert_fails(parse_header("{\"a\":1}"), RG_EFORMAT, "malformed entry of tensor a");
    assert_fails(parse_header("{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,12]}}"),
                 RG_EFORMAT, "fit");
    assert_fails(parse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}"),
                 RG_EFORMAT, "fit");
    assert_fails(parse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,8]}}"), RG_EFORMAT,
                 "fit");
    assert_fails(parse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}"), RG_EFORMAT,
                 "fit");
    assert_fails(parse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}"),
                 RG_EFORMAT, "larger");
    assert_fails(
        parse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}"),
        RG_EFORMAT, "larger");
}

// Writes a file as another program might: this header, unchanged, and then the data.
static void write_raw(const char *path, const char *header, const void *data, size_t size)
{
    const uint64_t length = strlen(header);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(&length, sizeof length, 1, file);
    fwrite(header, 1, length, file);
    fwrite(data, 1, size, file);
    assert_int_equal(fclose(file), 0);
}

// The length of the header decides where the data begins: 8 headers give every alignment. Blanks may stand
// anywhere between the words of JSON.
static void headers_of_any_length_are_read(void **state)
{
    const float values[] = {1.5f, -2};
    char *path = rg_format("%s/x.safetensors", (char *)*state);
    float got[2];
    for (int blanks = 0; blanks < 8; blanks++) {
        rg_safetensors_t *file;
        char *header = rg_format(
            "{ \"a\" :{\"dtype\":\"F32\",\n\t\"shape\":[2], \"data_offsets\":[0, 8]}%*s}", blanks, "");
        write_raw(path, header, values, sizeof values);
        assert_ok(rg_safetensors_open(&file, path));
        assert_ok(rg_safetensors_read(file, path, "a", 1, (int[]){2}, got));
        assert_memory_equal(got, values, sizeof values);
        rg_safetensors_close(&file);
        free(header);
    }
    free(path);
}

// What we cannot compute with is listed without its data, and refused by name only where it is needed.
static void tensors_of_other_types_are_passed_over(void **state)
{
    static const char header[] =
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"half\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[4,8]},"
        "\"deep\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[8,12]}}";
    const float values[] = {7, 0, 0};
    char *path = rg_format("%s/x.safetensors", (char *)*state);
    float got;
    rg_safetensors_t *file;
    write_raw(path, header, values, sizeof values);
    assert_ok(rg_safetensors_open(&file, path));
    assert_ok(rg_safetensors_read(file, path, "a", 1, (int[]){1}, &got));
    assert_true(got == 7);
    assert_null(rg_safetensors_find(file, "half")->data);
    assert_fails(rg_safetensors_read(file, path, "half", 1, (int[]){2}, &got), RG_EMODEL,
                 "tensor half is F16 of 1 dimensions, not F32");
    assert_fails(rg_safetensors_read(file, path, "deep", 1, (int[]){1}, &got), RG_EMODEL,
                 "tensor deep is F32 of 5 dimensions, not F32 of at most 4");
    rg_safetensors_close(&file);
    free(path);
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    unsigned char bytes[16] = {0xff, 0xff, 0xff, 0xff, 0xff};
    rg_safetensors_t *file;
    assert_fails(rg_safetensors_parse(&file, bytes, 4, "file"), RG_EFORMAT, "file: not a safetensors file");
    assert_fails(rg_safetensors_parse(&file, bytes, 16, "file"), RG_ELIMIT, "header");
    memset(bytes, 0, 8);
    bytes[0] = 9;
    assert_fails(rg_safetensors_parse(&file, bytes, 16, "file"), RG_EFORMAT, "cut short");
    assert_fails(rg_safetensors_open(&file, "/nonexistent/x"), RG_ENOENT, "/nonexistent/x");
}

// Opens the bytes and reads both tensors.
static int read_both(const unsigned char *bytes, size_t size)
{
    rg_safetensors_t *file;
    float a[6], b;
    int err = rg_safetensors_parse(&file, bytes, size, "file");
    if (err) return err;
    err = rg_safetensors_read(file, "file", "a.weight", 2, (int[]){2, 3}, a);
    if (!err) err = rg_safetensors_read(file, "file", "b", 1, (int[]){1}, &b);
    rg_safetensors_close(&file);
    return err;
}

// Every bit of the file: length, header with its own checksum, and data. Values name their tensor.
static void every_flipped_bit_is_found(void **state)
{
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {-0.5f};
    const rg_safetensor_t tensors[] = {
        {.name = "a.weight", .rank = 2, .shape = {2, 3}, .data = a, .count = 6},
        {.name = "b", .rank = 1, .shape = {1}, .data = b, .count = 1}};
    const rg_safetensors_metadata_t notes[] = {{"stage", "stage1"}, {"text", "xxh3-64 of \"checksums\""}};
    char *path = rg_format("%s/x.safetensors", (char *)*state);
    unsigned char *bytes;
    size_t size;
    assert_ok(rg_safetensors_write(path, tensors, 2, notes, 2));
    assert_ok(rg_file_read(path, 1 << 20, &bytes, &size));
    assert_ok(read_both(bytes, size));
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (read_both(bytes, size) == 0) fail_msg("bit %zu of byte %zu is not missed", bit % 8, bit / 8);
        assert_non_null(strstr(rg_error(), "file: "));
        if (bit / 8 >= size - sizeof b)
            assert_non_null(strstr(rg_error(), "tensor b differs from its checksum"));
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(bytes);
    free(path);
}

// They come from a request: opening them must not wait.
static void only_regular_files_are_opened(void **state)
{
    char *pipe = rg_format("%s/pipe", (char *)*state);
    rg_safetensors_t *file;
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_fails(rg_safetensors_open(&file, pipe), RG_EIO, "pipe: not a regular file");
    assert_fails(rg_safetensors_open(&file, *state), RG_EIO, "not a regular file");
    assert_fails(rg_safetensors_open(&file, "/dev/zero"), RG_EIO, "not a regular file");
    free(pipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_written_is_read_back),
        IN_FOLDER(headers_of_any_length_are_read),
        IN_FOLDER(tensors_of_other_types_are_passed_over),
        IN_FOLDER(every_flipped_bit_is_found),
        IN_FOLDER(only_regular_files_are_opened),
        cmocka_unit_test(every_number_is_checked_against_the_file),
        cmocka_unit_test(cut_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
