#include "services/gateway/gate.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

// Text within other text; NULL: there is none.
typedef struct {
    const char *text;
    size_t size;
} piece_t;

int rg_gate_is_loopback(const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, address, bytes) == 1) return bytes[0] == 127;
    return inet_pton(AF_INET6, address, bytes) == 1 && IN6_IS_ADDR_LOOPBACK((struct in6_addr *)bytes);
}

// ------------------------------------------------------------------ the token
int rg_gate_knows(const rg_gate_t *gate, const char *shown, size_t size)
{
    char padded[RG_TOKEN_SIZE] = {0}, own[RG_TOKEN_SIZE] = {0};
    size_t length = strlen(gate->token);
    memcpy(own, gate->token, length);
    memcpy(padded, shown, size < sizeof padded ? size : sizeof padded);
    return (sodium_memcmp(padded, own, sizeof own) == 0) & (size == length) & (length > 0);
}

static piece_t find_bearer(const rg_visit_t *visit)
{
    static const char scheme[] = "Bearer ";
    const size_t n = sizeof scheme - 1;
    if (!visit->authorization || strncasecmp(visit->authorization, scheme, n) != 0) return (piece_t){0};
    return (piece_t){visit->authorization + n, strlen(visit->authorization + n)};
}

// Of a header such as `a=1; rg_token=TOKEN; b=2`.
static piece_t find_cookie(const rg_visit_t *visit)
{
    static const char name[] = RG_TOKEN_COOKIE "=";
    const size_t n = sizeof name - 1;
    for (const char *at = visit->cookie; at && *at;) {
        at += strspn(at, " ;");
        size_t size = strcspn(at, ";");
        if (size >= n && strncmp(at, name, n) == 0) return (piece_t){at + n, size - n};
        at += size;
    }
    return (piece_t){0};
}

int rg_gate_claims(const rg_visit_t *visit)
{
    return find_bearer(visit).text || find_cookie(visit).text;
}

static int shows_token(const rg_gate_t *gate, const rg_visit_t *visit)
{
    piece_t bearer = find_bearer(visit), cookie = find_cookie(visit);
    if (bearer.text) return rg_gate_knows(gate, bearer.text, bearer.size);
    return cookie.text && rg_gate_knows(gate, cookie.text, cookie.size);
}

// ------------------------------------------------------------------ where a request comes from
// Without its port: of [::1]:80 what is between the brackets.
static int is_own_name(const char *host)
{
    char name[64];
    if (!host) return 0;
    int bracket = *host == '[';
    size_t size = strcspn(host += bracket, bracket ? "]" : ":");
    const char *after = host + size + (bracket && host[size]);
    if (size >= sizeof name || (bracket && !host[size]) || (*after && *after != ':')) return 0;
    memcpy(name, host, size);
    name[size] = 0;
    return (!bracket && strcasecmp(name, "localhost") == 0) || rg_gate_is_loopback(name);
}

// An origin is SCHEME://HOST[:PORT], or null.
static int is_own_origin(const rg_visit_t *visit)
{
    const char *host = strstr(visit->origin, "://");
    return host && visit->host && strcasecmp(host + 3, visit->host) == 0;
}

static int is_foreign(const rg_visit_t *visit)
{
    const char *site = visit->fetch_site;
    if (visit->origin && !is_own_origin(visit)) return 1;
    return site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

static int reads_only(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

enum rg_verdict rg_gate_ask(const rg_gate_t *gate, const rg_visit_t *visit)
{
    const char *path = visit->path;
    int shown = shows_token(gate, visit), session = strcmp(path, "/api/v1/session") == 0;
    int guarded =
        strncmp(path, "/api/", 5) == 0 || strcmp(path, "/metrics") == 0 || !reads_only(visit->method);
    int own = gate->loopback && is_own_name(visit->host);
    if (strcmp(path, "/healthz") == 0 && reads_only(visit->method)) return RG_GATE_OPEN;
    if (gate->loopback && !own && !*gate->token) return RG_GATE_HOST;
    if (guarded && is_foreign(visit)) return RG_GATE_ORIGIN;
    if (own || shown || !guarded || session) return RG_GATE_OPEN;
    return RG_GATE_TOKEN;
}
