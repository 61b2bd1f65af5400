// Before libFuzzer begins, writes the seeds of a target to the folder that RG_FUZZ_SEEDS names, one file each.
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/core/err.h"
#include "common/core/file.h"

enum { CAPACITY = 1 << 16 };

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static uint8_t seed[CAPACITY];
    const char *folder = getenv("RG_FUZZ_SEEDS");
    size_t size;
    char path[512];
    (void)argc, (void)argv;
    for (size_t i = 0; folder && (size = rg_fuzz_seed(i, seed, CAPACITY)) > 0; i++) {
        snprintf(path, sizeof path, "%s/seed-%zu", folder, i);
        if (rg_file_write(path, seed, size) == 0) continue;
        fprintf(stderr, "%s\n", rg_error());
        exit(1);
    }
    return 0;
}
