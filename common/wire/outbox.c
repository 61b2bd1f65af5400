#include "common/wire/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/msg_private.h"

// Peers that have something unread at a time.
enum { PEERS_MAX = 1024 };

typedef struct {
    unsigned char identity[sizeof((rg_peer_t *)0)->identity];
    unsigned char identity_size;
    atomic_size_t unread; // bytes; 0: the place is free
} account_t;

struct rg__outbox {
    atomic_int owners; // the service, and every message under way
    size_t limit;
    atomic_size_t unread;
    account_t accounts[PEERS_MAX];
};

// A message under way.
typedef struct {
    rg__outbox_t *outbox;
    account_t *account;
    size_t bytes;
} ticket_t;

rg__outbox_t *rg__outbox_new(size_t limit)
{
    rg__outbox_t *outbox = rg_alloc(sizeof *outbox);
    atomic_init(&outbox->owners, 1);
    outbox->limit = limit;
    return outbox;
}

void rg__outbox_destroy(rg__outbox_t **out)
{
    rg__outbox_t *outbox = *out;
    *out = NULL;
    if (outbox && atomic_fetch_sub(&outbox->owners, 1) == 1) free(outbox);
}

// The peer's place, else a free one, else NULL. Places become free behind our back, never taken.
static account_t *find_account(rg__outbox_t *outbox, const rg_peer_t *peer)
{
    account_t *vacant = NULL;
    for (account_t *account = outbox->accounts; account < outbox->accounts + PEERS_MAX; account++) {
        if (atomic_load(&account->unread) == 0)
            vacant = vacant ? vacant : account;
        else if (account->identity_size == peer->identity_size &&
                 memcmp(account->identity, peer->identity, peer->identity_size) == 0)
            return account;
    }
    if (vacant) {
        memcpy(vacant->identity, peer->identity, peer->identity_size);
        vacant->identity_size = peer->identity_size;
    }
    return vacant;
}

// On whatever thread frees the last frame.
static void give_back(void *data, void *hint)
{
    ticket_t *ticket = hint;
    (void)data;
    atomic_fetch_sub(&ticket->account->unread, ticket->bytes);
    atomic_fetch_sub(&ticket->outbox->unread, ticket->bytes);
    rg__outbox_destroy(&ticket->outbox);
    free(ticket);
}

int rg__outbox_post(rg__outbox_t *outbox, const rg_peer_t *peer, rg_msg_t *msg)
{
    size_t bytes = 0;
    rg_frame_t frame;
    for (size_t i = 0; rg_msg_frame(msg, i, &frame); i++) bytes += frame.size;
    if (bytes == 0) return 0;
    account_t *account = find_account(outbox, peer);
    size_t own = account ? atomic_load(&account->unread) : 0;
    if (!account || (own > 0 && own + bytes > outbox->limit / 2) ||
        (atomic_load(&outbox->unread) > 0 && atomic_load(&outbox->unread) + bytes > outbox->limit))
        return rg_fail(RG_EBUSY, "%zu bytes of replies are not read yet; read them and ask again", own);
    ticket_t *ticket = rg_alloc(sizeof *ticket);
    *ticket = (ticket_t){outbox, account, bytes};
    atomic_fetch_add(&outbox->owners, 1);
    atomic_fetch_add(&account->unread, bytes);
    atomic_fetch_add(&outbox->unread, bytes);
    rg__msg_at_end(msg, give_back, ticket);
    return 0;
}
