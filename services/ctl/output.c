#include "services/ctl/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/wire/json.h"

void rg_output_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6) | JSON_ENCODE_ANY);
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

json_t *rg_output_parse(const char *report)
{
    json_t *object = json_loads(report, JSON_REJECT_DUPLICATES, NULL);
    return object ? object : rg_json_text(report);
}

static void print_value(const json_t *value)
{
    if (json_is_string(value))
        printf("%s\n", json_string_value(value));
    else if (json_is_real(value))
        printf("%.4g\n", json_real_value(value));
    else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
        printf("%s\n", text ? text : "");
        free(text);
    }
}

// Visits every leaf: first to measure the names, then to print.
static void walk(const char *prefix, json_t *object, int *width, int print)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char *name = *prefix ? rg_format("%s.%s", prefix, key) : rg_strdup(key);
        if (json_is_object(value)) {
            walk(name, value, width, print);
        } else if (print) {
            printf("  %-*s  ", *width, name);
            print_value(value);
        } else if ((int)strlen(name) > *width) {
            *width = (int)strlen(name);
        }
        free(name);
    }
}

void rg_output_report(const char *title, json_t *report)
{
    int width = 0;
    printf("%s\n", title);
    walk("", report, &width, 0);
    walk("", report, &width, 1);
    fflush(stdout);
}
