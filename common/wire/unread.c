// Each message in transit has a ticket that names its bytes and the account of its connection. The ticket is
// given back when the last reference to the message is dropped, usually on ZeroMQ's I/O thread: the counters
// are atomic. The budget itself lives until the service and the last ticket have let go of it. Accounts are
// added only by the loop's thread, so two connections never get the same one.
//
// ZeroMQ cannot end one connection of a socket. The descriptor of the connection, which comes with each
// request, can be shut down: ZeroMQ then sees the end of the stream and drops what it holds for that peer.
#include "common/wire/unread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/log.h"

// ACCOUNTS_MAX: connections with unread replies at a time. MESSAGE_BYTES: what a message takes besides its
// frames. A connection is stalled with more than a STALL_SHARE of the budget unread, after a STALL_PART of the
// patience; requests that come then are refused sooner, the more is unread.
enum { ACCOUNTS_MAX = 1024, MESSAGE_BYTES = 12 << 10, STALL_SHARE = 256, STALL_PART = 20 };

typedef struct {
    rg_peer_t peer;
    ino_t inode;            // of its socket, which tells it from a later one with the same descriptor
    int broken;             // the connection was ended
    atomic_size_t unread;   // bytes; 0: the account is free
    atomic_ullong moved_ms; // when a message was read last, or when there was nothing unread
} account_t;

struct rg__unread {
    atomic_int owners; // the service and every message in transit
    size_t limit;
    double patience_ms;
    atomic_size_t bytes;
    account_t accounts[ACCOUNTS_MAX];
};

// A message in transit.
typedef struct {
    rg__unread_t *unread;
    account_t *account;
    size_t bytes;
} ticket_t;

// ---- life
rg__unread_t *rg__unread_new(size_t limit, int patience_ms)
{
    rg__unread_t *unread = rg_alloc(sizeof *unread);
    atomic_init(&unread->owners, 1);
    unread->limit = limit;
    unread->patience_ms = patience_ms;
    return unread;
}

void rg__unread_destroy(rg__unread_t **out)
{
    rg__unread_t *unread = *out;
    *out = NULL;
    if (unread && atomic_fetch_sub(&unread->owners, 1) == 1) free(unread);
}

// ---- accounts
// The accounts that matter for a peer; NULL: there is none.
typedef struct {
    account_t *own, *vacant;
    account_t *stuck, *stuck_of_client; // have read nothing for the longest time
    size_t of_client;                   // bytes that the client has not read
} survey_t;

static int is_peer(const account_t *account, const rg_peer_t *peer)
{
    return account->peer.identity_size == peer->identity_size &&
           memcmp(account->peer.identity, peer->identity, peer->identity_size) == 0;
}

static account_t *older_of(account_t *a, account_t *b)
{
    if (b->broken) return a;
    return a && atomic_load(&a->moved_ms) <= atomic_load(&b->moved_ms) ? a : b;
}

// Other threads only ever free accounts.
static survey_t survey_accounts(rg__unread_t *unread, const rg_peer_t *peer)
{
    survey_t found = {0};
    for (account_t *account = unread->accounts; account < unread->accounts + ACCOUNTS_MAX; account++) {
        size_t bytes = atomic_load(&account->unread);
        if (bytes == 0) {
            found.vacant = found.vacant ? found.vacant : account;
            continue;
        }
        found.stuck = older_of(found.stuck, account);
        if (is_peer(account, peer)) found.own = account;
        if (account->peer.client != peer->client) continue;
        found.of_client += bytes;
        found.stuck_of_client = older_of(found.stuck_of_client, account);
    }
    return found;
}

static void open_account(account_t *account, const rg_peer_t *peer)
{
    struct stat info = {0};
    fstat(peer->socket, &info);
    account->peer = *peer;
    account->inode = info.st_ino;
    account->broken = 0;
    atomic_store(&account->moved_ms, (unsigned long long)rg_clock_ms());
}

