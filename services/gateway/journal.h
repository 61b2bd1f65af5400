// A journal (core/journal.h) as its readers see it who come back for what is new: whole lines from an offset
// on.
#ifndef RG_GATEWAY_JOURNAL_H
#define RG_GATEWAY_JOURNAL_H

#include <stdint.h>

enum { RG_JOURNAL_VIEW = 256 << 10 }; // bytes of it at most

// The next lines as text of a JSON object {next, more, anew, lines}, see openapi.yaml; free() it. Lines that
// are no JSON object, such as one that a crash cut off, are left out. A file that is not there is empty.
// RG_EIO.
int rg_journal_view(const char *path, uint64_t from, char **text);

#endif
