// Wanted attribute values, as a user writes them: Blond_Hair=1,Young=0.
#ifndef RG_WIRE_EDITS_H
#define RG_WIRE_EDITS_H

#include "common/config/config.h"
#include "common/wire/msg.h"

typedef struct {
    signed char value[RG_ATTRIBUTES_MAX]; // by position in data.attributes: 0, 1, or -1 = as the source
} rg_edits_t;

void rg_edits_init(rg_edits_t *edits); // all as the source

// Wants one attribute to be 0 or 1. One of data.exclusive set to 1 sets the others of them to 0.
void rg_edits_set(rg_edits_t *edits, const rg_config_t *config, int attribute, int value);

// Reads NAME=0|1[,NAME=0|1]... RG_EUSAGE naming the attribute: unknown (with the names to choose from), not 0
// or 1, given twice, or contradicting another exclusive one.
int rg_edits_parse(rg_edits_t *edits, const rg_config_t *config, const char *text);

// The edits as the repeated field of a request, in *n and the returned array, living as long as the message.
Rg__V1__Edit **rg_edits_message(const rg_edits_t *edits, const rg_config_t *config, rg_msg_t *msg, size_t *n);

// One of the domains: the exclusive attributes have one each (set), the others two (set, not set). Gives the
// number of domains; for i below it fills edits (may be NULL) and the title, "Young-" or, exclusive,
// "Brown_Hair".
enum { RG_EDITS_TITLE = RG_NAME_SIZE + 2 };
int rg_edits_domain(const rg_config_t *config, int i, rg_edits_t *edits, char title[RG_EDITS_TITLE]);

#endif
