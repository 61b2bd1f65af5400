// How an evaluation measured: every entry of its report that is no measured number.
#ifndef RG_REPORT_REPORT_PROTOCOL_H
#define RG_REPORT_REPORT_PROTOCOL_H

#include <jansson.h>

#include "services/report/document/document.h"

// A table of them. With `shared`, those alone that comparable reports have in common (evaluation_report.h).
void rg_protocol_put(rg_document_t *document, const char *id, json_t *report, int shared,
                     const char *caption);

#endif
