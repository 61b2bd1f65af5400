#include "services/ctl/source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/path_list.h"
#include "services/ctl/shard.h"
#include "services/ctl/shard_record.h"

// An archive that is being read, or whose last images are not answered yet.
struct rg_source_shard {
    LIST_ENTRY(rg_source_shard) entry;
    const char *path; // as the user gave it; valid while it is read
    rg_shard_t *shard;
    rg_shard_record_t *record; // NULL: nothing is remembered of it
    uint64_t visited, answered;
    uint64_t images; // of the whole shard
    int ended;       // it was read to its end
    int closed;      // it is not read any more
};

struct rg_source {
    rg_source_spec_t spec;
    rg_source_counts_t counts;
    rg_caller_t *retrieval; // open while records are compared
    LIST_HEAD(, rg_source_shard) shards;
};

void rg_source_new(rg_source_t **out, const rg_source_spec_t *spec)
{
    rg_source_t *source = rg_alloc(sizeof *source);
    source->spec = *spec;
    LIST_INIT(&source->shards);
    *out = source;
}

static void shard_destroy(rg_source_shard_t *shard)
{
    LIST_REMOVE(shard, entry);
    rg_shard_close(&shard->shard);
    rg_shard_record_close(&shard->record);
    free(shard);
}

void rg_source_destroy(rg_source_t **out)
{
    rg_source_t *source = *out;
    if (!source) return;
    while (!LIST_EMPTY(&source->shards)) shard_destroy(LIST_FIRST(&source->shards));
    rg_caller_close(&source->retrieval);
    free(source);
    *out = NULL;
}

const rg_source_counts_t *rg_source_counts(const rg_source_t *source)
{
    return &source->counts;
}

static int visit_image(rg_source_t *source, const rg_source_image_t *image)
{
    source->counts.images++;
    return source->spec.visit(source->spec.self, image);
}

static int visit_problem(rg_source_t *source, const char *name, const char *problem)
{
    size_t n = strlen(name); // the sentence may begin with the name
    if (strncmp(problem, name, n) == 0 && strncmp(problem + n, ": ", 2) == 0) problem += n + 2;
    return visit_image(source, &(rg_source_image_t){.name = name, .problem = problem, .path = name});
}

// ---- the end of a shard

// A shard is done with when it is not read any more and all of its images have their fate.
static int finish_shard(rg_source_shard_t *shard)
{
    if (!shard->closed || shard->answered < shard->visited) return 0;
    int err = shard->ended && shard->record ? rg_shard_record_finish(shard->record, shard->images) : 0;
    shard_destroy(shard);
    return err;
}

int rg_source_answered(rg_source_t *source, rg_source_shard_t *shard, uint64_t from, uint64_t until,
                       const uint8_t *id)
{
    (void)source;
    shard->answered += until - from;
    int err = id && shard->record ? rg_shard_record_add(shard->record, from, until, id) : 0;
    return err ? err : finish_shard(shard);
}

// ---- reading a shard

static int visit_member(rg_source_t *source, rg_source_shard_t *shard, const rg_shard_member_t *member)
{
    if (shard->record && rg_shard_record_has(shard->record, member->number)) {
        source->counts.known++;
        return 0;
    }
    char *name = *member->name ? rg_format("%s:%s", shard->path, member->name) : rg_strdup(shard->path);
    shard->visited += !member->problem;
    int err = visit_image(source, &(rg_source_image_t){.name = name,
                                                       .problem = member->problem,
                                                       .shard = shard,
                                                       .number = member->number,
                                                       .size = member->size});
    free(name);
    return err;
}

int rg_source_read(const rg_source_image_t *image, uint8_t **bytes, size_t *size)
{
    return rg_shard_read(image->shard->shard, bytes, size);
}

// Visits the images of an open shard. A damaged shard is a problem, and 0 is returned; a failure of the input is not.
static int read_members(rg_source_t *source, rg_source_shard_t *shard, const rg_input_t *input)
{
    const uint64_t before = source->counts.bytes;
    for (;;) {
        rg_shard_member_t member;
        uint64_t known = source->counts.known, at = input->position;
        int err = rg_shard_next(shard->shard, &member);
        source->counts.bytes = before + input->position;
        if (err == RG_EFORMAT) return visit_problem(source, shard->path, rg_error());
        if (err) return err;
        if (!member.name) {
            shard->ended = 1;
            return 0;
        }
        shard->images = member.number + 1;
        err = visit_member(source, shard, &member);
        if (err) return err;
        if (source->counts.known > known) source->counts.bytes_known += input->position - at;
    }
}

