// Documents and drawings: text is escaped in every form, axes have round numbers, and unusual data draws valid SVG.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/report/document.h"
#include "common/report/svg.h"
#include "common/report/svg_canvas.h"
#include "tests/support/test.h"

static void check_markup(const char *text, const char *want)
{
    char *have = NULL;
    size_t size;
    FILE *out = open_memstream(&have, &size);
    rg__markup_text(text, out);
    fclose(out);
    assert_string_equal(have, want);
    free(have);
}

static void text_is_escaped(void **state)
{
    (void)state;
    check_markup("<script>\"a\" & 'b'</script>",
                 "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
    check_markup("größer ± 1", "größer ± 1");
    check_markup("\x01\xff\xc3", "???");
    check_markup("\xed\xa0\x80", "???"); // a surrogate
}

static void csv_quotes_what_needs_it(void **state)
{
    char *path = rg_format("%s/x.csv", (char *)*state);
    unsigned char *csv;
    size_t size;
    rg_table_t table;
    rg_table_init(&table, "x", (const char *[]){"name", "a, b"}, 2);
    rg_table_cell(&table, "say \"%s\"", "hi");
    rg_table_cell(&table, "%d", 1);
    rg_table_cell(&table, "two\nlines");
    rg_table_cell(&table, "%s", "");
    assert_int_equal(table.rows, 2);
    assert_ok(rg_table_write(&table, path));
    assert_ok(rg_file_read(path, 1 << 10, &csv, &size));
    assert_string_equal((char *)csv, "name,\"a, b\"\n\"say \"\"hi\"\"\",1\n\"two\nlines\",\n");
    free(csv);
    free(path);
    rg_table_fini(&table);
}

static void check_axis(double low, double high, int log, double want_low, double want_high, int ticks)
{
    rg__svg_axis_t axis;
    rg__svg_axis_init(&axis, low, high, 5, log);
    assert_near(axis.low, want_low, 1e-9);
    assert_near(axis.high, want_high, 1e-9);
    assert_int_equal(axis.ticks, ticks);
    assert_near(rg__svg_axis_place(&axis, axis.tick[0]), 0, 1e-9);
}

static void axes_are_round_and_hold_their_range(void **state)
{
    (void)state;
    check_axis(0, 0.93, 0, 0, 1, 6);
    check_axis(3.1, 17, 0, 0, 20, 5);
    check_axis(-3, 4, 0, -4, 4, 5);
    check_axis(5, 5, 0, 2, 8, 7);
    check_axis(0, 0, 0, -1, 1, 5);
    check_axis(NAN, 1, 0, 0, 1, 6);
    check_axis(INFINITY, -INFINITY, 1, 0, 1, 6); // the range of no values
    check_axis(0.02, 30, 1, 0.01, 100, 5);
    check_axis(-1, 10, 1, -5, 10, 4); // no logarithm
    rg__svg_axis_t axis;
    rg__svg_axis_init(&axis, 1e-300, 1e300, 5, 1);
    assert_true(axis.ticks <= RG__SVG_TICKS);
    rg__svg_axis_init(&axis, 0.01, 100, 5, 1);
    assert_near(rg__svg_axis_place(&axis, 1), 0.5, 1e-12);
}

// One of five drawings of unusual data, with names that contain markup.
static char *draw(int which)
{
    static const double x[] = {1, 2, 3, 4}, y[] = {0.5, NAN, 1e9, -3}, none[] = {NAN, NAN, NAN, NAN};
    const rg_svg_series_t series[] = {
        {"a<b>&\"c\"", x, y, 4}, {"nothing", x, none, 4}, {"one", x, y, 1}, {"empty", x, y, 0}};
    const rg_svg_bar_t bar[] = {{0.5, 0.1}, {NAN, NAN}, {-2, NAN}, {1e9, 1}};
    const char *const names[] = {"</svg>", "b"};
    const rg_svg_level_t level = {"<real>", 0.9};
    const rg_svg_plot_t plots[] = {
        {.title = "t<", .x_title = "x", .y_title = "y", .series = series, .n = 4},
        {.title = "log", .x_title = "x", .y_title = "y", .log_y = 1, .series = series + 2, .n = 1},
        {.title = "no series", .x_title = "x", .y_title = "y"},
    };
    const rg_svg_bars_t bars[] = {{"t&", "y", names, 2, names, 2, bar, &level, 1},
                                  {"none", "y", NULL, 0, NULL, 0, NULL, NULL, 0}};
    return which < 3 ? rg_svg_plot(&plots[which]) : rg_svg_bars(&bars[which - 3]);
}

static void drawings_of_odd_data_have_no_odd_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        char *svg = draw(i);
        assert_memory_equal(svg, "<svg ", 5);
        assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
        assert_null(strstr(svg, "nan"));
        assert_null(strstr(svg, "inf"));
        assert_null(strstr(svg, "<b>"));
        assert_ptr_equal(strstr(svg, "</svg>"), svg + strlen(svg) - 7);
        free(svg);
    }
}

static void has(const char *folder, const char *name, const char *part)
{
    unsigned char *text;
    size_t size;
    char *path = rg_format("%s/%s", folder, name);
    assert_ok(rg_file_read(path, 1 << 20, &text, &size));
    if (!strstr((char *)text, part)) fail_msg("%s lacks %s", name, part);
    free(text);
    free(path);
}

static void a_document_is_written_in_all_its_forms(void **state)
{
    const char *folder = *state;
    static const char png[] = "\x89PNG, or what is taken for one";
    char *picture = rg_format("%s/given.png", folder), *out = rg_format("%s/out", folder);
    rg_document_t *document;
    rg_table_t table;
    assert_ok(rg_file_write(picture, png, sizeof png - 1));
    rg_document_new(&document, "A <title>");
    rg_document_heading(document, "One & two");
    rg_document_text(document, "%d * %d | %s", 2, 3, "<img src=x onerror=y>");
    rg_table_init(&table, "numbers", (const char *[]){"row", "value"}, 2);
    rg_table_cell(&table, "a|b");
    rg_table_cell(&table, "<1>");
    rg_document_table(document, &table, "caption");
    rg_document_figure(document, "drawn", draw(0), "a drawing");
    assert_ok(rg_document_picture(document, "seen", picture, "a \"picture\""));
    assert_fails(rg_document_picture(document, "seen", "/nowhere.png", ""), RG_ENOENT, "/nowhere.png");
    assert_ok(rg_document_write(document, out, "report"));
    has(out, "report.html", "<h1>A &lt;title&gt;</h1>");
    has(out, "report.html", "2 * 3 | &lt;img src=x onerror=y&gt;");
    has(out, "report.html", "<td>&lt;1&gt;</td>");
    has(out, "report.html",
        "data:image/png;base64,iVBORywgb3Igd2hhdCBpcyB0YWtlbiBmb3Igb25l\" alt=\"a &quot;picture&quot;\"");
    has(out, "report.md", "# A \\<title\\>");
    has(out, "report.md", "| a\\|b | \\<1\\> |");
    has(out, "report.md", "![a drawing](drawn.svg)");
    has(out, "numbers.csv", "a|b,<1>");
    has(out, "drawn.svg", "<svg ");
    has(out, "seen.png", png);
    rg_document_destroy(&document);
    free(picture);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        IN_FOLDER(csv_quotes_what_needs_it),
        cmocka_unit_test(axes_are_round_and_hold_their_range),
        cmocka_unit_test(drawings_of_odd_data_have_no_odd_numbers),
        IN_FOLDER(a_document_is_written_in_all_its_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
