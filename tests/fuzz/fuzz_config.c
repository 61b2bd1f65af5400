// Configuration files as anyone may write them. What is accepted must dump and read back as the same bytes.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_config_t config, again;
    char *text = calloc(1, size + 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    if (rg_config_load_text(&config, text, "fuzz") == 0) {
        char *dump = rg_config_dump(&config);
        if (rg_config_load_text(&again, dump, "dump") != 0) abort();
        if (memcmp(&config, &again, sizeof config) != 0) abort();
        free(dump);
    }
    const char *set = text;
    rg_config_load(&config, NULL, &set, 1);
    free(text);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t room)
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
    int n = snprintf((char *)out, room, "%s", dump ? dump : small[i]);
    free(dump);
    return (size_t)n < room ? (size_t)n : room - 1;
}
