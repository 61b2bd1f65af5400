#include "services/ctl/left_out.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The end of a name in small letters, if it is one that can be shown: ASCII letters and digits. Returns 1, or
// 0.
static int find_end(const char *name, char end[RG_LEFT_OUT_END])
{
    const char *dot = strrchr(name, '.');
    size_t n = dot ? strlen(dot) : 0;
    if (n < 2 || n >= RG_LEFT_OUT_END || dot == name) return 0;
    end[0] = '.';
    for (size_t i = 1; i < n; i++) {
        if (!isascii(dot[i]) || !isalnum(dot[i])) return 0;
        end[i] = (char)tolower(dot[i]);
    }
    end[n] = 0;
    return 1;
}

void rg_left_out_count(rg_left_out_t *left_out, const char *name)
{
    char end[RG_LEFT_OUT_END];
    int i = 0;
    left_out->total++;
    if (!find_end(name, end)) return;
    while (i < left_out->n && strcmp(left_out->kind[i].end, end) != 0) i++;
    if (i == RG_LEFT_OUT_KINDS) return;
    if (i == left_out->n) strcpy(left_out->kind[left_out->n++].end, end);
    left_out->kind[i].count++;
}

static int compare_kinds(const void *a, const void *b)
{
    const rg_left_out_kind_t *one = a, *other = b;
    if (one->count != other->count) return one->count > other->count ? -1 : 1;
    return strcmp(one->end, other->end);
}

// Sorts the kinds by falling count, then by name. Returns the number of files without a kind.
static uint64_t sort_kinds(rg_left_out_t *left_out)
{
    uint64_t rest = left_out->total;
    for (int i = 0; i < left_out->n; i++) rest -= left_out->kind[i].count;
    qsort(left_out->kind, (size_t)left_out->n, sizeof *left_out->kind, compare_kinds);
    return rest;
}

// An image in a format that is not read, by its name. "" if there is none.
static const char *find_foreign(const rg_left_out_t *left_out)
{
    static const char *const foreign[] = {".heic", ".heif", ".avif", ".gif", ".tif",
                                          ".tiff", ".bmp",  ".jxl",  ".jp2"};
    for (int i = 0; i < left_out->n; i++)
        for (size_t j = 0; j < sizeof foreign / sizeof *foreign; j++)
            if (strcmp(left_out->kind[i].end, foreign[j]) == 0) return foreign[j];
    return "";
}

void rg_left_out_format(const rg_left_out_t *left_out, char out[RG_LEFT_OUT_TEXT])
{
    enum { SHOWN = 6 };
    rg_left_out_t sorted = *left_out;
    uint64_t rest = sort_kinds(&sorted);
    *out = 0;
    if (!sorted.total) return;
    for (int i = SHOWN; i < sorted.n; i++) rest += sorted.kind[i].count;
    int n = snprintf(out, RG_LEFT_OUT_TEXT, "%llu other%s left out:", (unsigned long long)sorted.total,
                     sorted.total == 1 ? "" : "s");
    for (int i = 0; i < sorted.n && i < SHOWN; i++)
        n += snprintf(out + n, RG_LEFT_OUT_TEXT - (size_t)n, "%s %llu %s", i ? "," : "",
                      (unsigned long long)sorted.kind[i].count, sorted.kind[i].end);
    if (rest)
        n += snprintf(out + n, RG_LEFT_OUT_TEXT - (size_t)n, "%s %llu of other kinds", sorted.n ? "," : "",
                      (unsigned long long)rest);
    const char *foreign = find_foreign(&sorted);
    if (*foreign)
        snprintf(out + n, RG_LEFT_OUT_TEXT - (size_t)n, " (convert %s to JPEG, PNG or WebP)", foreign);
}

json_t *rg_left_out_json(const rg_left_out_t *left_out)
{
    rg_left_out_t sorted = *left_out;
    uint64_t rest = sort_kinds(&sorted);
    json_t *object = json_object();
    for (int i = 0; i < sorted.n; i++)
        json_object_set_new(object, sorted.kind[i].end, json_integer((json_int_t)sorted.kind[i].count));
    if (rest) json_object_set_new(object, "other", json_integer((json_int_t)rest));
    return object;
}
