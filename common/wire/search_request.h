// The one way to build a SearchRequest (proto/search.proto).
#ifndef RG_WIRE_SEARCH_REQUEST_H
#define RG_WIRE_SEARCH_REQUEST_H

#include "common/wire/msg.h"

// A message with a copy of these fields, the filter included, and with these arrays as payloads:
//   queries [n,dim]           or NULL: the caller adds them, or the search is a random one
//   exclude [n,RG_ID_SIZE]    or NULL
rg_msg_t *rg_search_request(const Rg__V1__SearchRequest *fields, uint32_t n, uint32_t dim,
                            const float *queries, const uint8_t *exclude);

#endif
