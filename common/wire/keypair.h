// CurveZMQ key pairs (RFC 26) and the folder that holds them, `security.keys`:
//
//     server.key  server.key_secret    the pair of the services; every client has a copy of server.key
//     NAME.key    NAME.key_secret      the pair of one client; `security.identity` is its NAME
//     allowed                          the access list, wire/access.h
//
// Key files are CZMQ certificates (zcert). A client needs only server.key and NAME.key_secret. Secret files
// are written with mode 0600; one that other users could read is refused.
#ifndef RG_WIRE_KEYPAIR_H
#define RG_WIRE_KEYPAIR_H

#define RG_KEYPAIR_SERVER "server"

enum {
    RG_KEY_TEXT_SIZE = 41,
    RG_KEYPAIR_NAME_SIZE = 64
}; // Z85 text of a key, name of a pair; both with a zero

typedef struct {
    char public_key[RG_KEY_TEXT_SIZE], secret_key[RG_KEY_TEXT_SIZE];
} rg_keypair_t;

// Generates a new pair. RG_EINVAL: this libzmq was built without CURVE.
int rg_keypair_make(rg_keypair_t *pair);

// Writes NAME.key, then NAME.key_secret, each completely or not at all. RG_EIO, RG_EFULL.
int rg_keypair_write(const char *folder, const char *name, const rg_keypair_t *pair);

// Reads NAME.key_secret. RG_ENOENT, RG_EIO, RG_EFORMAT, RG_EACCES if other users may read it, all naming the
// file; RG_EINVAL if name is not a valid name.
int rg_keypair_read(const char *folder, const char *name, rg_keypair_t *pair);

// Reads NAME.key. The same errors.
int rg_keypair_read_public(const char *folder, const char *name, char key[RG_KEY_TEXT_SIZE]);

// Deletes both files; a missing file is not an error. RG_EIO.
int rg_keypair_remove(const char *folder, const char *name);

// 1 if text is a key: 40 characters of Z85.
int rg_keypair_is_key(const char *text);

// A name is 1 to RG_KEYPAIR_NAME_SIZE - 1 letters, digits, dots, dashes and underscores and begins with a
// letter or digit, because it becomes a file name. RG_EINVAL.
int rg_keypair_check_name(const char *name);

// RG_EACCES, naming the file, if its mode has any of these bits of group and others.
int rg_keypair_check_mode(const char *path, unsigned bits);

#endif
