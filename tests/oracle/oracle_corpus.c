#include "tests/oracle/oracle_corpus.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>

#include "base/utf8.h"
#include "kernel/kernel.h"

struct reader {
    struct oracle_corpus *oracle;
    const struct settings *settings;
    uint32_t *stream; /* words by order of appearance, WORD_NONE at the end of a sentence */
    size_t n_stream, room;
    bool open;
};

static void stream_put(struct reader *reader, uint32_t number) {
    if (reader->n_stream == reader->room) {
        reader->room = 2 * reader->room + 64;
        reader->stream = realloc(reader->stream, reader->room * sizeof *reader->stream);
    }
    reader->stream[reader->n_stream++] = number;
}

static void sentence_end(struct reader *reader) {
    if (reader->open) {
        reader->oracle->report.sentences++;
        stream_put(reader, WORD_NONE);
    }
    reader->open = false;
}

static enum status word_add(void *context, const char *word, size_t length, struct error *err) {
    struct reader *reader = context;
    struct oracle_corpus *oracle = reader->oracle;
    (void)err;
    oracle->report.words++;
    if (length > oracle->report.longest_word)
        oracle->report.longest_word = length;
    reader->open = true;
    uint32_t i = 0;
    while (i < oracle->n_words &&
           (oracle->words[i].length != length || memcmp(oracle->words[i].text, word, length) != 0))
        i++;
    if (i == oracle->n_words) {
        oracle->words = realloc(oracle->words, ++oracle->n_words * sizeof *oracle->words);
        oracle->words[i] = (struct oracle_word){malloc(length + 1), length, 0, i, WORD_NONE};
        memcpy(oracle->words[i].text, word, length);
    }
    oracle->words[i].count++;
    stream_put(reader, i);
    return STATUS_OK;
}

static void word_add_raw(struct reader *reader, const char *word, size_t length) {
    reader->oracle->report.invalid_utf8 += utf8_count_invalid(word, length);
    char *copy = malloc(length + 1);
    memcpy(copy, word, length);
    if (reader->settings->lowercase && !u8_check((const uint8_t *)word, length)) {
        free(copy);
        copy = (char *)u8_tolower((const uint8_t *)word, length, NULL, NULL, NULL, &length);
    } else if (reader->settings->lowercase) {
        for (size_t i = 0; i < length; i++)
            copy[i] = (char)(copy[i] >= 'A' && copy[i] <= 'Z' ? copy[i] - 'A' + 'a' : copy[i]);
    }
    (void)word_add(reader, copy, length, NULL);
    free(copy);
}

/* Bytes of the separator that a text begins with, 0 for none: all of them, spelled out. */
static size_t separator(const char *text, size_t length) {
    static const char *const all[] = {
        "\t",           "\n",           "\v",
        "\f",           "\r",           " ",
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
        "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82",
        "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85",
        "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
        "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
        "\xe3\x80\x80", "\xef\xbb\xbf"}; /* the last: no White_Space */
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (length >= strlen(all[i]) && memcmp(text, all[i], strlen(all[i])) == 0)
            return strlen(all[i]);
    return 0;
}

static void split(struct reader *reader, const char *line, size_t length, bool list) {
    size_t begin = 0, at = 0;
    while (at <= length) {
        size_t n = at == length ? 1 : list ? line[at] == '\x1f' : separator(line + at, length - at);
        if (n > 0 && at > begin)
            word_add_raw(reader, line + begin, at - begin);
        at += n > 0 ? n : 1;
        begin = n > 0 ? at : begin;
    }
}

static void read_line(struct reader *reader, const char *line, size_t length) {
    struct corpus_report *report = &reader->oracle->report;
    const struct settings *settings = reader->settings;
    if (length > 0 && line[length - 1] == '\r')
        length--;
    report->lines++;
    if (length > report->longest_line)
        report->longest_line = length;
    bool list = settings->format == FORMAT_TOKENS && length > 0 && line[0] == '\x1f', empty = true;
    for (size_t i = 0, n; i < length && empty; i += n) {
        n = list ? line[i] == '\x1f' : separator(line + i, length - i);
        empty = n > 0;
    }
    report->empty_lines += empty;
    if (list)
        sentence_end(reader);
    if (list || settings->tokenizer == TOKENIZER_WHITESPACE) {
        split(reader, line, length, list);
    } else {
        report->invalid_utf8 += utf8_count_invalid(line, length);
        struct error err = {0};
        char *spaced = malloc(length + 1);
        spaced[0] = ' ';
        memcpy(spaced + 1, line, length);
        if (corpus_tokenize(settings, spaced, length + 1, word_add, reader, &err) != STATUS_OK)
            abort();
        free(spaced);
    }
    if (settings->sentence == SENTENCE_LINE || empty || list)
        sentence_end(reader);
}

static int word_compare(const void *left, const void *right) {
    const struct oracle_word *a = left, *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->first < b->first ? -1 : 1;
}

static void number(struct reader *reader) {
    struct oracle_corpus *oracle = reader->oracle;
    struct corpus_report *report = &oracle->report;
    uint32_t *id_of = malloc((oracle->n_words + 1) * sizeof *id_of);
    if (oracle->n_words > 0)
        qsort(oracle->words, oracle->n_words, sizeof *oracle->words, word_compare);
    report->distinct = oracle->n_words;
    for (uint32_t i = 0; i < oracle->n_words; i++) {
        struct oracle_word *word = &oracle->words[i];
        bool keep = word->count >= (uint64_t)reader->settings->min_count &&
                    (reader->settings->max_vocab == 0 || i < reader->settings->max_vocab);
        word->id = keep ? i : WORD_NONE;
        id_of[word->first] = word->id;
        report->vocabulary += keep;
        report->kept_words += keep ? word->count : 0;
        report->rare_words += keep ? 0 : word->count;
    }
    oracle->ids = malloc((reader->n_stream + 1) * sizeof *oracle->ids);
    bool open = false;
    for (size_t i = 0; i < reader->n_stream; i++) {
        uint32_t id = reader->stream[i] == WORD_NONE ? WORD_NONE : id_of[reader->stream[i]];
        bool end = reader->stream[i] == WORD_NONE;
        if (end ? open : id != WORD_NONE)
            oracle->ids[oracle->length++] = id;
        oracle->kept += !end && id != WORD_NONE;
        open = end ? false : open || id != WORD_NONE;
    }
    free(id_of);
}

void oracle_corpus_read(struct oracle_corpus *oracle, const struct settings *settings,
                        const char *text, size_t length) {
    *oracle = (struct oracle_corpus){.report.bytes = length};
    struct reader reader = {.oracle = oracle, .settings = settings};
    const char *end = text + length;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        read_line(&reader, text, (size_t)(line_end - text));
        text = newline ? newline + 1 : end;
    }
    sentence_end(&reader);
    number(&reader);
    free(reader.stream);
}

void oracle_corpus_clear(struct oracle_corpus *oracle) {
    for (uint32_t i = 0; i < oracle->n_words; i++)
        free(oracle->words[i].text);
    free(oracle->words);
    free(oracle->ids);
    *oracle = (struct oracle_corpus){0};
}
