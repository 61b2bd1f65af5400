// Reading a configuration, from the defaults of the table to a checked whole:
//
//   rg_config_init    sets each field to the default of its row
//   yaml_read_file    walks the YAML mappings, joins nested keys by dots and looks each up in the table
//   read_environment  KEY=VALUE words of RG_SET
//   override          KEY=VALUE of --set
//   follow_data       gives data.attributes and data.exclusive defaults that fit the data set
//   finish            fills in the values that depend on `run`, then checks what a single row cannot express
//
// Each load works on a copy, so a failed load leaves the configuration of the caller unchanged.
#include "common/config/config.h"

#include <assert.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/check.h"
#include "common/config/classes.h"
#include "common/config/table.h"
#include "common/core/alloc.h"
#include "common/core/endpoint.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/text.h"

enum { CONFIG_BYTES_MAX = 1 << 20 };

// enum rg_origin of each key, by position in the table.
typedef struct {
    unsigned char key[RG_CONFIG_KEYS_MAX];
} given_t;

// The state of reading one text.
typedef struct {
    const char *origin; // file name, for sentences
    rg_config_t *config;
    given_t seen; // in this text
    int tolerant; // 1: unknown keys and values are passed over
} reader_t;

// ---- one key
static int fail_key(const reader_t *reader, int line, const char *key, const char *sentence)
{
    return rg_fail(RG_ECONFIG, "%s:%d: %s: %s", reader->origin, line, key, sentence);
}

static int unknown_key(const char *where, const char *key)
{
    char closest[RG_KEY_SIZE];
    rg_keys_closest(key, closest);
    if (*closest) return rg_fail(RG_ECONFIG, "%s: %s: unknown key; did you mean %s?", where, key, closest);
    return rg_fail(RG_ECONFIG, "%s: %s: unknown key", where, key);
}

static void clear_names(const rg_key_t *key, rg_config_t *config)
{
    memset((char *)config + key->offset, 0, sizeof(rg_names_t));
}

// Sets a value that does not come from YAML: a default of the table, or --set. Names are "[a, b]" or "a b".
static int set_value(const rg_key_t *key, const char *value, rg_config_t *config)
{
    static const char separators[] = ", []";
    if (key->type != RG_KEY_NAMES) return rg_key_set(key, value, config);
    clear_names(key, config);
    for (const char *c = value + strspn(value, separators); *c; c += strspn(c, separators)) {
        size_t length = strcspn(c, separators);
        char *name = rg_format("%.*s", (int)length, c);
        int err = rg_key_set(key, name, config);
        free(name);
        if (err) return err;
        c += length;
    }
    return 0;
}

// ---- YAML
static int line_of(struct fy_node *node)
{
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    return mark ? mark->line + 1 : 0;
}

static int yaml_read_scalar(const reader_t *reader, const rg_key_t *key, struct fy_node *node, int line)
{
    size_t length = 0;
    const char *text = fy_node_get_scalar(node, &length);
    if (fy_node_is_alias(node)) return fail_key(reader, line, key->key, "an alias is not a value");
    if (!text) text = "";
    if (memchr(text, 0, length)) return fail_key(reader, line, key->key, "text has a NUL character");
    char *copy = rg_format("%.*s", (int)length, text);
    int err = rg_key_set(key, copy, reader->config);
    free(copy);
    return err ? fail_key(reader, line, key->key, rg_error()) : 0;
}

static int yaml_read_names(const reader_t *reader, const rg_key_t *key, struct fy_node *list, int line)
{
    void *iterator = NULL;
    clear_names(key, reader->config);
    for (struct fy_node *item; (item = fy_node_sequence_iterate(list, &iterator)) != NULL;) {
        if (!fy_node_is_scalar(item)) return fail_key(reader, line, key->key, "is not a list of names");
        int err = yaml_read_scalar(reader, key, item, line_of(item));
        if (err) return err;
    }
    return 0;
}

