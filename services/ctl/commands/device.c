// rg-ctl device: what can be named by the key `device`, and how fast it trains.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/opencl.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"

typedef struct {
    int bench;
} device_t;

static const rg_command_option_t device_options[] = {
    {"bench", 0, NULL,
     "Measure a training step on each device, and note in RUN/devices what `device: auto` takes",
     RG_OPTION_FLAG(device_t, bench)},
    {0},
};

enum { NAME_SIZE = 16 };

// Row 0 is the processor, row i + 1 device i of the list.
typedef struct {
    char device[NAME_SIZE];
    const rg_opencl_device_t *description; // NULL: the processor
    double ms;                             // of a training step; 0: not measured
    char *error;                           // why not; owned
} row_t;

// ---- measuring: a process for each device, so that a driver that crashes ends that one only

static void run_trainer(const rg_options_t *options, const char *device, int out)
{
    char path[4096 + 16], set[32];
    const char *argv[8 + 2 * RG_SETS_MAX];
    int n = 0;
    ssize_t size = readlink("/proc/self/exe", path, 4095);
    if (size < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(127);
    path[size] = 0;
    strcpy(strrchr(path, '/'), "/rg-trainer");
    snprintf(set, sizeof set, "device=%s", device);
    argv[n++] = path;
    argv[n++] = "measure";
    if (options->path) {
        argv[n++] = "--config";
        argv[n++] = options->path;
    }
    for (int i = 0; i < options->n_set; i++) {
        argv[n++] = "--set";
        argv[n++] = options->set[i];
    }
    argv[n++] = "--set";
    argv[n++] = set;
    argv[n] = NULL;
    setenv("GOMP_SPINCOUNT", "2000", 0); // as `rg-ctl up` sets it for the trainer
    execv(path, (char *const *)argv);
    _exit(127);
}

// What the process writes until it ends, as a text of less than `size` bytes.
static void read_result(int from, char *text, size_t size)
{
    size_t used = 0;
    ssize_t n;
    while ((n = read(from, text + used, size - 1 - used)) != 0)
        if (n > 0)
            used += (size_t)n;
        else if (errno != EINTR)
            break;
    text[used] = 0;
}

static void take_result(row_t *row, const char *text, int status)
{
    json_t *result = json_loads(text, 0, NULL);
    const char *error = json_string_value(json_object_get(result, "error"));
    row->ms = json_number_value(json_object_get(result, "ms"));
    if (error)
        row->error = rg_strdup(error);
    else if (!(row->ms > 0))
        row->error =
            rg_format(WIFSIGNALED(status) ? "rg-trainer died of signal %d" : "rg-trainer ended with code %d",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    json_decref(result);
}

static int measure_device(const rg_options_t *options, row_t *row)
{
    char text[4096];
    int ends[2], status = 0;
    if (pipe(ends) != 0) return rg_fail_errno(RG_EIO, "cannot make a pipe");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) run_trainer(options, row->device, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return rg_fail_errno(RG_EIO, "cannot start rg-trainer");
    }
    read_result(ends[0], text, sizeof text);
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    take_result(row, text, status);
    return 0;
}

static int measure_all(const rg_options_t *options, row_t *rows, const rg_opencl_device_t *devices, int n)
{
    double ms[RG_OPENCL_DEVICES_MAX + 1];
    for (int i = 0; i <= n; i++) {
        int err = measure_device(options, &rows[i]);
        if (err) return err;
        ms[i] = rows[i].ms;
    }
    return rg_device_times_write(&options->config, ms, devices, n);
}

// ---- showing

static const char *kind_of(const row_t *row)
{
    return !row->description ? "processor" : row->description->is_gpu ? "GPU" : "other";
}

static void device_print(const row_t *rows, int n)
{
    printf("%-6s %-9s %10s  %s\n", "device", "kind", "memory", "name");
    printf("%-6s %-9s %10s  %s\n", "cpu", "processor", "-", "oneDNN and OpenBLAS");
    for (int i = 1; i <= n; i++)
        rg_output_line("%-6s %-9s %6zu MiB  %s (%s)", rows[i].device, kind_of(&rows[i]),
                       rows[i].description->memory >> 20, rows[i].description->name,
                       rows[i].description->driver);
}

static void bench_print(const rg_config_t *config, const row_t *rows, int n)
{
    int fastest = rg_device_fastest(config);
    printf("%-8s %-9s %12s  %s\n", "device", "kind", "ms per step", "name");
    for (int i = 0; i <= n; i++) {
        const row_t *row = &rows[i];
        const char *name = row->description ? row->description->name : "oneDNN and OpenBLAS";
        if (row->error)
            rg_output_line("%-8s %-9s %12s  %.46s", row->device, kind_of(row), "failed", name);
        else
            rg_output_line("%-8s %-9s %12.1f  %.46s", row->device, kind_of(row), row->ms, name);
    }
    for (int i = 0; i <= n; i++)
        if (rows[i].error) rg_output_line("%s: %s", rows[i].device, rows[i].error);
    rg_output_line("A step of stage 1 with %d images of %d px; `device: auto` takes %s.",
                   config->stage1.batch, config->data.img_size, rows[fastest + 1].device);
}

static json_t *row_json(const row_t *row)
{
    const rg_opencl_device_t *d = row->description;
    json_t *object = json_pack("{s:s, s:s}", "device", row->device, "kind", kind_of(row));
    if (d)
        json_object_update_new(object, json_pack("{s:s, s:s, s:s, s:I}", "name", d->name, "vendor", d->vendor,
                                                 "driver", d->driver, "memory", (json_int_t)d->memory));
    if (row->ms > 0) json_object_set_new(object, "ms", json_real(row->ms));
    if (row->error) json_object_set_new(object, "error", rg_output_parse(row->error));
    return object;
}

static void rows_print_json(const row_t *rows, int n)
{
    json_t *list = json_array();
    for (int i = 0; i <= n; i++) json_array_append_new(list, row_json(&rows[i]));
    rg_output_json(list);
}

static int device_run(const rg_options_t *options, const void *own)
{
    const int bench = ((const device_t *)own)->bench;
    rg_opencl_device_t *devices;
    row_t rows[RG_OPENCL_DEVICES_MAX + 1] = {{.device = "cpu"}};
    int n, err = 0;
    rg_opencl_list(&devices, &n);
    for (int i = 0; i < n; i++) {
        snprintf(rows[i + 1].device, NAME_SIZE, "gpu:%d", i);
        rows[i + 1].description = &devices[i];
    }
    if (bench) err = measure_all(options, rows, devices, n);
    if (!err && options->json)
        rows_print_json(rows, n);
    else if (!err && bench)
        bench_print(&options->config, rows, n);
    else if (!err)
        device_print(rows, n);
    for (int i = 0; i <= n; i++) free(rows[i].error);
    free(devices);
    return err;
}

const rg_command_t rg_command_device = {
    .name = "device",
    .summary = "List and measure the devices that can train: the key `device`",
    .help = "Lists the devices that the key `device` can name. cpu is the processor, with the engine's own "
            "kernels. gpu:0, gpu:1 and so on are what OpenCL drivers offer, GPUs first; `gpu` is the first "
            "one if it is a GPU. A processor is among them where a driver such as pocl is installed: it is "
            "slower than cpu. `auto` is the device that trained fastest when --bench measured the run's "
            "configuration, and cpu where that was not done.",
    .examples = "  rg-ctl device --json\n"
                "  rg-ctl device --bench --config configs/faces32.yaml\n"
                "  rg-ctl train --set device=auto\n",
    .options = device_options,
    .size = sizeof(device_t),
    .config = RG_COMMAND_DEFAULTS,
    .run = device_run,
};
