#include "services/ctl/shard_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/text.h"
#include "services/ctl/known.h"

enum { NUMBERS_MAX = 1 << 28 }; // images of a shard that a record can name

// A line of the record.
typedef struct {
    uint64_t from, until;
    uint8_t id[RG_ID_SIZE];
} range_t;

struct rg_shard_record {
    rg_journal_t journal;
    char *path, *shard; // of the record, of the shard
    range_t *ranges;
    size_t n;
    uint8_t *bits; // [capacity/8] of the acknowledged images
    uint64_t capacity, count;
    int done;
};

// ---- images

static void note_number(rg_shard_record_t *record, uint64_t number)
{
    uint8_t *byte = &record->bits[number / 8], bit = (uint8_t)(1 << number % 8);
    record->count += !(*byte & bit);
    *byte |= bit;
}

static void note_range(rg_shard_record_t *record, const range_t *range)
{
    if (range->until > record->capacity) {
        uint64_t capacity = (2 * range->until + 7) / 8 * 8;
        record->bits = rg_realloc(record->bits, capacity / 8);
        memset(record->bits + record->capacity / 8, 0, (capacity - record->capacity) / 8);
        record->capacity = capacity;
    }
    for (uint64_t i = range->from; i < range->until; i++) note_number(record, i);
}

static int is_range(const range_t *range)
{
    return range->from < range->until && range->until <= NUMBERS_MAX;
}

static void keep_range(rg_shard_record_t *record, const range_t *range)
{
    if ((record->n & (record->n - 1)) == 0)
        record->ranges = rg_realloc(record->ranges, (record->n ? 2 * record->n : 1) * sizeof *record->ranges);
    record->ranges[record->n++] = *range;
    note_range(record, range);
}

// The images of the ranges that are left.
static void recount(rg_shard_record_t *record)
{
    record->count = 0;
    if (record->bits) memset(record->bits, 0, record->capacity / 8);
    for (size_t i = 0; i < record->n; i++) note_range(record, &record->ranges[i]);
}

// ---- the file

static char *record_path(const char *run, const char *shard, const struct stat *info)
{
    char key[33], *text = rg_format("%s %lld %lld.%09ld", shard, (long long)info->st_size,
                                    (long long)info->st_mtim.tv_sec, (long)info->st_mtim.tv_nsec);
    uint8_t id[RG_ID_SIZE];
    rg_content_id((const uint8_t *)text, strlen(text), id);
    rg_id_hex(id, key);
    free(text);
    return rg_format("%s/shards/%s", run, key);
}

// A line that a crash has cut off is passed over: its images are sent again.
static void read_line(rg_shard_record_t *record, const char *line, uint64_t *done)
{
    unsigned long long from, until;
    char hex[33];
    range_t range;
    if (sscanf(line, "done %llu", &from) == 1) *done = from;
    if (sscanf(line, "%llu %llu %32[0-9a-f]", &from, &until, hex) != 3 || !rg_id_parse(hex, range.id)) return;
    range.from = from;
    range.until = until;
    if (is_range(&range)) keep_range(record, &range);
}

static int read_record(rg_shard_record_t *record)
{
    rg_lines_t lines;
    uint64_t done = UINT64_MAX;
    int err = rg_lines_open(&lines, record->path);
    if (err) return err;
    for (const char *line; (line = rg_lines_next(&lines)) != NULL;) read_line(record, line, &done);
    rg_lines_close(&lines);
    record->done = done == record->count;
    return 0;
}

static int open_journal(rg_shard_record_t *record)
{
    char title[RG_SENTENCE_SIZE];
    int err = rg_mkdirs_for(record->path), fresh = !rg_exists(record->path);
    if (!err) err = rg_journal_open(&record->journal, record->path);
    if (err || !fresh) return err;
    snprintf(title, sizeof title, "shard ");
    rg_text_escape(record->shard, title + strlen(title), sizeof title - strlen(title));
    return rg_journal_add(&record->journal, title);
}

int rg_shard_record_open(rg_shard_record_t **out, const char *run, const char *path, const struct stat *info)
{
    rg_shard_record_t *record = rg_alloc(sizeof *record);
    record->shard = rg_path_absolute(path);
    record->path = record_path(run, record->shard, info);
    int err = rg_exists(record->path) ? read_record(record) : 0;
    if (!err) err = open_journal(record);
    if (err)
        rg_shard_record_close(&record);
    else
        *out = record;
    return err;
}

void rg_shard_record_close(rg_shard_record_t **out)
{
    rg_shard_record_t *record = *out;
    if (!record) return;
    rg_journal_close(&record->journal);
    free(record->path);
    free(record->shard);
    free(record->ranges);
    free(record->bits);
    free(record);
    *out = NULL;
}

// ---- comparing it with the retrieval set

int rg_shard_record_check(rg_shard_record_t *record, rg_caller_t *retrieval)
{
    rg_known_t question;
    size_t kept = 0;
    for (size_t at = 0; at < record->n; at += question.n) {
        const range_t *ranges = record->ranges + at;
        question.n = record->n - at < RG_KNOWN_MAX ? record->n - at : RG_KNOWN_MAX;
        for (size_t i = 0; i < question.n; i++) memcpy(question.id[i], ranges[i].id, RG_ID_SIZE);
        int err = rg_known_ask(&question, retrieval);
        if (err) return err;
        for (size_t i = 0; i < question.n; i++)
            if (question.known[i]) record->ranges[kept++] = ranges[i];
    }
    record->done &= kept == record->n;
    record->n = kept;
    recount(record);
    return 0;
}

// ---- use

int rg_shard_record_has(const rg_shard_record_t *record, uint64_t number)
{
    return number < record->capacity && record->bits[number / 8] >> number % 8 & 1;
}

uint64_t rg_shard_record_count(const rg_shard_record_t *record)
{
    return record->count;
}

int rg_shard_record_done(const rg_shard_record_t *record)
{
    return record->done;
}

int rg_shard_record_add(rg_shard_record_t *record, uint64_t from, uint64_t until,
                        const uint8_t id[RG_ID_SIZE])
{
    char line[96], hex[33];
    range_t range = {.from = from, .until = until};
    memcpy(range.id, id, RG_ID_SIZE);
    if (!is_range(&range)) return 0;
    keep_range(record, &range);
    rg_id_hex(id, hex);
    snprintf(line, sizeof line, "%llu %llu %s", (unsigned long long)from, (unsigned long long)until, hex);
    return rg_journal_add(&record->journal, line);
}

int rg_shard_record_finish(rg_shard_record_t *record, uint64_t images)
{
    char hex[33], shard[RG_SENTENCE_SIZE];
    if (record->done || !record->n || record->count != images) return 0;
    rg_id_hex(record->ranges[record->n - 1].id, hex);
    rg_text_escape(record->shard, shard, sizeof shard);
    char *text = rg_format("shard %s\n0 %llu %s\ndone %llu\n", shard, (unsigned long long)images, hex,
                           (unsigned long long)images);
    int err = rg_file_write(record->path, text, strlen(text));
    record->done = !err;
    free(text);
    return err;
}
