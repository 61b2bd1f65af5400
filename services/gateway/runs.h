// The runs that can be looked at: folders with metrics.jsonl. They are the run that is served, which is there
// in any case, the folders beside it, and what lies in the folder `experiment` of each of those. A run's name
// is its path below the folder that holds them all; links are not followed.
#ifndef RG_GATEWAY_RUNS_H
#define RG_GATEWAY_RUNS_H

#include <jansson.h>
#include <stdint.h>

enum { RG_RUNS_MAX = 200, RG_RUNS_DEPTH = 4, RG_RUNS_LOOKS = 4096 }; // runs, folders deep, files looked at

typedef struct {
    char *name; // owned
    int served;
    int64_t modified_ms; // of its metrics, since 1970; 0: it has none yet
} rg_run_entry_t;

typedef struct {
    char *base; // the folder of all runs, owned
    rg_run_entry_t entry[RG_RUNS_MAX];
    int n;
    int looks; // files still to look at
} rg_runs_t;

// Looks for runs: the one that is served comes first, then the latest. `served`, its path, need not be there
// yet. RG_EIO if it is no folder.
int rg_runs_open(rg_runs_t *runs, const char *served);
void rg_runs_close(rg_runs_t *runs); // tolerates a zeroed struct

// The path of a file in the run of that name, NULL: the one that is served. RG_ENOENT if there is no such
// run. free() *path.
int rg_runs_path(const rg_runs_t *runs, const char *name, const char *file, char **path);

json_t *rg_runs_json(const rg_runs_t *runs); // {runs}; new reference

#endif
