// Images on their way into the retrieval set (proto/ingest.proto). The loader hashes and decodes them, and
// refuses files that are not usable images, each with its reason. The others go on to the encoder.
#ifndef RG_LOADER_INGEST_H
#define RG_LOADER_INGEST_H

#include "common/config/config.h"
#include "common/wire/msg.h"

enum { RG_INGEST_ITEMS_MAX = 128 }; // images per request

// Answers an IngestRequest as far as the loader can. *reply is an IngestReply: the images refused here have
// their fate, the others have none yet. *store is the StoreRequest with those others, or NULL if there are
// none. RG_ELIMIT for too many images, RG_ESHAPE for an item without its bytes: then neither message is made.
int rg_ingest_decode(const rg_config_t *config, const rg_msg_t *request, rg_msg_t **reply, rg_msg_t **store);

// Fills the missing fates of reply with the outcomes of the encoder's answer, in order. RG_EFORMAT if it does
// not answer for as many images as lack a fate.
int rg_ingest_merge(rg_msg_t *reply, const rg_msg_t *answer);

// Outcomes of this fate in an IngestReply.
unsigned rg_ingest_count(const rg_msg_t *reply, Rg__V1__Fate fate);

// Outcomes with a warning.
unsigned rg_ingest_count_warnings(const rg_msg_t *reply);

#endif
