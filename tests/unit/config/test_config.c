#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/config/table.h"
#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/model/embedder.h"
#include "common/model/encoders.h"
#include "common/nn/optim.h"
#include "tests/support/test.h"

static rg_config_t config;

// All tests run in a temporary folder.
static int enter_folder(void **state)
{
    return folder_make(state) || chdir(*state) ? -1 : 0;
}

static int leave_folder(void **state)
{
    return chdir("/") ? -1 : folder_remove(state);
}

// Loads a file of this name and content.
static int load_text(rg_config_t *out, const char *yaml, const char *name)
{
    assert_ok(rg_file_write(name, yaml, strlen(yaml)));
    return rg_config_load(out, name, NULL, 0);
}

static void defaults_are_the_papers_except_r(void **state)
{
    (void)state;
    assert_int_equal(rg_config_load(&config, NULL, NULL, 0), 0);
    assert_int_equal(config.data.img_size, 128);
    assert_int_equal(config.model.gf, 64);
    assert_int_equal(config.model.k, 3);
    assert_int_equal(config.data.attributes.count, 5);
    assert_string_equal(config.data.attributes.name[4], "Young");
    assert_int_equal(config.data.exclusive.count, 3);
    assert_int_equal(config.stage1.optimizer, RG_OPTIMIZER_ADAM);
    assert_true(config.stage1.lr == 1e-4 && config.classifier.lr == 1e-3);
    assert_true(config.stage1_loss.kl == 0.1 && config.stage3_loss.kl == 0 && config.stage3_loss.cycle == 10);
    assert_int_equal(config.retrieval.neighbours, RG_NEIGHBOURS_RETRIEVED);
    assert_int_equal(config.model.retrieval, RG_RETRIEVAL_RANKED); // not the paper's: it retrieves better
    assert_int_equal(config.stage2.optimizer, RG_OPTIMIZER_ADAMW);
    assert_true(config.stage2.lr == 1e-3 && config.stage2.beta1 == 0.9 && config.stage2.batch == 48);
    assert_string_equal(config.retrieval.path, "run/store");
    assert_string_equal(config.endpoints.loader, "ipc://run/loader.ipc");
}

static void http_ports_go_by_service(void **state)
{
    (void)state;
    const char *set[] = {"http.trainer=9100"};
    assert_int_equal(rg_config_load(&config, NULL, set, 1), 0);
    assert_string_equal(config.http.address, "127.0.0.1");
    assert_int_equal(rg_config_http_port(&config, "trainer"), 9100);
    assert_int_equal(rg_config_http_port(&config, "loader"), 0);
    assert_int_equal(rg_config_http_port(&config, "address"), 0);
    assert_int_equal(rg_config_http_port(&config, "bakery"), 0);
}

static void every_row_is_sound(void **state)
{
    (void)state;
    rg_key_t key, found;
    for (size_t i = 0; i < rg_keys_count(); i++) {
        rg_keys_at(i, &key);
        assert_int_equal(rg_keys_find(key.key, &found), i); // no key twice
        assert_true(key.offset < sizeof config);
        assert_true(strlen(key.help) > 0);
        for (size_t j = 0; j < i; j++) {
            rg_keys_at(j, &found);
            assert_int_not_equal(key.offset, found.offset);
        }
    }
}

static void a_file_is_read_and_the_rest_stays_default(void **state)
{
    (void)state;
    const char *yaml =
        "# a comment\n"
        "seed: 18446744073709551615\n"
        "run: /tmp/some where # not the name\n"
        "data:\n  attributes: [Male, 5_o_Clock_Shadow]\n  exclusive: []\n  annotated: .25\n  img_size: 32\n"
        "model: {gf: 16, d_layers: 3}\n"
        "stage1:\n  iterations: 10\n  schedule: linear\n  loss:\n    recon: 2.5\n"
        "stage3:\n"
        "triplet:\n  easy: false\n"
        "endpoints:\n  loader: \"tcp://127.0.0.1:5555\"\n";
    assert_int_equal(load_text(&config, yaml, "test.yaml"), 0);
    assert_true(config.seed == UINT64_MAX);
    assert_string_equal(config.run, "/tmp/some where");
    assert_int_equal(config.data.attributes.count, 2);
    assert_string_equal(config.data.attributes.name[1], "5_o_Clock_Shadow");
    assert_int_equal(config.data.exclusive.count, 0);
    assert_true(config.data.annotated == 0.25);
    assert_int_equal(config.model.gf, 16);
    assert_int_equal(config.stage1.iterations, 10);
    assert_int_equal(config.stage1.schedule, RG_SCHEDULE_LINEAR);
    assert_true(config.stage1_loss.recon == 2.5 && config.stage1_loss.cycle == 10);
    assert_int_equal(config.triplet.easy, 0);
    assert_int_equal(config.triplet.hard, 1);
    assert_string_equal(config.endpoints.loader, "tcp://127.0.0.1:5555");
    assert_string_equal(config.endpoints.encoder, "ipc:///tmp/some where/encoder.ipc");
}