// ---- the budget
static void break_connection(rg__unread_t *unread, account_t *account)
{
    struct stat info;
    double quiet_ms = account ? rg_clock_ms() - (double)atomic_load(&account->moved_ms) : -1;
    if (quiet_ms < unread->patience_ms || fstat(account->peer.socket, &info) != 0 ||
        !S_ISSOCK(info.st_mode) || info.st_ino != account->inode)
        return;
    account->broken = 1;
    shutdown(account->peer.socket, SHUT_RDWR);
    rg_log(RG_LOG_WARN, "reader-dropped", "unread_bytes=%zu quiet_s=%.0f", atomic_load(&account->unread),
           quiet_ms / 1e3);
}

// Nothing was read for a while, and more waits than a reader in time would leave. times: how many times sooner.
static int is_stalled(const rg__unread_t *unread, const account_t *account, double times)
{
    return account && atomic_load(&account->unread) > unread->limit / STALL_SHARE &&
           rg_clock_ms() - (double)atomic_load(&account->moved_ms) > unread->patience_ms / STALL_PART / times;
}

static int fail_stalled(const account_t *account)
{
    return rg_fail(RG_EBUSY, "%zu bytes of replies wait on this connection; read them before you ask again",
                   atomic_load(&account->unread));
}

static int check_budget(rg__unread_t *unread, const survey_t *found, size_t bytes)
{
    const size_t all = atomic_load(&unread->bytes);
    if (found->of_client > 0 && found->of_client + bytes > unread->limit / 2) {
        break_connection(unread, found->stuck_of_client);
        return rg_fail(RG_EBUSY, "%zu bytes of replies are not read yet; read them before you ask again",
                       found->of_client);
    }
    int fits = (found->own || found->vacant) && (all == 0 || all + bytes <= unread->limit);
    if (fits) return is_stalled(unread, found->own, 1) ? fail_stalled(found->own) : 0;
    break_connection(unread, found->stuck);
    return rg_fail(RG_EBUSY, "%zu bytes of replies to others are not read yet; try again later", all);
}

// A reply that is made already may be on its way through a slow network. What is asked for from now on has time:
// the client has enough to read.
int rg__unread_check(rg__unread_t *unread, const rg_peer_t *peer)
{
    survey_t found = survey_accounts(unread, peer);
    int err = check_budget(unread, &found, MESSAGE_BYTES);
    if (err || !found.own) return err;
    double shares = (double)atomic_load(&found.own->unread) * STALL_SHARE / (double)unread->limit;
    return is_stalled(unread, found.own, shares) ? fail_stalled(found.own) : 0;
}

// Called on the thread that frees the last frame.
static void release_ticket(void *data, void *hint)
{
    ticket_t *ticket = hint;
    (void)data;
    atomic_store(&ticket->account->moved_ms, (unsigned long long)rg_clock_ms());
    atomic_fetch_sub(&ticket->account->unread, ticket->bytes);
    atomic_fetch_sub(&ticket->unread->bytes, ticket->bytes);
    rg__unread_destroy(&ticket->unread);
    free(ticket);
}

int rg__unread_add(rg__unread_t *unread, const rg_peer_t *peer, rg_msg_t *msg)
{
    const size_t bytes = MESSAGE_BYTES + rg_msg_size(msg);
    survey_t found = survey_accounts(unread, peer);
    int err = check_budget(unread, &found, bytes);
    if (err) return err;
    account_t *account = found.own ? found.own : found.vacant;
    if (!found.own) open_account(account, peer);
    ticket_t *ticket = rg_alloc(sizeof *ticket);
    *ticket = (ticket_t){unread, account, bytes};
    atomic_fetch_add(&unread->owners, 1);
    atomic_fetch_add(&account->unread, bytes);
    atomic_fetch_add(&unread->bytes, bytes);
    rg__msg_at_end(msg, release_ticket, ticket);
    return 0;
}
