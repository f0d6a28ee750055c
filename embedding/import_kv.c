/* gensim's KeyedVectors, or a Word2Vec or FastText model that holds them, out of its pickle. The
 * numbers lie in it, or in a .npy file that is named after it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "embedding/import_pickle.h"
#include "embedding/import_readers.h"
#include "embedding/import_words.h"

#define OTHER_WAY "save it by save_word2vec_format"

/* What is read of a pickle. */
struct keyed_vectors {
    const struct pickle *pickle;
    const struct pickle_value *state; /* of the KeyedVectors */
    bool inside;                      /* of a model, under the name wv */
};

/* The attributes of an object: its state, or the first of two of them. */
static const struct pickle_value *state_of(const struct pickle *pickle,
                                           const struct pickle_value *value) {
    const struct pickle_value *state =
        value && value->type == PICKLE_OBJECT ? pickle_item(pickle, value, 2) : NULL;
    return state && state->type == PICKLE_LIST ? pickle_item(pickle, state, 0) : state;
}

static enum status vectors_find(struct keyed_vectors *kv, struct error *err) {
    const struct pickle_value *state = state_of(kv->pickle, pickle_root(kv->pickle));
    const struct pickle_value *wv = pickle_member(kv->pickle, state, "wv");
    kv->inside = wv != NULL;
    kv->state = wv ? state_of(kv->pickle, wv) : state;
    if (pickle_member(kv->pickle, kv->state, "index_to_key") ||
        pickle_member(kv->pickle, kv->state, "index2word"))
        return STATUS_OK;
    return error_set(
        err, STATUS_UNSUPPORTED,
        "the vector file is a Python pickle that holds no KeyedVectors of gensim: " OTHER_WAY);
}

static enum status words_read(const struct keyed_vectors *kv, struct import_words *words,
                              struct error *err) {
    const struct pickle_value *list = pickle_member(kv->pickle, kv->state, "index_to_key");
    enum status status = STATUS_OK;
    if (!list)
        list = pickle_member(kv->pickle, kv->state, "index2word");
    uint64_t n = pickle_length(kv->pickle, list);
    for (uint64_t i = 0; status == STATUS_OK && i < n; i++) {
        const struct pickle_value *word = pickle_item(kv->pickle, list, i);
        char number[24];
        if (word->type == PICKLE_TEXT) {
            status = import_words_add(words, word->bytes, (size_t)word->n, err);
        } else if (word->type == PICKLE_NONE) { /* a row that was never given a key */
            status = import_words_add(words, "", 0, err);
        } else if (word->type == PICKLE_NUMBER) { /* ids of documents */
            int length = snprintf(number, sizeof number, "%" PRId64, (int64_t)word->n);
            status = import_words_add(words, number, (size_t)length, err);
        } else {
            status = error_set(err, STATUS_UNSUPPORTED,
                               "key %" PRIu64 " of the KeyedVectors is no text: " OTHER_WAY, i + 1);
        }
    }
    return status;
}

/* ---- arrays of NumPy ------------------------------------------------------------------------- */

struct array {
    const struct pickle_value *bytes, *shape, *type;
    bool columns; /* it lies column by column */
};

/* The letter and size of a dtype ("f4"), and whether it is big-endian. */
static const struct pickle_value *dtype_name(const struct pickle *pickle,
                                             const struct pickle_value *type, bool *big) {
    *big = false;
    if (type && type->type == PICKLE_TEXT)
        return type;
    const struct pickle_value *state = pickle_item(pickle, type, 2);
    *big = pickle_is_text(pickle_item(pickle, state, 1), ">");
    return pickle_is_global(pickle, pickle_item(pickle, type, 0), "numpy", "dtype")
               ? pickle_item(pickle, pickle_item(pickle, type, 1), 0)
               : NULL;
}

/* numpy's ways to write an array: _reconstruct with a state, _frombuffer, and frombuffer, which is
 * ours. */
static bool array_find(const struct pickle *pickle, const struct pickle_value *value,
                       struct array *array) {
    const struct pickle_value *call = pickle_item(pickle, value, 0),
                              *arguments = pickle_item(pickle, value, 1),
                              *state = pickle_item(pickle, value, 2);
    *array = (struct array){0};
    if (!value || value->type != PICKLE_OBJECT)
        return false;
    if (pickle_is_global(pickle, call, "numpy", "_reconstruct") && state) {
        const struct pickle_value *order = pickle_item(pickle, state, 3);
        array->shape = pickle_item(pickle, state, 1);
        array->type = pickle_item(pickle, state, 2);
        array->columns = order && order->type == PICKLE_NUMBER && order->n != 0;
        array->bytes = pickle_item(pickle, state, 4);
    } else if (pickle_is_global(pickle, call, "numpy", "_frombuffer")) {
        array->bytes = pickle_item(pickle, arguments, 0);
        array->type = pickle_item(pickle, arguments, 1);
        array->shape = pickle_item(pickle, arguments, 2);
        array->columns = !pickle_is_text(pickle_item(pickle, arguments, 3), "C");
    } else if (pickle_is_global(pickle, call, "numpy", "frombuffer")) {
        array->bytes = pickle_item(pickle, arguments, 0);
        array->type = pickle_item(pickle, arguments, 1);
    }
    return array->bytes && array->bytes->type == PICKLE_BYTES && array->type;
}