static void an_empty_file_is_the_default(void **state)
{
    (void)state;
    rg_config_t defaults;
    assert_int_equal(rg_config_load(&defaults, NULL, NULL, 0), 0);
    static const char *texts[] = {"", "\n", "# nothing\n", "---\n", "stage1:\n", "{}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(load_text(&config, texts[i], "empty"), 0);
        assert_memory_equal(&config, &defaults, sizeof config);
    }
}

static void overrides_win_over_the_file(void **state)
{
    char path[600];
    snprintf(path, sizeof path, "%s/c.yaml", (const char *)*state);
    assert_int_equal(rg_file_write(path, "threads: 3\nmodel:\n  k: 5\n", 25), 0);
    static const char *const sets[] = {"stage1.iterations=10",
                                       "threads=4",
                                       "data.attributes=[Male, Young]",
                                       "data.exclusive=[]",
                                       "stage3.loss.kl=1e-3",
                                       "run=a=b",
                                       "data.list="};
    assert_int_equal(rg_config_load(&config, path, sets, 7), 0);
    assert_int_equal(config.stage1.iterations, 10);
    assert_int_equal(config.threads, 4);
    assert_int_equal(config.model.k, 5);
    assert_int_equal(config.data.attributes.count, 2);
    assert_string_equal(config.data.attributes.name[1], "Young");
    assert_int_equal(config.data.exclusive.count, 0);
    assert_true(config.stage3_loss.kl == 1e-3);
    assert_string_equal(config.run, "a=b");
    assert_string_equal(config.retrieval.path, "a=b/store");
}

static void the_environment_overrides_the_file_and_set_both(void **state)
{
    char path[600];
    static const char *const set = "threads=4";
    snprintf(path, sizeof path, "%s/e.yaml", (const char *)*state);
    assert_int_equal(rg_file_write(path, "threads: 2\nmodel:\n  k: 5\n", 25), 0);
    setenv("RG_SET", "\n threads=3 model.k=6\n\tdata.attributes=[Male,Young] data.exclusive=[] \n", 1);
    assert_int_equal(rg_config_load(&config, path, &set, 1), 0);
    assert_int_equal(config.threads, 4);
    assert_int_equal(config.model.k, 6);
    assert_int_equal(config.data.attributes.count, 2);
    setenv("RG_SET", "threads=3 model.kk=6", 1);
    assert_int_equal(rg_config_load(&config, path, NULL, 0), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "RG_SET: model.kk: unknown key"));
    unsetenv("RG_SET");
    assert_int_equal(rg_config_load(&config, path, NULL, 0), 0);
    assert_int_equal(config.threads, 2);
}

static void a_dump_reads_back_identical(void **state)
{
    (void)state;
    static const char *const sets[] = {"run=quotes \" and \\ and é # :",
                                       "stage1.lr=0.1000000000000000055",
                                       "stage2.lr=1.2345678901234567e-5",
                                       "data.jitter=0.3333333333333333",
                                       "seed=12345678901234567890",
                                       "data.attributes=[true, null, 12, a-b.c]",
                                       "data.exclusive=[]",
                                       "triplet.hard=false",
                                       "stage3.schedule=step",
                                       "stage3.step_factor=0.1",
                                       "stage1.loss.prior=earth_mover",
                                       "retrieval.index=IVF16,Flat"};
    rg_config_t again;
    assert_int_equal(rg_config_load(&config, NULL, sets, (int)(sizeof sets / sizeof *sets)), 0);
    assert_int_equal(config.stage3.schedule, RG_SCHEDULE_STEP);
    assert_int_equal(config.stage1_loss.prior, RG_PRIOR_EARTH_MOVER);
    char *text = rg_config_dump(&config);
    assert_int_equal(load_text(&again, text, "dump"), 0);
    memcpy(again.origin, config.origin, sizeof again.origin); // a dump gives every key
    assert_memory_equal(&again, &config, sizeof config);
    char *once_more = rg_config_dump(&again);
    assert_string_equal(once_more, text);
    free(once_more);
    free(text);
}

