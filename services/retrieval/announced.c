#include "services/retrieval/announced.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"

// A path that is too long is not kept: nobody could follow it.
uint64_t rg_announced_add(rg_announced_t *announced, const Rg__V1__ModelRequest *request)
{
    const int again = strcmp(announced->served.model, request->model) == 0;
    rg_announcement_t *made = again ? &announced->served : &announced->next;
    const uint64_t now = rg_clock_wall_ms(), last = announced->last_serial;
    *made = (rg_announcement_t){.serial = now > last ? now : last + 1};
    announced->last_serial = made->serial;
    snprintf(made->model, sizeof made->model, "%s", request->model);
    if (strlen(request->checkpoint) < sizeof made->checkpoint) strcpy(made->checkpoint, request->checkpoint);
    return made->serial;
}

rg_msg_t *rg_announced_reply(rg_announced_t *announced, const char *current)
{
    rg_announcement_t *served = &announced->served, *next = &announced->next;
    if (strcmp(next->model, current) == 0) {
        *served = *next;
        *next = (rg_announcement_t){0};
    }
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_SERVED_REPLY);
    Rg__V1__ServedReply *body = rg_msg_body(reply);
    body->model = rg_msg_text(reply, "%s", current);
    if (strcmp(served->model, current) != 0 || !*served->checkpoint) return reply;
    body->checkpoint = rg_msg_text(reply, "%s", served->checkpoint);
    body->serial = served->serial;
    return reply;
}