static enum status inline_matrix(const struct keyed_vectors *kv, const struct pickle_value *value,
                                 struct import_matrix *matrix, struct error *err) {
    struct array array;
    bool big;
    if (!array_find(kv->pickle, value, &array))
        return error_set(
            err, STATUS_UNSUPPORTED,
            "the vectors of the KeyedVectors are no array that is read here: " OTHER_WAY);
    const struct pickle_value *type = dtype_name(kv->pickle, array.type, &big),
                              *rows = pickle_item(kv->pickle, array.shape, 0),
                              *dim = pickle_item(kv->pickle, array.shape, 1);
    if (big || array.columns || !type ||
        !(pickle_is_text(type, "f4") || pickle_is_text(type, "f2") || pickle_is_text(type, "f8")))
        return error_set(err, STATUS_UNSUPPORTED,
                         "the vectors of the KeyedVectors are no float32 row by row: " OTHER_WAY);
    if (!rows || !dim || rows->type != PICKLE_NUMBER || dim->type != PICKLE_NUMBER)
        return error_set(err, STATUS_MALFORMED, "the vectors of the KeyedVectors are no matrix");
    *matrix = (struct import_matrix){.data = array.bytes->bytes,
                                     .rows = rows->n,
                                     .dim = dim->n,
                                     .type = pickle_is_text(type, "f4")   ? MATRIX_FLOAT32
                                             : pickle_is_text(type, "f2") ? MATRIX_FLOAT16
                                                                          : MATRIX_FLOAT64};
    uint64_t all;
    if (__builtin_mul_overflow(matrix->rows, matrix->dim, &all) ||
        all > array.bytes->n / matrix_type_size(matrix->type))
        return error_set(err, STATUS_MALFORMED,
                         "the vectors of the KeyedVectors are cut short: %" PRIu64 " x %" PRIu64
                         " numbers in %" PRIu64 " bytes",
                         matrix->rows, matrix->dim, array.bytes->n);
    return STATUS_OK;
}

/* Counts are taken where they are as many as the words, of 4 or 8 bytes; else there are none. */
static enum status counts_read(const struct keyed_vectors *kv, struct import_words *words,
                               struct error *err) {
    const struct pickle_value *expandos = pickle_member(kv->pickle, kv->state, "expandos");
    struct array array;
    bool big;
    if (!array_find(kv->pickle, pickle_member(kv->pickle, expandos, "count"), &array) ||
        words->n == 0)
        return STATUS_OK;
    const struct pickle_value *type = dtype_name(kv->pickle, array.type, &big);
    uint64_t size = array.bytes->n / words->n;
    bool whole = pickle_is_text(type, "i8") || pickle_is_text(type, "<i8") ||
                 pickle_is_text(type, "i4") || pickle_is_text(type, "u4") ||
                 pickle_is_text(type, "u8");
    if (big || !whole || array.bytes->n % words->n != 0 || (size != 4 && size != 8))
        return STATUS_OK;
    enum status status = STATUS_OK;
    for (uint64_t i = 0; status == STATUS_OK && i < words->n; i++) {
        uint64_t count = 0;
        memcpy(&count, array.bytes->bytes + i * size, (size_t)size);
        status = import_words_count(words, count, err);
    }
    return status;
}

/* The numbers in a file of their own: "<pickle>.vectors.npy", of a model "<pickle>.wv.vectors.npy";
 * else the only .npy there is. */
static enum status beside_matrix(const struct keyed_vectors *kv, const struct import_set *set,
                                 const struct import_member *pickle, struct import_matrix *matrix,
                                 struct error *err) {
    char name[SET_NAME_SIZE + 24];
    const struct import_member *array, *only = NULL;
    size_t n = 0;
    snprintf(name, sizeof name, "%s%s.vectors.npy", pickle->name, kv->inside ? ".wv" : "");
    array = import_set_find(set, name);
    for (size_t i = 0; i < set->n; i++)
        if (import_member_kind(&set->members[i]) == MEMBER_NPY) {
            only = &set->members[i];
            n++;
        }
    if (!array && n == 1)
        array = only;
    if (!array)
        return error_set_key(err, STATUS_REFUSED, "file",
                             "the numbers of '%.80s' lie in '%.120s', which is missing: put it "
                             "beside, or send both in a tar",
                             pickle->name, name);
    return import_npy_parse(array->data, array->length, matrix, err);
}

static bool is_stored_beside(const struct keyed_vectors *kv) {
    const struct pickle_value *list = pickle_member(kv->pickle, kv->state, "__numpys");
    for (uint64_t i = 0; i < pickle_length(kv->pickle, list); i++)
        if (pickle_is_text(pickle_item(kv->pickle, list, i), "vectors"))
            return true;
    return false;
}

enum status import_keyed_vectors(struct import_target *target, const struct import_set *set,
                                 const struct import_member *pickle, struct error *err) {
    struct import_memory memory = {
        .grant = {.budget = target->bounds.budget, .kind = BUDGET_IMPORTS}};
    struct import_words words;
    struct import_matrix matrix;
    struct pickle *read = NULL;
    import_words_init(&words, target);
    enum status status =
        pickle_read(&read, pickle->data, pickle->length, &memory, target->bounds.stop, err);
    struct keyed_vectors kv = {.pickle = read};
    if (status == STATUS_OK)
        status = vectors_find(&kv, err);
    if (status == STATUS_OK)
        status = words_read(&kv, &words, err);
    if (status == STATUS_OK)
        status = counts_read(&kv, &words, err);
    if (status == STATUS_OK)
        status = is_stored_beside(&kv)
                     ? beside_matrix(&kv, set, pickle, &matrix, err)
                     : inline_matrix(&kv, pickle_member(read, kv.state, "vectors"), &matrix, err);
    if (status == STATUS_OK)
        status = import_matrix_take(target, &matrix, &words, "gensim", err);
    import_words_clear(&words);
    pickle_free(read);
    grant_clear(&memory.grant);
    return status;
}
