/* A static embedding model, as model2vec and sentence-transformers load it: a tokenizer that finds
 * our words between white space, and their vectors. The mean of one word's vectors is that vector.
 * One row more than there are words, of zeros, stands for every other word. */
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "embedding/export_bundle.h"
#include "embedding/export_formats.h"
#include "embedding/export_json.h"
#include "embedding/letter.h"
#include "embedding/word_shape.h"

#define UNKNOWN "[UNK]"

static bool word_has_upper(const char *word, size_t length) {
    const char *at = word, *end = word + length;
    while (at < end) {
        uint32_t letter;
        size_t skip, taken = utf8_decode(at, end, &letter, &skip);
        /* of alphabets that letter_fold does not know: Georgian, Cherokee, Deseret and their kin */
        bool other = (letter >= 0x10a0 && letter <= 0x10c5) ||
                     (letter >= 0x13a0 && letter <= 0x13f5) ||
                     (letter >= 0x1c90 && letter <= 0x1cbf) || letter >= 0x10400 ||
                     (letter >= 0x2c00 && letter <= 0x2ced) ||
                     (letter >= 0xa640 && letter <= 0xa7ff) || letter == 0x130;
        if (taken > 0 && (other || (letter != 0x3c2 && letter_fold(letter) != letter)))
            return true;
        at += taken > 0 ? taken : skip;
    }
    return false;
}

static bool word_is_split(const char *word, size_t length) {
    for (const char *at = word, *end = word + length; at < end; at++)
        if (utf8_separator(at, end) > 0)
            return true;
    return false;
}

/* The name of the row of zeros: no word has it. */
static void unknown_name(const struct export_job *job, struct buffer *name) {
    buffer_append_text(name, UNKNOWN);
    while (!name->failed &&
           vocabulary_find(job->model->vocabulary, name->data, name->length) != WORD_NONE)
        buffer_append_char(name, '_');
}

/* Words with white space in them, which are looked for before a text is split. */
static enum status put_added_tokens(struct export_job *job, struct error *err) {
    struct buffer word = {0};
    enum status status = STATUS_OK;
    bool first = true;
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        export_text_word(job, id, &word);
        if (word.failed || !word_is_split(word.data, word.length) ||
            word_is_blank(word.data, word.length))
            continue;
        buffer_print(&job->text, "%s{\"id\":%u,\"content\":", first ? "" : ",", id);
        export_json_string(&job->text, word.data, word.length);
        buffer_append_text(&job->text, ",\"single_word\":true,\"lstrip\":false,\"rstrip\":false,"
                                       "\"normalized\":false,\"special\":false}");
        first = false;
        status = export_text_flow(job, false, err);
    }
    buffer_clear(&word);
    return status;
}

static enum status put_words(struct export_job *job, struct error *err) {
    struct buffer word = {0};
    enum status status = STATUS_OK;
    export_words_restart(job);
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        export_text_word(job, id, &word);
        if (!word.failed)
            export_json_string(&job->text, word.data, word.length);
        buffer_print(&job->text, ":%u,", id);
        status = export_text_flow(job, false, err);
    }
    buffer_clear(&word);
    return status;
}

/* Texts are put into lower case where no word would be lost by that. */
static bool lowers(const struct export_job *job) {
    for (uint32_t id = 0; id < job->rows; id++) {
        size_t length;
        const char *word = vocabulary_word(job->model->vocabulary, id, &length);
        if (word_has_upper(word, length))
            return false;
    }
    return true;
}

static enum status tokenizer_write(struct export_job *job, struct error *err) {
    struct buffer *text = &job->text, unknown = {0};
    unknown_name(job, &unknown);
    buffer_append_text(text, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,"
                             "\"added_tokens\":[");
    enum status status = put_added_tokens(job, err);
    buffer_print(text,
                 "],\"normalizer\":%s,\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"
                 "\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"WordLevel\","
                 "\"vocab\":{",
                 lowers(job) ? "{\"type\":\"Lowercase\"}" : "null");
    if (status == STATUS_OK)
        status = put_words(job, err);
    text->failed = text->failed || unknown.failed;
    if (!text->failed) {
        export_json_string(text, unknown.data, unknown.length);
        buffer_print(text, ":%u},\"unk_token\":", job->rows);
        export_json_string(text, unknown.data, unknown.length);
        buffer_append_text(text, "}}\n");
    }
    buffer_clear(&unknown);
    return status;
}

static enum status tensor_write(struct export_job *job, struct error *err) {
    uint64_t at = 0;
    export_tensors_begin(job);
    export_tensor(job, "embeddings", job->type, (uint64_t)job->rows + 1, job->dim, &at);
    export_tensors_end(job);
    enum status status = export_matrix(job, err);
    memset(job->row, 0, job->dim * sizeof *job->row);
    export_append(job, job->row);
    return status;
}

static enum status config_write(struct export_job *job, struct error *err) {
    (void)err;
    buffer_print(&job->text,
                 "{\"model_type\":\"model2vec\",\"architectures\":[\"StaticModel\"],"
                 "\"hidden_dim\":%u,\"seq_length\":1000000,\"normalize\":false}\n",
                 job->dim);
    return STATUS_OK;
}

static enum status modules_write(struct export_job *job, struct error *err) {
    (void)err;
    buffer_append_text(&job->text, "[{\"idx\":0,\"name\":\"0\",\"path\":\".\",\"type\":"
                                   "\"sentence_transformers.models.StaticEmbedding\"}]\n");
    return STATUS_OK;
}

enum status export_static_embedding(struct export_job *job, struct error *err) {
    static const struct {
        const char *name;
        enum status (*write)(struct export_job *job, struct error *err);
    } files[] = {{"modules.json", modules_write},
                 {"config.json", config_write},
                 {"tokenizer.json", tokenizer_write},
                 {"model.safetensors", tensor_write}};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof files / sizeof *files; i++) {
        status = bundle_open(job, files[i].name, err);
        if (status == STATUS_OK)
            status = files[i].write(job, err);
        if (status == STATUS_OK)
            status = bundle_close(job, err);
    }
    return status;
}
