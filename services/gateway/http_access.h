// Access control of the HTTP interface: which requests are allowed.
//
// On a loopback address, every request to a local name (localhost, 127.0.0.1, [::1]) is allowed. Elsewhere,
// all but the page's own files need the token, as a bearer or in the cookie of a session.
//
// Two attacks through a user's browser are refused. Cross-site requests: a request that another page's
// origin makes. DNS rebinding: on loopback without a token, a request to a host name that is not local,
// which an attacker's name server resolved to this machine.
#ifndef RG_GATEWAY_HTTP_ACCESS_H
#define RG_GATEWAY_HTTP_ACCESS_H

#include <stddef.h>

// ---- the token: a file of one line, readable by its owner only

enum { RG_TOKEN_SIZE = 128, RG_TOKEN_MIN = 16 }; // bytes with the final zero; least number of characters

#define RG_TOKEN_COOKIE "rg_token"

// Reads the token. create: makes one of 32 random bytes if there is no file. RG_ENOENT, RG_EIO, RG_EFULL,
// RG_EACCES if others may read the file, RG_EFORMAT, RG_ELIMIT; the sentence names the file.
int rg_token_load(const char *path, int create, char token[RG_TOKEN_SIZE]);

// ---- the check

typedef struct {
    int loopback;              // the page listens on a loopback address
    char token[RG_TOKEN_SIZE]; // "": there is none
} rg_http_access_t;

// The request line and headers; a missing header is NULL.
typedef struct {
    const char *method, *path;
    const char *host, *origin, *fetch_site, *authorization, *cookie;
} rg_access_request_t;

enum rg_access_verdict {
    RG_ACCESS_ALLOWED,
    RG_ACCESS_TOKEN,  // the token is missing or wrong
    RG_ACCESS_HOST,   // the host is not a name of this machine
    RG_ACCESS_ORIGIN, // the request comes from another origin
};

enum rg_access_verdict rg_http_access_check(const rg_http_access_t *access,
                                            const rg_access_request_t *request);

// Whether the request has something in the place of a token, right or wrong.
int rg_http_access_has_credentials(const rg_access_request_t *request);

// Whether these bytes are the token. Takes the same time for all bytes.
int rg_http_access_is_token(const rg_http_access_t *access, const char *text, size_t size);

// 1 for addresses of 127.0.0.0/8 and for ::1.
int rg_address_is_loopback(const char *address);

#endif
