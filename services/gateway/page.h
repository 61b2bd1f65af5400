// The page: its files, Chart.js and the interface's description are a part of the program.
#ifndef RG_GATEWAY_PAGE_H
#define RG_GATEWAY_PAGE_H

#include <stddef.h>

#include "common/wire/http.h"

enum { RG_PAGE_FILES = 64, RG_PAGE_ETAG = 20 };

typedef struct {
    const char *path;                 // "/style.css"; index.html is "/"
    const unsigned char *data, *stop; // [stop - data]
} rg_page_source_t;

// What the build made of services/gateway/page; ends with a NULL path.
extern const rg_page_source_t rg_page_sources[];

typedef struct {
    const rg_page_source_t *source;
    const char *type;        // "text/css; charset=utf-8"
    char etag[RG_PAGE_ETAG]; // of its bytes, in quotes
} rg_page_file_t;

typedef struct {
    rg_page_file_t file[RG_PAGE_FILES];
    size_t n;
} rg_page_t;

void rg_page_init(rg_page_t *page);

// NULL: there is none of that path.
const rg_page_file_t *rg_page_find(const rg_page_t *page, const char *path);

// Whether the header If-None-Match (NULL: not given) says that the client has what this tag names.
int rg_page_known(const char *if_none_match, const char *etag);

#endif
