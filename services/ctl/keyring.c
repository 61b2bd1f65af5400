// The folder is locked while it is changed (flock on the folder itself). A key is added in the order key
// files, list; it is removed in the order list, key files. So a key on the list always has its files, and a
// change that was interrupted leaves at most files that the list does not name, which the same command
// replaces or deletes.
#include "services/ctl/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

typedef struct {
    const char *folder;
    int lock; // descriptor of the folder, locked
    rg_access_list_t allow;
} keyring_t;

static void close_ring(keyring_t *ring)
{
    rg_access_list_fini(&ring->allow);
    if (ring->lock >= 0) close(ring->lock);
}

static int open_ring(keyring_t *ring, const char *folder)
{
    *ring = (keyring_t){.folder = folder, .lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    int err = 0;
    if (ring->lock < 0)
        err = rg_fail_errno(errno == ENOENT ? RG_ENOENT : RG_EIO, "%s: cannot open folder", folder);
    else if (flock(ring->lock, LOCK_EX) != 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot lock", folder);
    if (!err) err = rg_access_list_read(&ring->allow, folder);
    if (err) close_ring(ring);
    return err;
}

static int make_pair(const char *folder, const char *name)
{
    rg_keypair_t curve;
    int err = rg_keypair_make(&curve);
    if (!err) err = rg_keypair_write(folder, name, &curve);
    explicit_bzero(&curve, sizeof curve);
    return err;
}

static int has_server(const char *folder)
{
    char *path = rg_format("%s/" RG_KEYPAIR_SERVER ".key_secret", folder);
    int there = rg_exists(path);
    free(path);
    return there;
}

static int add_key(keyring_t *ring, const char *name, enum rg_role role)
{
    rg_access_entry_t entry = {.role = role};
    snprintf(entry.name, sizeof entry.name, "%s", name);
    int err = make_pair(ring->folder, name);
    if (!err) err = rg_keypair_read_public(ring->folder, name, entry.key);
    if (err) return err;
    rg_access_list_add(&ring->allow, &entry);
    return rg_access_list_write(&ring->allow, ring->folder);
}

static int check_new_name(const char *name)
{
    int err = rg_keypair_check_name(name);
    if (err || strcmp(name, RG_KEYPAIR_SERVER) != 0) return err;
    return rg_fail(RG_EINVAL, "'%s' is the name of the services' own key", name);
}

int rg_keyring_init(const char *folder, const char *identity)
{
    keyring_t ring;
    int err = check_new_name(identity);
    if (!err) err = rg_mkdirs(folder);
    if (!err) err = open_ring(&ring, folder);
    if (err) return err;
    int server = has_server(folder), known = rg_access_list_find_name(&ring.allow, identity) != NULL;
    if (server && known) err = rg_fail(RG_EINVAL, "%s: has the services' keys already", folder);
    if (!err && !server) err = make_pair(folder, RG_KEYPAIR_SERVER);
    if (!err && !known) err = add_key(&ring, identity, RG_ROLE_ADMIN);
    close_ring(&ring);
    return err;
}

int rg_keyring_add(const char *folder, const char *name, enum rg_role role)
{
    keyring_t ring;
    int err = check_new_name(name);
    if (!err) err = open_ring(&ring, folder);
    if (err) return err;
    const rg_access_entry_t *taken = rg_access_list_find_name(&ring.allow, name);
    if (taken)
        err = rg_fail(RG_EINVAL, "%s/" RG_ACCESS_FILE ": %s is there already, as %s", folder, name,
                      rg_role_name(taken->role));
    else if (!has_server(folder))
        err = rg_fail(RG_ENOENT, "%s: has no keys of the services; rg-ctl keys init makes them", folder);
    else
        err = add_key(&ring, name, role);
    close_ring(&ring);
    return err;
}

int rg_keyring_remove(const char *folder, const char *name)
{
    keyring_t ring;
    int err = check_new_name(name);
    if (!err) err = open_ring(&ring, folder);
    if (err) return err;
    if (rg_access_list_find_name(&ring.allow, name)) {
        rg_access_list_remove(&ring.allow, name);
        err = rg_access_list_write(&ring.allow, folder);
        if (!err) err = rg_keypair_remove(folder, name);
    } else {
        err = rg_fail(RG_ENOENT, "%s/" RG_ACCESS_FILE ": there is no %s", folder, name);
    }
    close_ring(&ring);
    return err;
}
