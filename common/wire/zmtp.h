// What can be seen of a ZMTP 3 stream without its keys: the greeting, the names of the handshake's
// commands, and the size of each frame (RFC 23, RFC 26). It needs no socket. Only the front uses it.
#ifndef RG_WIRE_ZMTP_H
#define RG_WIRE_ZMTP_H

#include <stddef.h>
#include <stdint.h>

enum {
    RG__ZMTP_GREETING = 64,
    RG__ZMTP_COMMAND_MAX = 1024, // bytes of a handshake's command; real ones have less than 700
    RG__ZMTP_HELLO_MAX = RG__ZMTP_GREETING + 9 + RG__ZMTP_COMMAND_MAX,
    RG__ZMTP_NAME = 8 // first bytes of a frame that are kept
};

// Writes the greeting of a server that speaks CURVE or NULL.
void rg__zmtp_greet(int is_curve, unsigned char out[RG__ZMTP_GREETING]);

// The frames of one direction of a stream. Begins zeroed.
typedef struct {
    unsigned char head[9]; // flags and size
    size_t n_head;
    int in_body;
    uint64_t size, left; // of the frame's body; bytes of it that have not come yet
    unsigned char name[RG__ZMTP_NAME];
    unsigned count; // frames that have begun
} rg__zmtp_t;

enum rg__zmtp_event {
    RG__ZMTP_MORE,  // all bytes are taken
    RG__ZMTP_BEGIN, // a header is complete: `size` and `head` are of a new frame
    RG__ZMTP_END    // the frame is complete: `name` has its first bytes
};

// Takes bytes from *data up to the next event, and moves *data and *n.
enum rg__zmtp_event rg__zmtp_next(rg__zmtp_t *stream, const unsigned char **data, size_t *n);

// Takes n bytes of a frame's body that nobody looks at; fewer than `left`.
void rg__zmtp_skip(rg__zmtp_t *stream, uint64_t n);

int rg__zmtp_is_command(const rg__zmtp_t *stream); // 1: the current frame is a command

// 1 if the current frame is complete and is a command of this name, such as "READY".
int rg__zmtp_is_named(const rg__zmtp_t *stream, const char *name);

// The first bytes that a client sends: a greeting with our mechanism, then HELLO (CURVE) or READY (NULL).
// 1: complete; 0: more must come; -1: this is not a client of ours. Never reads beyond n, and says -1 at the
// latest when n reaches RG__ZMTP_HELLO_MAX.
int rg__zmtp_hello(int is_curve, const unsigned char *data, size_t n);

#endif
