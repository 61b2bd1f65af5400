// A checkpoint into the encoder, and the retrieval set to its embeddings.
#ifndef RG_CTL_REINDEX_H
#define RG_CTL_REINDEX_H

#include "services/ctl/command.h"

// The encoder loads the checkpoint (path as it sees it; "": the newest of the run) and, if that is another
// embedding model, embeds what is stored anew; what served before serves until that is complete. Shows the
// progress and prints what serves then. The encoder's own error, and those of caller.h.
int rg_reindex(const rg_options_t *options, const char *checkpoint);

#endif
