// Reports of runs: reading of journals, curves, and the names of the numbers of an evaluation.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/report/chart.h"
#include "services/report/measures.h"
#include "services/report/record.h"
#include "tests/support/test.h"

static void write_in(const char *folder, const char *name, const char *text)
{
    char *path = rg_format("%s/%s", folder, name);
    assert_ok(rg_file_write(path, text, strlen(text)));
    free(path);
}

static void assert_lines(const json_t *stages, const char *stage, const char *key, const char *want)
{
    char *have = rg_strdup("");
    json_t *line;
    size_t i;
    json_array_foreach(json_object_get(stages, stage), i, line)
    {
        char *longer = rg_format("%s%g ", have, json_number_value(json_object_get(line, key)));
        free(have);
        have = longer;
    }
    assert_string_equal(have, want);
    free(have);
}

// Iterations 20 and 30 were repeated after a crash, which also cut a line off; stage 2 was begun again.
static void repeated_iterations_count_once(void **state)
{
    json_t *stages;
    write_in(*state, "metrics.jsonl",
             "{\"stage\":\"stage1\",\"iteration\":10,\"recon\":1}\n"
             "{\"stage\":\"stage1\",\"iteration\":20,\"recon\":2}\n"
             "{\"stage\":\"stage1\",\"iteration\":30,\"recon\":3}\n"
             "{\"stage\":\"stage1\",\"iter\n"
             "{\"stage\":\"stage1\",\"iteration\":20,\"recon\":4}\n"
             "{\"stage\":\"stage2\",\"iteration\":10,\"triplet\":7}\n"
             "{\"stage\":\"stage2\",\"iteration\":5,\"triplet\":8}\n"
             "[1]\n{\"stage\":3,\"iteration\":1}\n{\"stage\":\"stage1\",\"iteration\":\"40\"}\n");
    assert_ok(rg_run_read_training(&stages, *state));
    assert_int_equal(json_object_size(stages), 2);
    assert_lines(stages, "stage1", "iteration", "10 20 ");
    assert_lines(stages, "stage1", "recon", "1 4 ");
    assert_lines(stages, "stage2", "triplet", "8 ");
    json_decref(stages);
}

static void a_run_without_journals_has_no_stages(void **state)
{
    json_t *stages;
    assert_ok(rg_run_read_evaluations(&stages, *state));
    assert_int_equal(json_object_size(stages), 0);
    json_decref(stages);
}

// Three evaluations used 96 images, one used all.
static void only_comparable_evaluations_make_a_curve(void **state)
{
    json_t *stages;
    write_in(*state, "evaluations.jsonl",
             "{\"stage\":\"stage1\",\"iteration\":100,\"images\":96,\"frechet_latent\":9.0}\n"
             "{\"stage\":\"stage1\",\"iteration\":200,\"images\":96,\"frechet_latent\":8.0}\n"
             "{\"stage\":\"stage1\",\"iteration\":200,\"images\":800,\"frechet_latent\":4.0}\n"
             "{\"stage\":\"stage1\",\"iteration\":300,\"images\":96,\"frechet_latent\":7.0}\n");
    assert_ok(rg_run_read_evaluations(&stages, *state));
    assert_lines(stages, "stage1", "frechet_latent", "9 8 7 ");
    json_decref(stages);
}

static int is_drawn(const char *folder, json_t *stages, const char *key)
{
    rg_document_t *document;
    const rg_chart_curve_t curve = {key, json_object_get(stages, "stage1"), key};
    char *path = rg_format("%s/%s.svg", folder, key);
    rg_document_new(&document, "curves");
    rg_chart_draw(document, key, key, 1, &curve, 1);
    assert_ok(rg_document_write(document, folder, "page"));
    int drawn = rg_exists(path);
    rg_document_destroy(&document);
    free(path);
    return drawn;
}