// A value that differs from the default and is in the range of the key.
static void other_value(const rg_key_t *key, char out[RG_KEY_VALUE_SIZE])
{
    double number = strtod(key->fallback, NULL);
    switch (key->type) {
    case RG_KEY_INT:
        snprintf(out, RG_KEY_VALUE_SIZE, "%.0f", strcmp(key->key, "data.img_size") == 0 ? 160 : number + 1);
        break;
    case RG_KEY_U64:
        snprintf(out, RG_KEY_VALUE_SIZE, "18446744073709551615");
        break;
    case RG_KEY_DOUBLE:
        snprintf(out, RG_KEY_VALUE_SIZE, "%g", number > 0 ? number / 2 : 0.5);
        break;
    case RG_KEY_BOOL:
        snprintf(out, RG_KEY_VALUE_SIZE, "%s", number == 0 && *key->fallback == 'f' ? "true" : "false");
        break;
    case RG_KEY_CHOICE:
        snprintf(out, RG_KEY_VALUE_SIZE, "%s", key->choices[strcmp(key->choices[0], key->fallback) == 0]);
        break;
    case RG_KEY_TEXT:
        snprintf(out, RG_KEY_VALUE_SIZE, "%s",
                 strncmp(key->key, "endpoints.", 10) == 0 ? "\"ipc://other\""
                 : strstr(key->key, "device") != NULL     ? "\"gpu:1\""
                                                          : "\"other\"");
        break;
    case RG_KEY_NAMES:
        snprintf(out, RG_KEY_VALUE_SIZE, "[Male, Young]");
        break;
    }
}

// Some values are refused unless another key fits them.
static const struct {
    const char *key, *needs;
} NEEDS[] = {
    {"data.attributes", "data.exclusive=[]"},
    {"stage1.loss.perceptual", "stage1.loss.vgg16=vgg16.onnx"},
    {"stage3.loss.perceptual", "stage3.loss.vgg16=vgg16.onnx"},
    {"stage3.encoders", "retrieval.neighbours=none"},
    {"classifier.images", "data.annotated=0.5"},
    {"evaluation.extractor.file", "evaluation.extractor.features=pool"},
    {"evaluation.lpips.file", "evaluation.lpips.layers=[conv1]"},
    {"evaluation.identity.file", "evaluation.identity.features=embedding"},
};

static void set_and_read_back(const rg_key_t *key)
{
    char value[RG_KEY_VALUE_SIZE], found[RG_KEY_VALUE_SIZE], before[RG_KEY_VALUE_SIZE];
    rg_config_t again;
    rg_config_init(&again);
    rg_key_format(key, &again, before);
    other_value(key, value);
    size_t quotes = key->type == RG_KEY_TEXT; // YAML text is quoted, --set is not
    char *set = rg_format("%s=%.*s", key->key, (int)(strlen(value) - 2 * quotes), value + quotes);
    const char *sets[] = {set, "threads=2"};
    for (size_t i = 0; i < sizeof NEEDS / sizeof *NEEDS; i++)
        if (strcmp(NEEDS[i].key, key->key) == 0) sets[1] = NEEDS[i].needs;
    assert_ok(rg_config_load(&config, NULL, sets, strcmp(key->key, "threads") == 0 ? 1 : 2));
    rg_key_format(key, &config, found);
    assert_string_equal(found, value);
    assert_string_not_equal(found, before);
    char *text = rg_config_dump(&config);
    assert_ok(load_text(&again, text, "dump"));
    memcpy(again.origin, config.origin, sizeof again.origin); // a dump gives every key
    assert_memory_equal(&again, &config, sizeof config);
    free(text);
    free(set);
}

static void each_key_can_be_set_and_reads_back(void **state)
{
    (void)state;
    rg_key_t key;
    for (size_t i = 0; i < rg_keys_count(); i++) {
        rg_keys_at(i, &key);
        set_and_read_back(&key);
    }
}

// ---- refusals

typedef struct {
    const char *yaml, *sentence;
} refusal_t;

