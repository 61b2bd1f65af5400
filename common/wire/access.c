#include "common/wire/access.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "common/wire/socket.h"

// How a key becomes a role
//
//     link                         service's socket                 ZAP handler (this file)
//      │ CURVE handshake, its key        │                               │
//      ├────────────────────────────────►│ "may this key connect?"       │
//      │                                 ├──────────────────────────────►│ is the key in the access list?
//      │                                 │◄──────────────────────────────┤ yes: the user id is the key
//      │ request                         │
//      ├────────────────────────────────►│ rg__zap_sender: user id -> entry of the list -> role
//
// ZeroMQ asks over an inproc socket of a fixed name (ZAP, RFC 27), so one socket per process can have a
// handler. The service loop polls it. The list is read again whenever its file has changed.

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

enum { FILE_BYTES_MAX = 1 << 20, RETRY_MS = 500, KEY_BYTES = 32, KEY_SHOWN = 8 };

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

// ---- the access list
void rg_access_list_fini(rg_access_list_t *list)
{
    free(list->entries);
    *list = (rg_access_list_t){0};
}

const rg_access_entry_t *rg_access_list_find_name(const rg_access_list_t *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->entries[i].name, name) == 0) return &list->entries[i];
    return NULL;
}

const rg_access_entry_t *rg_access_list_find_key(const rg_access_list_t *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->entries[i].key, key) == 0) return &list->entries[i];
    return NULL;
}

void rg_access_list_add(rg_access_list_t *list, const rg_access_entry_t *entry)
{
    assert(!rg_access_list_find_name(list, entry->name) && !rg_access_list_find_key(list, entry->key));
    list->entries = rg_realloc(list->entries, (list->count + 1) * sizeof *list->entries);
    list->entries[list->count++] = *entry;
}

void rg_access_list_remove(rg_access_list_t *list, const char *name)
{
    const rg_access_entry_t *found = rg_access_list_find_name(list, name);
    assert(found);
    size_t position = (size_t)(found - list->entries);
    memmove(&list->entries[position], &list->entries[position + 1],
            (--list->count - position) * sizeof *list->entries);
}

// ---- the file of the list
// Parses one line without its newline. Several blanks between two words count as one.
static int parse_entry(rg_access_list_t *list, char *line)
{
    static const char blank[] = " \t\r";
    char *rest = line, *word[4] = {NULL};
    for (int n = 0; n < 4 && (word[n] = strsep(&rest, blank)) != NULL;) n += *word[n] != 0;
    if (!word[0] || *word[0] == '#') return 0;
    if (!word[2] || word[3]) return rg_fail(RG_EFORMAT, "expected ROLE PUBLIC-KEY NAME");
    int role = rg_role_find(word[0]);
    if (role < 0) return rg_fail(RG_EFORMAT, "'%s' is not a role: expected reader, writer or admin", word[0]);
    if (!rg_keypair_is_key(word[1]))
        return rg_fail(RG_EFORMAT, "'%s' is not a public key of %d characters", word[1],
                       RG_KEY_TEXT_SIZE - 1);
    int err = rg_keypair_check_name(word[2]);
    if (err) return err;
    if (rg_access_list_find_name(list, word[2]))
        return rg_fail(RG_EFORMAT, "the name %s is in the list twice", word[2]);
    if (rg_access_list_find_key(list, word[1])) return rg_fail(RG_EFORMAT, "this key is in the list twice");
    rg_access_entry_t entry = {.role = (enum rg_role)role};
    snprintf(entry.key, sizeof entry.key, "%s", word[1]);
    snprintf(entry.name, sizeof entry.name, "%s", word[2]);
    rg_access_list_add(list, &entry);
    return 0;
}

static int parse_lines(rg_access_list_t *list, const char *path, char *text)
{
    int err = 0, number = 1;
    for (char *line; !err && (line = strsep(&text, "\n")) != NULL; number++)
        if ((err = parse_entry(list, line)) != 0)
            err = rg_fail(RG_EFORMAT, "%s:%d: %s", path, number, rg_error());
    return err;
}

static int read_access_file(rg_access_list_t *list, const char *path)
{
    unsigned char *text = NULL;
    size_t size;
    int err = rg_keypair_check_mode(path, S_IWGRP | S_IWOTH);
    if (err == RG_ENOENT) return 0;
    if (!err) err = rg_file_read(path, FILE_BYTES_MAX, &text, &size);
    if (!err && strlen((char *)text) != size) err = rg_fail(RG_EFORMAT, "%s: is not text", path);
    if (!err) err = parse_lines(list, path, (char *)text);
    free(text);
    return err;
}