static int yaml_read_value(const reader_t *reader, const rg_key_t *key, struct fy_node *value, int line)
{
    if (key->type == RG_KEY_NAMES && fy_node_is_sequence(value))
        return yaml_read_names(reader, key, value, line);
    if (key->type != RG_KEY_NAMES && value && fy_node_is_scalar(value))
        return yaml_read_scalar(reader, key, value, line);
    char expected[128], sentence[160];
    rg_key_expects(key, expected);
    snprintf(sentence, sizeof sentence, "expects %s", expected);
    return fail_key(reader, line, key->key, sentence);
}

static int yaml_read_key(reader_t *reader, const char *name, struct fy_node *value, int line)
{
    rg_key_t key;
    int position = rg_keys_find(name, &key);
    if (position < 0 && reader->tolerant) return 0;
    if (position < 0) {
        char where[RG_CONFIG_TEXT + 16];
        snprintf(where, sizeof where, "%.*s:%d", RG_CONFIG_TEXT, reader->origin, line);
        return unknown_key(where, name);
    }
    if (reader->seen.key[position]) return fail_key(reader, line, name, "given twice");
    int err = yaml_read_value(reader, &key, value, line);
    reader->seen.key[position] = err ? RG_ORIGIN_DEFAULT : RG_ORIGIN_FILE;
    return reader->tolerant ? 0 : err;
}

static int is_null(struct fy_node *node)
{
    size_t length = 0;
    return !node || (fy_node_is_scalar(node) && !fy_node_is_alias(node) &&
                     (!fy_node_get_scalar(node, &length) || length == 0));
}

static int yaml_read_section(reader_t *reader, const char *prefix, struct fy_node *section);

static int yaml_read_pair(reader_t *reader, const char *prefix, struct fy_node *name, struct fy_node *value)
{
    size_t length = 0;
    const char *text = name && !fy_node_is_alias(name) ? fy_node_get_scalar(name, &length) : NULL;
    if (!text || memchr(text, 0, length))
        return fail_key(reader, line_of(name), *prefix ? prefix : "top level", "a key is not a name");
    char key[2 * RG_KEY_SIZE];
    snprintf(key, sizeof key, "%s%s%.*s", prefix, *prefix ? "." : "",
             (int)(length < RG_KEY_SIZE ? length : RG_KEY_SIZE), text);
    if (!rg_keys_is_section(key)) return yaml_read_key(reader, key, value, line_of(name));
    if (is_null(value)) return 0;
    if (!fy_node_is_mapping(value)) return fail_key(reader, line_of(name), key, "expects a section of keys");
    return yaml_read_section(reader, key, value);
}

// Reads a mapping and the mappings within it. Only sections of the table are entered: they bound the depth.
static int yaml_read_section(reader_t *reader, const char *prefix, struct fy_node *section)
{
    void *iterator = NULL;
    int err = 0;
    for (struct fy_node_pair *pair; !err && (pair = fy_node_mapping_iterate(section, &iterator)) != NULL;)
        err = yaml_read_pair(reader, prefix, fy_node_pair_key(pair), fy_node_pair_value(pair));
    return err;
}

// The first message of libfyaml, "<memory...>:LINE:COLUMN: error: TEXT". Without a listener libfyaml prints
// it.
typedef struct {
    char text[256];
} complaint_t;

static void keep_complaint(struct fy_diag *diag, void *user, const char *text, size_t length)
{
    complaint_t *complaint = user;
    (void)diag;
    if (!*complaint->text) snprintf(complaint->text, sizeof complaint->text, "%.*s", (int)length, text);
}

static int fail_yaml(const char *origin, const complaint_t *complaint)
{
    int line = 0;
    char text[200];
    const char *place = strchr(complaint->text, '>');
    if (!place || sscanf(place, ">:%d:%*d: error: %199[^\n]", &line, text) != 2)
        return rg_fail(RG_ECONFIG, "%s: not YAML", origin);
    return rg_fail(RG_ECONFIG, "%s:%d: not YAML: %s", origin, line, text);
}

static int yaml_read_root(reader_t *reader, struct fy_node *root)
{
    if (is_null(root)) return 0;
    if (!fy_node_is_mapping(root))
        return rg_fail(RG_ECONFIG, "%s: expects `key: value` lines", reader->origin);
    return yaml_read_section(reader, "", root);
}

