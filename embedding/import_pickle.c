#include "embedding/import_pickle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MARK UINT32_MAX           /* on the stack */
#define CONTAINERS_MAX (1u << 20) /* a model has some dozens */
#define STEPS ((uint64_t)65536)   /* instructions between two looks at stop */

struct pickle {
    const char *data, *at, *end;
    struct buffer values;     /* struct pickle_value */
    struct buffer stack;      /* uint32_t: values, or MARK */
    struct buffer memo;       /* uint32_t: values */
    struct buffer containers; /* struct buffer of uint32_t: values */
    struct import_memory *memory;
};

static uint32_t number_at(const struct buffer *buffer, uint64_t i) {
    uint32_t number;
    memcpy(&number, buffer->data + i * sizeof number, sizeof number);
    return number;
}

static uint64_t count_of(const struct buffer *buffer) {
    return buffer->length / sizeof(uint32_t);
}

static const struct pickle_value *value_at(const struct pickle *pickle, uint32_t id) {
    return (const struct pickle_value *)(const void *)(pickle->values.data +
                                                       id * sizeof(struct pickle_value));
}

static struct buffer *container_at(const struct pickle *pickle, uint64_t index) {
    return (struct buffer *)(void *)(pickle->containers.data + index * sizeof(struct buffer));
}

static bool has_items(const struct pickle_value *value) {
    return value && value->type >= PICKLE_LIST;
}

const struct pickle_value *pickle_root(const struct pickle *pickle) {
    return value_at(pickle, number_at(&pickle->stack, count_of(&pickle->stack) - 1));
}

uint64_t pickle_length(const struct pickle *pickle, const struct pickle_value *value) {
    return has_items(value) ? count_of(container_at(pickle, value->n)) : 0;
}

const struct pickle_value *pickle_item(const struct pickle *pickle,
                                       const struct pickle_value *value, uint64_t i) {
    return i < pickle_length(pickle, value)
               ? value_at(pickle, number_at(container_at(pickle, value->n), i))
               : NULL;
}

bool pickle_is_text(const struct pickle_value *value, const char *text) {
    return value && value->type == PICKLE_TEXT && value->n == strlen(text) &&
           memcmp(value->bytes, text, value->n) == 0;
}

const struct pickle_value *pickle_member(const struct pickle *pickle,
                                         const struct pickle_value *dict, const char *key) {
    uint64_t n = dict && dict->type == PICKLE_DICT ? pickle_length(pickle, dict) : 0;
    for (uint64_t i = 0; i + 1 < n; i += 2)
        if (pickle_is_text(pickle_item(pickle, dict, i), key))
            return pickle_item(pickle, dict, i + 1);
    return NULL;
}

bool pickle_is_global(const struct pickle *pickle, const struct pickle_value *value,
                      const char *module, const char *name) {
    if (!value || value->type != PICKLE_GLOBAL)
        return false;
    const struct pickle_value *its = pickle_item(pickle, value, 0);
    size_t n = strlen(module);
    return its->type == PICKLE_TEXT && its->n >= n && memcmp(its->bytes, module, n) == 0 &&
           pickle_is_text(pickle_item(pickle, value, 1), name);
}

/* ---- building -------------------------------------------------------------------------------- */

static enum status malformed(const struct pickle *pickle, const char *what, struct error *err) {
    return error_set(err, STATUS_MALFORMED, "the pickle is damaged before byte %zu: %s",
                     (size_t)(pickle->at - pickle->data), what);
}

static enum status push_id(struct pickle *pickle, uint32_t id, struct error *err) {
    return import_append(pickle->memory, &pickle->stack, &id, sizeof id, err);
}

static enum status push(struct pickle *pickle, struct pickle_value value, struct error *err) {
    uint64_t id = pickle->values.length / sizeof value;
    if (id >= MARK)
        return malformed(pickle, "it holds too much", err);
    enum status status = import_append(pickle->memory, &pickle->values, &value, sizeof value, err);
    return status == STATUS_OK ? push_id(pickle, (uint32_t)id, err) : status;
}

