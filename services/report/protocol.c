#include "services/report/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "common/report/evaluation_report.h"

static int belongs(const char *key, const json_t *value, int shared)
{
    if (shared) return rg_report_is_protocol_key(key);
    return !json_is_real(value) && !strchr(key, '.') && strcmp(key, "time") != 0;
}

static void put_value(rg_table_t *table, const json_t *value)
{
    if (json_is_string(value)) {
        rg_table_cell(table, "%s", json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    rg_table_cell(table, "%s", text ? text : "");
    free(text);
}

void rg_protocol_put(rg_document_t *document, const char *id, json_t *report, int shared, const char *caption)
{
    rg_table_t table;
    const char *key;
    json_t *value;
    rg_table_init(&table, id, (const char *[]){"measured", "with"}, 2);
    json_object_foreach(report, key, value)
    {
        if (!belongs(key, value, shared)) continue;
        rg_table_cell(&table, "%s", key);
        put_value(&table, value);
    }
    rg_document_table(document, &table, caption);
}
