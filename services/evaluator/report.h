// A report: one flat JSON object, first the protocol of the measurement, then the numbers.
#ifndef RG_EVALUATOR_REPORT_H
#define RG_EVALUATOR_REPORT_H

#include <jansson.h>
#include <stdint.h>

typedef struct rg_report rg_report_t;

void rg_report_new(rg_report_t **report);
void rg_report_destroy(rg_report_t **report);

void rg_report_text(rg_report_t *report, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void rg_report_integer(rg_report_t *report, const char *key, uint64_t value);
// A NAN stands for "no such images" and is left out.
void rg_report_number(rg_report_t *report, double value, const char *key_fmt, ...)
    __attribute__((format(printf, 3, 4)));

char *rg_report_json(const rg_report_t *report); // free() it
char *rg_report_line(const rg_report_t *report); // the same in one line

// Writes path atomically, making its folder. RG_EIO, RG_EFULL.
int rg_report_write(const rg_report_t *report, const char *path);

// Whether a stored report (a JSON value) was made with this one's protocol, that is, has every entry of it;
// and taking its entries over.
int rg_report_agrees(const rg_report_t *report, const json_t *stored);
void rg_report_adopt(rg_report_t *report, json_t *stored);

// 0 if numbers of the same name in the two reports (JSON objects) may be set beside each other. What was
// measured may differ, and how it came about: stage, weights, iteration, config, trained_on, data_fingerprint
// (which tells annotated training images from others), and how many neighbours guide a translation (the k of
// P@k is part of the names). How it was measured may not: extractor, images with their labels, crop and
// resize, split, counts, seed, the set that was searched. RG_EMODEL naming the first entry that differs or
// that only one of them has.
int rg_report_comparable(const json_t *a, const json_t *b);

// Whether an entry says how was measured: those that comparable reports have in common.
int rg_report_says_how(const char *key);

#endif
