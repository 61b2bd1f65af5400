#include "common/core/image_name.h"

#include <string.h>
#include <strings.h>

enum rg_image_format rg_image_name_format(const char *path)
{
    static const struct {
        char end[6];
        enum rg_image_format format;
    } ends[] = {{".jpg", RG_IMAGE_JPEG},  {".jpeg", RG_IMAGE_JPEG}, {".jpe", RG_IMAGE_JPEG},
                {".jfif", RG_IMAGE_JPEG}, {".png", RG_IMAGE_PNG},   {".webp", RG_IMAGE_WEBP}};
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (strcasecmp(dot, ends[i].end) == 0) return ends[i].format;
    return RG_IMAGE_UNKNOWN;
}

int rg_image_name_quiet(const char *name)
{
    static const char *const quiet[] = {"Thumbs.db", "ehthumbs.db", "desktop.ini", "__MACOSX", "@eaDir"};
    if (*name == '.') return 1;
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
        if (strcasecmp(name, quiet[i]) == 0) return 1;
    return 0;
}

int rg_image_name_known(const char *name)
{
    return rg_image_name_format(name) != RG_IMAGE_UNKNOWN && !rg_image_name_quiet(name);
}