int rg_access_list_read(rg_access_list_t *out, const char *folder)
{
    rg_access_list_t list = {0};
    char *path = rg_format("%s/" RG_ACCESS_FILE, folder);
    int err = read_access_file(&list, path);
    free(path);
    if (err)
        rg_access_list_fini(&list);
    else
        *out = list;
    return err;
}

int rg_access_list_write(const rg_access_list_t *list, const char *folder)
{
    char *path = rg_format("%s/" RG_ACCESS_FILE, folder), *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    fprintf(file, "# role public-key name, see rg-ctl keys --help\n");
    for (size_t i = 0; i < list->count; i++)
        fprintf(file, "%s %s %s\n", rg_role_name(list->entries[i].role), list->entries[i].key,
                list->entries[i].name);
    int err = fclose(file) != 0 ? rg_fail_errno(RG_EIO, "%s: cannot be composed", path)
                                : rg_file_write(path, text, size);
    free(text);
    free(path);
    return err;
}

// ---- CURVE and ZAP
// The frames of a ZAP request (RFC 27).
enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_ROUTING, ZAP_MECHANISM, ZAP_KEY, ZAP_FRAMES };

struct rg__zap {
    char *folder, *path; // of the keys, and of the access list in it
    rg_access_list_t list;
    struct stat seen;     // the file of the list when it was read; zero: there was none
    rg_failure_t failure; // why the list cannot be read; the list is empty then
    double retry_ms;      // when it is tried again
    zsock_t *socket;      // REP
};

int rg__curve_client(const rg_wire_options_t *options, zsock_t *socket)
{
    rg_keypair_t own;
    char server[RG_KEY_TEXT_SIZE];
    int err = rg_keypair_read_public(options->keys, RG_KEYPAIR_SERVER, server);
    if (!err) err = rg_keypair_read(options->keys, options->identity, &own);
    if (err) return err;
    zsock_set_curve_serverkey(socket, server);
    zsock_set_curve_publickey(socket, own.public_key);
    zsock_set_curve_secretkey(socket, own.secret_key);
    explicit_bzero(&own, sizeof own);
    return 0;
}

// If ZeroMQ ever admitted a peer without asking, its messages would have no user id and so no role.
static int make_curve_server(const rg__zap_t *zap, zsock_t *socket)
{
    rg_keypair_t own;
    int err = rg_keypair_read(zap->folder, RG_KEYPAIR_SERVER, &own);
    if (err) return err;
    zsock_set_zap_domain(socket, "rg");
    zsock_set_curve_server(socket, 1);
    zsock_set_curve_secretkey(socket, own.secret_key);
    explicit_bzero(&own, sizeof own);
    return 0;
}

// The state of the list's file; zero: there is none.
static int look_at_list(const rg__zap_t *zap, struct stat *now)
{
    *now = (struct stat){0};
    return stat(zap->path, now) == 0 || errno == ENOENT
               ? 0
               : rg_fail_errno(RG_EIO, "%s: cannot look at it", zap->path);
}

static int bind_zap(rg__zap_t *zap)
{
    zsock_t *socket = zsock_new(ZMQ_REP);
    if (!socket) return rg_fail(RG_ELIMIT, "cannot open a socket for handshakes");
    if (zmq_bind(zsock_resolve(socket), ZAP_ENDPOINT) != 0) {
        zsock_destroy(&socket);
        return rg_fail(RG_EBUSY, "another service of this process is encrypted already");
    }
    zap->socket = socket;
    return 0;
}

int rg__zap_new(rg__zap_t **out, const rg_wire_options_t *options, zsock_t *socket)
{
    rg__zap_t *zap = rg_alloc(sizeof *zap);
    zap->folder = rg_strdup(options->keys);
    zap->path = rg_format("%s/" RG_ACCESS_FILE, zap->folder);
    look_at_list(zap, &zap->seen); // before it is read: a later change is seen later
    int err = rg_access_list_read(&zap->list, zap->folder);
    if (!err) err = make_curve_server(zap, socket);
    if (!err) err = bind_zap(zap);
    if (err)
        rg__zap_destroy(&zap);
    else
        *out = zap;
    return err;
}

