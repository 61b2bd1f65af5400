// The token that a request from beyond the machine shows: a file of one line that only its owner may read.
#ifndef RG_GATEWAY_TOKEN_H
#define RG_GATEWAY_TOKEN_H

enum { RG_TOKEN_SIZE = 128, RG_TOKEN_MIN = 16 }; // bytes with the zero at the end; least length

#define RG_TOKEN_COOKIE "rg_token"

// Reads it; where there is no file and `make` is set, makes one of 32 random bytes. RG_ENOENT, RG_EIO,
// RG_EFULL, RG_EACCES if others may read it, RG_EFORMAT, RG_ELIMIT, all naming the file.
int rg_token_load(const char *path, int make, char token[RG_TOKEN_SIZE]);

#endif
