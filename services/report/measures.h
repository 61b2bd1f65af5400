// The numbers of an evaluation's report as tables. A number is called MEASURE, MEASURE_MODE, or either with
// .PART: a domain, an attribute, or a kind of precision.
#ifndef RG_REPORT_REPORT_MEASURES_H
#define RG_REPORT_REPORT_MEASURES_H

#include <jansson.h>

#include "services/report/document/document.h"

// Of which images: translations with drawn codes (latent) or those of other images (reference), both also
// with random neighbours in place of those retrieved; and real images, whose measures are the bounds.
enum rg_measure_mode {
    RG_MEASURE_LATENT,
    RG_MEASURE_REFERENCE,
    RG_MEASURE_LATENT_RANDOM,
    RG_MEASURE_REFERENCE_RANDOM,
    RG_MEASURE_REAL,
    RG_MEASURE_MODES,
    RG_MEASURE_NO_MODE = RG_MEASURE_MODES
};
extern const char *const rg_measure_modes[RG_MEASURE_MODES]; // for people

enum { RG_MEASURE_NAME = 64 };
typedef struct {
    char name[RG_MEASURE_NAME];
    enum rg_measure_mode mode;
    char part[RG_MEASURE_NAME]; // "" for all
} rg_measure_t;

// 0 if the name is too long for one.
int rg_measure_parse(rg_measure_t *measure, const char *key);

// Measures by mode; what has no mode; and by part. The tables' ids begin with `id`.
void rg_measures_put(rg_document_t *document, const char *id, json_t *report);

#endif
