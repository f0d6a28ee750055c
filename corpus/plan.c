/* What a job would need, told from the beginning of its corpus. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/utf8.h"
#include "corpus/corpus.h"
#include "corpus/corpus_range.h"
#include "corpus/corpus_text.h"

struct sample {
    struct buffer text;
    uint64_t max;
    bool full;
};

/* Ends decoding by a failure of its own once there is enough. */
static enum status sample_sink(void *context, const char *bytes, size_t length, struct error *err) {
    struct sample *sample = context;
    uint64_t left = sample->max - sample->text.length;
    buffer_append(&sample->text, bytes, length < left ? length : (size_t)left);
    if (sample->text.failed)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a sample of the corpus");
    sample->full = length >= left;
    return sample->full ? STATUS_CANCELLED : STATUS_OK;
}

static enum status sample_read(struct sample *sample, const struct file_map *map,
                               const struct settings *settings, struct error *err) {
    const struct corpus_pool pool = {.threads = 1};
    if (sample->max == 0)
        return STATUS_OK;
    enum status status = corpus_text_stream(map, settings, &pool, NULL, sample_sink, sample, err);
    return status == STATUS_CANCELLED && sample->full ? STATUS_OK : status;
}

/* A word cut off by the end of the sample might be none: the text ends behind the last
 * separator. */
static uint64_t sample_end(const struct sample *sample, bool lists) {
    const char *text = sample->text.data, *end = text + sample->text.length, *at = end;
    bool list = lists && corpus_line_is_list(text, at);
    while (at > text) {
        at--;
        size_t n = list ? *at == CORPUS_LIST : utf8_separator(at, end);
        if (n > 0)
            return (uint64_t)(at - text) + n;
    }
    return 0;
}

static enum status sample_count(const struct settings *settings, const struct corpus_layout *layout,
                                const struct sample *sample, uint64_t *min, struct error *err) {
    const struct corpus_pool pool = {.threads = 1};
    struct corpus_counter counter = {
        .pool = &pool, .layout = *layout, .scanner = corpus_scanner_fastest(), .spill.file = -1};
    uint64_t length = sample->full ? sample_end(sample, layout->lists) : sample->text.length;
    size_t mark = corpus_text_mark(sample->text.data, length);
    counter.text = counter.begin = sample->text.data + mark;
    counter.text_end = counter.end = sample->text.data + length;
    const struct corpus_budget budget = {.table = UINT64_MAX};
    uint64_t min_count =
        (uint64_t)(settings->min_count == SETTING_AUTO_INT ? settings->min_count_most
                                                           : settings->min_count);
    enum status status = corpus_counter_init(&counter, settings, NULL, &budget, 0, err);
    if (status == STATUS_OK)
        status = corpus_range_count(&counter, err);
    for (uint32_t i = 0; i < counter.table.size && status == STATUS_OK; i++)
        *min += counter.table.words[i].count >= min_count;
    corpus_counter_clear(&counter);
    if (settings->max_vocab > 0 && *min > (uint64_t)settings->max_vocab)
        *min = (uint64_t)settings->max_vocab;
    return status;
}

enum status corpus_plan(const struct settings *settings, const char *corpus, uint64_t sample,
                        uint64_t *min_vocabulary, struct error *err) {
    struct sample begin = {.max = sample};
    struct file_map map;
    *min_vocabulary = 0;
    struct corpus_layout layout;
    enum status status = corpus_layout_init(&layout, settings, err);
    if (status == STATUS_OK)
        status = file_map_open(&map, corpus, err);
    if (status != STATUS_OK)
        return status;
    status = sample_read(&begin, &map, settings, err);
    if (status == STATUS_OK && begin.text.length > 0)
        status = sample_count(settings, &layout, &begin, min_vocabulary, err);
    buffer_clear(&begin.text);
    file_map_close(&map);
    return status;
}
