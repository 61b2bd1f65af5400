#include "common/core/version.h"

const char *rg_version(void)
{
    return RG_VERSION;
}
