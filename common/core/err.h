// Errors. Every function that can fail returns int: 0, or one of the negative codes below; results come
// through out-parameters, written only on success.
//
// A code says which kind of failure happened; a sentence says what failed and where. rg_fail() records the
// sentence for the calling thread and returns the code. The place that knows the file, key or line calls it:
//     if (w > limit) return rg_fail(RG_ELIMIT, "%s: width %d exceeds %d", path, w, limit);
// The place that reports (the log of a service, stderr of rg-ctl, an error reply) prints rg_error().
#ifndef RG_CORE_ERR_H
#define RG_CORE_ERR_H

#define RG_ERRORS(X)                                                                                         \
    X(RG_EINVAL, -1, "invalid argument")                                                                     \
    X(RG_EIO, -2, "input/output error")                                                                      \
    X(RG_ENOENT, -3, "not found")                                                                            \
    X(RG_EFORMAT, -4, "malformed data")                                                                      \
    X(RG_ESHAPE, -5, "shape mismatch")                                                                       \
    X(RG_ELIMIT, -6, "over a limit")                                                                         \
    X(RG_EVERSION, -7, "unknown version")                                                                    \
    X(RG_ECONFIG, -8, "bad configuration")                                                                   \
    X(RG_EMODEL, -9, "another model")                                                                        \
    X(RG_ETIMEOUT, -10, "no answer in time")                                                                 \
    X(RG_ESTOPPED, -11, "stopped")                                                                           \
    X(RG_EBUSY, -12, "busy")                                                                                 \
    X(RG_EFULL, -13, "no space left")                                                                        \
    X(RG_ENUMERIC, -14, "not a finite number")                                                               \
    X(RG_EREMOTE, -15, "refused by the peer")                                                                \
    X(RG_EUSAGE, -16, "wrong use of a command")                                                              \
    X(RG_EACCES, -17, "not allowed")                                                                         \
    X(RG_ECRASH, -18, "the connection broke twice")

enum rg_err {
    RG_OK = 0,
#define RG_ERR_ENUM(name, code, sentence) name = code,
    RG_ERRORS(RG_ERR_ENUM)
#undef RG_ERR_ENUM
};

// The general sentence of a code; "no error" for 0, "unknown error" for an unknown code. Static storage.
const char *rg_strerror(int err);

// The code's name, e.g. "RG_ESHAPE". Static storage.
const char *rg_errname(int err);

// Records a sentence for this thread and returns err. The sentence is cut at 511 bytes; what may not be shown
// in it is escaped (text.h). An argument may be rg_error().
int rg_fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// As rg_fail, with ": " and the text of errno appended. Returns RG_EFULL instead of err if errno says that
// the disk is full (ENOSPC, EDQUOT).
int rg_fail_errno(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// The last sentence that this thread recorded, "" if it recorded none. Valid until its next rg_fail.
const char *rg_error(void);

// A failure with its sentence, kept to be reported later: by another thread, or after calls that record
// sentences of their own. Zeroed: no failure.
enum { RG_SENTENCE_SIZE = 512 };
typedef struct {
    int err; // 0: no failure
    char sentence[RG_SENTENCE_SIZE];
} rg_failure_t;

// Keeps err and the sentence of this thread. Does nothing if err is 0 or a failure is kept already: the first
// one counts.
void rg_failure_keep(rg_failure_t *failure, int err);

// Records the kept sentence for this thread and returns the code; 0 if no failure is kept.
int rg_failure_raise(const rg_failure_t *failure);

#endif
