// What services are doing, as a table for a terminal of 80 columns: a service has its state, its time since the
// start and the few numbers that a person looks for. `rg-ctl status --json` has all of them.
#ifndef RG_CTL_STATUS_TABLE_H
#define RG_CTL_STATUS_TABLE_H

#include "control.pb-c.h"

// Prints the titles of the columns.
void rg_status_table_head(void);

// Prints the row of a service. What does not fit goes on in more lines below. status NULL: the service did
// not answer.
void rg_status_table_row(const char *service, const Rg__V1__StatusReply *status);

#endif
