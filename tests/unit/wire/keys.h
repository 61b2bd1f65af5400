// A folder of keys for tests.
#ifndef RG_TESTS_WIRE_KEYS_H
#define RG_TESTS_WIRE_KEYS_H

#include "common/wire/allow.h"

// Makes a pair of that name.
static inline int keys_make(const char *folder, const char *name)
{
    rg_curve_t curve;
    int err = rg_curve_make(&curve);
    return err ? err : rg_curve_write(folder, name, &curve);
}

// Gives that role to a pair that is there, RG_ROLE_NONE: withdraws it.
static inline int keys_allow(const char *folder, const char *name, enum rg_role role)
{
    rg_allow_t allow;
    rg_allowed_t entry = {.role = role};
    int err = rg_curve_read_public(folder, name, entry.key);
    if (!err) err = rg_allow_read(&allow, folder);
    if (err) return err;
    snprintf(entry.name, sizeof entry.name, "%s", name);
    if (rg_allow_find_name(&allow, name)) rg_allow_remove(&allow, name);
    if (role != RG_ROLE_NONE) rg_allow_add(&allow, &entry);
    err = rg_allow_write(&allow, folder);
    rg_allow_fini(&allow);
    return err;
}

#endif
