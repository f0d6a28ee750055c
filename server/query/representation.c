#include "server/query/representation.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "vectors are answered as they lie in memory: little-endian machines only"
#endif

static const struct {
    const char *name, *type;
} forms[] = {[AS_JSON] = {"json", INQUIRY_JSON},
             [AS_NPY] = {"npy", "application/x-npy"},
             [AS_BYTES] = {"bytes", "application/octet-stream"},
             [AS_SAFETENSORS] = {"safetensors", "application/vnd.safetensors"}};
#define FORMS (sizeof forms / sizeof forms[0])

/* How well a media range, a type or a type with a star for its second part, fits: 0 not at all, up
 * to 3 exactly. */
static int range_fit(const char *range, size_t length, const char *type) {
    if (length == 3 && memcmp(range, "*/*", 3) == 0)
        return 1;
    if (length > 2 && memcmp(range + length - 2, "/*", 2) == 0)
        return strncasecmp(range, type, length - 1) == 0 ? 2 : 0;
    return length == strlen(type) && strncasecmp(range, type, length) == 0 ? 3 : 0;
}

/* The q of one element "range;a=b;q=0.5"; 1 when it has none, 0 when it is unreadable. */
static double element_quality(const char *element, size_t length) {
    const char *end = element + length;
    for (const char *at = memchr(element, ';', length); at && at < end;
         at = memchr(at, ';', (size_t)(end - at))) {
        at++;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (end - at < 2 || (*at != 'q' && *at != 'Q') || at[1] != '=')
            continue;
        char text[16];
        double quality;
        size_t n = strcspn(at + 2, " \t;,");
        if (n >= sizeof text)
            return 0;
        memcpy(text, at + 2, n);
        text[n] = '\0';
        return number_parse_real(text, &quality) && quality >= 0 && quality <= 1 ? quality : 0;
    }
    return 1;
}

/* RFC 9110, 12.5.1: the most exact range that fits a type decides its quality. */
static void accept_quality(const char *accept, const char *type, int *fit, double *quality) {
    *fit = 0;
    *quality = 0;
    for (const char *at = accept; *at != '\0';) {
        at += strspn(at, " \t,");
        size_t length = strcspn(at, ",");
        size_t range = strcspn(at, " \t;,");
        int found = range_fit(at, range, type);
        if (found > *fit) {
            *fit = found;
            *quality = element_quality(at, length);
        }
        at += length;
    }
}

static enum status not_acceptable(struct inquiry *inquiry, const char *key, const char *wanted,
                                  struct error *err) {
    inquiry->refusal = 406;
    buffer_append_text(&inquiry->members, "\"available\":[");
    for (size_t i = 0; i < FORMS; i++)
        buffer_print(&inquiry->members, "%s\"%s\"", i == 0 ? "" : ",", forms[i].type);
    buffer_append_char(&inquiry->members, ']');
    return error_set_key(err, STATUS_REFUSED, key,
                         "nothing here fits '%.100s'; there are %s, %s, %s and %s", wanted,
                         forms[0].type, forms[1].type, forms[2].type, forms[3].type);
}

enum status representation_choose(struct inquiry *inquiry, enum representation *as,
                                  struct error *err) {
    const char *format = request_query(inquiry->request, "format", 0);
    const char *accept = request_header(inquiry->request, "Accept");
    if (format) {
        for (size_t i = 0; i < FORMS; i++)
            if (strcasecmp(format, forms[i].name) == 0 || strcasecmp(format, forms[i].type) == 0) {
                *as = (enum representation)i;
                return STATUS_OK;
            }
        return not_acceptable(inquiry, "format", format, err);
    }
    *as = AS_JSON;
    if (!accept || accept[strspn(accept, " \t,")] == '\0')
        return STATUS_OK;
    double best = 0;
    int best_fit = 0;
    for (size_t i = 0; i < FORMS; i++) {
        int fit;
        double quality;
        accept_quality(accept, forms[i].type, &fit, &quality);
        if (quality > best || (quality > 0 && quality >= best && fit > best_fit)) {
            best = quality;
            best_fit = fit;
            *as = (enum representation)i;
        }
    }
    return best > 0 ? STATUS_OK : not_acceptable(inquiry, "Accept", accept, err);
}

static void append_shape(struct buffer *text, const size_t *shape, unsigned dims,
                         const char *separator) {
    for (unsigned i = 0; i < dims; i++)
        buffer_print(text, "%s%zu", i == 0 ? "" : separator, shape[i]);
}

/* NumPy's format 1.0: magic, version, length of the dictionary, which is padded so that the numbers
 * start at a multiple of 64. */
static void append_npy_header(struct buffer *answer, const size_t *shape, unsigned dims) {
    struct buffer text = {0};
    buffer_append_text(&text, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    append_shape(&text, shape, dims, ", ");
    buffer_append_text(&text, dims == 1 ? ",), }" : "), }");
    while (!text.failed && (10 + text.length + 1) % 64 != 0)
        buffer_append_char(&text, ' ');
    buffer_append_char(&text, '\n');
    char prefix[10] = {'\x93',
                       'N',
                       'U',
                       'M',
                       'P',
                       'Y',
                       1,
                       0,
                       (char)(text.length & 0xff),
                       (char)(text.length >> 8)};
    buffer_append(answer, prefix, sizeof prefix);
    if (text.failed)
        answer->failed = true;
    else
        buffer_append(answer, text.data, text.length);
    buffer_clear(&text);
}

static void append_safetensors_header(const struct inquiry *inquiry, struct buffer *answer,
                                      const size_t *shape, unsigned dims, size_t bytes) {
    struct buffer text = {0};
    buffer_append_text(&text, "{\"__metadata__\":");
    inquiry_head(inquiry, &text);
    buffer_append_text(&text, "},\"embeddings\":{\"dtype\":\"F32\",\"shape\":[");
    append_shape(&text, shape, dims, ",");
    buffer_print(&text, "],\"data_offsets\":[0,%zu]}}", bytes);
    while (!text.failed && text.length % 8 != 0)
        buffer_append_char(&text, ' ');
    char prefix[8];
    for (unsigned i = 0; i < sizeof prefix; i++)
        prefix[i] = (char)(((uint64_t)text.length >> (8 * i)) & 0xff);
    buffer_append(answer, prefix, sizeof prefix);
    if (text.failed)
        answer->failed = true;
    else
        buffer_append(answer, text.data, text.length);
    buffer_clear(&text);
}

void representation_write(struct inquiry *inquiry, enum representation as, const float *values,
                          const size_t *shape, unsigned dims, struct buffer *answer) {
    size_t count = 1;
    for (unsigned i = 0; i < dims; i++)
        count *= shape[i];
    struct buffer text = {0};
    append_shape(&text, shape, dims, ",");
    if (!text.failed)
        response_header(inquiry->response, "X-Shape", "%s", text.data);
    buffer_clear(&text);
    response_header(inquiry->response, "X-Dtype", "float32");
    response_header(inquiry->response, "X-Model", "%s", inquiry->name);
    response_header(inquiry->response, "X-Version", "%s", inquiry->version);
    inquiry->content_type = forms[as].type;
    buffer_reserve(answer, count * sizeof *values + 1024);
    switch (as) {
    case AS_JSON: /* has a writer of its own: vectors_routes.c */
    case AS_BYTES:
        break;
    case AS_NPY:
        append_npy_header(answer, shape, dims);
        break;
    case AS_SAFETENSORS:
        append_safetensors_header(inquiry, answer, shape, dims, count * sizeof *values);
        break;
    }
    buffer_append(answer, values, count * sizeof *values);
}
