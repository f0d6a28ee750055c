#include "corpus/corpus_range.h"

#include <assert.h>
#include <string.h>

#include "base/utf8.h"

#define BLOCK_SPACED 4096 /* bytes of one step where the fast path may be able to go on behind it */
#define LARGE 4194304     /* bytes of a range worth huge pages */

enum status corpus_layout_init(struct corpus_layout *layout, const struct settings *settings,
                               struct error *err) {
    *layout = (struct corpus_layout){0};
    switch (settings->sentence) {
    case SENTENCE_LINE:
        break;
    case SENTENCE_PARAGRAPH:
        layout->paragraphs = true;
        break;
    }
    switch (settings->format) {
    case FORMAT_AUTO:
    case FORMAT_TEXT:
        break;
    case FORMAT_TOKENS:
        layout->lists = true;
        break;
    case FORMAT_NDJSON:
        return error_set(err, STATUS_INTERNAL,
                         "ndjson must be turned into the format tokens before it is read");
    case FORMAT_EDGES:
        return error_set(err, STATUS_INTERNAL, "edges are no text: a graph is read from them");
    }
    return STATUS_OK;
}

bool corpus_line_is_list(const char *text, const char *at) {
    const char *newline = memrchr(text, '\n', (size_t)(at - text));
    return *(!newline ? text : newline + 1) == CORPUS_LIST;
}

const char *corpus_range_cut(const char *text, const char *end, const char *at, bool lists) {
    if (at <= text || at >= end)
        return at <= text ? text : end;
    bool list = lists && corpus_line_is_list(text, at);
    size_t n = 0;
    for (; at < end; at++) {
        n = list ? *at == CORPUS_LIST || *at == '\n' : utf8_separator(at, end);
        if (n > 0)
            break;
    }
    return at == end ? end : at + n;
}

static enum status scan_text(struct corpus_counter *counter, const char **at, const char *stop,
                             struct error *err) {
    const char *p = *at;
    while (!counter->line_full && p < stop) {
        size_t n = utf8_separator(p, counter->text_end);
        counter->line_full = n == 0;
        p += n;
    }
    *at = p;
    return tokenizer_scan(&counter->tokenizer, at, stop, counter->text_end, corpus_counter_visit,
                          counter, err);
}

/* Tokens of a list line that begin in [*at, stop). The last one may lack its U+001F; it then ends
 * with the line. */
static enum status scan_list(struct corpus_counter *counter, const char **at, const char *stop,
                             struct error *err) {
    const char *p = *at;
    while (p < stop) {
        if (*p == CORPUS_LIST) {
            p++;
            continue;
        }
        const char *begin = p, *token;
        while (p < counter->text_end && *p != CORPUS_LIST && *p != '\n')
            p++;
        size_t length = (size_t)(p - begin);
        if ((p == counter->text_end || *p == '\n') && begin[length - 1] == '\r')
            length--;
        if (length == 0)
            continue;
        counter->line_full = true;
        enum status status =
            tokenizer_lower(&counter->tokenizer, begin, length, &token, &length, err);
        if (status == STATUS_OK)
            status = corpus_counter_visit(counter, begin, token, length, err);
        if (status != STATUS_OK)
            return status;
    }
    *at = p;
    return STATUS_OK;
}

/* What the text before the range says about the line that the range begins in. */
static enum status range_begin(struct corpus_counter *counter, struct error *err) {
    const char *begin = counter->begin, *text = counter->text;
    if (begin == text || begin[-1] == '\n')
        return corpus_line_begin(counter, begin, err);
    counter->line = begin;
    counter->line_list = counter->layout.lists && corpus_line_is_list(text, begin);
    const char *newline = memrchr(text, '\n', (size_t)(begin - text));
    for (const char *p = newline ? newline + 1 : text; p < begin && !counter->line_full;) {
        size_t n = counter->line_list ? *p == CORPUS_LIST : utf8_separator(p, begin);
        counter->line_full = n == 0;
        p += n;
    }
    return STATUS_OK;
}

/* One line, or as much of it as a block holds, without the fast path. */
static enum status range_step(struct corpus_counter *counter, const char **at, struct error *err) {
    const char *end = counter->end;
    size_t max = counter->spaced && !counter->line_list ? BLOCK_SPACED : CORPUS_POLL_BYTES,
           left = (size_t)(end - *at);
    size_t block = left < max ? left : max;
    const char *newline = memchr(*at, '\n', block), *stop = !newline ? *at + block : newline;
    enum status status =
        counter->line_list ? scan_list(counter, at, stop, err) : scan_text(counter, at, stop, err);
    if (status != STATUS_OK || *at == end || **at != '\n')
        return status;
    status = corpus_line_end(counter, (*at)++, err);
    return status == STATUS_OK && *at < end ? corpus_line_begin(counter, *at, err) : status;
}

enum status corpus_range_count(struct corpus_counter *counter, struct error *err) {
    if (counter->begin == counter->end)
        return STATUS_OK;
    const char *p = counter->begin, *end = counter->end;
    enum status status = range_begin(counter, err);
    if (end - p >= LARGE) {
        word_table_expect_many(&counter->table);
        corpus_spill_expect_many(&counter->spill);
    }
    while (p < end && status == STATUS_OK) {
        status = corpus_pool_poll(counter->pool, err);
        if (status == STATUS_OK && counter->spaced && !counter->line_list)
            status = counter->scanner->scan(counter, &p, err);
        if (status == STATUS_OK && p < end)
            status = range_step(counter, &p, err);
        corpus_counter_reached(counter, p);
    }
    assert(status != STATUS_OK || p == end);
    if (status == STATUS_OK && end == counter->text_end && end[-1] != '\n')
        status = corpus_line_end(counter, end, err);
    return status == STATUS_OK ? corpus_counter_finish(counter, err) : status;
}
