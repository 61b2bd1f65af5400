#include "common/wire/http_head.h"

#include <microhttpd.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "common/wire/http.h"

// ---- escapes
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

size_t rg_http_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        int high = *from == '%' ? hex_digit(from[1]) : -1, low = high < 0 ? -1 : hex_digit(from[2]);
        if (low >= 0 && high + low > 0) {
            *to++ = (char)(16 * high + low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = 0;
    return (size_t)(to - text);
}

// ---- malformed heads
enum { ARGUMENTS_MAX = 64 };

typedef struct {
    int hosts, lengths, encodings;
} head_counts_t;

static enum MHD_Result count_header(void *self, enum MHD_ValueKind kind, const char *name, const char *value)
{
    head_counts_t *counts = self;
    (void)kind, (void)value;
    counts->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    counts->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    counts->encodings += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

const char *rg__http_head_fault(struct MHD_Connection *connection)
{
    head_counts_t counts = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &counts);
    if (counts.hosts > 1) return "the request has two Host headers: send one";
    if (counts.lengths + counts.encodings > 1)
        return "the request gives the length of its body twice: send one Content-Length or Transfer-Encoding";
    if (MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) > ARGUMENTS_MAX)
        return "the request has more than 64 query arguments: send fewer";
    return NULL;
}

// The daemon passes a part of its read buffer, from which it takes the arguments afterwards.
void *rg__http_head_cut(void *self, const char *uri, struct MHD_Connection *connection)
{
    char *end = strchr((char *)uri, '?');
    (void)self, (void)connection;
    for (int n = 0; end && n <= ARGUMENTS_MAX; n++) end = strchr(end + 1, '&');
    if (end) *end = 0;
    return NULL;
}
