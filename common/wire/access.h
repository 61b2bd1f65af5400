// Access control of encrypted sockets: which key may do what.
//
// The file `allowed` in the folder of keys (wire/keypair.h) has one line for each key:
//
//     ROLE PUBLIC-KEY NAME
//
// Empty lines and lines that begin with # are ignored. Without the file no key is allowed. Services read it
// again when it changes, so keys are added and withdrawn while they run. While it cannot be read or parsed,
// no key is allowed. Edit it with `rg-ctl keys`, or by hand (rg-ctl does not keep comments).
#ifndef RG_WIRE_ACCESS_H
#define RG_WIRE_ACCESS_H

#include <stddef.h>

#include "common/wire/keypair.h"

#define RG_ACCESS_FILE "allowed"

// Each role may do what the roles after it may do.
enum rg_role {
    RG_ROLE_ADMIN,  // everything: remove, train, evaluate, load and change models
    RG_ROLE_WRITER, // add images, read training data
    RG_ROLE_READER, // search, embed, translate, status
    RG_ROLE_NONE,
};

// "admin", "writer", "reader", "none". Static storage.
const char *rg_role_name(enum rg_role role);
// The role of that name, or -1. RG_ROLE_NONE cannot be given to a key.
int rg_role_find(const char *name);

typedef struct {
    enum rg_role role;
    char key[RG_KEY_TEXT_SIZE];
    char name[RG_KEYPAIR_NAME_SIZE];
} rg_access_entry_t;

typedef struct {
    rg_access_entry_t *entries; // owned; names and keys are unique
    size_t count;
} rg_access_list_t;

// RG_EFORMAT with file and line, RG_EACCES if other users may change the file, RG_EIO, RG_ELIMIT.
int rg_access_list_read(rg_access_list_t *list, const char *folder);
void rg_access_list_fini(rg_access_list_t *list);

// Replaces the file, completely or not at all. RG_EIO, RG_EFULL.
int rg_access_list_write(const rg_access_list_t *list, const char *folder);

// The entry of that name or key, or NULL. It lives until the list is changed.
const rg_access_entry_t *rg_access_list_find_name(const rg_access_list_t *list, const char *name);
const rg_access_entry_t *rg_access_list_find_key(const rg_access_list_t *list, const char *key);

// The list must not have the name or the key yet.
void rg_access_list_add(rg_access_list_t *list, const rg_access_entry_t *entry);
// The list must have the name.
void rg_access_list_remove(rg_access_list_t *list, const char *name);

#endif
