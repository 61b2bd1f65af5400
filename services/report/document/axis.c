#include "services/report/document/axis.h"

#include <math.h>

// 1, 2 or 5 times a power of ten, at least this step.
static double round_step(double step)
{
    double power = pow(10, floor(log10(step))), digit = step / power;
    return (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10) * power;
}

static void init_linear(rg_axis_t *axis, double low, double high, int wanted)
{
    if (high - low < 1e-9 * fmax(fabs(low), fabs(high)) || high == low) {
        double room = low == 0 ? 1 : fabs(low) / 2;
        low -= room, high += room;
    }
    double step = round_step((high - low) / wanted);
    axis->low = step * floor(low / step + 1e-9);
    axis->high = step * ceil(high / step - 1e-9);
    for (axis->ticks = 0; axis->ticks < RG_TICKS_MAX; axis->ticks++) {
        double tick = axis->low + axis->ticks * step;
        if (tick > axis->high + step / 2) break;
        axis->tick[axis->ticks] = fabs(tick) < step / 2 ? 0 : tick;
    }
}

static void init_log(rg_axis_t *axis, double low, double high)
{
    int first = (int)floor(log10(low)), last = (int)ceil(log10(high)), every = 1;
    if (last == first) last++;
    while ((last - first) / every + 1 > RG_TICKS_MAX / 2) every++;
    axis->low = pow(10, first);
    axis->high = pow(10, last);
    for (int power = first; power <= last; power += every) axis->tick[axis->ticks++] = pow(10, power);
}

void rg_axis_init(rg_axis_t *axis, double low, double high, int wanted, int log)
{
    if (!isfinite(low) || !isfinite(high) || low > high) low = 0, high = 1, log = 0;
    *axis = (rg_axis_t){.log = log && low > 0};
    if (axis->log)
        init_log(axis, low, high);
    else
        init_linear(axis, low, high, wanted);
}

double rg_axis_place(const rg_axis_t *axis, double value)
{
    if (!axis->log) return (value - axis->low) / (axis->high - axis->low);
    return (log10(value) - log10(axis->low)) / (log10(axis->high) - log10(axis->low));
}
