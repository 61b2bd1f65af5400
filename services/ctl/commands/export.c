// rg-ctl export: writes the retrieval set as plain files, or with --model the trained networks (networks.h).
//
// The set is read in pages of PAGE images. For each page the embeddings are appended to embeddings.npy, the
// thumbnails are written, and a line per image is appended to images.jsonl. Both lists have temporary names
// until the end: then the number of images is written into the head of embeddings.npy, everything is synced
// to the disk, and the lists get their names. All embeddings are of one model: if the set switches to
// another model meanwhile, the export fails.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/networks.h"
#include "services/ctl/output.h"

enum { PAGE = 64, NPY_HEAD = 128 };

typedef struct {
    const char *out, *model;
    enum rg_stage stage;
} export_input_t;

static int export_read_model(void *field, const char *text)
{
    if (strcmp(text, "onnx") != 0) return rg_fail(RG_EUSAGE, "expected onnx");
    *(const char **)field = text;
    return 0;
}

static int export_read_stage(void *field, const char *text)
{
    return rg_stage_find(text, field);
}

static const rg_command_option_t export_options[] = {
    {"out", 'o', "DIR", "The folder to write; it is made if missing", RG_OPTION_TEXT(export_input_t, out),
     .required = 1},
    {"model", 'm', "FORMAT", "Write the trained networks, not the retrieval set; FORMAT is onnx",
     RG_OPTION_READ(export_input_t, model, export_read_model)},
    {"stage", 't', "STAGE", "With --model: 1, 2 or 3 (default: the latest that is trained)",
     RG_OPTION_READ(export_input_t, stage, export_read_stage)},
    {0},
};

static int export_check(const void *own)
{
    const export_input_t *input = own;
    return input->stage == RG_STAGE_NONE || input->model ? 0 : rg_fail(RG_EUSAGE, "--stage needs --model");
}

typedef struct {
    const rg_options_t *options;
    const char *out;
    rg_caller_t *retrieval;
    rg_progress_bar_t *progress; // of the caller
    rg_file_t list, rows;        // images.jsonl, embeddings.npy
    uint64_t next, images, total;
    uint64_t damaged; // left out by the service
    uint32_t dims;    // of an embedding; 0 before the first
    char *model;
} export_t;

// ---- one page

static int export_line(export_t *task, const Rg__V1__Listed *image)
{
    json_t *line = rg_json_image(image);
    char *text = json_dumps(line, JSON_COMPACT);
    int err = rg_file_append(&task->list, text, strlen(text));
    if (!err) err = rg_file_append(&task->list, "\n", 1);
    free(text);
    json_decref(line);
    return err;
}

// Writes the thumbnail under a temporary name and renames it. It is synced at the end, with all others.
static int export_thumbnail(const export_t *task, const rg_payload_t *jpeg, const char *hex)
{
    char *path = rg_format("%s/thumbnails/%s.jpg", task->out, hex), *temporary = rg_temporary_path(path);
    FILE *file = fopen(temporary, "wxe");
    int failed = !file || fwrite(jpeg->data, 1, jpeg->size, file) != jpeg->size;
    if (file) failed |= fclose(file) != 0;
    if (!failed) failed = rename(temporary, path) != 0;
    int err = failed ? rg_fail_errno(RG_EIO, "%s: cannot write", path) : 0;
    free(path);
    free(temporary);
    return err;
}

static int export_image(export_t *task, const rg_msg_t *reply, size_t i)
{
    const Rg__V1__Listed *image = ((const Rg__V1__ListReply *)rg_msg_body(reply))->images[i];
    char name[24], hex[33];
    rg_payload_t jpeg;
    if (image->id.len != RG_ID_SIZE)
        return rg_fail(RG_EFORMAT, "the retrieval service sent an id of %zu bytes", image->id.len);
    rg_id_hex(image->id.data, hex);
    snprintf(name, sizeof name, "%zu", i);
    int err = rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &jpeg);
    if (!err) err = export_thumbnail(task, &jpeg, hex);
    return err ? err : export_line(task, image);
}

static int export_rows(export_t *task, const rg_msg_t *reply, size_t n)
{
    rg_payload_t rows;
    const uint32_t want[] = {(uint32_t)n, task->dims};
    int err = rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, want, &rows);
    if (err) return err;
    task->dims = rows.shape[1];
    return rg_file_append(&task->rows, rows.data, rows.size);
}

static int export_take_page(void *self, const rg_msg_t *reply)
{
    export_t *task = self;
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    if (!task->model) task->model = rg_strdup(body->model);
    if (strcmp(task->model, body->model) != 0)
        return rg_fail(RG_EMODEL, "the retrieval set switched to model %s during the export: export again",
                       body->model);
    int err = body->n_images ? export_rows(task, reply, body->n_images) : 0;
    for (size_t i = 0; i < body->n_images && !err; i++) err = export_image(task, reply, i);
    task->images += body->n_images;
    task->next = body->next;
    task->damaged = body->damaged;
    return err;
}