static const refusal_t refusals[] = {
    {"threads: 1\nmodel:\n  gfx: 3\n", "bad.yaml:3: model.gfx: unknown key; did you mean model.gf?"},
    {"stage1.los.recon: 3", "bad.yaml:1: stage1.los.recon: unknown key; did you mean stage1.loss.recon?"},
    {"stge1:\n  iterations: 3", "bad.yaml:1: stge1: unknown key; did you mean stage1?"},
    {"learning_rate: 3", "bad.yaml:1: learning_rate: unknown key"},
    {"foo: {}", "bad.yaml:1: foo: unknown key"},
    {"<<: 1", "bad.yaml:1: <<: unknown key"},
    {"\n\nthreads: many", "bad.yaml:3: threads: 'many' is not an integer, 1 to 1024"},
    {"threads: 0", "bad.yaml:1: threads: '0' is not an integer, 1 to 1024"},
    {"threads: 99999999999999999999", "threads: '99999999999999999999' is not an integer, 1 to 1024"},
    {"threads: 1.5", "threads: '1.5' is not an integer"},
    {"threads:", "threads: '' is not an integer"},
    {"threads: [1]", "bad.yaml:1: threads: expects an integer, 1 to 1024"},
    {"threads: {a: 1}", "bad.yaml:1: threads: expects an integer, 1 to 1024"},
    {"seed: -1", "seed: '-1' is not an integer of at most 64 bits"},
    {"seed: 18446744073709551616", "seed: '18446744073709551616' is not an integer of at most 64 bits"},
    {"data: {annotated: 1.01}", "data.annotated: '1.01' is not a number, 0 to 1"},
    {"data: {annotated: nan}", "data.annotated: 'nan' is not a number, 0 to 1"},
    {"stage1: {lr: inf}", "stage1.lr: 'inf' is not a number, 0 to 10"},
    {"triplet: {easy: yes}", "triplet.easy: 'yes' is not true or false"},
    {"stage1: {optimizer: lion}", "stage1.optimizer: 'lion' is not one of sgd, adam, adamw"},
    {"stage1: 7", "bad.yaml:1: stage1: expects a section of keys"},
    {"stage1: [7]", "bad.yaml:1: stage1: expects a section of keys"},
    {"data: {attributes: Male}", "data.attributes: expects a list of names"},
    {"data: {attributes: [a, [b]]}", "data.attributes: is not a list of names"},
    {"data: {attributes: [a, b c]}", "data.attributes: 'b c' is not a name"},
    {"data: {attributes: [a, '']}", "data.attributes: a name must have 1 to 63 characters"},
    {"data: {attributes: [Male,\n  Young, Male]}", "bad.yaml:2: data.attributes: 'Male' is named twice"},
    {"data: {attributes: []}", "bad.yaml: data.attributes: names no attribute"},
    {"data: {attributes: [Male], exclusive: [Black_Hair]}",
     "bad.yaml: data.exclusive: Black_Hair is not among data.attributes"},
    {"data: {img_size: 30}", "bad.yaml: data.img_size: 30 is not divisible by 4"},
    {"data: {img_size: 12}", "data.img_size: '12' is not an integer, 16 to 1024"},
    {"data: {img_size: 32}", "model.d_layers: 5 halvings leave nothing of 32 pixels on scale 2 of D"},
    {"retrieval: {k_max: 2, pool: 1}", "model.k: 3 exceeds retrieval.k_max, 2"},
    {"retrieval: {pool: 200}", "retrieval.pool: 200 exceeds retrieval.k_max, 100"},
    {"triplet: {easy: false, medium: false, hard: false, hardest: false}",
     "triplet: all kinds of negatives are off"},
    {"stage3: {encoders: trained}", "stage3.encoders: trained only with retrieval.neighbours: none"},
    {"evaluation: {identity: {file: x.onnx}}", "evaluation.identity.features: names no value of x.onnx"},
    {"classifier: {images: others}", "bad.yaml: classifier.images: others needs data.annotated below 1"},
    {"run: ''", "run: is empty"},
    {"threads: 1\nthreads: 2", "bad.yaml:2: threads: given twice"},
    {"model: {k: 1}\nmodel.k: 2", "bad.yaml:2: model.k: given twice"},
    {"run: \"a\\x07b\"", "run: text has a character that is not printable UTF-8"},
    {"run: \"a\\0b\"", "run: text has a NUL character"},
    {"run: &x a\ndata:\n  root: *x", "bad.yaml:3: data.root: an alias is not a value"},
    {"? [a]\n: b", "top level: a key is not a name"},
    {"just text", "bad.yaml: expects `key: value` lines"},
    {"- a\n- b", "bad.yaml: expects `key: value` lines"},
    {"threads: 1\n---\nthreads: 2", "bad.yaml: more than one YAML document"},
    {"threads: [1\n", "not YAML"},
    {"\tthreads: 1\n", "not YAML"},
    {"data: {img_size: 28}\nmodel: {d_layers: 2}\nstage1: {loss: {perceptual: 1, vgg16: v}}",
     "bad.yaml: stage1.loss.perceptual: needs a data.img_size of 32 or more, not 28"},
    {"a: b: c", "bad.yaml:1: not YAML"},
    {"\nrun: \xff\xfe", "bad.yaml:2: has a character that is not printable UTF-8"},
    {"\"\"\n%\xcb", "bad.yaml:2: has a character that is not printable UTF-8"},
};

