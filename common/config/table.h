// The configuration table: each key with its type, default, range and help. Only config.c and the tests of
// this folder include it.
#ifndef RG_CONFIG_TABLE_H
#define RG_CONFIG_TABLE_H

#include <stddef.h>

#include "common/config/config.h"

enum rg_key_type {
    RG_KEY_INT,
    RG_KEY_U64,
    RG_KEY_DOUBLE,
    RG_KEY_BOOL,
    RG_KEY_CHOICE,
    RG_KEY_TEXT,
    RG_KEY_NAMES
};
enum {
    RG_KEY_SIZE = 64,
    RG_KEY_VALUE_SIZE = 2 * RG_CONFIG_TEXT + 3 + RG_ATTRIBUTES_MAX * (RG_NAME_SIZE + 2)
};

// One key. Several sections (the stages, the losses) share their rows; each section has keys of its own, with
// the prefix, the offset and the default of the section.
typedef struct {
    char key[RG_KEY_SIZE]; // "stage1.loss.recon"
    enum rg_key_type type;
    size_t offset;              // in rg_config_t
    double min, max;            // of numbers
    const char *const *choices; // of RG_KEY_CHOICE, NULL at the end; the value is the position
    const char *fallback;       // the default as text; names are separated by spaces
    const char *help;
} rg_key_t;

size_t rg_keys_count(void);
void rg_keys_at(size_t position, rg_key_t *out);  // in the order of the sections
int rg_keys_find(const char *key, rg_key_t *out); // position, or -1
int rg_keys_is_section(const char *name);         // 1 if keys begin with "name."

// The known key or section that differs from `key` in at most three letters; "" if no key is that close.
void rg_keys_closest(const char *key, char out[RG_KEY_SIZE]);

// Sets the field from text; adds one name to a field of names. RG_ECONFIG with a sentence that says what the
// key expects; the caller adds file, line and key.
int rg_key_set(const rg_key_t *key, const char *text, rg_config_t *config);

// Writes the value of the field as YAML.
void rg_key_format(const rg_key_t *key, const rg_config_t *config, char out[RG_KEY_VALUE_SIZE]);

// Writes what the key expects, such as "an integer, 1 to 64" or "one of sgd, adam, adamw".
void rg_key_expects(const rg_key_t *key, char out[128]);

#endif
