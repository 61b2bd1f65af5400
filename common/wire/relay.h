// Bytes on their way from one socket to another. Only the front uses it. Bytes that have to be looked at are
// copied. Others can pass through a pipe: the kernel moves its pages and copies nothing. That is worth its
// effort from tcp to a unix socket. To tcp it takes as long as a copy.
#ifndef RG_WIRE_RELAY_H
#define RG_WIRE_RELAY_H

#include <stddef.h>

// Bytes of one direction of a connection that are here. Begins zeroed.
typedef struct {
    unsigned char *data;      // [end]; NULL: none. On the heap, or the scratch of the relay for a moment
    size_t sent, passed, end; // up to `passed` they may be sent, what follows has to wait
    size_t seen;              // up to here frames are known
} rg__transit_t;

// What all connections share. Between two calls nothing is in it.
enum {
    RG__RELAY_CHUNK = 1 << 19, // bytes that are moved at once
    RG__RELAY_BUFFER = 1 << 20 // send buffers of both ends of a unix socket, if net.core.wmem_max allows it
};
typedef struct {
    int pipe[2]; // to read from, to write to; -1: not open
    unsigned char scratch[RG__RELAY_CHUNK];
} rg__relay_t;

int rg__relay_init(rg__relay_t *relay); // RG_ELIMIT
void rg__relay_fini(rg__relay_t *relay);

// Reads once from a socket behind the bytes that are here. Gives the number of bytes; 0 if none has come; -1
// at the end of the stream or after an error. Without bytes here the scratch is used: call rg__relay_keep
// before the next connection.
long rg__relay_read(rg__relay_t *relay, rg__transit_t *transit, int from, size_t capacity);

// Sends what may pass, as far as the socket takes it. -1: the connection is broken.
int rg__relay_send(rg__transit_t *transit, int to);

// Reads what has come and forgets it. -1 at the end of the stream or after an error.
int rg__relay_discard(rg__relay_t *relay, int from);

// Keeps on the heap what was not sent.
void rg__relay_keep(rg__relay_t *relay, rg__transit_t *transit);

// Moves up to `most` bytes from one socket to the other without a copy. What the other side does not take is
// on the heap afterwards. Nothing may be in transit before. Gives a number as rg__relay_read does; -1, too,
// if the other side is broken.
long rg__relay_splice(rg__relay_t *relay, rg__transit_t *transit, int from, int to, size_t most);

#endif
