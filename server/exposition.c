#include "server/exposition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *suffix_of(enum family_type type) {
    switch (type) {
    case FAMILY_COUNTER:
        return "_total";
    case FAMILY_INFO:
        return "_info";
    case FAMILY_GAUGE:
    case FAMILY_HISTOGRAM:
        break;
    }
    return "";
}

static const char *type_name(const struct exposition *page) {
    switch (page->type) {
    case FAMILY_COUNTER:
        return "counter";
    case FAMILY_HISTOGRAM:
        return "histogram";
    case FAMILY_INFO:
        if (page->open_metrics)
            return "info";
        break;
    case FAMILY_GAUGE:
        break;
    }
    return "gauge";
}

/* The unit is the last word of the name. */
static const char *unit_of(const char *name) {
    static const char *const units[] = {"seconds", "bytes", "ratio"};
    const char *last = strrchr(name, '_');
    for (size_t i = 0; last && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(last + 1, units[i]) == 0)
            return units[i];
    return NULL;
}

void exposition_family(struct exposition *page, const char *name, enum family_type type,
                       const char *help) {
    page->name = name;
    page->type = type;
    /* In OpenMetrics a family is called without what its samples have behind. */
    const char *suffix = page->open_metrics ? "" : suffix_of(type), *unit = unit_of(name);
    buffer_print(&page->text, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix,
                 type_name(page));
    if (page->open_metrics && unit)
        buffer_print(&page->text, "# UNIT %s %s\n", name, unit);
}

static void put_value(struct buffer *text, double value) {
    if (isinf(value))
        buffer_append_text(text, value > 0 ? "+Inf\n" : "-Inf\n");
    else
        buffer_print(text, "%.17g\n", value);
}

static void put_name(struct exposition *page, const char *suffix, const char *labels) {
    bool bare = labels[0] == '\0';
    buffer_print(&page->text, "%s%s%s%s%s ", page->name, suffix, bare ? "" : "{", labels,
                 bare ? "" : "}");
}

void exposition_value(struct exposition *page, const char *labels, double value) {
    if (isnan(value))
        return;
    put_name(page, suffix_of(page->type), labels);
    put_value(&page->text, value);
}

void exposition_count(struct exposition *page, const char *labels, uint64_t value) {
    put_name(page, suffix_of(page->type), labels);
    buffer_print(&page->text, "%llu\n", (unsigned long long)value);
}

/* The shortest decimal that reads back; in OpenMetrics always with a point. */
static void bound_text(const struct exposition *page, double bound, char text[32]) {
    double back = NAN;
    for (int decimals = page->open_metrics ? 1 : 0; decimals < 17 && back != bound; decimals++) {
        snprintf(text, 32, "%.*f", decimals, bound);
        back = strtod(text, NULL);
    }
}

static void put_bucket(struct exposition *page, const char *labels, const char *bound,
                       uint64_t below) {
    buffer_print(&page->text, "%s_bucket{%s%sle=\"%s\"} %llu\n", page->name, labels,
                 labels[0] != '\0' ? "," : "", bound, (unsigned long long)below);
}

void exposition_histogram(struct exposition *page, const char *labels, const double *bounds,
                          const uint64_t *below, size_t n, double sum) {
    char text[32];
    for (size_t i = 0; i < n; i++) {
        bound_text(page, bounds[i], text);
        put_bucket(page, labels, text, below[i]);
    }
    put_bucket(page, labels, "+Inf", below[n]);
    put_name(page, "_sum", labels);
    put_value(&page->text, sum);
    put_name(page, "_count", labels);
    buffer_print(&page->text, "%llu\n", (unsigned long long)below[n]);
}

void exposition_one(struct exposition *page, const char *name, enum family_type type,
                    const char *help, double value) {
    exposition_family(page, name, type, help);
    exposition_value(page, "", value);
}

void exposition_end(struct exposition *page) {
    if (page->open_metrics)
        buffer_append_text(&page->text, "# EOF\n");
}

void exposition_label(struct buffer *labels, const char *name, const char *value) {
    buffer_print(labels, "%s%s=\"", labels->length > 0 ? "," : "", name);
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"')
            buffer_append_char(labels, '\\');
        if (*c == '\n')
            buffer_append_text(labels, "\\n");
        else
            buffer_append_char(labels, *c);
    }
    buffer_append_char(labels, '"');
}

/* ---- which of the two ------------------------------------------------------------------------ */

#define OPEN_METRICS "application/openmetrics-text"

/* A parameter of one entry of Accept, from `from` to `end`: its value's start, or NULL. */
static const char *parameter(const char *from, const char *end, const char *name) {
    size_t length = strlen(name);
    for (const char *at = from; at && at < end; at = memchr(at, ';', (size_t)(end - at))) {
        at += strspn(at, "; \t");
        if (at + length < end && strncasecmp(at, name, length) == 0 && at[length] == '=')
            return at + length + 1;
    }
    return NULL;
}

/* RFC 9110: 1 where nothing is said. */
static double quality(const char *from, const char *end) {
    const char *value = parameter(from, end, "q");
    return value ? strtod(value, NULL) : 1;
}

static bool has_version(const char *from, const char *end) {
    const char *value = parameter(from, end, "version");
    if (!value)
        return true;
    value += *value == '"';
    return strncmp(value, "1.", 2) == 0;
}

bool exposition_wants_open_metrics(const char *accept) {
    double wanted = 0, text = 0;
    for (const char *at = accept; at && *at != '\0';) {
        at += strspn(at, ", \t");
        const char *end = at + strcspn(at, ",");
        size_t length = strcspn(at, ";, \t");
        double q = quality(at + length, end);
        if (length == strlen(OPEN_METRICS) && strncasecmp(at, OPEN_METRICS, length) == 0 &&
            has_version(at + length, end))
            wanted = q > wanted ? q : wanted;
        else if (length == strlen("text/plain") && strncasecmp(at, "text/plain", length) == 0)
            text = q > text ? q : text;
        at = end;
    }
    return wanted > 0 && wanted >= text;
}
