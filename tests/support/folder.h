// A folder of its own for one test: cmocka setup and teardown, *state is its path.
#ifndef RG_TESTS_FOLDER_H
#define RG_TESTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static inline int folder_make(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(512);
    snprintf(path, 512, "%s/rg-test-XXXXXX", base && *base ? base : "/tmp");
    *state = path;
    return mkdtemp(path) ? 0 : -1;
}

static inline int folder_remove_entry(const char *path, const struct stat *info, int type,
                                      struct FTW *position)
{
    (void)info, (void)type, (void)position;
    return remove(path);
}

static inline int folder_remove(void **state)
{
    int failed = nftw(*state, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}

#endif