static int open_and_read(rg_source_t *source, rg_source_shard_t *shard, rg_input_t *input)
{
    const uint64_t member_max = (uint64_t)source->spec.config->limits.image_max_mib << 20;
    const uint64_t end = source->counts.bytes + input->size;
    input->idle = source->spec.idle;
    input->self = source->spec.self;
    int err = rg_shard_open(&shard->shard, input, shard->path, member_max, &source->counts.left_out);
    if (err == RG_EFORMAT)
        err = visit_problem(source, shard->path, rg_error());
    else if (!err)
        err = read_members(source, shard, input);
    if (end > source->counts.bytes) source->counts.bytes = end;
    rg_shard_close(&shard->shard);
    shard->closed = 1;
    return err ? err : finish_shard(shard);
}

static int compare_record(rg_source_t *source, rg_shard_record_t *record)
{
    int err = 0;
    if (!rg_shard_record_count(record)) return 0;
    if (!source->retrieval) err = rg_caller_open(&source->retrieval, source->spec.config, "retrieval");
    return err ? err : rg_shard_record_check(record, source->retrieval);
}

// Opens the record of a shard that is a file; *done: its images are all known.
static int open_record(rg_source_t *source, rg_source_shard_t *shard, int *done)
{
    struct stat info;
    if (!source->spec.remember || stat(shard->path, &info) != 0 || !S_ISREG(info.st_mode)) return 0;
    int err = rg_shard_record_open(&shard->record, source->spec.config->run, shard->path, &info);
    if (!err) err = compare_record(source, shard->record);
    if (err || !rg_shard_record_done(shard->record)) return err;
    *done = 1;
    source->counts.shards_done++;
    source->counts.known += rg_shard_record_count(shard->record);
    source->counts.bytes += (uint64_t)info.st_size;
    source->counts.bytes_known += (uint64_t)info.st_size;
    return 0;
}

static int read_shard(rg_source_t *source, const char *path)
{
    rg_source_shard_t *shard = rg_alloc(sizeof *shard);
    rg_input_t input;
    int done = 0;
    shard->path = path;
    LIST_INSERT_HEAD(&source->shards, shard, entry);
    int err = open_record(source, shard, &done);
    if (err || done) {
        shard_destroy(shard);
        return err;
    }
    rg_caller_close(&source->retrieval); // reading takes long
    err = rg_input_open(&input, path);
    if (err) {
        shard_destroy(shard);
        return visit_problem(source, path, rg_error());
    }
    err = open_and_read(source, shard, &input);
    rg_input_close(&input);
    return err;
}

// ---- paths

static int visit_walked(void *self, const rg_walk_file_t *file)
{
    rg_source_t *source = self;
    if (file->problem) return visit_problem(source, file->path, file->problem);
    if (rg_shard_name_known(file->name)) return read_shard(source, file->path);
    return visit_image(
        source,
        &(rg_source_image_t){.name = file->path, .path = file->path, .size = (uint64_t)file->info.st_size});
}

static int is_shard(const char *path)
{
    struct stat info;
    return rg_shard_name_known(path) && stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

// A pipe may have the name of an archive, too.
static int visit_path(rg_source_t *source, const char *path)
{
    const rg_walk_spec_t spec = {
        .visit = visit_walked, .self = source, .archives = 1, .left_out = &source->counts.left_out};
    return is_shard(path) ? read_shard(source, path) : rg_walk(path, &spec);
}

static int visit_list(rg_source_t *source, const char *from)
{
    rg_input_t input;
    int err = rg_input_open(&input, from);
    if (err) return err;
    input.idle = source->spec.idle;
    input.self = source->spec.self;
    rg_path_list_t *list = rg_alloc(sizeof *list);
    rg_path_list_init(list, &input);
    for (const char *path; !err;) {
        err = rg_path_list_next(list, &path);
        if (!err && !path) break;
        if (!err) err = visit_path(source, path);
    }
    free(list);
    rg_input_close(&input);
    return err;
}

// The bytes of all archives, if nothing else is to be read.
static uint64_t count_bytes(const rg_source_spec_t *spec)
{
    uint64_t bytes = 0;
    for (int i = 0; i < spec->paths->n; i++) {
        struct stat info;
        if (!is_shard(spec->paths->path[i]) || stat(spec->paths->path[i], &info) != 0) return 0;
        bytes += (uint64_t)info.st_size;
    }
    return spec->from ? 0 : bytes;
}

int rg_source_run(rg_source_t *source)
{
    const rg_source_spec_t *spec = &source->spec;
    int err = 0;
    source->counts.bytes_total = count_bytes(spec);
    for (int i = 0; i < spec->paths->n && !err; i++) {
        const char *path = spec->paths->path[i];
        err = strcmp(path, "-") == 0 ? read_shard(source, path) : visit_path(source, path);
    }
    if (!err && spec->from) err = visit_list(source, spec->from);
    rg_caller_close(&source->retrieval);
    source->counts.ended = !err;
    return err;
}