static enum status push_container(struct pickle *pickle, enum pickle_type type, struct error *err) {
    uint64_t index = pickle->containers.length / sizeof(struct buffer);
    struct buffer empty = {0};
    if (index >= CONTAINERS_MAX)
        return malformed(pickle, "it holds more than a million lists", err);
    enum status status =
        import_append(pickle->memory, &pickle->containers, &empty, sizeof empty, err);
    return status == STATUS_OK ? push(pickle, (struct pickle_value){.type = type, .n = index}, err)
                               : status;
}

/* The value `below` places under the top; NULL when there is a mark or nothing there. */
static const struct pickle_value *peek(const struct pickle *pickle, uint64_t below) {
    uint64_t n = count_of(&pickle->stack);
    uint32_t id = below < n ? number_at(&pickle->stack, n - 1 - below) : MARK;
    return id == MARK ? NULL : value_at(pickle, id);
}

static void drop(struct pickle *pickle, uint64_t n) {
    pickle->stack.length -= (size_t)n * sizeof(uint32_t);
}

/* Appends the n values of the stack from `from` on. */
static enum status items_add(struct pickle *pickle, struct buffer *items, uint64_t from, uint64_t n,
                             struct error *err) {
    return n == 0
               ? STATUS_OK
               : import_append(pickle->memory, items, pickle->stack.data + from * sizeof(uint32_t),
                               (size_t)n * sizeof(uint32_t), err);
}

/* Moves the n values on top, in their order, into the container that lies `below` places under
 * them, and takes them off the stack with what lies between (a mark). */
static enum status gather(struct pickle *pickle, uint64_t n, uint64_t between, bool pairs,
                          struct error *err) {
    uint64_t all = count_of(&pickle->stack);
    const struct pickle_value *into = peek(pickle, n + between);
    if (!has_items(into) || (pairs && (into->type != PICKLE_DICT || n % 2 != 0)) ||
        (!pairs && into->type == PICKLE_DICT))
        return malformed(pickle, "items for what is no container", err);
    for (uint64_t i = 0; between == 0 && i < n; i++)
        if (!peek(pickle, i))
            return malformed(pickle, "a value is missing", err);
    enum status status = items_add(pickle, container_at(pickle, into->n), all - n, n, err);
    drop(pickle, n + between);
    return status;
}

/* How many values lie above the last mark. */
static bool above_mark(const struct pickle *pickle, uint64_t *n) {
    uint64_t all = count_of(&pickle->stack);
    for (*n = 0; *n < all; ++*n)
        if (number_at(&pickle->stack, all - 1 - *n) == MARK)
            return true;
    return false;
}

static enum status gather_marked(struct pickle *pickle, bool pairs, struct error *err) {
    uint64_t n;
    return above_mark(pickle, &n) ? gather(pickle, n, 1, pairs, err)
                                  : malformed(pickle, "a mark is missing", err);
}

/* A new container of the n values on top, instead of them and of `between` marks. */
static enum status wrap(struct pickle *pickle, uint64_t n, uint64_t between, enum pickle_type type,
                        struct error *err) {
    for (uint64_t i = 0; i < n; i++)
        if (!peek(pickle, i))
            return malformed(pickle, "a value is missing", err);
    enum status status = push_container(pickle, type, err);
    if (status != STATUS_OK)
        return status;
    uint64_t all = count_of(&pickle->stack);
    uint32_t id = number_at(&pickle->stack, all - 1);
    struct buffer *items = container_at(pickle, peek(pickle, 0)->n);
    status = items_add(pickle, items, all - 1 - n, n, err);
    drop(pickle, n + between + 1);
    return status == STATUS_OK ? push_id(pickle, id, err) : status;
}

