// A folder of keys for tests.
#ifndef RG_TESTS_WIRE_KEYS_H
#define RG_TESTS_WIRE_KEYS_H

#include "common/wire/access.h"

// Makes a pair of that name.
static inline int keys_make(const char *folder, const char *name)
{
    rg_keypair_t curve;
    int err = rg_keypair_make(&curve);
    return err ? err : rg_keypair_write(folder, name, &curve);
}

// Gives that role to a pair that is there, RG_ROLE_NONE: withdraws it.
static inline int keys_allow(const char *folder, const char *name, enum rg_role role)
{
    rg_access_list_t allow;
    rg_access_entry_t entry = {.role = role};
    int err = rg_keypair_read_public(folder, name, entry.key);
    if (!err) err = rg_access_list_read(&allow, folder);
    if (err) return err;
    snprintf(entry.name, sizeof entry.name, "%s", name);
    if (rg_access_list_find_name(&allow, name)) rg_access_list_remove(&allow, name);
    if (role != RG_ROLE_NONE) rg_access_list_add(&allow, &entry);
    err = rg_access_list_write(&allow, folder);
    rg_access_list_fini(&allow);
    return err;
}

#endif
