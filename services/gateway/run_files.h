// The files of runs: which runs there are, their journals and their pictures.
#ifndef RG_GATEWAY_RUN_FILES_H
#define RG_GATEWAY_RUN_FILES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

// ---- runs
//
// A run is a folder with metrics.jsonl. Listed are the served run (also before it exists), the folders beside
// it, and the folders in `experiment` of each of those. The name of a run is its path below the common parent
// folder. Symbolic links are not followed.

// Limits: runs, levels of folders, folder entries read.
enum { RG_RUNS_MAX = 200, RG_RUNS_DEPTH = 4, RG_RUNS_SCANS = 4096 };

typedef struct {
    char *name; // owned
    int served;
    int64_t modified_ms; // of metrics.jsonl, since 1970; 0: it does not exist yet
} rg_run_entry_t;

typedef struct {
    char *base; // the parent folder of all runs, owned
    rg_run_entry_t entry[RG_RUNS_MAX];
    int n;
    int scans; // folder entries that may still be read
} rg_runs_t;

// Lists the runs: the served one first, then the latest first. `served`, the path of the served run, need
// not exist. RG_EIO if it is not a folder.
int rg_runs_open(rg_runs_t *runs, const char *served);
void rg_runs_close(rg_runs_t *runs); // accepts a zeroed struct

// The path of a file in the run of that name; NULL: the served run. free() *path. RG_ENOENT if there is no
// such run.
int rg_runs_path(const rg_runs_t *runs, const char *name, const char *file, char **path);

json_t *rg_runs_json(const rg_runs_t *runs); // {runs}; new reference

// ---- journals
//
// A journal (common/core/file.h) is a file of JSON lines that grows. Clients read it in parts, from an offset
// on.

enum { RG_JOURNAL_PART = 256 << 10 }; // bytes of a part at most

// The next complete lines as the text of a JSON object {next, more, restarted, lines} (openapi.yaml);
// free() it. Lines that are not a JSON object, such as one cut off by a crash, are left out. A missing file
// is empty. RG_EIO.
int rg_journal_read_part(const char *path, uint64_t from, char **text);

// ---- samples
//
// Samples are the pictures in RUN/samples. The trainer writes STAGE-ITERATION.png, the evaluator
// eval-STAGE.png and eval-STAGE-PART.png.

enum { RG_SAMPLES_MAX = 2000, RG_SAMPLES_BYTES = 64 << 20, RG_SAMPLES_NAME = 128 };

// The parts of a name; stage points into it.
typedef struct {
    const char *stage;
    int stage_size;
    int64_t iteration; // -1: of an evaluation
} rg_sample_t;

// Returns 1, or 0 if it is not the name of a picture: it has no slash, no leading dot, and ends in .png.
int rg_sample_parse(const char *name, rg_sample_t *sample);

// {samples}, sorted by stage and iteration; empty if the folder is missing. New reference.
json_t *rg_samples_json(const char *folder);

// Opens a picture: *fd has *size bytes. RG_ENOENT, also for other names and for what is not a regular file;
// RG_ELIMIT.
int rg_sample_open(const char *folder, const char *name, int *fd, size_t *size, int64_t *modified_ms);

#endif