static enum status wrap_marked(struct pickle *pickle, enum pickle_type type, struct error *err) {
    uint64_t n;
    if (!above_mark(pickle, &n))
        return malformed(pickle, "a mark is missing", err);
    if (type == PICKLE_DICT && n % 2 != 0)
        return malformed(pickle, "a key without a value", err);
    return wrap(pickle, n, 1, type, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A little-endian number of n bytes. */
static bool scan_number(struct pickle *pickle, size_t n, uint64_t *value) {
    *value = 0;
    if ((size_t)(pickle->end - pickle->at) < n)
        return false;
    for (size_t i = n; i > 0; i--)
        *value = *value << 8 | (unsigned char)pickle->at[i - 1];
    pickle->at += n;
    return true;
}

static enum status cut(const struct pickle *pickle, struct error *err) {
    return malformed(pickle, "it is cut short", err);
}

/* Bytes behind their length, which has n bytes. */
static enum status take_bytes(struct pickle *pickle, size_t n, enum pickle_type type,
                              struct error *err) {
    uint64_t length;
    if (!scan_number(pickle, n, &length) || length > (uint64_t)(pickle->end - pickle->at))
        return cut(pickle, err);
    const char *bytes = pickle->at;
    pickle->at += length;
    return push(pickle, (struct pickle_value){.type = type, .n = length, .bytes = bytes}, err);
}

static enum status take_number(struct pickle *pickle, size_t n, struct error *err) {
    uint64_t value;
    if (!scan_number(pickle, n, &value))
        return cut(pickle, err);
    if (n == 4)
        value = (uint64_t)(int64_t)(int32_t)(uint32_t)value;
    return push(pickle, (struct pickle_value){.type = PICKLE_NUMBER, .n = value}, err);
}

/* A number of any length, of which what does not fit 8 bytes is of no use here. */
static enum status take_long(struct pickle *pickle, size_t n, struct error *err) {
    uint64_t length, value = 0;
    if (!scan_number(pickle, n, &length) || length > (uint64_t)(pickle->end - pickle->at))
        return cut(pickle, err);
    bool negative = length > 0 && ((unsigned char)pickle->at[length - 1] & 0x80) != 0;
    for (uint64_t i = 0; i < 8; i++) {
        unsigned char byte = i < length ? (unsigned char)pickle->at[i] : negative ? 0xff : 0;
        value |= (uint64_t)byte << 8 * i;
    }
    pickle->at += length;
    return push(pickle, (struct pickle_value){.type = PICKLE_NUMBER, .n = value}, err);
}

static enum status take_line(struct pickle *pickle, struct error *err) {
    const char *line = pickle->at, *end = memchr(line, '\n', (size_t)(pickle->end - line));
    if (!end)
        return cut(pickle, err);
    pickle->at = end + 1;
    return push(
        pickle,
        (struct pickle_value){.type = PICKLE_TEXT, .n = (uint64_t)(end - line), .bytes = line},
        err);
}

static enum status take_global(struct pickle *pickle, struct error *err) {
    enum status status = take_line(pickle, err);
    if (status == STATUS_OK)
        status = take_line(pickle, err);
    return status == STATUS_OK ? wrap(pickle, 2, 0, PICKLE_GLOBAL, err) : status;
}

static enum status recall(struct pickle *pickle, size_t n, struct error *err) {
    uint64_t index;
    if (!scan_number(pickle, n, &index))
        return cut(pickle, err);
    return index < count_of(&pickle->memo) ? push_id(pickle, number_at(&pickle->memo, index), err)
                                           : malformed(pickle, "it recalls what was not", err);
}

static enum status memorize(struct pickle *pickle, uint64_t index, struct error *err) {
    uint64_t all = count_of(&pickle->stack), known = count_of(&pickle->memo);
    if (!peek(pickle, 0) || index > known)
        return malformed(pickle, "it remembers what is not", err);
    uint32_t id = number_at(&pickle->stack, all - 1);
    if (index == known)
        return import_append(pickle->memory, &pickle->memo, &id, sizeof id, err);
    memcpy(pickle->memo.data + index * sizeof id, &id, sizeof id);
    return STATUS_OK;
}

static enum status memorize_at(struct pickle *pickle, size_t n, struct error *err) {
    uint64_t index;
    return scan_number(pickle, n, &index) ? memorize(pickle, index, err) : cut(pickle, err);
}

/* The state of an object becomes its third item; a second one replaces nothing. */
static enum status build(struct pickle *pickle, struct error *err) {
    const struct pickle_value *object = peek(pickle, 1);
    if (!peek(pickle, 0) || !object || object->type != PICKLE_OBJECT)
        return malformed(pickle, "a state of what is no object", err);
    return gather(pickle, 1, 0, false, err);
}

static enum status skip(struct pickle *pickle, size_t n, struct error *err) {
    uint64_t ignored;
    return scan_number(pickle, n, &ignored) ? STATUS_OK : cut(pickle, err);
}

static enum status pop(struct pickle *pickle, uint64_t n, struct error *err) {
    if (count_of(&pickle->stack) < n)
        return malformed(pickle, "it takes what is not", err);
    drop(pickle, n);
    return STATUS_OK;
}

static enum status pop_marked(struct pickle *pickle, struct error *err) {
    uint64_t n;
    return above_mark(pickle, &n) ? pop(pickle, n + 1, err)
                                  : malformed(pickle, "a mark is missing", err);
}

static enum status push_plain(struct pickle *pickle, enum pickle_type type, uint64_t n,
                              struct error *err) {
    return push(pickle, (struct pickle_value){.type = type, .n = n}, err);
}

static enum status take_real(struct pickle *pickle, struct error *err) {
    enum status status = skip(pickle, 8, err);
    return status == STATUS_OK ? push_plain(pickle, PICKLE_REAL, 0, err) : status;
}

/* NEWOBJ_EX: class, arguments, keyword arguments, of which the last are of no use here. */
static enum status new_object(struct pickle *pickle, struct error *err) {
    enum status status = pop(pickle, 1, err);
    return status == STATUS_OK ? wrap(pickle, 2, 0, PICKLE_OBJECT, err) : status;
}

static enum status duplicate(struct pickle *pickle, struct error *err) {
    uint64_t all = count_of(&pickle->stack);
    return peek(pickle, 0) ? push_id(pickle, number_at(&pickle->stack, all - 1), err)
                           : malformed(pickle, "it doubles what is not", err);
}

/* Instructions that make a value of the bytes behind them, or change the memo. */
static enum status step_value(struct pickle *pickle, unsigned char opcode, struct error *err) {
    switch (opcode) {
    case 'N':
        return push_plain(pickle, PICKLE_NONE, 0, err);
    case 0x88: /* True */
        return push_plain(pickle, PICKLE_NUMBER, 1, err);
    case 0x89: /* False */
        return push_plain(pickle, PICKLE_NUMBER, 0, err);
    case 'J':
        return take_number(pickle, 4, err);
    case 'K':
        return take_number(pickle, 1, err);
    case 'M':
        return take_number(pickle, 2, err);
    case 0x8a:
        return take_long(pickle, 1, err);
    case 0x8b:
        return take_long(pickle, 4, err);
    case 'G':
        return take_real(pickle, err);
    case 'X':
        return take_bytes(pickle, 4, PICKLE_TEXT, err);
    case 0x8c:
        return take_bytes(pickle, 1, PICKLE_TEXT, err);
    case 0x8d:
        return take_bytes(pickle, 8, PICKLE_TEXT, err);
    case 'C':
        return take_bytes(pickle, 1, PICKLE_BYTES, err);
    case 'B':
        return take_bytes(pickle, 4, PICKLE_BYTES, err);
    case 0x8e:
    case 0x96:
        return take_bytes(pickle, 8, PICKLE_BYTES, err);
    case 'h':
        return recall(pickle, 1, err);
    case 'j':
        return recall(pickle, 4, err);
    case 'q':
        return memorize_at(pickle, 1, err);
    case 'r':
        return memorize_at(pickle, 4, err);
    case 0x94:
        return memorize(pickle, count_of(&pickle->memo), err);
    case 'c':
        return take_global(pickle, err);
    default:
        return error_set(err, STATUS_UNSUPPORTED,
                         "the pickle holds the instruction %u at byte %zu, which is not read here: "
                         "save the vectors by gensim's save_word2vec_format",
                         opcode, (size_t)(pickle->at - pickle->data) - 1);
    }
}

/* Instructions that work on the stack. */
static enum status step(struct pickle *pickle, unsigned char opcode, struct error *err) {
    switch (opcode) {
    case 0x80: /* protocol */
        return skip(pickle, 1, err);
    case 0x95: /* frame */
        return skip(pickle, 8, err);
    case '(':
        return push_id(pickle, MARK, err);
    case '0':
        return pop(pickle, 1, err);
    case '1':
        return pop_marked(pickle, err);
    case '2':
        return duplicate(pickle, err);
    case ']':
    case ')':
    case 0x8f: /* set */
        return push_container(pickle, PICKLE_LIST, err);
    case '}':
        return push_container(pickle, PICKLE_DICT, err);
    case 'a':
        return gather(pickle, 1, 0, false, err);
    case 'e':
    case 0x90: /* to a set */
        return gather_marked(pickle, false, err);
    case 's':
        return gather(pickle, 2, 0, true, err);
    case 'u':
        return gather_marked(pickle, true, err);
    case 'l':
    case 't':
    case 0x91: /* frozen set */
        return wrap_marked(pickle, PICKLE_LIST, err);
    case 'd':
        return wrap_marked(pickle, PICKLE_DICT, err);
    case 0x85:
    case 0x86:
    case 0x87:
        return wrap(pickle, opcode - 0x84u, 0, PICKLE_LIST, err);
    case 0x93:
        return wrap(pickle, 2, 0, PICKLE_GLOBAL, err);
    case 'R':
    case 0x81:
        return wrap(pickle, 2, 0, PICKLE_OBJECT, err);
    case 0x92:
        return new_object(pickle, err);
    case 'b':
        return build(pickle, err);
    default:
        return step_value(pickle, opcode, err);
    }
}

static enum status run(struct pickle *pickle, const struct stop *stop, struct error *err) {
    for (uint64_t i = 0;; i++) {
        if (pickle->at == pickle->end)
            return cut(pickle, err);
        unsigned char opcode = (unsigned char)*pickle->at++;
        if (opcode == '.')
            break;
        enum status status = i % STEPS == 0 ? stop_check(stop, "the import", err) : STATUS_OK;
        if (status == STATUS_OK)
            status = step(pickle, opcode, err);
        if (status != STATUS_OK)
            return status;
    }
    return peek(pickle, 0) ? STATUS_OK : malformed(pickle, "it is empty", err);
}

enum status pickle_read(struct pickle **pickle, const char *data, size_t length,
                        struct import_memory *memory, const struct stop *stop, struct error *err) {
    struct pickle *made = calloc(1, sizeof *made);
    *pickle = NULL;
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for an import");
    made->data = made->at = data;
    made->end = data + length;
    made->memory = memory;
    enum status status = run(made, stop, err);
    if (status != STATUS_OK)
        pickle_free(made);
    else
        *pickle = made;
    return status;
}

void pickle_free(struct pickle *pickle) {
    if (!pickle)
        return;
    for (uint64_t i = 0; i < pickle->containers.length / sizeof(struct buffer); i++)
        buffer_clear(container_at(pickle, i));
    buffer_clear(&pickle->containers);
    buffer_clear(&pickle->values);
    buffer_clear(&pickle->stack);
    buffer_clear(&pickle->memo);
    free(pickle);
}
