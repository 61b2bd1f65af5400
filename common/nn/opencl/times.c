// RUN/devices: what a training step takes on each device, as rg-ctl device --bench measured it. A line per device:
// its name, milliseconds, and a hash of its description, so that another device of that name is not taken for it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/nn/opencl.h"

enum { SEED_DEVICE = 2 };

static char *times_path(const rg_config_t *config)
{
    return rg_format("%s/devices", config->run);
}

// The hash of a device; "-" for the processor.
static void identify(char out[17], int index, const rg_opencl_device_t *devices)
{
    if (index == RG_DEVICE_CPU)
        snprintf(out, 17, "-");
    else
        rg_hash_hex(rg_hash(&devices[index], sizeof *devices, SEED_DEVICE), out);
}

int rg_device_times_write(const rg_config_t *config, const double *ms, const rg_opencl_device_t *devices,
                          int n)
{
    char *path = times_path(config), *text = rg_strdup(""), id[17];
    for (int i = RG_DEVICE_CPU; i < n; i++) {
        double time = ms[i + 1];
        if (!(time > 0)) continue;
        identify(id, i, devices);
        char *longer = i == RG_DEVICE_CPU ? rg_format("%scpu %.3f %s\n", text, time, id)
                                          : rg_format("%sgpu:%d %.3f %s\n", text, i, time, id);
        free(text);
        text = longer;
    }
    int err = rg_mkdirs(config->run);
    if (!err) err = rg_file_write(path, text, strlen(text));
    free(text);
    free(path);
    return err;
}

// The index of a line's device and its time; 0 if the line is of no device that there is.
static int read_line(char *line, const rg_opencl_device_t *devices, int n, int *index, double *ms)
{
    char *rest = line, *end, id[17];
    const char *name = rg_lines_word(&rest), *time = rg_lines_word(&rest), *known = rg_lines_word(&rest);
    if (!known) return 0;
    *index = strncmp(name, "gpu:", 4) == 0 ? atoi(name + 4) : RG_DEVICE_CPU;
    *ms = strtod(time, &end);
    if (*end || !(*ms > 0) || *index < RG_DEVICE_CPU || *index >= n) return 0;
    identify(id, *index, devices);
    return strcmp(id, known) == 0;
}

int rg_device_fastest(const rg_config_t *config)
{
    rg_opencl_device_t *devices;
    rg_lines_t lines;
    char *path = times_path(config), *line;
    int n, index, fastest = RG_DEVICE_CPU;
    double ms, least = 0;
    rg_opencl_list(&devices, &n);
    if (rg_exists(path) && rg_lines_open(&lines, path) == 0) {
        while ((line = rg_lines_next(&lines)))
            if (read_line(line, devices, n, &index, &ms) && (least == 0 || ms < least)) {
                least = ms;
                fastest = index;
            }
        rg_lines_close(&lines);
    }
    free(devices);
    free(path);
    return fastest;
}
