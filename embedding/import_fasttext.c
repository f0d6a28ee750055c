/* fastText's binary model: header, settings, dictionary, matrix of input rows. The matrix has a row
 * for each word and then `bucket` rows that character n-grams share by their hash. A word's vector
 * is the mean of its own row and those of its n-grams, summed up in the order that fastText sums
 * them in, so that the numbers are the same to the bit. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "embedding/import_line.h"
#include "embedding/import_readers.h"

#define VERSION_MAX 12
#define VERSION_MIN 11
#define MODEL_SUPERVISED 3
#define LONGEST_NGRAM 255 /* letters; fastText's own default is 6 */
#define HASH_BASIS 2166136261u
#define HASH_PRIME 16777619u
#define SENTENCE_END "</s>"
#define BEGIN '<'
#define END '>'

struct fasttext {
    const char *data, *at, *end;
    int32_t version, dim, bucket, minn, maxn, model;
    int32_t n_entries, n_words, n_labels;
    const char *dictionary; /* where its entries begin */
    const char *matrix;     /* [rows, dim] little-endian float32, at any address */
    uint64_t rows;
    char *padded; /* [LONGEST_WORD + 2] a word between its marks */
};

static enum status cut_short(const struct fasttext *file, const char *where, struct error *err) {
    return error_set(err, STATUS_MALFORMED,
                     "the fastText model is cut short or damaged at byte %zu, in %s",
                     (size_t)(file->at - file->data), where);
}

static bool scan_bytes(struct fasttext *file, void *value, size_t n) {
    if ((size_t)(file->end - file->at) < n)
        return false;
    memcpy(value, file->at, n);
    file->at += n;
    return true;
}

static enum status out_of_bounds(const char *name, int64_t min, int64_t max, int64_t value,
                                 struct error *err) {
    return error_set(err, STATUS_REFUSED,
                     "the fastText model's %s must be between %" PRId64 " and %" PRId64
                     ", not %" PRId64,
                     name, min, max, value);
}

static enum status settings_read(struct fasttext *file, struct error *err) {
    int32_t magic, args[12];
    double sampling;
    if (!scan_bytes(file, &magic, sizeof magic) ||
        !scan_bytes(file, &file->version, sizeof file->version) ||
        !scan_bytes(file, args, sizeof args) || !scan_bytes(file, &sampling, sizeof sampling))
        return cut_short(file, "the settings", err);
    if (file->version < VERSION_MIN || file->version > VERSION_MAX)
        return error_set(err, STATUS_UNSUPPORTED,
                         "the fastText model is of version %" PRId32 ", %d and %d are read",
                         file->version, VERSION_MIN, VERSION_MAX);
    /* dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate */
    file->dim = args[0];
    file->model = args[7];
    file->bucket = args[8];
    file->minn = args[9];
    file->maxn = args[10];
    if (file->version == VERSION_MIN && file->model == MODEL_SUPERVISED)
        file->maxn = 0; /* as fastText reads its old classifiers */
    if (file->dim < 1 || file->dim > IMPORT_MAX_DIM)
        return out_of_bounds("dim", 1, IMPORT_MAX_DIM, file->dim, err);
    if (file->bucket < 0)
        return out_of_bounds("bucket", 0, INT32_MAX, file->bucket, err);
    if (file->minn < 0 || file->minn > LONGEST_NGRAM)
        return out_of_bounds("minn", 0, LONGEST_NGRAM, file->minn, err);
    if (file->maxn < 0 || file->maxn > LONGEST_NGRAM)
        return out_of_bounds("maxn", 0, LONGEST_NGRAM, file->maxn, err);
    return STATUS_OK;
}

