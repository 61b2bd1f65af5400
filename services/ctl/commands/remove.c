// rg-ctl remove: removes images from the retrieval set. The user names them by their files or by their ids.
//
// An id is the hash of an image's content, so a file is only read and hashed here; the request has ids alone.
// Each request has at most retrieval.batch_max ids, and the next one is sent after its reply.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/data/dataset.h"
#include "common/data/image.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/ctl/pictures.h"

typedef struct {
    uint8_t id[RG_PICTURES_MAX][RG_ID_SIZE];
    int n;
} ids_t;

typedef struct {
    rg_pictures_t pictures;
    ids_t ids;
} remove_t;

static int remove_read_id(void *field, const char *text)
{
    ids_t *ids = field;
    if (ids->n == RG_PICTURES_MAX) return rg_fail(RG_EUSAGE, "at most %d ids", RG_PICTURES_MAX);
    return rg_id_parse(text, ids->id[ids->n++]) ? 0 : rg_fail(RG_EUSAGE, "expected 32 hexadecimal digits");
}

static const rg_command_option_t remove_options[] = {
    {"id", 0, "HEX", "An image by its id (32 digits, as query --json shows it); may be repeated",
     RG_OPTION_READ(remove_t, ids, remove_read_id)},
    {0},
};

static int remove_argument(void *own, char *text)
{
    return rg_pictures_add(&((remove_t *)own)->pictures, text);
}

static int remove_check(const void *own)
{
    const remove_t *remove = own;
    return remove->pictures.n || remove->ids.n ? 0 : rg_fail(RG_EUSAGE, "a PATH or --id HEX is missing");
}

// The ids of one request, and the counts of all requests.
typedef struct {
    const rg_options_t *options;
    rg_caller_t *retrieval;
    uint8_t (*ids)[RG_ID_SIZE];
    size_t n;
    uint64_t asked, removed, newer, generation, problems;
} removal_t;

static int remove_take_reply(void *self, const rg_msg_t *reply)
{
    removal_t *removal = self;
    const Rg__V1__RemoveReply *body = rg_msg_body(reply);
    removal->removed += body->removed;
    removal->newer += body->newer;
    removal->generation = body->generation;
    return 0;
}

static int remove_send(removal_t *removal)
{
    if (removal->n == 0) return 0;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST);
    Rg__V1__RemoveRequest *body = rg_msg_body(request);
    body->n_ids = removal->n;
    body->asked_us = rg_clock_wall_us();
    body->ids = rg_msg_alloc(request, removal->n * sizeof *body->ids);
    for (size_t i = 0; i < removal->n; i++) rg_msg_bytes(request, &body->ids[i], removal->ids[i], RG_ID_SIZE);
    removal->n = 0;
    return rg_caller_ask(removal->retrieval, &request, RG__V1__ENVELOPE__BODY_REMOVE_REPLY, remove_take_reply,
                         removal);
}

static int remove_id(removal_t *removal, const uint8_t id[RG_ID_SIZE])
{
    memcpy(removal->ids[removal->n++], id, RG_ID_SIZE);
    removal->asked++;
    return removal->n == (size_t)removal->options->config.retrieval.batch_max ? remove_send(removal) : 0;
}

static int remove_file(void *self, const rg_walk_file_t *file)
{
    removal_t *removal = self;
    uint8_t *jpeg = NULL, id[RG_ID_SIZE];
    size_t size;
    int err = file->problem ? rg_fail(RG_EIO, "%s: %s", file->path, file->problem)
                            : rg_image_read(&removal->options->config.limits, file->path, &jpeg, &size);
    if (err) {
        fprintf(stderr, "%s\n", rg_error()); // it names the file
        removal->problems++;
        return 0;
    }
    rg_content_id(jpeg, size, id);
    free(jpeg);
    return remove_id(removal, id);
}

static int remove_all(removal_t *removal, const remove_t *own)
{
    int err = 0;
    for (int i = 0; i < own->ids.n && !err; i++) err = remove_id(removal, own->ids.id[i]);
    if (!err && own->pictures.n) err = rg_pictures_walk(&own->pictures, remove_file, removal);
    return err ? err : remove_send(removal);
}

static void remove_print(const removal_t *removal)
{
    const uint64_t absent = removal->asked - removal->removed - removal->newer;
    if (removal->options->json)
        rg_output_json(json_pack("{s:I, s:I, s:I, s:I}", "removed", (json_int_t)removal->removed, "absent",
                                 (json_int_t)absent, "newer", (json_int_t)removal->newer, "generation",
                                 (json_int_t)removal->generation));
    else
        printf("%llu removed, %llu were not there (index generation %llu)\n",
               (unsigned long long)removal->removed, (unsigned long long)absent,
               (unsigned long long)removal->generation);
}

// What was not done as the user asked.
static int remove_raise(const removal_t *removal)
{
    if (removal->problems)
        return rg_fail(RG_EINVAL, "%llu paths could not be read", (unsigned long long)removal->problems);
    if (removal->newer)
        return rg_fail(RG_EINVAL,
                       "%llu images stay, because they were added after the request was made: remove them "
                       "again; if they stay then, set the clocks of the machines that add and remove",
                       (unsigned long long)removal->newer);
    return 0;
}

static int remove_run(const rg_options_t *options, const void *input)
{
    removal_t removal = {.options = options};
    int err = rg_caller_open(&removal.retrieval, &options->config, "retrieval");
    if (err) return err;
    removal.ids = rg_alloc((size_t)options->config.retrieval.batch_max * sizeof *removal.ids);
    err = remove_all(&removal, input);
    rg_caller_close(&removal.retrieval);
    free(removal.ids);
    if (err) return err;
    remove_print(&removal);
    return remove_raise(&removal);
}

const rg_command_t rg_command_remove = {
    .name = "remove",
    .summary = "Remove images from the retrieval set",
    .args = "[PATH...]",
    .help =
        "Removes images from the retrieval set. An image is known by its content, so give the files, folders "
        "of files, or ids. The files themselves stay where they are. Once the command says that an image "
        "is removed, no search finds it any more; add-images can add it again.",
    .examples = "  rg-ctl remove --config configs/smoke.yaml out/extra/000001.jpg\n"
                "  rg-ctl remove --config configs/smoke.yaml \\\n"
                "      --id 0123456789abcdef0123456789abcdef\n",
    .options = remove_options,
    .argument = remove_argument,
    .check = remove_check,
    .size = sizeof(remove_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = remove_run,
};
