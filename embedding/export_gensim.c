/* The pickle of gensim's KeyedVectors, protocol 5, without its numbers: gensim looks for those in a
 * .npy file beside it, named after it, which it may map. What it names of Python is the class, and
 * numpy.frombuffer for the counts. */
#include <string.h>

#include "embedding/export_formats.h"

/* Opcodes of a pickle. */
#define PROTOCOL "\x80\x05"
#define GLOBAL 'c'
#define EMPTY_TUPLE ')'
#define TUPLE2 '\x86'
#define NEWOBJ '\x81'
#define REDUCE 'R'
#define BUILD 'b'
#define MARK '('
#define EMPTY_LIST ']'
#define APPENDS 'e'
#define EMPTY_DICT '}'
#define SETITEMS 'u'
#define NONE 'N'
#define INT 'J'
#define LONG '\x8a'
#define SHORT_TEXT '\x8c'
#define TEXT 'X'
#define BYTES '\x96' /* a bytearray, which can be changed, and so can an array over it */
#define MEMOIZE '\x94'
#define MEMO_GET 'j'
#define STOP '.'
#define BATCH 1000 /* items between two marks: a reader keeps them on its stack */

static void put(struct export_job *job, char opcode) {
    buffer_append_char(&job->text, opcode);
}

static void put_int(struct export_job *job, uint32_t value) {
    put(job, value > INT32_MAX ? LONG : INT);
    if (value > INT32_MAX)
        put(job, sizeof value + 1);
    buffer_append(&job->text, &value, sizeof value);
    if (value > INT32_MAX)
        put(job, '\0'); /* the sign */
}

static void put_name(struct export_job *job, const char *name) {
    put(job, SHORT_TEXT);
    put(job, (char)strlen(name));
    buffer_append_text(&job->text, name);
}

static void put_text(struct export_job *job, const struct buffer *word) {
    uint32_t length = (uint32_t)word->length;
    if (length < 256) {
        put(job, SHORT_TEXT);
        put(job, (char)length);
    } else {
        put(job, TEXT);
        buffer_append(&job->text, &length, sizeof length);
    }
    buffer_append(&job->text, word->data, length);
}

static void put_empty_list(struct export_job *job, const char *name) {
    put_name(job, name);
    put(job, EMPTY_LIST);
}

/* index_to_key. Each word is kept in the memo, as number `id`. */
static enum status put_words(struct export_job *job, struct error *err) {
    struct buffer word = {0};
    enum status status = STATUS_OK;
    put_empty_list(job, "index_to_key");
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        if (id % BATCH == 0)
            put(job, MARK);
        export_text_word(job, id, &word);
        if (!word.failed)
            put_text(job, &word);
        put(job, MEMOIZE);
        if ((id + 1) % BATCH == 0 || id + 1 == job->rows)
            put(job, APPENDS);
        status = export_text_flow(job, false, err);
    }
    buffer_clear(&word);
    return status;
}

/* key_to_index, with the words of the memo. */
static enum status put_index(struct export_job *job, struct error *err) {
    enum status status = STATUS_OK;
    put_name(job, "key_to_index");
    put(job, EMPTY_DICT);
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        if (id % BATCH == 0)
            put(job, MARK);
        put(job, MEMO_GET);
        buffer_append(&job->text, &id, sizeof id);
        put_int(job, id);
        if ((id + 1) % BATCH == 0 || id + 1 == job->rows)
            put(job, SETITEMS);
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* {"count": numpy.frombuffer(counts, "<i8")} */
static enum status put_counts(struct export_job *job, struct error *err) {
    uint64_t length = (uint64_t)job->rows * sizeof(uint64_t);
    enum status status = STATUS_OK;
    put_name(job, "expandos");
    put(job, EMPTY_DICT);
    put(job, MARK);
    put_name(job, "count");
    put(job, GLOBAL);
    buffer_append_text(&job->text, "numpy\nfrombuffer\n");
    put(job, BYTES);
    buffer_append(&job->text, &length, sizeof length);
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        uint64_t count = vocabulary_count(job->model->vocabulary, id);
        buffer_append(&job->text, &count, sizeof count);
        status = export_text_flow(job, false, err);
    }
    put_name(job, "<i8");
    put(job, TUPLE2);
    put(job, REDUCE);
    put(job, SETITEMS);
    return status;
}

enum status export_keyed_vectors(struct export_job *job, struct error *err) {
    buffer_append_text(&job->text, PROTOCOL);
    put(job, GLOBAL);
    buffer_append_text(&job->text, "gensim.models.keyedvectors\nKeyedVectors\n");
    put(job, EMPTY_TUPLE);
    put(job, NEWOBJ);
    put(job, EMPTY_DICT);
    put(job, MARK);
    put_name(job, "vector_size");
    put_int(job, job->dim);
    put_name(job, "next_index");
    put_int(job, job->rows);
    put_name(job, "norms");
    put(job, NONE);
    put_name(job, "mapfile_path");
    put(job, NONE);
    enum status status = put_words(job, err);
    if (status == STATUS_OK)
        status = put_index(job, err);
    if (status == STATUS_OK)
        status = put_counts(job, err);
    /* What is stored beside the pickle: `vectors`, by NumPy. */
    put_name(job, "__numpys");
    put(job, EMPTY_LIST);
    put(job, MARK);
    put_name(job, "vectors");
    put(job, APPENDS);
    put_empty_list(job, "__scipys");
    put_empty_list(job, "__ignoreds");
    put_empty_list(job, "__recursive_saveloads");
    put(job, SETITEMS);
    put(job, BUILD);
    put(job, STOP);
    return status;
}
