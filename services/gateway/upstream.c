// The life of a call, all on the loop's thread:
//
//   rg_upstream_call    refuses if too many calls like it are open; else adds it to `open` and sends it
//   the link           calls call_take_reply once: with a reply, an error of the service, or RG_ETIMEOUT
//   call_end           removes the call from `open`, then calls fn, which may call the upstream again
//
// rg_upstream_stop makes the links forget all open calls and ends them, so every HTTP request is answered
// before the links are destroyed.
#include "services/gateway/upstream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"

// A call without its reply.
typedef struct open_call {
    LIST_ENTRY(open_call) entry;
    rg_call_t call;
} open_call_t;

struct rg_upstream {
    rg_link_t *link[RG_SERVICES]; // NULL: the system has no such service
    LIST_HEAD(, open_call) open;
    int timeout_ms, stopping;
};

int rg_upstream_new(rg_upstream_t **out, const rg_config_t *config)
{
    const rg_wire_options_t wire = rg_wire_options(config);
    rg_upstream_t *upstream = rg_alloc(sizeof *upstream);
    int err = 0;
    upstream->timeout_ms = config->limits.timeout_ms;
    for (int i = 0; i < RG_SERVICES && !err; i++)
        err = rg_link_new(&upstream->link[i], &wire, rg_services_name(i), rg_services_endpoint(config, i),
                          NULL);
    if (err)
        rg_upstream_destroy(&upstream);
    else
        *out = upstream;
    return err;
}

void rg_upstream_destroy(rg_upstream_t **out)
{
    rg_upstream_t *upstream = *out;
    if (!upstream) return;
    for (int i = 0; i < RG_SERVICES; i++) rg_link_destroy(&upstream->link[i]);
    free(upstream);
    *out = NULL;
}

void rg_upstream_add_to(rg_upstream_t *upstream, rg_service_t *service)
{
    for (int i = 0; i < RG_SERVICES; i++) rg_service_add_link(service, upstream->link[i]);
}

int rg_upstream_connected(const rg_upstream_t *upstream, int service)
{
    return rg_link_connected(upstream->link[service]);
}

// ---- calls

// Ends the call with err and rg_error(), or with the reply.
static void call_end(open_call_t *open, int err, const rg_msg_t *reply)
{
    rg_call_t call = open->call;
    LIST_REMOVE(open, entry);
    free(open);
    call.fn(call.self, err, reply);
}

// The sentence of the link ends with what the service does meanwhile, if it has said that: "loading, 34 %".
static int fail_silent(const char *service)
{
    const char *said = strstr(rg_error(), " ms: ");
    return rg_fail(RG_ETIMEOUT, "the %s does not answer%s%s", service, said ? ": " : "",
                   said ? said + 5 : "");
}

// Translates errors for the HTTP client: a timeout without the endpoint, and a malformed reply as a failure
// of the service, not of what the client sent.
static void call_take_reply(void *self, int err, const rg_msg_t *reply)
{
    open_call_t *open = self;
    const char *service = rg_services_name(open->call.service);
    if (err == RG_ETIMEOUT) err = fail_silent(service);
    if (err == RG_EFORMAT || err == RG_ESHAPE) err = rg_fail(RG_EIO, "%s", rg_error());
    if (!err && rg_msg_kind(reply) != open->call.reply)
        err = rg_fail(RG_EIO, "%s: a reply of another kind (%d)", service, (int)rg_msg_kind(reply));
    call_end(open, err, err ? NULL : reply);
}

void rg_upstream_stop(rg_upstream_t *upstream)
{
    if (!upstream) return;
    upstream->stopping = 1;
    for (open_call_t *open; (open = LIST_FIRST(&upstream->open)) != NULL;) {
        rg_link_forget(upstream->link[open->call.service], open);
        call_end(open, rg_fail(RG_ESTOPPED, "the gateway is stopping"), NULL);
    }
}

static int upstream_count_alike(const rg_upstream_t *upstream, const rg_call_t *call)
{
    const open_call_t *open;
    int n = 0;
    LIST_FOREACH(open, &upstream->open, entry)
    n += open->call.service == call->service && open->call.reply == call->reply;
    return n;
}

int rg_upstream_call(rg_upstream_t *upstream, const rg_call_t *call, rg_msg_t **request)
{
    int err = 0, waiting = upstream_count_alike(upstream, call);
    if (upstream->stopping)
        err = rg_fail(RG_ESTOPPED, "the gateway is stopping");
    else if (waiting >= RG_UPSTREAM_WAITING)
        err = rg_fail(RG_EBUSY, "%d requests wait for the %s already; try again later", waiting,
                      rg_services_name(call->service));
    if (err) {
        rg_msg_destroy(request);
        return err;
    }
    open_call_t *open = rg_alloc(sizeof *open);
    *open = (open_call_t){.call = *call};
    LIST_INSERT_HEAD(&upstream->open, open, entry);
    rg_link_send(upstream->link[call->service], request, call->timeout_ms, call_take_reply, open);
    return 0;
}

int rg_upstream_ask(rg_upstream_t *upstream, const char *service, rg_msg_t **request,
                    Rg__V1__Envelope__BodyCase reply, rg_call_fn *fn, void *self)
{
    const rg_call_t call = {rg_services_find(service), reply, upstream->timeout_ms, fn, self};
    return rg_upstream_call(upstream, &call, request);
}

// ---- stored images

int rg_upstream_get_image(rg_upstream_t *upstream, const uint8_t id[16], rg_call_fn *fn, void *self)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
    Rg__V1__ListRequest *body = rg_msg_body(request);
    body->ids = rg_msg_alloc(request, sizeof *body->ids);
    body->n_ids = 1;
    rg_msg_bytes(request, &body->ids[0], id, RG_ID_SIZE);
    body->limit = 1;
    body->thumbnails = 1;
    return rg_upstream_ask(upstream, "retrieval", &request, RG__V1__ENVELOPE__BODY_LIST_REPLY, fn, self);
}

int rg_upstream_thumbnail(const rg_msg_t *reply, rg_payload_t *jpeg)
{
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    if (body->n_images == 0) return rg_fail(RG_ENOENT, "there is no image of this id");
    int err = rg_msg_payload(reply, "0", RG__V1__DTYPE__U8, 1, NULL, jpeg);
    return err ? rg_fail(RG_EIO, "retrieval: %s", rg_error()) : 0;
}
