// The named loss values of one training step, for logs, status and tests.
#ifndef RG_TRAINER_LOSSES_H
#define RG_TRAINER_LOSSES_H

enum { RG_LOSSES_MAX = 16 };

typedef struct {
    int n;
    struct {
        const char *name; // static
        double value;     // unweighted
    } item[RG_LOSSES_MAX];
} rg_losses_t;

void rg_losses_add(rg_losses_t *losses, const char *name, double value);

// RG_ENUMERIC naming the loss if one is not finite.
int rg_losses_check(const rg_losses_t *losses, int iteration);

#endif