static void each_bad_file_has_its_sentence(void **state)
{
    (void)state;
    rg_config_t before;
    memset(&before, 0x5a, sizeof before);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        config = before;
        int err = load_text(&config, refusals[i].yaml, "bad.yaml");
        if (err != RG_ECONFIG || !strstr(rg_error(), refusals[i].sentence))
            fail_msg("%s\ngave %s: %s\nnot: %s", refusals[i].yaml, rg_errname(err), rg_error(),
                     refusals[i].sentence);
        assert_memory_equal(&config, &before, sizeof config); // written only on success
    }
}

static void each_bad_override_has_its_sentence(void **state)
{
    (void)state;
    static const refusal_t cases[] = {
        {"threads", "--set threads: expects KEY=VALUE"},
        {"thraeds=1", "--set: thraeds: unknown key; did you mean threads?"},
        {"threads=x", "--set: threads: 'x' is not an integer, 1 to 1024"},
        {"data.attributes=[a, a]", "--set: data.attributes: 'a' is named twice"},
        {"run=\xc3(", "--set: run: text has a character that is not printable UTF-8"},
        {"run=\xed\xa0\x80", "--set: run: text has a character that is not printable UTF-8"},
        {"run=\xc0\xaf", "--set: run: text has a character that is not printable UTF-8"},
        {"=1", "--set: : unknown key"},
        {"model.k=64", ""},
        {"model.k=65", "--set: model.k: '65' is not an integer, 1 to 64"},
        {"stage2.batch=1", "stage2.batch: a ranked R (model.retrieval) needs 2 or more images to rank"},
        {"stage3.loss.perceptual=0.1",
         "stage3.loss.perceptual: needs stage3.loss.vgg16, an ONNX file of that network"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int err = rg_config_load(&config, NULL, &cases[i].yaml, 1);
        if (!*cases[i].sentence)
            assert_int_equal(err, 0);
        else if (err != RG_ECONFIG || !strstr(rg_error(), cases[i].sentence))
            fail_msg("%s gave %s: %s", cases[i].yaml, rg_errname(err), rg_error());
    }
}

static void long_texts_are_bounded(void **state)
{
    (void)state;
    char text[40000];
    memset(text, 'x', sizeof text);
    memcpy(text, "run=", 4);
    text[4 + 255] = 0;
    const char *set = text;
    assert_int_equal(rg_config_load(&config, NULL, &set, 1), RG_ECONFIG); // fits, but not what lies below it
    assert_non_null(strstr(rg_error(), "is too long for the paths below it"));
    text[4 + 255] = 'x';
    text[4 + 256] = 0;
    assert_int_equal(rg_config_load(&config, NULL, &set, 1), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "text of 256 bytes is longer than 255"));
    int n = snprintf(text, sizeof text, "data: {exclusive: [], attributes: [");
    for (int i = 0; i < 41; i++) n += snprintf(text + n, sizeof text - (size_t)n, "a%d, ", i);
    snprintf(text + n, sizeof text - (size_t)n, "]}");
    assert_int_equal(load_text(&config, text, "many"), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "data.attributes: more than 40 names"));
    memset(text, '[', sizeof text - 1); // deep nesting
    text[sizeof text - 1] = 0;
    assert_int_equal(load_text(&config, text, "deep"), RG_ECONFIG);
    memset(text, 'k', sizeof text - 1); // a long key
    memcpy(text + sizeof text - 4, ": 1", 4);
    assert_int_equal(load_text(&config, text, "long"), RG_ECONFIG);
}

