// The folder of keys (wire/keypair.h) and its list of who may do what (wire/access.h), as rg-ctl keys changes
// them. One process changes the folder at a time; others wait. Each change writes the list last, so the same
// command completes a change that was interrupted.
#ifndef RG_CTL_KEYRING_H
#define RG_CTL_KEYRING_H

#include "common/wire/access.h"

// Makes the folder, the services' key pair, and the pair `identity` with which the services ask each other as
// admin: whichever of these is missing. RG_EINVAL if nothing is missing; RG_EIO, RG_EFULL, and the errors of
// rg_access_list_read.
int rg_keyring_init(const char *folder, const char *identity);

// Makes a key pair and gives it a role. RG_EINVAL if the name is taken or not valid, RG_ENOENT before init.
int rg_keyring_add(const char *folder, const char *name, enum rg_role role);

// Takes the key off the list and deletes its files. RG_ENOENT if the list does not have it.
int rg_keyring_remove(const char *folder, const char *name);

#endif