static int export_pages(export_t *task)
{
    int err = 0;
    do {
        rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
        Rg__V1__ListRequest *body = rg_msg_body(request);
        body->from = task->next;
        body->limit = PAGE;
        body->thumbnails = body->embeddings = 1;
        err = rg_caller_ask(task->retrieval, &request, RG__V1__ENVELOPE__BODY_LIST_REPLY, export_take_page,
                            task);
        rg_progress_bar_update(task->progress, task->images, task->total, NULL);
    } while (!err && task->next);
    return err;
}

// ---- the files

// The head of a numpy file, version 1.0: magic, length of the description, and the description, padded so
// that the head has 128 bytes.
static void describe_rows(const export_t *task, char head[NPY_HEAD])
{
    memset(head, ' ', NPY_HEAD);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10); // 118 bytes follow
    char text[NPY_HEAD - 10];
    int n = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %u), }",
                     (unsigned long long)task->images, task->dims);
    memcpy(head + 10, text, (size_t)n);
    head[NPY_HEAD - 1] = '\n';
}

static int export_begin(export_t *task)
{
    char *thumbnails = rg_format("%s/thumbnails", task->out), *list = rg_format("%s/images.jsonl", task->out),
         *rows = rg_format("%s/embeddings.npy", task->out), head[NPY_HEAD];
    int err = rg_mkdirs(thumbnails);
    if (!err) err = rg_file_begin(&task->list, list);
    if (!err) err = rg_file_begin(&task->rows, rows);
    describe_rows(task, head);
    if (!err) err = rg_file_append(&task->rows, head, sizeof head);
    free(thumbnails);
    free(list);
    free(rows);
    return err;
}

static int export_finish(export_t *task)
{
    char head[NPY_HEAD];
    describe_rows(task, head);
    if (pwrite(task->rows.fd, head, sizeof head, 0) != sizeof head)
        return rg_fail_errno(RG_EIO, "%s: cannot write", task->rows.path);
    if (syncfs(task->list.fd) != 0) return rg_fail_errno(RG_EIO, "%s: cannot sync", task->out);
    int err = rg_file_commit(&task->rows);
    return err ? err : rg_file_commit(&task->list);
}

static void export_abandon(export_t *task)
{
    if (task->list.path) rg_file_abandon(&task->list);
    if (task->rows.path) rg_file_abandon(&task->rows);
}

static void export_take_status(void *self, rg_progress_bar_t *progress, const Rg__V1__StatusReply *status)
{
    export_t *task = self;
    (void)progress;
    task->total = rg_status_count(status, "images");
}

static void export_print(const export_t *task)
{
    if (task->options->json)
        rg_output_json(json_pack("{s:I, s:i, s:s, s:s}", "images", (json_int_t)task->images, "dimension",
                                 (int)task->dims, "model", task->model, "out", task->out));
    else
        rg_output_line("%llu images with embeddings of %u numbers by model %s, in %s",
                       (unsigned long long)task->images, task->dims, task->model, task->out);
}

static int export_set(const rg_options_t *options, const char *out)
{
    export_t task = {.options = options, .out = out};
    int err = rg_caller_open(&task.retrieval, &options->config, "retrieval");
    if (err) return err;
    task.progress =
        rg_caller_show(task.retrieval, "export", "images", options->json, export_take_status, &task);
    err = export_begin(&task);
    if (!err) err = export_pages(&task);
    if (!err) err = export_finish(&task);
    rg_caller_close(&task.retrieval);
    if (err)
        export_abandon(&task);
    else
        export_print(&task);
    free(task.model);
    if (!err && task.damaged)
        err = rg_fail(
            RG_EFORMAT,
            "damaged images that are left out: %llu (rg-ctl index verify names them, adding them again "
            "mends them)",
            (unsigned long long)task.damaged);
    return err;
}

static int export_run(const rg_options_t *options, const void *own)
{
    const export_input_t *input = own;
    return input->model ? rg_networks_write(options, input->out, input->stage)
                        : export_set(options, input->out);
}

const rg_command_t rg_command_export = {
    .name = "export",
    .summary = "Write the retrieval set as plain files, or the networks as ONNX",
    .help =
        "Writes images.jsonl (one line per image: id, name, time, annotated or not), thumbnails/ID.jpg, and "
        "embeddings.npy for numpy.load, whose row i belongs to line i. The two lists appear when everything "
        "is written. The same command repeats an interrupted export. Damaged images are left out; then the "
        "exit code "
        "is 1. With --model onnx it writes content.onnx, attribute.onnx, embedder.onnx and generator.onnx, "
        "read from "
        "the checkpoint in the run directory, for ONNX runtimes.",
    .examples = "  rg-ctl export --config configs/smoke.yaml --out backup/\n"
                "  rg-ctl export --config configs/smoke.yaml --model onnx --out networks/\n",
    .options = export_options,
    .size = sizeof(export_input_t),
    .defaults = &(const export_input_t){.stage = RG_STAGE_NONE},
    .check = export_check,
    .config = RG_COMMAND_CONFIGURED,
    .run = export_run,
};
