// rg-ctl reindex: the encoder loads another checkpoint, and the retrieval set gets its embeddings.
#include <stdio.h>
#include <stdlib.h>

#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"

typedef struct {
    const char *checkpoint;
} reindex_t;

static const rg_command_option_t reindex_options[] = {
    {"checkpoint", 'k', "FILE", "Load this one, not the run's newest (path as the encoder sees it)",
     RG_OPTION_TEXT(reindex_t, checkpoint)},
    {0},
};

// self: the most missing images seen so far. With several encoders a status may come from one that does not
// embed, and so misses nothing; such a status is not shown.
static void reindex_show(void *self, rg_progress_bar_t *progress, const Rg__V1__StatusReply *status)
{
    uint64_t *most = self, missing = rg_status_count(status, "missing");
    char note[RG_PROGRESS_SIZE];
    if (missing > *most) *most = missing;
    snprintf(note, sizeof note, "%s serves", rg_status_text(status, "stage"));
    if (missing) rg_progress_bar_update(progress, *most - missing, *most, note);
}

static int reindex_take_reply(void *self, const rg_msg_t *reply)
{
    const rg_options_t *options = self;
    const Rg__V1__LoadReply *body = rg_msg_body(reply);
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s, s:s, s:I, s:I}", "step", "load", "stage", body->stage, "model",
                                 body->model, "iteration", (json_int_t)body->iteration, "reindexed",
                                 (json_int_t)body->reindexed));
    else
        rg_output_line("encoder: serves %s, iteration %llu, %llu stored images embedded anew", body->stage,
                       (unsigned long long)body->iteration, (unsigned long long)body->reindexed);
    fflush(stdout);
    return 0;
}

static int ask_to_load(const rg_options_t *options, rg_caller_t *encoder, const char *checkpoint)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LOAD_REQUEST);
    ((Rg__V1__LoadRequest *)rg_msg_body(request))->checkpoint = rg_msg_text(request, "%s", checkpoint);
    return rg_caller_ask(encoder, &request, RG__V1__ENVELOPE__BODY_LOAD_REPLY, reindex_take_reply,
                         (void *)options);
}

int rg_reindex(const rg_options_t *options, const char *checkpoint)
{
    rg_caller_t *encoder;
    uint64_t most_missing = 0;
    int err = rg_caller_open(&encoder, &options->config, "encoder");
    if (err) return err;
    rg_caller_show(encoder, "reindex", "images", options->json, reindex_show, &most_missing);
    // An encoder that is still loading another checkpoint, as after its start, is busy; the link asks again.
    err = ask_to_load(options, encoder, checkpoint);
    rg_caller_close(&encoder);
    if (err == RG_ESTOPPED)
        err = rg_fail(
            err, "detached: the encoder goes on; `rg-ctl status encoder' shows how many images are missing");
    return err;
}

static int reindex_run(const rg_options_t *options, const void *own)
{
    return rg_reindex(options, ((const reindex_t *)own)->checkpoint);
}

const rg_command_t rg_command_reindex = {
    .name = "reindex",
    .summary = "Serve another checkpoint, and embed the retrieval set anew",
    .help = "The encoder loads the newest checkpoint, or the named one. If that is another embedding model, "
            "all images of the retrieval set are embedded anew from their thumbnails. Until the last one is "
            "done, the old networks and the old index serve; then both are exchanged at once. `rg-ctl "
            "train' does this after each stage.",
    .examples = "  rg-ctl reindex --config configs/smoke.yaml\n"
                "  rg-ctl reindex --config configs/faces32.yaml \\\n"
                "      --checkpoint runs/other/stage2.safetensors\n",
    .options = reindex_options,
    .size = sizeof(reindex_t),
    .defaults = &(const reindex_t){.checkpoint = ""},
    .config = RG_COMMAND_CONFIGURED,
    .run = reindex_run,
};