/* The next entry: a word and a NUL, its count, whether it is a label. */
static enum status entry_read(struct fasttext *file, const char **word, size_t *length,
                              int64_t *count, bool *label, struct error *err) {
    const char *nul = memchr(file->at, '\0', (size_t)(file->end - file->at));
    char type;
    *word = file->at;
    if (!nul)
        return cut_short(file, "the dictionary", err);
    *length = (size_t)(nul - file->at);
    if (*length > LONGEST_WORD)
        return error_set(err, STATUS_MALFORMED,
                         "a word of the fastText model is longer than %d bytes", LONGEST_WORD);
    file->at = nul + 1;
    if (!scan_bytes(file, count, sizeof *count) || !scan_bytes(file, &type, 1))
        return cut_short(file, "the dictionary", err);
    if (type != 0 && type != 1)
        return error_set(err, STATUS_MALFORMED,
                         "the fastText model is damaged: an entry of type %d at byte %zu", type,
                         (size_t)(file->at - file->data));
    *label = type == 1;
    return STATUS_OK;
}

/* Walks over the entries, which it counts. */
static enum status dictionary_read(struct fasttext *file, int64_t *pruned, struct error *err) {
    int64_t tokens;
    int32_t words = 0, labels = 0;
    if (!scan_bytes(file, &file->n_entries, 4) || !scan_bytes(file, &file->n_words, 4) ||
        !scan_bytes(file, &file->n_labels, 4) || !scan_bytes(file, &tokens, 8) ||
        !scan_bytes(file, pruned, 8))
        return cut_short(file, "the dictionary", err);
    if (file->n_words < 1 || file->n_labels < 0 ||
        (int64_t)file->n_words + file->n_labels != file->n_entries)
        return error_set(err, STATUS_REFUSED,
                         "the fastText model is damaged: %" PRId32 " entries of %" PRId32
                         " words and %" PRId32 " labels",
                         file->n_entries, file->n_words, file->n_labels);
    file->dictionary = file->at;
    for (int32_t i = 0; i < file->n_entries; i++) {
        const char *word;
        size_t length;
        int64_t count;
        bool label;
        enum status status = entry_read(file, &word, &length, &count, &label, err);
        if (status != STATUS_OK)
            return status;
        words += !label;
        labels += label;
    }
    return words == file->n_words && labels == file->n_labels
               ? STATUS_OK
               : error_set(err, STATUS_REFUSED,
                           "the fastText model is damaged: it holds %" PRId32 " words and %" PRId32
                           " labels, and says %" PRId32 " and %" PRId32,
                           words, labels, file->n_words, file->n_labels);
}

static enum status matrix_read(struct fasttext *file, int64_t pruned, struct error *err) {
    char quantized;
    int64_t rows, columns;
    if (pruned > 0 && (uint64_t)pruned > (uint64_t)(file->end - file->at) / 8)
        return cut_short(file, "the dictionary", err);
    file->at += pruned > 0 ? 8 * pruned : 0;
    if (!scan_bytes(file, &quantized, 1))
        return cut_short(file, "the matrix", err);
    if (quantized != 0 || pruned > 0)
        return error_set(err, STATUS_UNSUPPORTED,
                         "the fastText model is quantized (.ftz), and its vectors only a likeness "
                         "of what was trained: import the .bin that it was made of, or text that "
                         "'fasttext print-word-vectors' writes of it");
    if (!scan_bytes(file, &rows, 8) || !scan_bytes(file, &columns, 8))
        return cut_short(file, "the matrix", err);
    if (columns != file->dim || rows != (int64_t)file->n_words + file->bucket)
        return error_set(err, STATUS_REFUSED,
                         "the fastText model is damaged: a matrix of %" PRId64 " x %" PRId64
                         " for %" PRId32 " words, %" PRId32 " buckets and dim %" PRId32,
                         rows, columns, file->n_words, file->bucket, file->dim);
    file->rows = (uint64_t)rows;
    file->matrix = file->at;
    if (file->rows > (uint64_t)(file->end - file->at) / ((uint64_t)file->dim * sizeof(float)))
        return cut_short(file, "the matrix", err);
    return STATUS_OK;
}

