// Results on standard output: JSON lines or aligned tables.
#ifndef RG_CTL_OUTPUT_H
#define RG_CTL_OUTPUT_H

#include <jansson.h>

// One line of JSON; takes the reference.
void rg_output_json(json_t *object);

// A service's report (a JSON object as text) as an object, or as a JSON string if it is none. New reference.
json_t *rg_output_parse(const char *report);

// The report as a table of one name and value per line; nested objects give dotted names.
void rg_output_report(const char *title, json_t *report);

#endif
