// rg-ctl index: maintains the index of the retrieval set, on the disk and in memory.
//
// The retrieval service does the work and answers with a report when it is done. Until then the progress line
// shows what it does, how far that is, and the time that has passed. The exit code is 1 if the report counts problems.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"

static const struct {
    const char *name;
    Rg__V1__IndexAction action;
} index_actions[] = {
    {"snapshot", RG__V1__INDEX_ACTION__SNAPSHOT}, {"restore", RG__V1__INDEX_ACTION__RESTORE},
    {"rebuild", RG__V1__INDEX_ACTION__REBUILD},   {"verify", RG__V1__INDEX_ACTION__VERIFY},
    {"compact", RG__V1__INDEX_ACTION__COMPACT},
};

typedef struct {
    const char *name;
    Rg__V1__IndexAction action;
} index_t;

static int index_argument(void *own, char *text)
{
    index_t *index = own;
    if (index->name) return rg_fail(RG_EUSAGE, "%s: expected one action only", text);
    for (size_t i = 0; i < sizeof index_actions / sizeof *index_actions; i++) {
        if (strcmp(text, index_actions[i].name) != 0) continue;
        index->name = index_actions[i].name;
        index->action = index_actions[i].action;
        return 0;
    }
    return rg_fail(RG_EUSAGE, "%s: expected one of snapshot, restore, rebuild, verify, compact", text);
}

static int index_check(const void *own)
{
    const index_t *index = own;
    return index->name ? 0
                       : rg_fail(RG_EUSAGE, "one of snapshot, restore, rebuild, verify, compact is missing");
}

typedef struct {
    const rg_options_t *options;
    const index_t *own;
    double begun_s;
    json_t *report;
    uint64_t problems;
} index_task_t;

static void index_show(void *self, rg_progress_bar_t *progress, const Rg__V1__StatusReply *status)
{
    const index_task_t *task = self;
    char note[RG_PROGRESS_SIZE];
    const char *phase = rg_status_text(status, "task");
    snprintf(note, sizeof note, "%s%s%.0f s", phase, *phase ? ", " : "", rg_clock_s() - task->begun_s);
    rg_progress_bar_show(progress, &(rg_progress_line_t){.done = rg_status_count(status, "task_done"),
                                                         .total = rg_status_count(status, "task_total"),
                                                         .rate = -1,
                                                         .left_s = -1,
                                                         .note = note});
}

// Adds a field to the report. A field that comes several times becomes a list.
static void add_field(json_t *report, const Rg__V1__Field *field)
{
    json_t *known = json_object_get(report, field->key), *value = rg_json_text(field->value);
    if (!known) {
        json_object_set_new(report, field->key, value);
    } else if (json_is_array(known)) {
        json_array_append_new(known, value);
    } else {
        json_object_set_new(report, field->key, json_pack("[O, o]", known, value));
    }
}

static int index_take_reply(void *self, const rg_msg_t *reply)
{
    index_task_t *task = self;
    const Rg__V1__IndexReply *body = rg_msg_body(reply);
    task->report =
        json_pack("{s:s, s:I}", "action", task->own->name, "generation", (json_int_t)body->generation);
    for (size_t i = 0; i < body->n_report; i++) {
        add_field(task->report, body->report[i]);
        if (strcmp(body->report[i]->key, "problems") == 0)
            task->problems = strtoull(body->report[i]->value, NULL, 10);
    }
    return 0;
}

static void index_print(const index_task_t *task)
{
    if (task->options->json)
        rg_output_json(json_incref(task->report));
    else
        rg_output_report("index", task->report);
}

static int index_run(const rg_options_t *options, const void *own)
{
    index_task_t task = {.options = options, .own = own, .begun_s = rg_clock_s()};
    rg_caller_t *retrieval;
    int err = rg_caller_open(&retrieval, &options->config, "retrieval");
    if (err) return err;
    rg_caller_show(retrieval, task.own->name, "images", options->json, index_show, &task);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_INDEX_REQUEST);
    ((Rg__V1__IndexRequest *)rg_msg_body(request))->action = task.own->action;
    err = rg_caller_ask(retrieval, &request, RG__V1__ENVELOPE__BODY_INDEX_REPLY, index_take_reply, &task);
    rg_caller_close(&retrieval);
    if (!err) index_print(&task);
    if (!err && task.problems)
        err = rg_fail(RG_EFORMAT, "%llu problems were found; `rg-ctl index rebuild' builds the index anew",
                      (unsigned long long)task.problems);
    json_decref(task.report);
    return err;
}

const rg_command_t rg_command_index = {
    .name = "index",
    .summary = "Snapshot, restore, rebuild, verify or compact the index",
    .args = "snapshot|restore|rebuild|verify|compact",
    .help = "Maintains the index of the retrieval set. Searches and adds go on meanwhile.\n"
            "  snapshot  write the index beside the store, so that a start is fast\n"
            "  restore   read the index from the snapshot, and the rest from the store\n"
            "  rebuild   build the index anew from the store\n"
            "  verify    compare index and snapshot with everything that is stored\n"
            "  compact   free the memory and the disk space of removed images\n"
            "The exit code of verify is 1 if something is wrong. The service makes snapshots and rebuilds by "
            "itself when the set has grown enough.",
    .examples = "  rg-ctl index --config configs/smoke.yaml verify\n"
                "  rg-ctl index --config configs/smoke.yaml compact --json\n",
    .argument = index_argument,
    .check = index_check,
    .size = sizeof(index_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = index_run,
};
