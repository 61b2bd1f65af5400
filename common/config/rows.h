// The rows of the configuration table: what each key is. rows.c lists them, and table.c finds keys in them.
#ifndef RG_CONFIG_ROWS_H
#define RG_CONFIG_ROWS_H

#include "common/config/table.h"

typedef struct {
    const char *key;
    size_t offset;
    enum rg_key_type type;
    const char *fallback;
    double min, max;
    const char *help;
    const char *const *choices; // in the order of the enum
} rg__row_t;

typedef struct {
    const char *prefix;
    size_t base; // of the struct in rg_config_t
    const rg__row_t *rows;
    size_t count;
} rg__section_t;
extern const rg__section_t rg__sections[];
extern const size_t rg__sections_count;

// A key whose default differs from that of the shared row.
typedef struct {
    const char *key, *fallback;
} rg__exception_t;
extern const rg__exception_t rg__exceptions[];
extern const size_t rg__exceptions_count;

#endif
