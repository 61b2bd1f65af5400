// The files that a walk through folders passes over because their names are not those of images, by kind. A
// kind is the end of the name (".txt"); the rarest kinds and names without an end are counted together.
#ifndef RG_CTL_LEFT_OUT_H
#define RG_CTL_LEFT_OUT_H

#include <jansson.h>
#include <stdint.h>

enum { RG_LEFT_OUT_KINDS = 32, RG_LEFT_OUT_END = 12, RG_LEFT_OUT_TEXT = 256 };

typedef struct {
    char end[RG_LEFT_OUT_END];
    uint64_t count;
} rg_left_out_kind_t;

// Begins zeroed.
typedef struct {
    uint64_t total;
    int n; // kinds with a count of their own
    rg_left_out_kind_t kind[RG_LEFT_OUT_KINDS];
} rg_left_out_t;

// Counts a file by its name, without its folder.
void rg_left_out_count(rg_left_out_t *left_out, const char *name);

// "12 others left out: 9 .txt, 3 .heic (convert .heic to JPEG, PNG or WebP)"; the empty text if there are
// none.
void rg_left_out_format(const rg_left_out_t *left_out, char out[RG_LEFT_OUT_TEXT]);

// {".txt": 9, ".heic": 3}; the rest as "other". New reference.
json_t *rg_left_out_json(const rg_left_out_t *left_out);

#endif