// Reads the first document of the text and refuses a second one.
static int yaml_read_documents(reader_t *reader, struct fy_parser *parser, const complaint_t *complaint)
{
    struct fy_document *document = fy_parse_load_document(parser);
    int err = 0;
    if (document) err = yaml_read_root(reader, fy_document_root(document));
    fy_parse_document_destroy(parser, document);
    if (!err && document) {
        document = fy_parse_load_document(parser);
        if (document) err = rg_fail(RG_ECONFIG, "%s: more than one YAML document", reader->origin);
        fy_parse_document_destroy(parser, document);
    }
    if (!err && *complaint->text) err = fail_yaml(reader->origin, complaint);
    return err;
}

// YAML is printable UTF-8. The check comes first because libfyaml 0.7 loops forever on a broken character in
// a directive.
static int check_text(const char *text, size_t length, const char *origin)
{
    int line = 1;
    for (size_t i = 0, size; i < length; i += size) {
        line += text[i] == '\n';
        size = text[i] == '\n' || text[i] == '\r' || text[i] == '\t' ? 1 : rg_utf8_printable(text + i);
        if (!size)
            return rg_fail(RG_ECONFIG, "%s:%d: has a character that is not printable UTF-8", origin, line);
    }
    return 0;
}

static int yaml_read_text(reader_t *reader, const char *text, size_t length)
{
    int err = check_text(text, length, reader->origin);
    if (err) return err;
    complaint_t complaint = {0};
    const struct fy_diag_cfg settings = {
        .output_fn = keep_complaint, .user = &complaint, .level = FYET_ERROR, .module_mask = ~0u};
    struct fy_diag *diag = fy_diag_create(&settings);
    // yaml_read_key finds duplicate keys: the check of libfyaml takes quadratic time.
    const struct fy_parse_cfg parsing = {.flags = FYPCF_QUIET | FYPCF_ALLOW_DUPLICATE_KEYS, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&parsing);
    if (!parser || fy_parser_set_string(parser, text, length) != 0)
        err = rg_fail(RG_ECONFIG, "%s: cannot be parsed", reader->origin);
    else
        err = yaml_read_documents(reader, parser, &complaint);
    if (parser) fy_parser_destroy(parser);
    fy_diag_unref(diag);
    return err;
}

// ---- the whole configuration

// Fills in a field that is empty; the pattern gets run and name.
static int derive(char *field, const char *pattern, const char *run, const char *name)
{
    if (*field) return 0;
    char *value = rg_format(pattern, run, name);
    int fits = strlen(value) < RG_CONFIG_TEXT;
    if (fits) strcpy(field, value);
    free(value);
    return fits ? 0 : rg_fail(RG_ECONFIG, "run: '%s' is too long for the paths below it", run);
}

static int derive_all(rg_config_t *config)
{
    static const char ipc[] = "ipc://%s/%s.ipc";
    int err = derive(config->retrieval.path, "%s/%s", config->run, "store");
    if (!err) err = derive(config->endpoints.loader, ipc, config->run, "loader");
    if (!err) err = derive(config->endpoints.encoder, ipc, config->run, "encoder");
    if (!err) err = derive(config->endpoints.retrieval, ipc, config->run, "retrieval");
    if (!err) err = derive(config->endpoints.trainer, ipc, config->run, "trainer");
    if (!err) err = derive(config->endpoints.evaluator, ipc, config->run, "evaluator");
    if (!err) err = derive(config->endpoints.gateway, ipc, config->run, "gateway");
    if (!err) err = derive(config->http.token, "%s/%s", config->run, "gateway.token");
    return err;
}

static int is_given(const given_t *given, const char *name)
{
    rg_key_t key;
    return given->key[rg_keys_find(name, &key)] != RG_ORIGIN_DEFAULT;
}

static void keep_names_among(rg_names_t *names, const rg_names_t *among)
{
    rg_names_t kept = {0};
    for (int i = 0; i < names->count; i++)
        if (rg_names_find(among, names->name[i]) >= 0)
            memcpy(kept.name[kept.count++], names->name[i], RG_NAME_SIZE);
    *names = kept;
}