static void row_add(const struct fasttext *file, uint64_t row, float *sum) {
    const char *at = file->matrix + row * (uint64_t)file->dim * sizeof(float);
    for (int32_t i = 0; i < file->dim; i++) {
        float value;
        memcpy(&value, at + (size_t)i * sizeof value, sizeof value);
        sum[i] += value;
    }
}

static bool continues(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Adds the rows of the n-grams of minn to maxn letters of the word between its marks; an end of it
 * alone is none. Returns how many. The bytes of the hash are signed, as they are in fastText. */
static uint64_t ngrams_add(const struct fasttext *file, size_t length, float *sum) {
    const char *word = file->padded;
    uint64_t n_rows = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t hash = HASH_BASIS;
        size_t j = i;
        if (continues(word[i]))
            continue;
        for (int32_t n = 1; j < length && n <= file->maxn; n++) {
            do
                hash = (hash ^ (uint32_t)(int32_t)(int8_t)word[j++]) * HASH_PRIME;
            while (j < length && continues(word[j]));
            if (n < file->minn || (n == 1 && (i == 0 || j == length)))
                continue;
            row_add(file, (uint64_t)file->n_words + hash % (uint32_t)file->bucket, sum);
            n_rows++;
        }
    }
    return n_rows;
}

static void vector_compute(const struct fasttext *file, uint64_t id, const char *word,
                           size_t length, float *vector) {
    uint64_t n = 1;
    memset(vector, 0, (size_t)file->dim * sizeof *vector);
    row_add(file, id, vector);
    bool end = length == sizeof SENTENCE_END - 1 && memcmp(word, SENTENCE_END, length) == 0;
    if (!end && file->bucket > 0 && file->maxn > 0) {
        file->padded[0] = BEGIN;
        memcpy(file->padded + 1, word, length);
        file->padded[length + 1] = END;
        n += ngrams_add(file, length + 2, vector);
    }
    float share = (float)(1.0 / (double)n);
    for (int32_t i = 0; i < file->dim; i++)
        vector[i] *= share;
}

static enum status words_take(struct fasttext *file, struct import_target *target,
                              struct error *err) {
    uint64_t id = 0;
    enum status status = STATUS_OK;
    file->at = file->dictionary;
    target->counted = true;
    for (int32_t i = 0; status == STATUS_OK && i < file->n_entries && !target->enough; i++) {
        const char *word;
        size_t length;
        int64_t count;
        bool label;
        float *vector;
        status = entry_read(file, &word, &length, &count, &label, err);
        if (status != STATUS_OK || label)
            continue;
        status = import_rows_reserve(&target->rows, &vector, err);
        if (status == STATUS_OK && id % IMPORT_STEP == 0)
            status = stop_check(target->bounds.stop, "the import", err);
        if (status != STATUS_OK)
            continue;
        vector_compute(file, id++, word, length, vector);
        target->count = count > 0 ? (uint64_t)count : 0;
        status = import_keep(target, word, length, vector, "word", id, err);
    }
    return status;
}

enum status import_fasttext(struct import_target *target, const char *data, size_t length,
                            struct error *err) {
    struct fasttext file = {.data = data, .at = data, .end = data + length};
    int64_t pruned = -1;
    enum status status = settings_read(&file, err);
    if (status == STATUS_OK)
        status = dictionary_read(&file, &pruned, err);
    if (status == STATUS_OK)
        status = matrix_read(&file, pruned, err);
    if (status == STATUS_OK)
        status = import_shape(target, (uint64_t)file.n_words, (uint64_t)file.dim, err);
    if (status != STATUS_OK)
        return status;
    file.padded = malloc(LONGEST_WORD + 2);
    if (!file.padded)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for an import");
    status = words_take(&file, target, err);
    free(file.padded);
    target->info->import_labels = (uint64_t)file.n_labels;
    target->info->import_buckets = file.maxn > 0 ? (uint64_t)file.bucket : 0;
    import_tell(target, "fasttext", (uint64_t)file.n_words);
    return status;
}
