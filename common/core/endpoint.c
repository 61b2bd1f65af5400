#include "common/core/endpoint.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"

enum { PORT_DIGITS = 5, PORT_MAX = 65535 };

static int endpoint_parse_port(const char *text, const char *digits, int *port)
{
    size_t n = strspn(digits, "0123456789");
    *port = 0;
    if (strcmp(digits, "*") == 0) return 0;
    long value = n > 0 && n <= PORT_DIGITS && !digits[n] ? strtol(digits, NULL, 10) : 0;
    if (value < 1 || value > PORT_MAX)
        return rg_fail(RG_ECONFIG, "%s: '%s' is not a port: use a number from 1 to %d", text, digits,
                       PORT_MAX);
    *port = (int)value;
    return 0;
}

// Splits HOST:PORT. The port begins after the last colon.
static int endpoint_parse_tcp(const char *text, const char *address, rg_endpoint_t *out)
{
    struct in6_addr ipv6;
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || strchr(colon, ']'))
        return rg_fail(RG_ECONFIG, "%s: has no port: write tcp://HOST:PORT", text);
    int in_brackets = *address == '[' && colon[-1] == ']';
    size_t length = (size_t)(colon - address) - 2 * (size_t)in_brackets;
    if (length == 0 || length >= RG_HOST_SIZE)
        return rg_fail(RG_ECONFIG, "%s: a host has 1 to %d characters", text, RG_HOST_SIZE - 1);
    memcpy(out->host, address + in_brackets, length);
    out->host[length] = 0;
    if (!in_brackets && strpbrk(out->host, ":[]"))
        return rg_fail(RG_ECONFIG, "%s: an IPv6 address stands in brackets: tcp://[::1]:9100", text);
    char *zone = in_brackets ? strchr(out->host, '%') : NULL; // fe80::1%eth0
    if (zone) *zone = 0;
    int bad = in_brackets && inet_pton(AF_INET6, out->host, &ipv6) != 1;
    if (zone) *zone = '%';
    if (bad) return rg_fail(RG_ECONFIG, "%s: '%s' is not an IPv6 address", text, out->host);
    return endpoint_parse_port(text, colon + 1, &out->port);
}

int rg_endpoint_parse(const char *text, rg_endpoint_t *out)
{
    rg_endpoint_t parsed = {0};
    int err = 0;
    if (strncmp(text, "ipc://", 6) == 0)
        err = text[6] ? 0 : rg_fail(RG_ECONFIG, "%s: has no path", text);
    else if (strncmp(text, "tcp://", 6) == 0)
        err = endpoint_parse_tcp(text, text + 6, &parsed);
    else
        err = rg_fail(RG_ECONFIG, "%s: an endpoint begins with ipc:// or tcp://", text);
    if (err) return err;
    if (*text == 'i') parsed.path = text + 6;
    *out = parsed;
    return 0;
}

int rg_endpoint_is_ipv6(const rg_endpoint_t *endpoint)
{
    return strchr(endpoint->host, ':') != NULL;
}

int rg_endpoint_is_loopback(const rg_endpoint_t *endpoint)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (strcmp(endpoint->host, "localhost") == 0) return 1;
    if (inet_pton(AF_INET, endpoint->host, &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, endpoint->host, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}
