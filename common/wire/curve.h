// Key pairs of CurveZMQ (RFC 26) and the folder they lie in, `security.keys`:
//
//     server.key  server.key_secret    the services' own pair: whoever asks knows the first
//     NAME.key    NAME.key_secret      the pair of one who asks; `security.identity` says who
//     allowed                          who may do what, wire/allow.h
//
// Key files are CZMQ certificates (zcert). Who only asks needs server.key and NAME.key_secret. A secret file
// is the owner's alone: others are written 0600, and one that somebody else could read is refused.
#ifndef RG_WIRE_CURVE_H
#define RG_WIRE_CURVE_H

#define RG_CURVE_SERVER "server"

enum { RG_CURVE_KEY_SIZE = 41, RG_CURVE_NAME_SIZE = 64 }; // Z85 text, name of a pair, each with its zero

typedef struct {
    char public_key[RG_CURVE_KEY_SIZE], secret_key[RG_CURVE_KEY_SIZE];
} rg_curve_t;

// A new pair. RG_EINVAL: this libzmq was built without CURVE.
int rg_curve_make(rg_curve_t *curve);

// Writes NAME.key, then NAME.key_secret; each is there completely or not at all. RG_EIO, RG_EFULL.
int rg_curve_write(const char *folder, const char *name, const rg_curve_t *curve);

// Reads NAME.key_secret. RG_ENOENT, RG_EIO, RG_EFORMAT, RG_EACCES if others may read it, all naming the file;
// RG_EINVAL if name is none.
int rg_curve_read(const char *folder, const char *name, rg_curve_t *curve);

// Reads NAME.key. The same errors.
int rg_curve_read_public(const char *folder, const char *name, char key[RG_CURVE_KEY_SIZE]);

// Takes both files away; one that is missing is no error. RG_EIO.
int rg_curve_remove(const char *folder, const char *name);

// 1 if text is a key: 40 characters of Z85.
int rg_curve_is_key(const char *text);

// Names become file names: 1 to RG_CURVE_NAME_SIZE - 1 letters, digits, dots, dashes and underscores, beginning
// with a letter or digit. RG_EINVAL.
int rg_curve_check_name(const char *name);

// RG_EACCES, naming the file, if its mode has one of these bits, which are group's and others'.
int rg_curve_check_mode(const char *path, unsigned bits);

#endif
