// The report of one evaluation: one flat JSON object. The protocol of the measurement comes first (which
// weights, which images, which settings), then the measured numbers. RUN/evaluations.jsonl has all reports of
// a run, one per line, oldest first.
#ifndef RG_REPORT_EVALUATION_REPORT_H
#define RG_REPORT_EVALUATION_REPORT_H

#include <jansson.h>
#include <stdint.h>

typedef struct rg_report rg_report_t;

void rg_report_new(rg_report_t **report);
void rg_report_destroy(rg_report_t **report);

// Each sets one entry. Entries keep the order in which they were set.
void rg_report_text(rg_report_t *report, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void rg_report_integer(rg_report_t *report, const char *key, uint64_t value);
// Leaves the entry out if value is not finite: a measure of an empty set of images is NAN.
void rg_report_number(rg_report_t *report, double value, const char *key_fmt, ...)
    __attribute__((format(printf, 3, 4)));

// The report as indented JSON. The caller frees the text.
char *rg_report_json(const rg_report_t *report);

// Writes the indented JSON to path atomically and makes the folder of path first. RG_EIO, RG_EFULL.
int rg_report_write(const rg_report_t *report, const char *path);

// Appends the report as a line to the file of all reports. The line is on the disk when this returns; a line
// that a crash cut off stays apart from it. RG_EIO, RG_EFULL.
int rg_report_append(const rg_report_t *report, const char *path);

// Looks in the file of all reports for the last line that was measured in the same way: it has every entry of
// this report, which holds only its protocol so far, with the same value. Copies its entries. 1; 0 if there
// is no such line. Lines that cannot be read are skipped.
int rg_report_recall(rg_report_t *report, const char *path);

// Returns 0 if numbers of the same name in the two reports (JSON objects) can be compared: the reports agree
// in every entry for which rg_report_is_protocol_key is true. RG_EMODEL naming the first entry that differs
// or that only one report has.
int rg_report_comparable(const json_t *a, const json_t *b);

// 1 if the entry of this key says how the numbers were measured: extractor, images with their labels, crop
// and resize, split, counts, seed, the searched set. 0 if it is a number or says what was measured and how
// that was trained: stage, weights, iteration, config, trained_on, data_fingerprint (which depends on the
// annotated images), and the number of neighbours that guide a translation.
int rg_report_is_protocol_key(const char *key);

#endif
