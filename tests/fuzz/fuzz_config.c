// Configuration files with any content. If a file is accepted, its dump must read back as the same bytes.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/core/file.h"
#include "tests/fuzz/fuzz.h"

static int load_text(rg_config_t *config, const char *text)
{
    char path[64];
    int fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || rg_write_all(fd, "config", text, strlen(text))) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int err = rg_config_load(config, path, NULL, 0);
    close(fd);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_config_t config, again;
    char *text = calloc(1, size + 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    if (load_text(&config, text) == 0) {
        char *dump = rg_config_dump(&config);
        if (load_text(&again, dump) != 0) abort();
        memcpy(again.origin, config.origin, sizeof again.origin); // a dump gives every key
        if (memcmp(&config, &again, sizeof config) != 0) abort();
        free(dump);
    }
    const char *set = text;
    rg_config_load(&config, NULL, &set, 1);
    free(text);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const small[] = {
        "seed: 7\nrun: out\ndata: {attributes: [Male, Young], exclusive: [], img_size: 64}\n",
        "stage1:\n  iterations: 10\n  loss:\n    kl: 1e-3\ntriplet:\n  easy: false\n",
        "endpoints:\n  loader: \"tcp://127.0.0.1:5555\"\n  insecure: true\n",
        "data.exclusive: &a []\nstage3: ~\nrun: 'it''s'\n",
        "stage1.lr=1e-3",
        "data.attributes=[Male, Young]",
    };
    size_t count = sizeof small / sizeof *small;
    if (i > count) return 0;
    rg_config_t config;
    rg_config_init(&config);
    char *dump = i == count ? rg_config_dump(&config) : NULL;
    int n = snprintf((char *)out, capacity, "%s", dump ? dump : small[i]);
    free(dump);
    return (size_t)n < capacity ? (size_t)n : capacity - 1;
}
