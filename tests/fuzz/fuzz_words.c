// Short texts that people write: endpoints, times, ids, lists of services, names of images. The input is one text.
#include <stdlib.h>
#include <string.h>

#include "common/config/services.h"
#include "common/core/clock.h"
#include "common/core/endpoint.h"
#include "common/core/hash.h"
#include "common/core/image_name.h"
#include "tests/fuzz/fuzz.h"

static void read_endpoint(const char *text)
{
    rg_endpoint_t endpoint;
    if (rg_endpoint_parse(text, &endpoint) != 0) return;
    if (!endpoint.path && (endpoint.port < 0 || endpoint.port > 65535 || !*endpoint.host)) abort();
    if (endpoint.path && (endpoint.path < text || endpoint.path > text + strlen(text))) abort();
    if (endpoint.path) return;
    rg_endpoint_is_ipv6(&endpoint);
    rg_endpoint_is_loopback(&endpoint);
}

// What a time is written as reads back as the same time.
static void read_time(const char *text)
{
    uint64_t ms, again;
    char written[RG_TIME_SIZE];
    if (rg_time_parse(text, &ms) != 0) return;
    if (ms < 1) abort();
    rg_time_format(ms, written);
    if (rg_time_parse(written, &again) == 0 && again != ms) abort();
}

static void read_id(const char *text)
{
    uint8_t id[16];
    if (rg_id_parse(text, id) && strlen(text) != 32) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned mask;
    char *text = calloc(1, size + 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    read_endpoint(text);
    read_time(text);
    read_id(text);
    if (rg_services_parse(text, &mask) == 0 && mask >> RG_SERVICES) abort();
    if (rg_image_name_format(text) >= RG_IMAGE_FORMATS) abort();
    if (rg_image_name_known(text) && rg_image_name_quiet(text)) abort();
    free(text);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const seeds[] = {
        "tcp://127.0.0.1:9100",
        "tcp://[::1]:*",
        "tcp://*:1",
        "ipc://run/loader.ipc",
        "2026-11-25T08:30:15Z",
        "2026-11-25 08:30:15.123+0200",
        "2024-02-29",
        "90s",
        "1795595415123",
        "loader,trainer,retrieval",
        "a.JPEG",
        "00112233445566778899aabbccddeeff",
    };
    if (i >= sizeof seeds / sizeof *seeds) return 0;
    size_t n = strlen(seeds[i]);
    if (n > capacity) n = capacity;
    memcpy(out, seeds[i], n);
    return n;
}
