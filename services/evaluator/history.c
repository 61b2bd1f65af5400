#include "services/evaluator/history.h"

#include <stdlib.h>

#include "common/core/err.h"
#include "common/core/file.h"

int rg_history_recall(rg_report_t *report, const char *path)
{
    rg_lines_t lines;
    json_t *last = NULL;
    if (rg_lines_open(&lines, path)) return 0;
    for (const char *line; (line = rg_lines_next(&lines));) {
        json_t *stored = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (stored && rg_report_has_protocol(report, stored)) {
            json_decref(last);
            last = json_incref(stored);
        }
        json_decref(stored);
    }
    rg_lines_close(&lines);
    if (last) rg_report_restore(report, last);
    int found = last != NULL;
    json_decref(last);
    return found;
}

int rg_history_append(const rg_report_t *report, const char *path)
{
    rg_journal_t journal;
    int err = rg_journal_open(&journal, path);
    if (err) return err;
    char *line = rg_report_json_line(report);
    err = rg_journal_add(&journal, line);
    if (!err) err = rg_journal_sync(&journal);
    free(line);
    rg_journal_close(&journal);
    return err;
}
