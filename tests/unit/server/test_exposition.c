/* The two text formats of Prometheus, and which of them a client gets. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/exposition.h"

static void write_page(struct exposition *page) {
    static const double bounds[] = {0.00025, 0.1, 1, 600};
    static const uint64_t below[] = {1, 1, 3, 3, 4};
    struct buffer labels = {0};
    exposition_label(&labels, "route", "/v1/{a}");
    exposition_label(&labels, "name", "a\"b\\c\nd");
    exposition_family(page, "x_sent_bytes", FAMILY_COUNTER, "Bytes.");
    exposition_count(page, labels.data, 18446744073709551615ull);
    exposition_family(page, "x_build", FAMILY_INFO, "Build.");
    exposition_count(page, "version=\"1\"", 1);
    exposition_one(page, "x_depth", FAMILY_GAUGE, "Depth.", 0.5);
    exposition_one(page, "x_hidden", FAMILY_GAUGE, "Not known.", NAN);
    exposition_one(page, "x_far", FAMILY_GAUGE, "Far.", INFINITY);
    exposition_family(page, "x_time_seconds", FAMILY_HISTOGRAM, "Time.");
    exposition_histogram(page, "a=\"b\"", bounds, below, 4, 12.25);
    exposition_end(page);
    assert_false(labels.failed || page->text.failed);
    buffer_clear(&labels);
}

static void text_format(void **state) {
    struct exposition page = {.open_metrics = false};
    (void)state;
    write_page(&page);
    assert_string_equal(
        page.text.data,
        "# HELP x_sent_bytes_total Bytes.\n# TYPE x_sent_bytes_total counter\n"
        "x_sent_bytes_total{route=\"/v1/{a}\",name=\"a\\\"b\\\\c\\nd\"} 18446744073709551615\n"
        "# HELP x_build_info Build.\n# TYPE x_build_info gauge\nx_build_info{version=\"1\"} 1\n"
        "# HELP x_depth Depth.\n# TYPE x_depth gauge\nx_depth 0.5\n"
        "# HELP x_hidden Not known.\n# TYPE x_hidden gauge\n"
        "# HELP x_far Far.\n# TYPE x_far gauge\nx_far +Inf\n"
        "# HELP x_time_seconds Time.\n# TYPE x_time_seconds histogram\n"
        "x_time_seconds_bucket{a=\"b\",le=\"0.00025\"} 1\n"
        "x_time_seconds_bucket{a=\"b\",le=\"0.1\"} 1\n"
        "x_time_seconds_bucket{a=\"b\",le=\"1\"} 3\n"
        "x_time_seconds_bucket{a=\"b\",le=\"600\"} 3\n"
        "x_time_seconds_bucket{a=\"b\",le=\"+Inf\"} 4\n"
        "x_time_seconds_sum{a=\"b\"} 12.25\nx_time_seconds_count{a=\"b\"} 4\n");
    buffer_clear(&page.text);
}

static void open_metrics(void **state) {
    struct exposition page = {.open_metrics = true};
    (void)state;
    write_page(&page);
    assert_string_equal(
        page.text.data,
        "# HELP x_sent_bytes Bytes.\n# TYPE x_sent_bytes counter\n# UNIT x_sent_bytes bytes\n"
        "x_sent_bytes_total{route=\"/v1/{a}\",name=\"a\\\"b\\\\c\\nd\"} 18446744073709551615\n"
        "# HELP x_build Build.\n# TYPE x_build info\nx_build_info{version=\"1\"} 1\n"
        "# HELP x_depth Depth.\n# TYPE x_depth gauge\nx_depth 0.5\n"
        "# HELP x_hidden Not known.\n# TYPE x_hidden gauge\n"
        "# HELP x_far Far.\n# TYPE x_far gauge\nx_far +Inf\n"
        "# HELP x_time_seconds Time.\n# TYPE x_time_seconds histogram\n"
        "# UNIT x_time_seconds seconds\n"
        "x_time_seconds_bucket{a=\"b\",le=\"0.00025\"} 1\n"
        "x_time_seconds_bucket{a=\"b\",le=\"0.1\"} 1\n"
        "x_time_seconds_bucket{a=\"b\",le=\"1.0\"} 3\n"
        "x_time_seconds_bucket{a=\"b\",le=\"600.0\"} 3\n"
        "x_time_seconds_bucket{a=\"b\",le=\"+Inf\"} 4\n"
        "x_time_seconds_sum{a=\"b\"} 12.25\nx_time_seconds_count{a=\"b\"} 4\n"
        "# EOF\n");
    buffer_clear(&page.text);
}

static void by_accept(void **state) {
    static const struct {
        const char *accept;
        bool open_metrics;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/html,application/xhtml+xml,*/*;q=0.8", false},
        {"text/plain", false},
        {"application/openmetrics-text", true},
        {"APPLICATION/OpenMetrics-Text; charset=utf-8; version=1.0.0", true},
        {"application/openmetrics-text; version=\"1.0.0\"", true},
        {"application/openmetrics-text;version=0.0.1", false},
        {"application/openmetrics-text;version=2.0.0, text/plain", false},
        {"application/openmetrics-text;q=0", false},
        {"application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.5", false},
        {"text/plain;version=0.0.4;q=0.3 , application/openmetrics-text ; version=1.0.0 ; q=0.4",
         true},
        {"application/openmetrics-texts", false},
        /* Prometheus 2.42 */
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         true},
        {",,;;q=,application/openmetrics-text;q", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (exposition_wants_open_metrics(rows[i].accept) != rows[i].open_metrics)
            fail_msg("%s", rows[i].accept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_format),
        cmocka_unit_test(open_metrics),
        cmocka_unit_test(by_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
