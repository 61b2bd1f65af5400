// Who may do what over encrypted connections: the file `allowed` in the folder of keys (wire/curve.h), lines
// of
//
//     ROLE PUBLIC-KEY NAME
//
// of one key each; empty lines and lines that begin with # say nothing. A missing file allows nobody.
// Services look at it again when it has changed, so that a key is added or withdrawn while they run; edit it
// with `rg-ctl keys`, or by hand (rg-ctl does not keep comments).
#ifndef RG_WIRE_ALLOW_H
#define RG_WIRE_ALLOW_H

#include <stddef.h>

#include "common/wire/curve.h"

#define RG_ALLOW_FILE "allowed"

// Each may do what those after it may.
enum rg_role {
    RG_ROLE_ADMIN,  // everything: remove, train, evaluate, load and change models
    RG_ROLE_WRITER, // add images; read training data
    RG_ROLE_READER, // search, embed, translate, status
    RG_ROLE_NONE,
};

// "admin", "writer", "reader", "none". Static storage.
const char *rg_role_name(enum rg_role role);
// The role of that name, or -1; nobody is given RG_ROLE_NONE.
int rg_role_find(const char *name);

typedef struct {
    enum rg_role role;
    char key[RG_CURVE_KEY_SIZE];
    char name[RG_CURVE_NAME_SIZE];
} rg_allowed_t;

typedef struct {
    rg_allowed_t *entries; // owned; names and keys are unique
    size_t count;
} rg_allow_t;

// RG_EFORMAT with file and line, RG_EACCES if others may change the file, RG_EIO, RG_ELIMIT.
int rg_allow_read(rg_allow_t *allow, const char *folder);
void rg_allow_fini(rg_allow_t *allow);

// Replaces the file, completely or not at all. RG_EIO, RG_EFULL.
int rg_allow_write(const rg_allow_t *allow, const char *folder);

// The entry of that name or key, or NULL; it lives until the list is changed.
const rg_allowed_t *rg_allow_find_name(const rg_allow_t *allow, const char *name);
const rg_allowed_t *rg_allow_find_key(const rg_allow_t *allow, const char *key);

// Name and key must not be there yet.
void rg_allow_add(rg_allow_t *allow, const rg_allowed_t *entry);
// The name must be there.
void rg_allow_remove(rg_allow_t *allow, const char *name);

#endif