// A loss that only one line has is not drawn. Thousands of lines are drawn as a few hundred points.
static void curves_are_drawn(void **state)
{
    json_t *stages = json_object(), *lines = json_array();
    for (int i = 0; i < 5000; i++)
        json_array_append_new(lines, json_pack("{s:i, s:f}", "iteration", i, "recon", 1.0 / (1 + i)));
    json_object_set_new(json_array_get(lines, 7), "once", json_real(1));
    json_object_set_new(stages, "stage1", lines);
    assert_true(is_drawn(*state, stages, "recon"));
    assert_false(is_drawn(*state, stages, "once"));
    assert_false(is_drawn(*state, stages, "never"));
    char *path = rg_format("%s/recon.svg", (char *)*state);
    unsigned char *svg;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 20, &svg, &size));
    assert_in_range(size, 2000, 20000);
    free(svg);
    free(path);
    json_decref(stages);
}

static void check_measure(const char *key, const char *name, enum rg_measure_mode mode, const char *part)
{
    rg_measure_t measure;
    assert_true(rg_measure_parse(&measure, key));
    assert_string_equal(measure.name, name);
    assert_int_equal(measure.mode, mode);
    assert_string_equal(measure.part, part);
}

static void names_of_measures_are_parsed(void **state)
{
    (void)state;
    check_measure("frechet_latent", "frechet", RG_MEASURE_LATENT, "");
    check_measure("kid_spread_reference.not_Male", "kid_spread", RG_MEASURE_REFERENCE, "not_Male");
    check_measure("frechet_latent_random", "frechet", RG_MEASURE_LATENT_RANDOM, "");
    check_measure("frechet_exemplar.Young", "frechet", RG_MEASURE_EXEMPLAR, "Young");
    check_measure("precision_ceiling.Young", "precision", RG_MEASURE_REAL, "Young");
    check_measure("ceiling_accuracy", "ceiling_accuracy", RG_MEASURE_NO_MODE, "");
    check_measure("p10.trained.average", "p10.trained", RG_MEASURE_NO_MODE, "average");
    check_measure("_latent", "_latent", RG_MEASURE_NO_MODE, "");
    rg_measure_t measure;
    char key[2 * RG_MEASURE_NAME];
    memset(key, 'x', sizeof key);
    key[sizeof key - 1] = 0;
    assert_false(rg_measure_parse(&measure, key));
    key[10] = '.';
    assert_false(rg_measure_parse(&measure, key));
}

// A report with more parts than a table has columns, and with names that contain markup.
static void every_number_is_in_a_table(void **state)
{
    rg_document_t *document;
    json_t *report = json_object();
    for (int i = 0; i < 40; i++) {
        char key[32];
        snprintf(key, sizeof key, "number%d.part", i);
        json_object_set_new(report, key, json_real(1000 + i));
    }
    json_object_set_new(report, "frechet_latent.<b>", json_real(0.5));
    json_object_set_new(report, "images_latent.<b>", json_integer(12345));
    rg_document_new(&document, "numbers");
    rg_measures_put(document, "stage1", report);
    assert_ok(rg_document_write(document, *state, "report"));
    char *path = rg_format("%s/report.html", (char *)*state);
    unsigned char *page;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 20, &page, &size));
    for (int i = 0; i < 40; i++) {
        char cell[32];
        snprintf(cell, sizeof cell, "<td>%d</td>", 1000 + i);
        assert_non_null(strstr((char *)page, cell));
    }
    assert_non_null(strstr((char *)page, "<td>12345</td>"));
    assert_non_null(strstr((char *)page, "<td>&lt;b&gt;</td>"));
    free(page);
    free(path);
    rg_document_destroy(&document);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(repeated_iterations_count_once),           IN_FOLDER(a_run_without_journals_has_no_stages),
        IN_FOLDER(only_comparable_evaluations_make_a_curve), IN_FOLDER(curves_are_drawn),
        cmocka_unit_test(names_of_measures_are_parsed),      IN_FOLDER(every_number_is_in_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
