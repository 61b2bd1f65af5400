// Answers of the interface: JSON, and errors as {"error":{code,sentence}} with the HTTP status that goes with
// each kind.
#ifndef RG_GATEWAY_REPLY_H
#define RG_GATEWAY_REPLY_H

#include <jansson.h>

#include "common/wire/http.h"

// 200 and the object, whose reference is taken.
void rg_reply_json(rg_http_request_t *request, json_t *object);

// The object as text, whose reference is taken; free() it. From any thread.
char *rg_reply_write(json_t *object);

// The same answer for an object that was written already, which is taken and free()d.
void rg_reply_text(rg_http_request_t *request, char *text);

// The error err, whose sentence is rg_error().
void rg_reply_fail(rg_http_request_t *request, int err);

// An error of a status that no code stands for, and of what the server refuses itself (rg_http_spec_t).
void rg_reply_refuse(void *self, rg_http_request_t *request, unsigned status, const char *sentence);

unsigned rg_reply_status(int err); // 400 to 599

#endif
