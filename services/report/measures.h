// The entries of an evaluation report as tables of a document: the measured numbers, and the protocol.
//
// The key of a number is MEASURE, MEASURE_MODE, or either with .PART. MODE says which images were measured,
// PART is a domain, an attribute or a kind of precision: "frechet_latent",
// "wanted_accuracy_reference.Male".
#ifndef RG_RUN_MEASURES_H
#define RG_RUN_MEASURES_H

#include <jansson.h>

#include "common/report/document.h"

// Which images: translations with sampled codes (latent) or with the codes of other images (reference),
// both also with random neighbours instead of the retrieved ones; exemplars, which are real images with the
// wanted labels in place of translations; or real images, whose measures are the bounds.
enum rg_measure_mode {
    RG_MEASURE_LATENT,
    RG_MEASURE_REFERENCE,
    RG_MEASURE_LATENT_RANDOM,
    RG_MEASURE_REFERENCE_RANDOM,
    RG_MEASURE_EXEMPLAR,
    RG_MEASURE_REAL,
    RG_MEASURE_MODES,
    RG_MEASURE_NO_MODE = RG_MEASURE_MODES
};
extern const char *const rg_measure_modes[RG_MEASURE_MODES]; // names for people

enum { RG_MEASURE_NAME = 64 };
typedef struct {
    char name[RG_MEASURE_NAME];
    enum rg_measure_mode mode;
    char part[RG_MEASURE_NAME]; // "": all images
} rg_measure_t;

// Parses a key. Returns 1, or 0 if a part of it is too long.
int rg_measure_parse(rg_measure_t *measure, const char *key);

// Adds the tables of all numbers: by mode, without a mode, and by part. The tables' ids begin with `id`.
void rg_measures_put(rg_document_t *document, const char *id, json_t *report);

// Adds the table of the entries that are not measured numbers. shared: only those in which comparable
// reports agree (rg_report_is_protocol_key).
void rg_measures_put_protocol(rg_document_t *document, const char *id, json_t *report, int shared,
                              const char *caption);

#endif
