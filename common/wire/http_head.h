// The head of an HTTP request, as libmicrohttpd has parsed it.
#ifndef RG_WIRE_HTTP_HEAD_H
#define RG_WIRE_HTTP_HEAD_H

struct MHD_Connection;

// What is malformed in a head that libmicrohttpd accepts, as a sentence; NULL: nothing. A head with two Host
// headers or two lengths of its body is refused because a proxy could read it in another way than this
// server, and so let pass what it should stop.
const char *rg__http_head_fault(struct MHD_Connection *connection);

// For the daemon, before it splits the query of a request line (MHD_OPTION_URI_LOG_CALLBACK): cuts the query off
// behind the first argument that is too many. The memory of a connection has no place for hundreds of them; the
// daemon would hang up without an answer. Returns NULL.
void *rg__http_head_cut(void *self, const char *uri, struct MHD_Connection *connection);

#endif
