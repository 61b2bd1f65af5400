// Which images a search may find.
#ifndef RG_RETRIEVAL_FILTER_H
#define RG_RETRIEVAL_FILTER_H

#include "services/retrieval/view.h"

// Marks the living rows of the view that meet every condition of the filter; marks has no words if that is no
// condition at all. txn is of the view's generation. RG_EINVAL for an id that is none and for an
// annotation that is unknown, RG_EIO.
int rg_filter_apply(rg_marks_t *marks, const Rg__V1__Filter *filter, const rg_view_t *view,
                    rg_store_txn_t *txn);

#endif
