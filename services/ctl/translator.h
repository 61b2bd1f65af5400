// The translator: rg-ctl's requests to the encoder to translate images. It splits what it is given into
// requests whose replies a message can hold, so any number of images may be translated.
#ifndef RG_CTL_TRANSLATOR_H
#define RG_CTL_TRANSLATOR_H

#include "common/wire/edits.h"
#include "services/ctl/caller.h"

// Set by the caller, except for the last two fields. S is data.img_size.
typedef struct {
    const rg_config_t *config;
    rg_caller_t *encoder;
    int samples; // translations per image
    uint64_t seed;
    Rg__V1__Guidance guidance;
    const uint8_t *reference; // [S,S,3] codes come from this image; NULL: they are drawn
    char stage[RG_NAME_SIZE]; // the stage whose weights translated
    uint64_t generation;      // of the index that guided; 0: none did
} rg_translator_t;

// The largest number of images per request. RG_ELIMIT if a reply cannot even hold the samples of one.
int rg_translator_capacity(const rg_translator_t *translator, int *images);

// Translates sources [n,S,S,3] as the edits want it. out [n,samples,S,S,3], the caller's. Errors of the
// encoder and of rg_caller_ask.
int rg_translator_run(rg_translator_t *translator, const rg_edits_t *edits, const uint8_t *sources, int n,
                      uint8_t *out);

#endif
