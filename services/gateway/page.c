// The page's files never change while the program runs. Browsers keep them, but ask before each use whether
// the ETag, a hash of the bytes, is still the same; so a new version of the program is seen at once.
#include "services/gateway/page.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/core/hash.h"

static const struct {
    const char *ending, *type;
} page_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".yaml", "application/yaml"},
};

static const char *page_type(const char *path)
{
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof page_types / sizeof *page_types; i++)
        if (strcmp(page_types[i].ending, ending) == 0) return page_types[i].type;
    return page_types[0].type; // "/"
}

void rg_page_init(rg_page_t *page)
{
    page->n = 0;
    for (const rg_page_source_t *source = rg_page_sources; source->path; source++) {
        assert(page->n < RG_PAGE_FILES);
        rg_page_file_t *file = &page->file[page->n++];
        *file = (rg_page_file_t){.source = source, .type = page_type(source->path)};
        uint64_t hash = rg_hash(source->data, (size_t)(source->stop - source->data), 0);
        snprintf(file->etag, sizeof file->etag, "\"%016" PRIx64 "\"", hash);
    }
}

const rg_page_file_t *rg_page_find(const rg_page_t *page, const char *path)
{
    for (size_t i = 0; i < page->n; i++)
        if (strcmp(page->file[i].source->path, path) == 0) return &page->file[i];
    return NULL;
}

int rg_page_known(const char *if_none_match, const char *etag)
{
    return if_none_match && strstr(if_none_match, etag);
}
