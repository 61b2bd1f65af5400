// Edits: the attribute values that a user wants, such as Blond_Hair=1,Young=0.
#ifndef RG_WIRE_EDITS_H
#define RG_WIRE_EDITS_H

#include "common/config/config.h"
#include "common/wire/msg.h"

typedef struct {
    signed char value
        [RG_ATTRIBUTES_MAX]; // by position in data.attributes: 0, 1, or -1 to keep the value of the source
} rg_edits_t;

void rg_edits_init(rg_edits_t *edits); // keeps all values of the source

// Sets the wanted value of one attribute. A 1 for an attribute in data.exclusive sets the others there to 0.
void rg_edits_set(rg_edits_t *edits, const rg_config_t *config, int attribute, int value);

// Parses NAME=0|1[,NAME=0|1]... RG_EUSAGE naming an attribute that is unknown (with the names to choose
// from), is not 0 or 1, is given twice, or contradicts another exclusive attribute.
int rg_edits_parse(rg_edits_t *edits, const rg_config_t *config, const char *text);

// Writes what is wanted: "Blond_Hair,Young-"; "+" is 1, "-" is 0, and an exclusive attribute that is 1 stands
// for all exclusive ones. Cut to size.
void rg_edits_title(const rg_edits_t *edits, const rg_config_t *config, char *out, size_t size);

// The edits as a repeated field of a request: the array, with its length in *n. It lives as long as the
// message.
Rg__V1__Edit **rg_edits_message(const rg_edits_t *edits, const rg_config_t *config, rg_msg_t *msg, size_t *n);

// Domains are the targets of an evaluation: one (set) for each exclusive attribute, two (set, not set) for
// each other one. Gives the number of domains. If i is below it, fills the edits of domain i (NULL: not
// wanted) and its title: "Young-", or "Brown_Hair" if exclusive.
enum { RG_EDITS_TITLE = RG_NAME_SIZE + 2 };
int rg_edits_domain(const rg_config_t *config, int i, rg_edits_t *edits, char title[RG_EDITS_TITLE]);

#endif
