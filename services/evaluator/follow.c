#include "services/evaluator/follow.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/core/err.h"

static const char *const STAGES[RG_FOLLOWED] = {"classifier", "stage1", "stage3"};

int rg_follow_open(rg_follow_t *follow, const rg_config_t *config)
{
    // a file that was linked or copied here counts as well as one that was renamed
    const uint32_t events = IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE;
    *follow = (rg_follow_t){.config = config, .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (follow->fd < 0) return rg_fail_errno(RG_ELIMIT, "cannot watch %s for checkpoints", config->run);
    if (inotify_add_watch(follow->fd, config->run, events) >= 0) return 0;
    int err = rg_fail_errno(RG_ENOENT, "cannot watch %s for checkpoints", config->run);
    rg_follow_close(follow);
    return err;
}

void rg_follow_close(rg_follow_t *follow)
{
    if (follow->fd >= 0) close(follow->fd);
    follow->fd = -1;
}

void rg_follow_drain(const rg_follow_t *follow)
{
    char events[4096];
    while (read(follow->fd, events, sizeof events) > 0) continue;
}

static int find_checkpoint(const rg_follow_t *follow, int stage, struct stat *info)
{
    char name[32], path[RG_PATH_SIZE];
    snprintf(name, sizeof name, "%s.safetensors", STAGES[stage]);
    rg_config_path(follow->config, name, path);
    return stat(path, info) == 0;
}

static int is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

const char *rg_follow_next(rg_follow_t *follow)
{
    struct stat info;
    rg_follow_drain(follow);
    if (!find_checkpoint(follow, 0, &info)) return NULL; // the classifier, which judges all others
    for (int stage = 0; stage < RG_FOLLOWED; stage++) {
        if (!find_checkpoint(follow, stage, &info) || is_same(&info, &follow->told[stage])) continue;
        follow->told[stage] = info;
        return STAGES[stage];
    }
    return NULL;
}

void rg_follow_again(rg_follow_t *follow, const char *stage)
{
    for (int i = 0; i < RG_FOLLOWED; i++)
        if (strcmp(STAGES[i], stage) == 0) follow->told[i] = (struct stat){0};
}
