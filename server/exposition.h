/* The text formats of Prometheus: 0.0.4, and OpenMetrics 1.0. Private to the top of server/. */
#ifndef VECMILL_SERVER_EXPOSITION_H
#define VECMILL_SERVER_EXPOSITION_H

#include <stdbool.h>

#include "base/buffer.h"

enum family_type { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM, FAMILY_INFO };

/* A page that is being written. Families come one after the other, each with all its samples. */
struct exposition {
    struct buffer text;
    bool open_metrics;
    const char *name;      /* of the family at hand, without _total or _info */
    enum family_type type; /* its type */
};

/* Begins a family. name: with its unit, as vecmill_http_request_bytes, but without the "_total" of
 * a counter and the "_info" of an info, which are added where the format wants them; kept until the
 * next family. help: one line. */
void exposition_family(struct exposition *page, const char *name, enum family_type type,
                       const char *help);
/* Samples of the family. labels: "" or pairs as `a="x",b="y"`, see exposition_label. A value that
 * is no number is left out: it is not known. */
void exposition_value(struct exposition *page, const char *labels, double value);
void exposition_count(struct exposition *page, const char *labels, uint64_t value);
/* One series of a histogram: n upper bounds, and how many values are at most so large; below[n]:
 * all. sum: of the values. */
void exposition_histogram(struct exposition *page, const char *labels, const double *bounds,
                          const uint64_t *below, size_t n, double sum);
/* A family of one sample without labels. */
void exposition_one(struct exposition *page, const char *name, enum family_type type,
                    const char *help, double value);
/* The end of the page. */
void exposition_end(struct exposition *page);

/* Appends `name="value"`, escaped, and a comma before it unless it is the first. */
void exposition_label(struct buffer *labels, const char *name, const char *value);

/* Does whoever sends this Accept want OpenMetrics rather than the text format? accept: the field's
 * value, or NULL. */
bool exposition_wants_open_metrics(const char *accept);
#define EXPOSITION_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define EXPOSITION_OPEN_METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

#endif