static void bad_paths_are_named(void **state)
{
    char path[600];
    snprintf(path, sizeof path, "%s/c.yaml", (const char *)*state);
    assert_int_equal(rg_config_load(&config, path, NULL, 0), RG_ENOENT);
    assert_non_null(strstr(rg_error(), path));
    assert_int_equal(rg_file_write(path, "threads: 1\0\n", 12), 0);
    assert_int_equal(rg_config_load(&config, path, NULL, 0), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "c.yaml:1: has a character that is not printable UTF-8"));
    char *large = calloc(1, (1 << 20) + 1);
    assert_int_equal(rg_file_write(path, large, (1 << 20) + 1), 0);
    free(large);
    assert_int_equal(rg_config_load(&config, path, NULL, 0), RG_ELIMIT);
}

static void help_lists_every_key(void **state)
{
    (void)state;
    char *text;
    size_t size;
    rg_key_t key;
    FILE *out = open_memstream(&text, &size);
    rg_config_help(out);
    fclose(out);
    for (size_t i = 0; i < rg_keys_count(); i++) {
        rg_keys_at(i, &key);
        assert_non_null(strstr(text, key.key));
    }
    assert_non_null(strstr(text, "one of sgd, adam, adamw; default adamw"));
    free(text);
}

static void attributes_are_found_by_name(void **state)
{
    (void)state;
    assert_int_equal(rg_config_load(&config, NULL, NULL, 0), 0);
    assert_int_equal(rg_config_attribute(&config, "Male"), 3);
    assert_int_equal(rg_config_attribute(&config, "male"), RG_ECONFIG);
    assert_string_equal(
        rg_error(), "male: no such attribute; choose from Black_Hair, Blond_Hair, Brown_Hair, Male, Young");
    assert_int_equal(rg_names_find(&config.data.exclusive, "Male"), -1);
    char path[RG_PATH_SIZE];
    rg_config_path(&config, "metrics.jsonl", path);
    assert_string_equal(path, "run/metrics.jsonl");
}

// A dump of another version has keys and values that this one does not know, and lacks others.
static void a_dump_is_compared_key_by_key(void **state)
{
    static const char *const keys[] = {"model.gf", "model.mlp", "data.root", "stage1.optimizer"};
    rg_config_t other;
    (void)state;
    rg_config_init(&config);
    other = config;
    char *dump = rg_config_dump(&config), *text;
    assert_null(rg_config_compare(&config, dump, keys, 4));
    other.model.gf = 32;
    other.model.mlp = 8;
    strcpy(other.data.root, "elsewhere");
    text = rg_config_compare(&other, dump, keys, 4);
    assert_string_equal(text,
                        "model.gf 64, not 32; model.mlp 256, not 8; data.root \"data\", not \"elsewhere\"");
    free(text);
    assert_null(rg_config_compare(&other, dump, keys + 3, 1));
    text =
        rg_config_compare(&config, "model: {gf: 8, gone: 3}\nstage1: {optimizer: lion}\nnew: [1]\n", keys, 4);
    assert_string_equal(text, "model.gf 8, not 64");
    free(text);
    assert_null(rg_config_compare(&config, "{", keys, 4));
    free(dump);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_papers_except_r),
        cmocka_unit_test(http_ports_go_by_service),
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(a_file_is_read_and_the_rest_stays_default),
        cmocka_unit_test(an_empty_file_is_the_default),
        IN_FOLDER(overrides_win_over_the_file),
        IN_FOLDER(the_environment_overrides_the_file_and_set_both),
        cmocka_unit_test(a_dump_reads_back_identical),
        cmocka_unit_test(a_dump_is_compared_key_by_key),
        cmocka_unit_test(each_key_can_be_set_and_reads_back),
        cmocka_unit_test(each_bad_file_has_its_sentence),
        cmocka_unit_test(each_bad_override_has_its_sentence),
        cmocka_unit_test(long_texts_are_bounded),
        IN_FOLDER(bad_paths_are_named),
        cmocka_unit_test(help_lists_every_key),
        cmocka_unit_test(attributes_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
