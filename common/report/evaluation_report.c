#include "common/report/evaluation_report.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

struct rg_report {
    json_t *object;
};

void rg_report_new(rg_report_t **out)
{
    rg_report_t *report = rg_alloc(sizeof *report);
    report->object = json_object();
    *out = report;
}

void rg_report_destroy(rg_report_t **report)
{
    if (!*report) return;
    json_decref((*report)->object);
    free(*report);
    *report = NULL;
}

void rg_report_text(rg_report_t *report, const char *key, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = rg_format_list(fmt, args);
    va_end(args);
    json_object_set_new(report->object, key, json_string(text));
    free(text);
}

void rg_report_integer(rg_report_t *report, const char *key, uint64_t value)
{
    json_object_set_new(report->object, key, json_integer((json_int_t)value));
}

void rg_report_number(rg_report_t *report, double value, const char *key_fmt, ...)
{
    if (!isfinite(value)) return;
    va_list args;
    va_start(args, key_fmt);
    char *key = rg_format_list(key_fmt, args);
    va_end(args);
    json_object_set_new(report->object, key, json_real(value));
    free(key);
}

char *rg_report_json(const rg_report_t *report)
{
    return json_dumps(report->object, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
}

int rg_report_write(const rg_report_t *report, const char *path)
{
    int err = rg_mkdirs_for(path);
    if (err) return err;
    char *json = rg_report_json(report);
    err = rg_file_write(path, json, strlen(json));
    free(json);
    return err;
}

// ---- all reports of a run

int rg_report_append(const rg_report_t *report, const char *path)
{
    rg_journal_t journal;
    int err = rg_journal_open(&journal, path);
    if (err) return err;
    char *line = json_dumps(report->object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    err = rg_journal_add(&journal, line);
    if (!err) err = rg_journal_sync(&journal);
    free(line);
    rg_journal_close(&journal);
    return err;
}

// 1 if the stored report has every entry of this one with the same value.
static int has_entries_of(const json_t *stored, const rg_report_t *report)
{
    const char *key;
    json_t *value;
    json_object_foreach(report->object, key, value)
    {
        if (!json_equal(value, json_object_get(stored, key))) return 0;
    }
    return json_is_object(stored);
}

int rg_report_recall(rg_report_t *report, const char *path)
{
    rg_lines_t lines;
    json_t *last = NULL;
    if (rg_lines_open(&lines, path)) return 0;
    for (const char *line; (line = rg_lines_next(&lines));) {
        json_t *stored = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (stored && has_entries_of(stored, report)) {
            json_decref(last);
            last = json_incref(stored);
        }
        json_decref(stored);
    }
    rg_lines_close(&lines);
    if (last) json_object_update(report->object, last);
    int found = last != NULL;
    json_decref(last);
    return found;
}

// ---- comparing

// The entries that say how the numbers were measured.
static const char *const MEASUREMENT[] = {"extractor",
                                          "judge",
                                          "lpips",
                                          "identity",
                                          "split",
                                          "images",
                                          "images_hash",
                                          "images_reference",
                                          "retrieval_images",
                                          "img_size",
                                          "crop",
                                          "inference_precision",
                                          "resize",
                                          "outputs",
                                          "sources",
                                          "kid_subsets",
                                          "kid_size_max",
                                          "prdc_k",
                                          "inception_splits",
                                          "seed"};

int rg_report_is_protocol_key(const char *key)
{
    for (size_t i = 0; i < sizeof MEASUREMENT / sizeof *MEASUREMENT; i++)
        if (strcmp(key, MEASUREMENT[i]) == 0) return 1;
    return 0;
}

int rg_report_comparable(const json_t *a, const json_t *b)
{
    for (size_t i = 0; i < sizeof MEASUREMENT / sizeof *MEASUREMENT; i++) {
        const json_t *of_a = json_object_get(a, MEASUREMENT[i]), *of_b = json_object_get(b, MEASUREMENT[i]);
        if ((!of_a && !of_b) || json_equal(of_a, of_b)) continue;
        char *text_a = of_a ? json_dumps(of_a, JSON_ENCODE_ANY) : NULL,
             *text_b = of_b ? json_dumps(of_b, JSON_ENCODE_ANY) : NULL;
        int err = rg_fail(RG_EMODEL, "the reports cannot be compared: %s is %s in one and %s in the other",
                          MEASUREMENT[i], text_a ? text_a : "missing", text_b ? text_b : "missing");
        free(text_a);
        free(text_b);
        return err;
    }
    return 0;
}