// The classes of a folder per class become the attributes. Of the classes, or of the hair colours, those are
// exclusive that are attributes. Opening the data set reports what is wrong with its folders.
static void follow_data(rg_config_t *config, const given_t *given)
{
    rg_classes_t classes = {0};
    if (!*config->data.list && *config->data.root && rg_classes_find(&classes, config->data.root) == 0 &&
        classes.names.count) {
        if (!is_given(given, "data.attributes")) config->data.attributes = classes.names;
        if (!is_given(given, "data.exclusive")) config->data.exclusive = classes.names;
    }
    rg_classes_fini(&classes);
    if (!is_given(given, "data.exclusive"))
        keep_names_among(&config->data.exclusive, &config->data.attributes);
}

static int finish(rg_config_t *config, const char *origin)
{
    int err = derive_all(config);
    if (!err) err = rg__config_check(config);
    return err ? rg_fail(err, "%s: %s", origin, rg_error()) : 0;
}

void rg_config_init(rg_config_t *config)
{
    rg_key_t key;
    assert(rg_keys_count() <= RG_CONFIG_KEYS_MAX);
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < rg_keys_count(); i++) {
        rg_keys_at(i, &key);
        if (set_value(&key, key.fallback, config) != 0) abort(); // the table contradicts itself
    }
}

// from: the source of the text, for error sentences.
static int override(rg_config_t *config, const char *text, const char *from, given_t *given)
{
    const char *equals = strchr(text, '=');
    char name[RG_KEY_SIZE];
    rg_key_t key;
    if (!equals) return rg_fail(RG_ECONFIG, "%s %s: expects KEY=VALUE", from, text);
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    int position = rg_keys_find(name, &key);
    if (position < 0) return unknown_key(from, name);
    given->key[position] = RG_ORIGIN_OVERRIDE;
    int err = set_value(&key, equals + 1, config);
    return err ? rg_fail(err, "%s: %s: %s", from, name, rg_error()) : 0;
}

static int read_environment(rg_config_t *config, given_t *given)
{
    const char *set = getenv("RG_SET");
    char *copy = rg_strdup(set ? set : ""), *rest = copy;
    int err = 0;
    for (char *word; !err && (word = strsep(&rest, " \t\n")) != NULL;)
        if (*word) err = override(config, word, "RG_SET", given);
    free(copy);
    return err;
}

static int yaml_read_file(rg_config_t *config, const char *path, given_t *given)
{
    unsigned char *text;
    size_t size;
    int err = rg_file_read(path, CONFIG_BYTES_MAX, &text, &size);
    if (err) return err;
    reader_t reader = {.origin = path, .config = config};
    err = yaml_read_text(&reader, (const char *)text, size);
    *given = reader.seen;
    free(text);
    return err;
}

const char *rg_config_from_environment(void)
{
    const char *path = getenv("RG_CONFIG");
    return path && *path ? path : NULL;
}

int rg_config_load(rg_config_t *config, const char *path, const char *const *overrides, int n)
{
    rg_config_t loaded;
    given_t given = {0};
    int err = 0;
    rg_config_init(&loaded);
    if (path) err = yaml_read_file(&loaded, path, &given);
    if (!err) err = read_environment(&loaded, &given);
    for (int i = 0; !err && i < n; i++) err = override(&loaded, overrides[i], "--set", &given);
    if (!err) follow_data(&loaded, &given);
    if (!err) {
        char *origin = rg_format("%s%s", path ? path : "configuration", n ? " with --set" : "");
        err = finish(&loaded, origin);
        free(origin);
    }
    memcpy(loaded.origin, given.key, sizeof loaded.origin);
    if (!err) *config = loaded;
    return err;
}

// Prints the lines that open the sections of this key which the key before did not open. Returns the depth of
// the key.
static int open_sections(FILE *out, const char *before, const char *key)
{
    int depth = 0, shared = 1;
    for (const char *part = key, *dot; (dot = strchr(part, '.')) != NULL; part = dot + 1, depth++) {
        shared = shared && strncmp(before, key, (size_t)(dot + 1 - key)) == 0;
        if (!shared) fprintf(out, "%*s%.*s:\n", 2 * depth, "", (int)(dot - part), part);
    }
    return depth;
}

