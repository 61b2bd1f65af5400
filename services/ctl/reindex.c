// rg-ctl reindex: another checkpoint for the encoder, and the retrieval set to its embeddings.

#include <stdio.h>
#include <stdlib.h>

#include "common/core/clock.h"
#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"

static const double busy_s = 0.5; // before a busy encoder is asked again

typedef struct {
    const rg_options_t *options;
    rg_caller_t *encoder;
    rg_progress_bar_t progress;
    uint64_t most; // missing images seen so far
} reindex_t;

static void show(void *self, const Rg__V1__StatusReply *status)
{
    reindex_t *reindex = self;
    char note[RG_PROGRESS_SIZE];
    if (!status) {
        snprintf(note, sizeof note, "waiting for the encoder (%.0f s)", rg_caller_silent_s(reindex->encoder));
        rg_progress_bar_update(&reindex->progress, 0, 0, note);
        return;
    }
    uint64_t missing = strtoull(rg_status_value(status, "missing"), NULL, 10);
    if (missing > reindex->most) reindex->most = missing;
    snprintf(note, sizeof note, "%s serves", rg_status_value(status, "stage"));
    // Of several encoders, others than the one that embeds may answer, and miss nothing.
    if (missing) rg_progress_bar_update(&reindex->progress, reindex->most - missing, reindex->most, note);
}

static int take_load(void *self, const rg_msg_t *reply)
{
    const reindex_t *reindex = self;
    const Rg__V1__LoadReply *body = rg_msg_body(reply);
    if (reindex->options->json)
        rg_output_json(json_pack("{s:s, s:s, s:s, s:I, s:I}", "step", "load", "stage", body->stage, "model",
                                 body->model, "iteration", (json_int_t)body->iteration, "reindexed",
                                 (json_int_t)body->reindexed));
    else
        printf("encoder: serves %s, iteration %llu, %llu stored images embedded anew\n", body->stage,
               (unsigned long long)body->iteration, (unsigned long long)body->reindexed);
    fflush(stdout);
    return 0;
}

static int ask_to_load(reindex_t *reindex, const char *checkpoint)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LOAD_REQUEST);
    ((Rg__V1__LoadRequest *)rg_msg_body(request))->checkpoint = rg_msg_text(request, "%s", checkpoint);
    return rg_caller_ask(reindex->encoder, &request, RG__V1__ENVELOPE__BODY_LOAD_REPLY, take_load, reindex);
}

// An encoder that is still at another load, as when it has just started, is asked again.
static int load(reindex_t *reindex, const char *checkpoint)
{
    int err;
    while ((err = ask_to_load(reindex, checkpoint)) == RG_EBUSY) {
        double again_s = rg_clock_s() + busy_s;
        for (err = 0; !err && rg_clock_s() < again_s;) err = rg_caller_step(reindex->encoder);
        if (err) return err;
    }
    return err;
}

int rg_reindex(const rg_options_t *options, const char *checkpoint)
{
    reindex_t reindex = {.options = options};
    int err = rg_caller_open(&reindex.encoder, &options->config, "encoder");
    if (err) return err;
    rg_progress_bar_init(&reindex.progress, "reindex", "images", options->json);
    rg_caller_watch(reindex.encoder, show, &reindex);
    err = load(&reindex, checkpoint);
    rg_progress_bar_clear(&reindex.progress);
    rg_caller_close(&reindex.encoder);
    if (err == RG_ESTOPPED)
        err = rg_fail(err, "detached: the encoder goes on; `rg-ctl status encoder' shows what is missing");
    return err;
}

typedef struct {
    const char *checkpoint;
} own_t;

static const rg_command_option_t reindex_options[] = {
    {"checkpoint", 'k', "FILE", "Load this one, not the run's newest (path as the encoder sees it)",
     RG_OPTION_TEXT(own_t, checkpoint)},
    {0},
};

static int reindex_run(const rg_options_t *options, const void *input)
{
    return rg_reindex(options, ((const own_t *)input)->checkpoint);
}

const rg_command_t rg_command_reindex = {
    .name = "reindex",
    .summary = "Serve another checkpoint, and embed the retrieval set anew",
    .help = "The encoder loads the newest checkpoint, or the named one. If its embeddings are others, all "
            "images of the retrieval set are embedded anew from their thumbnails; meanwhile the old "
            "networks and the old index serve, and with the last image both are exchanged at once. After "
            "`rg-ctl train' this has been done already.",
    .examples = "  rg-ctl reindex --config configs/smoke.yaml\n"
                "  rg-ctl reindex --config configs/faces32.yaml --checkpoint runs/other/stage2.safetensors\n",
    .options = reindex_options,
    .size = sizeof(own_t),
    .defaults = &(const own_t){.checkpoint = ""},
    .config = RG_COMMAND_CONFIGURED,
    .run = reindex_run,
};
