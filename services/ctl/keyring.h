// Changes to the folder of keys (wire/curve.h, wire/allow.h), as rg-ctl keys makes them. One process changes
// it at a time, the others wait. Each change ends with the allow list: one that was interrupted is made again
// by the same command.
#ifndef RG_CTL_KEYRING_H
#define RG_CTL_KEYRING_H

#include "common/wire/allow.h"

// Makes what is missing of the folder, the services' pair, and the pair `identity` with which they ask each
// other as admin. RG_EINVAL if nothing is missing; RG_EIO, RG_EFULL, and the errors of rg_allow_read.
int rg_keyring_init(const char *folder, const char *identity);

// Makes a pair and allows it that role. RG_EINVAL if the name is taken or none, RG_ENOENT before init.
int rg_keyring_add(const char *folder, const char *name, enum rg_role role);

// Withdraws the key and takes its files away. RG_ENOENT if it is not allowed anything.
int rg_keyring_remove(const char *folder, const char *name);

#endif