char *rg_config_dump(const rg_config_t *config)
{
    char *text = NULL, value[RG_KEY_VALUE_SIZE], before[RG_KEY_SIZE] = "";
    size_t size;
    rg_key_t key;
    FILE *out = open_memstream(&text, &size);
    if (!out) abort();
    for (size_t i = 0; i < rg_keys_count(); i++) {
        rg_keys_at(i, &key);
        rg_key_format(&key, config, value);
        int depth = open_sections(out, before, key.key);
        const char *dot = strrchr(key.key, '.');
        fprintf(out, "%*s%s: %s\n", 2 * depth, "", dot ? dot + 1 : key.key, value);
        memcpy(before, key.key, sizeof before);
    }
    if (fclose(out) != 0) abort();
    return text;
}

char *rg_config_dump_json(const rg_config_t *config)
{
    char *yaml = rg_config_dump(config);
    struct fy_document *document = fy_document_build_from_string(NULL, yaml, FY_NT);
    char *json = document ? fy_emit_document_to_string(document, FYECF_MODE_JSON_ONELINE) : NULL;
    if (!json) abort(); // out of memory: what the dump writes is YAML
    fy_document_destroy(document);
    free(yaml);
    return json;
}

int rg_config_setting(const rg_config_t *config, size_t i, rg_config_setting_t *setting)
{
    char value[RG_KEY_VALUE_SIZE];
    rg_key_t key;
    if (i >= rg_keys_count()) return 0;
    rg_keys_at(i, &key);
    rg_key_format(&key, config, value);
    snprintf(setting->key, sizeof setting->key, "%s", key.key);
    setting->value = rg_strdup(value);
    setting->origin = (enum rg_origin)config->origin[i];
    return 1;
}

char *rg_config_compare(const rg_config_t *config, const char *dump, const char *const *keys, int n)
{
    rg_config_t dumped = *config;
    reader_t reader = {.origin = "dump", .config = &dumped, .tolerant = 1};
    char *text = NULL, there[RG_KEY_VALUE_SIZE], here[RG_KEY_VALUE_SIZE];
    if (yaml_read_text(&reader, dump, strlen(dump)) != 0) return NULL;
    for (int i = 0; i < n; i++) {
        rg_key_t key;
        int position = rg_keys_find(keys[i], &key);
        assert(position >= 0);
        if (!reader.seen.key[position]) continue;
        rg_key_format(&key, &dumped, there);
        rg_key_format(&key, config, here);
        if (strcmp(there, here) == 0) continue;
        char *longer =
            rg_format("%s%s%s %s, not %s", text ? text : "", text ? "; " : "", keys[i], there, here);
        free(text);
        text = longer;
    }
    return text;
}

void rg_config_help(FILE *out)
{
    char expects[128];
    rg_key_t key;
    for (size_t i = 0; i < rg_keys_count(); i++) {
        rg_keys_at(i, &key);
        rg_key_expects(&key, expects);
        fprintf(out, "%-24s %s (%s; default %s)\n", key.key, key.help, expects,
                *key.fallback ? key.fallback : "\"\"");
    }
}

int rg_config_http_port(const rg_config_t *config, const char *service)
{
    char name[RG_KEY_SIZE];
    rg_key_t key;
    snprintf(name, sizeof name, "http.%s", service);
    int known = rg_keys_find(name, &key) >= 0 && key.type == RG_KEY_INT;
    return known ? *(const int *)((const char *)config + key.offset) : 0;
}

int rg_config_attribute(const rg_config_t *config, const char *name)
{
    int position = rg_names_find(&config->data.attributes, name);
    if (position >= 0) return position;
    char known[512];
    int n = 0;
    for (int i = 0; i < config->data.attributes.count && n < (int)sizeof known; i++)
        n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", i ? ", " : "",
                      config->data.attributes.name[i]);
    return rg_fail(RG_ECONFIG, "%s: no such attribute; choose from %s", name, known);
}

int rg_names_find(const rg_names_t *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0) return i;
    return -1;
}

void rg_config_path(const rg_config_t *config, const char *name, char out[RG_PATH_SIZE])
{
    snprintf(out, RG_PATH_SIZE, "%s/%s", config->run, name);
}
