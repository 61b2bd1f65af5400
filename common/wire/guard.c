#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/socket.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

enum { KEY_BYTES = 32, KEY_SHOWN = 8 };

// What ZeroMQ asks: the frames of RFC 27.
enum {
    ASKED_VERSION,
    ASKED_ID,
    ASKED_DOMAIN,
    ASKED_ADDRESS,
    ASKED_ROUTING,
    ASKED_MECHANISM,
    ASKED_KEY,
    ASKED
};

struct rg__guard {
    char *folder, *path; // of keys, of the allow list in it
    rg_allow_t allow;
    struct stat seen; // the list's file when it was read; zero: there was none
    zsock_t *zap;     // REP
    rg_log_limit_t refused;
};

// ------------------------------------------------------------------ the asking side
int rg__guard_show(const rg_wire_options_t *options, zsock_t *socket)
{
    rg_curve_t own;
    char server[RG_CURVE_KEY_SIZE];
    int err = rg_curve_read_public(options->keys, RG_CURVE_SERVER, server);
    if (!err) err = rg_curve_read(options->keys, options->identity, &own);
    if (err) return err;
    zsock_set_curve_serverkey(socket, server);
    zsock_set_curve_publickey(socket, own.public_key);
    zsock_set_curve_secretkey(socket, own.secret_key);
    explicit_bzero(&own, sizeof own);
    return 0;
}

// ------------------------------------------------------------------ life
// Should ZeroMQ ever let somebody in unasked, there is no user id, and so no role (rg__guard_sender).
static int encrypt(const rg__guard_t *guard, zsock_t *socket)
{
    rg_curve_t own;
    int err = rg_curve_read(guard->folder, RG_CURVE_SERVER, &own);
    if (err) return err;
    zsock_set_zap_domain(socket, "rg");
    zsock_set_curve_server(socket, 1);
    zsock_set_curve_secretkey(socket, own.secret_key);
    explicit_bzero(&own, sizeof own);
    return 0;
}

static int take_place(rg__guard_t *guard)
{
    zsock_t *zap = zsock_new(ZMQ_REP);
    if (!zap) return rg_fail(RG_ELIMIT, "cannot open a socket for handshakes");
    if (zmq_bind(zsock_resolve(zap), ZAP_ENDPOINT) != 0) {
        zsock_destroy(&zap);
        return rg_fail(RG_EBUSY, "another service of this process is encrypted already");
    }
    guard->zap = zap;
    return 0;
}

int rg__guard_new(rg__guard_t **out, const rg_wire_options_t *options, zsock_t *socket)
{
    rg__guard_t *guard = rg_alloc(sizeof *guard);
    guard->folder = rg_strdup(options->keys);
    guard->path = rg_format("%s/" RG_ALLOW_FILE, guard->folder);
    stat(guard->path, &guard->seen); // before it is read: a later change is seen later
    int err = rg_allow_read(&guard->allow, guard->folder);
    if (!err) err = encrypt(guard, socket);
    if (!err) err = take_place(guard);
    if (err)
        rg__guard_destroy(&guard);
    else
        *out = guard;
    return err;
}

void rg__guard_destroy(rg__guard_t **out)
{
    rg__guard_t *guard = *out;
    if (!guard) return;
    if (guard->zap)
        zmq_unbind(zsock_resolve(guard->zap), ZAP_ENDPOINT); // closing alone frees the place later
    zsock_destroy(&guard->zap);
    rg_allow_fini(&guard->allow);
    free(guard->path);
    free(guard->folder);
    free(guard);
    *out = NULL;
}

// ------------------------------------------------------------------ the allow list
static int same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_mode == b->st_mode;
}

// A list that cannot be read is logged, and the last good one stays in force: a slip of the pen does not lock
// everybody out.
static void refresh(rg__guard_t *guard)
{
    struct stat now = {0};
    rg_allow_t allow;
    stat(guard->path, &now);
    if (same_file(&now, &guard->seen)) return;
    guard->seen = now;
    if (rg_allow_read(&allow, guard->folder) != 0) {
        rg_log(RG_LOG_ERROR, "allow-list-kept", "error=\"%s\"", rg_error());
        return;
    }
    rg_allow_fini(&guard->allow);
    guard->allow = allow;
    rg_log(RG_LOG_INFO, "allow-list-read", "path=%s keys=%zu", guard->path, allow.count);
}

rg__sender_t rg__guard_sender(rg__guard_t *guard, zmq_msg_t *part)
{
    if (!guard) return (rg__sender_t){.role = RG_ROLE_ADMIN, .name = "this machine"};
    refresh(guard);
    const char *key = zmq_msg_gets(part, "User-Id"); // what serve answered
    const rg_allowed_t *found = key ? rg_allow_find_key(&guard->allow, key) : NULL;
    if (!found) return (rg__sender_t){.role = RG_ROLE_NONE, .name = "this key"};
    return (rg__sender_t){.role = found->role, .name = found->name};
}

// ------------------------------------------------------------------ handshakes
static char *text_of(zmq_msg_t *part)
{
    return rg_format("%.*s", (int)zmq_msg_size(part), (const char *)zmq_msg_data(part));
}

static void log_refused(rg__guard_t *guard, const char *key, const char *address)
{
    unsigned unlogged;
    if (rg_log_limit_pass(&guard->refused, &unlogged))
        rg_log(RG_LOG_WARN, "key-refused", "key=%.*s... address=%s unlogged=%u", KEY_SHOWN, key, address,
               unlogged);
}

// The key itself becomes the user id, so that each message is judged by the list of its moment.
static void answer(rg__guard_t *guard, rg__parts_t *asked)
{
    char key[RG_CURVE_KEY_SIZE] = "";
    assert(asked->count > ASKED_ADDRESS); // it is ZeroMQ that asks
    char *id = text_of(&asked->part[ASKED_ID]), *address = text_of(&asked->part[ASKED_ADDRESS]);
    if (asked->count == ASKED && zmq_msg_size(&asked->part[ASKED_KEY]) == KEY_BYTES)
        zmq_z85_encode(key, zmq_msg_data(&asked->part[ASKED_KEY]), KEY_BYTES);
    refresh(guard);
    if (rg_allow_find_key(&guard->allow, key)) {
        zstr_sendx(guard->zap, "1.0", id, "200", "OK", key, "", NULL);
    } else {
        log_refused(guard, key, address);
        zstr_sendx(guard->zap, "1.0", id, "400", "this key is not allowed", "", "", NULL);
    }
    free(address);
    free(id);
}

zmq_pollitem_t rg__guard_item(rg__guard_t *guard)
{
    return (zmq_pollitem_t){.socket = zsock_resolve(guard->zap), .events = ZMQ_POLLIN};
}

void rg__guard_serve(rg__guard_t *guard)
{
    for (rg__parts_t *asked; (asked = rg__parts_recv(guard->zap)) != NULL; rg__parts_destroy(&asked))
        answer(guard, asked);
}
