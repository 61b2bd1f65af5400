// Who may do what, in the order of the checks:
//
//   request                                           on loopback                     elsewhere
//   GET /healthz, /livez                              allowed                         allowed
//   host is not a local name, there is no token       refused (RG_ACCESS_HOST)        -
//   from a page of another origin, not a page's file  refused (RG_ACCESS_ORIGIN)      refused
//   the page's own files, POST /api/v1/session        allowed                         allowed
//   all else                                          local name or token             token
//
// A browser says where a request comes from in Origin and Sec-Fetch-Site. Other programs send neither header.
#include "services/gateway/http_access.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/wire/keypair.h"

// A part of a text; text NULL: there is none.
typedef struct {
    const char *text;
    size_t size;
} piece_t;

int rg_address_is_loopback(const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, address, bytes) == 1) return bytes[0] == 127;
    return inet_pton(AF_INET6, address, bytes) == 1 && IN6_IS_ADDR_LOOPBACK((struct in6_addr *)bytes);
}

// ---- the token of a request
int rg_http_access_is_token(const rg_http_access_t *access, const char *text, size_t size)
{
    char padded[RG_TOKEN_SIZE] = {0}, own[RG_TOKEN_SIZE] = {0};
    size_t length = strlen(access->token);
    memcpy(own, access->token, length);
    memcpy(padded, text, size < sizeof padded ? size : sizeof padded);
    return (sodium_memcmp(padded, own, sizeof own) == 0) & (size == length) & (length > 0);
}

static piece_t find_bearer(const rg_access_request_t *request)
{
    static const char scheme[] = "Bearer ";
    const size_t n = sizeof scheme - 1;
    if (!request->authorization || strncasecmp(request->authorization, scheme, n) != 0) return (piece_t){0};
    return (piece_t){request->authorization + n, strlen(request->authorization + n)};
}

// Finds TOKEN in a header such as `a=1; rg_token=TOKEN; b=2`.
static piece_t find_cookie(const rg_access_request_t *request)
{
    static const char name[] = RG_TOKEN_COOKIE "=";
    const size_t n = sizeof name - 1;
    for (const char *at = request->cookie; at && *at;) {
        at += strspn(at, " ;");
        size_t size = strcspn(at, ";");
        if (size >= n && strncmp(at, name, n) == 0) return (piece_t){at + n, size - n};
        at += size;
    }
    return (piece_t){0};
}

int rg_http_access_has_credentials(const rg_access_request_t *request)
{
    return find_bearer(request).text || find_cookie(request).text;
}

static int has_token(const rg_http_access_t *access, const rg_access_request_t *request)
{
    piece_t bearer = find_bearer(request), cookie = find_cookie(request);
    if (bearer.text) return rg_http_access_is_token(access, bearer.text, bearer.size);
    return cookie.text && rg_http_access_is_token(access, cookie.text, cookie.size);
}

// ---- the origin of a request
// Whether HOST, HOST:PORT or [ADDRESS]:PORT names this machine.
static int is_local_host(const char *host)
{
    char name[64];
    if (!host) return 0;
    int bracket = *host == '[';
    size_t size = strcspn(host += bracket, bracket ? "]" : ":");
    const char *after = host + size + (bracket && host[size]);
    if (size >= sizeof name || (bracket && !host[size]) || (*after && *after != ':')) return 0;
    memcpy(name, host, size);
    name[size] = 0;
    return (!bracket && strcasecmp(name, "localhost") == 0) || rg_address_is_loopback(name);
}

// Whether Origin, which is SCHEME://HOST[:PORT] or null, is the origin of the page itself.
static int is_same_origin(const rg_access_request_t *request)
{
    const char *host = strstr(request->origin, "://");
    return host && request->host && strcasecmp(host + 3, request->host) == 0;
}

static int is_cross_origin(const rg_access_request_t *request)
{
    const char *site = request->fetch_site;
    if (request->origin && !is_same_origin(request)) return 1;
    return site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

static int method_only_reads(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

enum rg_access_verdict rg_http_access_check(const rg_http_access_t *access,
                                            const rg_access_request_t *request)
{
    const char *path = request->path;
    int only_reads = method_only_reads(request->method), session = strcmp(path, "/api/v1/session") == 0;
    int needs_token = strncmp(path, "/api/", 5) == 0 || strcmp(path, "/metrics") == 0 || !only_reads;
    int local = access->loopback && is_local_host(request->host);
    if ((strcmp(path, "/healthz") == 0 || strcmp(path, "/livez") == 0) && only_reads)
        return RG_ACCESS_ALLOWED;
    if (access->loopback && !local && !*access->token) return RG_ACCESS_HOST;
    if (needs_token && is_cross_origin(request)) return RG_ACCESS_ORIGIN;
    if (local || has_token(access, request) || !needs_token || session) return RG_ACCESS_ALLOWED;
    return RG_ACCESS_TOKEN;
}

// ---- the token file

enum { RANDOM_BYTES = 32, FILE_MAX = 1024, OTHERS = 077 };

// The characters that cookies and headers allow.
static const char token_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/=";

static int token_create(const char *path)
{
    unsigned char bytes[RANDOM_BYTES];
    char text[RG_TOKEN_SIZE];
    if (sodium_init() < 0) return rg_fail(RG_EIO, "%s: no random numbers", path);
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *line = rg_format("%s\n", text);
    int err = rg_mkdirs_for(path);
    if (!err) err = rg_file_write_secret(path, line, strlen(line));
    free(line);
    return err;
}

static int token_parse(const char *path, const char *text, char token[RG_TOKEN_SIZE])
{
    size_t length = strspn(text, token_letters);
    if (text[length + strspn(text + length, " \r\n")] != 0)
        return rg_fail(RG_EFORMAT, "%s: a token is one line of letters, digits and -_.~+/=", path);
    if (length < RG_TOKEN_MIN || length >= RG_TOKEN_SIZE)
        return rg_fail(RG_EFORMAT, "%s: a token has %d to %d characters, not %zu", path, RG_TOKEN_MIN,
                       RG_TOKEN_SIZE - 1, length);
    memcpy(token, text, length);
    token[length] = 0;
    return 0;
}

int rg_token_load(const char *path, int create, char token[RG_TOKEN_SIZE])
{
    unsigned char *text;
    size_t size;
    int err = create && !rg_exists(path) ? token_create(path) : 0;
    if (!err) err = rg_file_read(path, FILE_MAX, &text, &size);
    if (err) return err;
    err = rg_keypair_check_mode(path, OTHERS);
    if (!err) err = token_parse(path, (const char *)text, token);
    sodium_memzero(text, size);
    free(text);
    return err;
}
