// Parameters and replies of the HTTP interface (openapi.yaml).
#ifndef RG_GATEWAY_HTTP_API_H
#define RG_GATEWAY_HTTP_API_H

#include <jansson.h>
#include <stdint.h>

#include "common/wire/http.h"

// ---- parameters
//
// Each function parses the text of a query or path parameter; NULL: the request lacks it. All return
// RG_EINVAL with a sentence that names the parameter and says what is expected.

// A whole number from min to max; `missing` if the request lacks it.
int rg_api_param_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t missing,
                        uint64_t *out);

// The position of text in choices, which end with NULL; 0 if the request lacks it.
int rg_api_param_choice(const char *name, const char *text, const char *const *choices, int *out);

// 32 hexadecimal digits.
int rg_api_param_id(const char *name, const char *text, uint8_t id[16]);

// A time as rg_time_parse reads it, in milliseconds since 1970; 0 if the request lacks it or it is empty.
int rg_api_param_time(const char *name, const char *text, uint64_t *ms);

// The name of an image, or its beginning: 1 to RG_API_TEXT bytes. The loader makes the name that is stored
// (rg_text_name).
enum { RG_API_TEXT = 4095 };
int rg_api_param_text(const char *name, const char *text);

// ---- replies: JSON, and errors as {"error":{code,sentence}} with the HTTP status of each code

// Replies with status 200 and the object. Takes the reference.
void rg_api_reply_json(rg_http_request_t *request, json_t *object);

// The object as text, to be free()d. Takes the reference. May be called from any thread.
char *rg_api_reply_write(json_t *object);

// Replies with status 200 and JSON text. Takes the text, which is free()d.
void rg_api_reply_text(rg_http_request_t *request, char *text);

// Replies with the error err and the sentence rg_error().
void rg_api_reply_fail(rg_http_request_t *request, int err);

// Replies with an error that has a status but no code of ours; also for errors of the server itself
// (rg_http_spec_t).
void rg_api_reply_refuse(void *self, rg_http_request_t *request, unsigned status, const char *sentence);

unsigned rg_api_reply_status(int err); // 400 to 599

#endif
