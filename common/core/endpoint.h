// An endpoint, the address of a service, in its parts: ipc://PATH or tcp://HOST:PORT. An IPv6 address stands
// in brackets: tcp://[::1]:9100.
#ifndef RG_CORE_ENDPOINT_H
#define RG_CORE_ENDPOINT_H

enum { RG_HOST_SIZE = 256 };

typedef struct {
    const char *path;        // of ipc, within the text; NULL: tcp
    char host[RG_HOST_SIZE]; // of tcp, without brackets: a name, an address, or "*"
    int port;                // 1 to 65535; 0: "*", any free port
} rg_endpoint_t;

// RG_ECONFIG with a sentence that begins with the text.
int rg_endpoint_parse(const char *text, rg_endpoint_t *out);

int rg_endpoint_is_ipv6(const rg_endpoint_t *endpoint); // 1: the host is an IPv6 address

// 1: only this machine can reach it, because the host is localhost or an address of the loopback interface.
int rg_endpoint_is_loopback(const rg_endpoint_t *endpoint);

#endif