void rg__zap_destroy(rg__zap_t **out)
{
    rg__zap_t *zap = *out;
    if (!zap) return;
    if (zap->socket) zmq_unbind(zsock_resolve(zap->socket), ZAP_ENDPOINT); // closing alone unbinds later
    zsock_destroy(&zap->socket);
    rg_access_list_fini(&zap->list);
    free(zap->path);
    free(zap->folder);
    free(zap);
    *out = NULL;
}

static int same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_mode == b->st_mode;
}

static void give_up_list(rg__zap_t *zap)
{
    rg_failure_t failure = {0};
    rg_failure_keep(&failure, RG_EBUSY);
    if (strcmp(failure.sentence, zap->failure.sentence) != 0)
        rg_log(RG_LOG_ERROR, "access-list-unreadable",
               "error=\"%s\" reason=\"every key is refused until it can be read\"", rg_error());
    zap->failure = failure;
    zap->retry_ms = rg_clock_ms() + RETRY_MS;
}

// Nobody can know whom a list that cannot be read has withdrawn, so it allows no key; and it is tried again.
static void refresh_list(rg__zap_t *zap)
{
    struct stat now;
    rg_access_list_t list = {0};
    int unknown = look_at_list(zap, &now), changed = unknown || !same_file(&now, &zap->seen);
    if (zap->failure.err ? !changed && rg_clock_ms() < zap->retry_ms : !changed) return;
    zap->seen = now;
    int err = unknown ? unknown : rg_access_list_read(&list, zap->folder);
    rg_access_list_fini(&zap->list);
    zap->list = list;
    if (err) {
        give_up_list(zap);
    } else {
        zap->failure = (rg_failure_t){0};
        rg_log(RG_LOG_INFO, "access-list-read", "path=%s keys=%zu", zap->path, list.count);
    }
}

int rg__zap_check(rg__zap_t *zap)
{
    if (!zap) return 0;
    refresh_list(zap);
    return zap->failure.err
               ? rg_fail(
                     RG_EBUSY,
                     "the access list cannot be read, so no key is allowed; the log of the service says why")
               : 0;
}

rg__sender_t rg__zap_sender(rg__zap_t *zap, zmq_msg_t *part)
{
    if (!zap) return (rg__sender_t){.role = RG_ROLE_ADMIN, .name = "this machine"};
    refresh_list(zap);
    const char *key = zmq_msg_gets(part, "User-Id"); // set by answer_handshake
    const rg_access_entry_t *found = key ? rg_access_list_find_key(&zap->list, key) : NULL;
    if (!found) return (rg__sender_t){.role = RG_ROLE_NONE, .name = "this key"};
    return (rg__sender_t){.role = found->role, .name = found->name};
}

static char *text_of(zmq_msg_t *part)
{
    return rg_format("%.*s", (int)zmq_msg_size(part), (const char *)zmq_msg_data(part));
}

// The address is logged by the front (front.c).
static void log_refused(const char *key)
{
    rg_log(RG_LOG_WARN, "key-refused", "key=%.*s...", KEY_SHOWN, key);
}

// The key becomes the user id of the connection, so that each message is checked against the current list.
static void answer_handshake(rg__zap_t *zap, rg__parts_t *request)
{
    char key[RG_KEY_TEXT_SIZE] = "";
    assert(request->count > ZAP_ADDRESS); // ZeroMQ itself sends these
    char *id = text_of(&request->part[ZAP_ID]);
    if (request->count == ZAP_FRAMES && zmq_msg_size(&request->part[ZAP_KEY]) == KEY_BYTES)
        zmq_z85_encode(key, zmq_msg_data(&request->part[ZAP_KEY]), KEY_BYTES);
    refresh_list(zap);
    if (rg_access_list_find_key(&zap->list, key)) {
        zstr_sendx(zap->socket, "1.0", id, "200", "OK", key, "", NULL);
    } else if (zap->failure.err) { // 300: the peer tries again
        zstr_sendx(zap->socket, "1.0", id, "300", "the access list cannot be read", "", "", NULL);
    } else {
        log_refused(key);
        zstr_sendx(zap->socket, "1.0", id, "400", "this key is not allowed", "", "", NULL);
    }
    free(id);
}

zmq_pollitem_t rg__zap_item(rg__zap_t *zap)
{
    return (zmq_pollitem_t){.socket = zsock_resolve(zap->socket), .events = ZMQ_POLLIN};
}

void rg__zap_serve(rg__zap_t *zap)
{
    for (rg__parts_t *request; (request = rg__parts_recv(zap->socket)) != NULL; rg__parts_destroy(&request))
        answer_handshake(zap, request);
}
