// A file is a row of records (TFRecord, little-endian): the size u64, its checksum u32, the message, its checksum
// u32. A checksum is CRC-32C, rotated by 15 bits, plus a constant.
#include "services/report/tensorboard.h"

#include <fnmatch.h>
#include <isa-l/crc.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "proto/tensorboard.pb-c.h"
#include "services/report/record.h"

static const rg_image_limits_t GRID_LIMITS = {.max_bytes = 64 << 20, .max_side = 1 << 15};

// ---- records

static uint32_t masked_crc(const void *data, size_t size)
{
    const uint32_t crc = ~crc32_iscsi((unsigned char *)data, (int)size, UINT32_MAX);
    return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

static int append_event(rg_file_t *file, const Rg__Tensorboard__Event *event)
{
    const uint64_t size = rg__tensorboard__event__get_packed_size(event);
    uint8_t *bytes = rg_alloc(size + 1);
    rg__tensorboard__event__pack(event, bytes);
    const uint32_t crcs[] = {masked_crc(&size, sizeof size), masked_crc(bytes, size)};
    int err = rg_file_append(file, &size, sizeof size);
    if (!err) err = rg_file_append(file, &crcs[0], sizeof crcs[0]);
    if (!err) err = rg_file_append(file, bytes, size);
    if (!err) err = rg_file_append(file, &crcs[1], sizeof crcs[1]);
    free(bytes);
    return err;
}

static int append_values(rg_file_t *file, int64_t step, Rg__Tensorboard__Summary__Value **values, size_t n)
{
    Rg__Tensorboard__Summary summary = RG__TENSORBOARD__SUMMARY__INIT;
    Rg__Tensorboard__Event event = RG__TENSORBOARD__EVENT__INIT;
    summary.n_value = n;
    summary.value = values;
    event.step = step;
    event.summary = &summary;
    return append_event(file, &event);
}

static int begin_file(rg_file_t *file, const char *folder)
{
    Rg__Tensorboard__Event version = RG__TENSORBOARD__EVENT__INIT;
    char *path = rg_format("%s/events.out.tfevents.0.rg-unit", folder);
    int err = rg_mkdirs_for(path);
    if (!err) err = rg_file_begin(file, path);
    free(path);
    version.file_version = (char *)"brain.Event:2";
    return err ? err : append_event(file, &version);
}

static int end_file(rg_file_t *file, int err)
{
    if (!err) return rg_file_commit(file);
    if (file->path) rg_file_abandon(file);
    return err;
}

// ---- numbers

// All numbers of a line are one event; a dot of a key begins a part.
static int append_line(rg_file_t *file, json_t *line)
{
    const size_t most = json_object_size(line);
    Rg__Tensorboard__Summary__Value *values = rg_alloc((most + 1) * sizeof *values), **pointers;
    const char *key;
    json_t *value;
    size_t n = 0;
    pointers = rg_alloc((most + 1) * sizeof(void *));
    json_object_foreach(line, key, value)
    {
        if (!json_is_real(value)) continue;
        rg__tensorboard__summary__value__init(&values[n]);
        values[n].tag = rg_strdup(key);
        for (char *dot = values[n].tag; (dot = strchr(dot, '.'));) *dot = '/';
        values[n].simple_value = (float)json_real_value(value);
        pointers[n] = &values[n];
        n++;
    }
    int err = append_values(file, json_integer_value(json_object_get(line, "iteration")), pointers, n);
    for (size_t i = 0; i < n; i++) free(values[i].tag);
    free(pointers);
    free(values);
    return err;
}

static int write_lines(const json_t *lines, const char *folder)
{
    rg_file_t file = {0};
    if (!lines) return 0;
    int err = begin_file(&file, folder);
    for (size_t i = 0; i < json_array_size(lines) && !err; i++)
        err = append_line(&file, json_array_get(lines, i));
    return end_file(&file, err);
}

// ---- pictures

static int append_picture(rg_file_t *file, const char *path, const char *tag, int64_t step)
{
    Rg__Tensorboard__Summary__Image image = RG__TENSORBOARD__SUMMARY__IMAGE__INIT;
    Rg__Tensorboard__Summary__Value value = RG__TENSORBOARD__SUMMARY__VALUE__INIT, *const values[] = {&value};
    rg_image_facts_t facts = {0};
    int err = rg_file_read(path, GRID_LIMITS.max_bytes, &image.encoded_image_string.data,
                           &image.encoded_image_string.len);
    const rg_image_file_t png = {.bytes = image.encoded_image_string.data,
                                 .size = image.encoded_image_string.len,
                                 .origin = path,
                                 .limits = &GRID_LIMITS};
    if (!err) err = rg_image_inspect(&png, &facts);
    image.width = facts.width;
    image.height = facts.height;
    image.colorspace = 3;
    value.tag = (char *)tag;
    value.image = &image;
    if (!err) err = append_values(file, step, (Rg__Tensorboard__Summary__Value **)values, 1);
    free(image.encoded_image_string.data);
    return err;
}

// "STAGE-ITERATION.png" of training shows its iteration, "eval-STAGE*.png" that of the latest report.
static int append_if_of_stage(rg_file_t *file, const rg_run_record_t *record, int stage, const char *name)
{
    char *evaluated = rg_format("eval-%s*.png", rg_stage_name(stage)),
         *trained = rg_format("%s-*.png", rg_stage_name(stage)),
         *path = rg_format("%s/samples/%s", record->run, name);
    int err = 0;
    if (fnmatch(trained, name, 0) == 0)
        err = append_picture(file, path, "training", atoll(name + strlen(rg_stage_name(stage)) + 1));
    else if (fnmatch(evaluated, name, 0) == 0)
        err = append_picture(file, path, name,
                             json_integer_value(json_object_get(record->report[stage], "iteration")));
    free(path);
    free(trained);
    free(evaluated);
    return err;
}

static int write_pictures(const rg_run_record_t *record, int stage, const char *folder)
{
    rg_file_t file = {0};
    int err = begin_file(&file, folder);
    for (size_t i = 0; i < record->n_pictures && !err; i++)
        err = append_if_of_stage(&file, record, stage, record->picture[i]);
    return end_file(&file, err);
}

// ---- all

static int write_stage(const rg_run_record_t *record, int stage, const char *folder)
{
    const char *name = rg_stage_name(stage);
    const json_t *training = json_object_get(record->training, name),
                 *evaluations = json_object_get(record->evaluations, name);
    char *losses = rg_format("%s/%s/training", folder, name),
         *measures = rg_format("%s/%s/evaluations", folder, name),
         *pictures = rg_format("%s/%s/pictures", folder, name);
    int err = write_lines(training, losses);
    if (!err) err = write_lines(evaluations, measures);
    if (!err && training) err = write_pictures(record, stage, pictures);
    free(pictures);
    free(measures);
    free(losses);
    return err;
}

int rg_tensorboard_write(const char *run, const char *folder)
{
    rg_run_record_t record;
    int err = rg_run_record_open(&record, run);
    if (err) return err;
    for (int stage = 0; stage < RG_STAGES && !err; stage++) err = write_stage(&record, stage, folder);
    rg_run_record_close(&record);
    return err;
}
