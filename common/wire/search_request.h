// The one way to build a SearchRequest (proto/search.proto), and what users are told of a reply that is
// short.
#ifndef RG_WIRE_SEARCH_REQUEST_H
#define RG_WIRE_SEARCH_REQUEST_H

#include "common/wire/msg.h"

// A message with a copy of these fields, the filter included, and with these arrays as payloads:
//   queries [n,dim]           or NULL: the caller adds them, or the search is a random one
//   exclude [n,RG_ID_SIZE]    or NULL
rg_msg_t *rg_search_request(const Rg__V1__SearchRequest *fields, uint32_t n, uint32_t dim,
                            const float *queries, const uint8_t *exclude);

// Writes a sentence that says how many of the wanted images the search of one query found, and why not all.
// filtered: the search had conditions. Returns 1, or 0 if all were found.
enum { RG_SHORTFALL_SIZE = 256 };
int rg_search_shortfall(const Rg__V1__SearchReply *reply, int filtered, char out[RG_SHORTFALL_SIZE]);

#endif
