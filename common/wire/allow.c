#include "common/wire/allow.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static const char *const roles[] = {"admin", "writer", "reader", "none"};

const char *rg_role_name(enum rg_role role)
{
    return roles[role];
}

int rg_role_find(const char *name)
{
    for (int role = 0; role < RG_ROLE_NONE; role++)
        if (strcmp(roles[role], name) == 0) return role;
    return -1;
}

// ------------------------------------------------------------------ the list
void rg_allow_fini(rg_allow_t *allow)
{
    free(allow->entries);
    *allow = (rg_allow_t){0};
}

const rg_allowed_t *rg_allow_find_name(const rg_allow_t *allow, const char *name)
{
    for (size_t i = 0; i < allow->count; i++)
        if (strcmp(allow->entries[i].name, name) == 0) return &allow->entries[i];
    return NULL;
}

const rg_allowed_t *rg_allow_find_key(const rg_allow_t *allow, const char *key)
{
    for (size_t i = 0; i < allow->count; i++)
        if (strcmp(allow->entries[i].key, key) == 0) return &allow->entries[i];
    return NULL;
}

void rg_allow_add(rg_allow_t *allow, const rg_allowed_t *entry)
{
    assert(!rg_allow_find_name(allow, entry->name) && !rg_allow_find_key(allow, entry->key));
    allow->entries = rg_realloc(allow->entries, (allow->count + 1) * sizeof *allow->entries);
    allow->entries[allow->count++] = *entry;
}

void rg_allow_remove(rg_allow_t *allow, const char *name)
{
    const rg_allowed_t *found = rg_allow_find_name(allow, name);
    assert(found);
    size_t position = (size_t)(found - allow->entries);
    memmove(&allow->entries[position], &allow->entries[position + 1],
            (--allow->count - position) * sizeof *allow->entries);
}

// ------------------------------------------------------------------ the file
// One line, without its end. It is cut into words, the empty ones between two blanks left out.
static int read_line(rg_allow_t *allow, char *line)
{
    static const char blank[] = " \t\r";
    char *rest = line, *word[4] = {NULL};
    for (int n = 0; n < 4 && (word[n] = strsep(&rest, blank)) != NULL;) n += *word[n] != 0;
    if (!word[0] || *word[0] == '#') return 0;
    if (!word[2] || word[3]) return rg_fail(RG_EFORMAT, "expected ROLE PUBLIC-KEY NAME");
    int role = rg_role_find(word[0]);
    if (role < 0) return rg_fail(RG_EFORMAT, "'%s' is no role: expected reader, writer or admin", word[0]);
    if (!rg_curve_is_key(word[1]))
        return rg_fail(RG_EFORMAT, "'%s' is no public key of %d characters", word[1], RG_CURVE_KEY_SIZE - 1);
    int err = rg_curve_check_name(word[2]);
    if (err) return err;
    if (rg_allow_find_name(allow, word[2])) return rg_fail(RG_EFORMAT, "%s is there twice", word[2]);
    if (rg_allow_find_key(allow, word[1])) return rg_fail(RG_EFORMAT, "this key is there twice");
    rg_allowed_t entry = {.role = (enum rg_role)role};
    snprintf(entry.key, sizeof entry.key, "%s", word[1]);
    snprintf(entry.name, sizeof entry.name, "%s", word[2]);
    rg_allow_add(allow, &entry);
    return 0;
}

static int read_text(rg_allow_t *allow, const char *path, char *text)
{
    int err = 0, number = 1;
    for (char *line; !err && (line = strsep(&text, "\n")) != NULL; number++)
        if ((err = read_line(allow, line)) != 0) {
            char *sentence = rg_strdup(rg_error());
            err = rg_fail(RG_EFORMAT, "%s:%d: %s", path, number, sentence);
            free(sentence);
        }
    return err;
}

static int read_file(rg_allow_t *allow, const char *path)
{
    unsigned char *text = NULL;
    size_t size;
    int err = rg_curve_check_mode(path, S_IWGRP | S_IWOTH);
    if (err == RG_ENOENT) return 0;
    if (!err) err = rg_file_read(path, FILE_BYTES_MAX, &text, &size);
    if (!err && strlen((char *)text) != size) err = rg_fail(RG_EFORMAT, "%s: is not text", path);
    if (!err) err = read_text(allow, path, (char *)text);
    free(text);
    return err;
}

int rg_allow_read(rg_allow_t *out, const char *folder)
{
    rg_allow_t allow = {0};
    char *path = rg_format("%s/" RG_ALLOW_FILE, folder);
    int err = read_file(&allow, path);
    free(path);
    if (err)
        rg_allow_fini(&allow);
    else
        *out = allow;
    return err;
}

int rg_allow_write(const rg_allow_t *allow, const char *folder)
{
    char *path = rg_format("%s/" RG_ALLOW_FILE, folder), *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    fprintf(file, "# role public-key name, see rg-ctl keys --help\n");
    for (size_t i = 0; i < allow->count; i++)
        fprintf(file, "%s %s %s\n", rg_role_name(allow->entries[i].role), allow->entries[i].key,
                allow->entries[i].name);
    int err = fclose(file) != 0 ? rg_fail_errno(RG_EIO, "%s: cannot be composed", path)
                                : rg_file_write(path, text, size);
    free(text);
    free(path);
    return err;
}
