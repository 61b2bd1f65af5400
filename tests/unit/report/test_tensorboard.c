// Event files for TensorBoard, read back record by record with a checksum of the test's own.
#include "services/report/tensorboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "proto/tensorboard.pb-c.h"
#include "tests/support/test.h"

static uint32_t crc32c(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
    }
    return ~crc;
}

static uint32_t masked(const uint8_t *data, size_t size)
{
    const uint32_t crc = crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

// The size of an event of 24 bytes, as TensorFlow writes it.
static void the_checksum_is_that_of_tensorflow(void **state)
{
    static const uint8_t size[8] = {24}, checksum[4] = {0xa3, 0x7f, 0x4b, 0x22};
    (void)state;
    assert_int_equal(crc32c((const uint8_t *)"123456789", 9), 0xe3069283U);
    const uint32_t have = masked(size, sizeof size);
    assert_memory_equal(&have, checksum, sizeof checksum);
}

// The events of a file, the first of which has the version. Returns how many follow, at most `most`.
static size_t read_events(const char *folder, const char *name, Rg__Tensorboard__Event **events, size_t most)
{
    char *path = rg_format("%s/out/%s/events.out.tfevents.0.rg-unit", folder, name);
    uint8_t *bytes;
    size_t size, n = 0;
    uint64_t length;
    assert_ok(rg_file_read(path, 1 << 20, &bytes, &size));
    for (size_t at = 0; at < size; at += length + 16, n++) {
        uint32_t of_size, of_data;
        assert_true(size - at >= 16 && n <= most);
        memcpy(&length, bytes + at, sizeof length);
        assert_true(length <= size - at - 16);
        memcpy(&of_size, bytes + at + 8, sizeof of_size);
        memcpy(&of_data, bytes + at + 12 + length, sizeof of_data);
        assert_int_equal(of_size, masked(bytes + at, sizeof length));
        assert_int_equal(of_data, masked(bytes + at + 12, length));
        Rg__Tensorboard__Event *event = rg__tensorboard__event__unpack(NULL, length, bytes + at + 12);
        assert_non_null(event);
        if (n) {
            events[n - 1] = event;
            continue;
        }
        assert_string_equal(event->file_version, "brain.Event:2");
        rg__tensorboard__event__free_unpacked(event, NULL);
    }
    free(bytes);
    free(path);
    return n - 1;
}

static void free_events(Rg__Tensorboard__Event **events, size_t n)
{
    for (size_t i = 0; i < n; i++) rg__tensorboard__event__free_unpacked(events[i], NULL);
}

static void write_in(const char *folder, const char *name, const char *text)
{
    char *path = rg_format("%s/%s", folder, name);
    assert_ok(rg_mkdirs_for(path));
    assert_ok(rg_file_write(path, text, strlen(text)));
    free(path);
}

static void write_picture(const char *folder, const char *name)
{
    rg_image_t image;
    char *path = rg_format("%s/samples/%s", folder, name);
    assert_ok(rg_mkdirs_for(path));
    rg_image_init(&image, 6, 4);
    assert_ok(rg_image_write(&image, path));
    rg_image_fini(&image);
    free(path);
}

static void write_out(const char *folder)
{
    char *out = rg_format("%s/out", folder);
    assert_ok(rg_tensorboard_write(folder, out));
    free(out);
}

static void assert_value(const Rg__Tensorboard__Event *event, size_t i, const char *tag, float value)
{
    assert_true(i < event->summary->n_value);
    assert_string_equal(event->summary->value[i]->tag, tag);
    assert_true(event->summary->value[i]->simple_value == value);
}

static void curves_and_measures_are_scalars(void **state)
{
    Rg__Tensorboard__Event *events[8];
    write_in(*state, "metrics.jsonl",
             "{\"stage\":\"stage1\",\"iteration\":10,\"recon\":0.5,\"kl\":2.0}\n"
             "{\"stage\":\"stage1\",\"iteration\":20,\"recon\":0.25,\"kl\":1.0}\n");
    write_in(*state, "evaluations.jsonl",
             "{\"stage\":\"stage1\",\"iteration\":20,\"images\":96,\"wanted_accuracy_latent.Male\":0.75}\n");
    write_out(*state);
    assert_int_equal(read_events(*state, "stage1/training", events, 8), 2);
    assert_int_equal(events[0]->step, 10);
    assert_value(events[0], 0, "recon", 0.5F);
    assert_value(events[0], 1, "kl", 2);
    assert_int_equal(events[1]->step, 20);
    assert_value(events[1], 0, "recon", 0.25F);
    free_events(events, 2);
    assert_int_equal(read_events(*state, "stage1/evaluations", events, 8), 1);
    assert_int_equal(events[0]->summary->n_value, 1); // whole numbers are the protocol
    assert_value(events[0], 0, "wanted_accuracy_latent/Male", 0.75F);
    free_events(events, 1);
}

static void grids_are_images(void **state)
{
    Rg__Tensorboard__Event *events[8];
    write_in(*state, "metrics.jsonl", "{\"stage\":\"stage1\",\"iteration\":30,\"recon\":0.5}\n");
    write_in(*state, "reports/stage1.json", "{\"stage\":\"stage1\",\"iteration\":30}\n");
    write_picture(*state, "stage1-0000020.png");
    write_picture(*state, "eval-stage1.png");
    write_picture(*state, "stage2-0000020.png");
    write_in(*state, "samples/notes", "not a picture\n");
    write_out(*state);
    assert_int_equal(read_events(*state, "stage1/pictures", events, 8), 2);
    for (int i = 0; i < 2; i++) {
        const Rg__Tensorboard__Summary__Value *value = events[i]->summary->value[0];
        assert_int_equal(events[i]->step, i ? 20 : 30);
        assert_string_equal(value->tag, i ? "training" : "eval-stage1.png");
        assert_int_equal(value->image->width, 6);
        assert_int_equal(value->image->height, 4);
        assert_memory_equal(value->image->encoded_image_string.data, "\x89PNG", 4);
    }
    free_events(events, 2);
}

static void a_folder_that_is_no_run_is_told(void **state)
{
    assert_fails(rg_tensorboard_write(*state, *state), RG_ENOENT, "not a run");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_that_of_tensorflow),
        IN_FOLDER(curves_and_measures_are_scalars),
        IN_FOLDER(grids_are_images),
        IN_FOLDER(a_folder_that_is_no_run_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
