/* Settings: one row of settings.def each, and everything else (defaults, files, environment,
 * command line, JSON job settings, --help, vecmill.conf, GET /v1/settings) walks those rows.
 * Spelled --name value (or --name=value, name with '-' or '_'), VECMILL_NAME, `name = value`,
 * "name": value. Later sources win: default < file < environment < command line. */
#ifndef VECMILL_CONFIG_CONFIG_H
#define VECMILL_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* Indices of the choices, in the order of their lists in settings.def. */
enum { SCHEDULE_LINEAR, SCHEDULE_CONSTANT };
enum { OBJECTIVE_NCE, OBJECTIVE_NEGATIVE_SAMPLING, OBJECTIVE_SAMPLED_SOFTMAX };
enum { NOISE_LOG_UNIFORM, NOISE_UNIGRAM, NOISE_UNIFORM };
enum { HITS_AUTO, HITS_YES, HITS_NO };
enum { ARCHITECTURE_SKIPGRAM, ARCHITECTURE_CBOW };
enum { BIAS_AUTO, BIAS_FIXED, BIAS_LEARNED, BIAS_ZERO, BIAS_NONE };
enum { INIT_WORD2VEC, INIT_TENSORFLOW };
enum { NONFINITE_FAIL, NONFINITE_ROLLBACK };
enum { PARTITION_BY_MOD, PARTITION_BY_DIV };
enum { FORMAT_AUTO, FORMAT_TEXT, FORMAT_NDJSON, FORMAT_TOKENS };
enum { TOKENIZER_WHITESPACE, TOKENIZER_UNICODE };
enum { SENTENCE_LINE, SENTENCE_PARAGRAPH };
enum { KERNEL_AUTO, KERNEL_AVX512BF16, KERNEL_AVX512, KERNEL_AVX2, KERNEL_PORTABLE };
enum { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct settings {
#define SETTING_INT(name, def, min, max, scope, meaning) int64_t name;
#define SETTING_REAL(name, def, min, max, scope, meaning) double name;
#define SETTING_FLAG(name, def, scope, meaning) bool name;
#define SETTING_CHOICE(name, def, list, scope, meaning) int name;
#define SETTING_TEXT(name, def, size, scope, meaning) char name[size];
#define SETTING_BYTES(name, def, min, max, scope, meaning) int64_t name;
#include "config/settings.def"
#undef SETTING_INT
#undef SETTING_REAL
#undef SETTING_FLAG
#undef SETTING_CHOICE
#undef SETTING_TEXT
#undef SETTING_BYTES
};

enum setting_type {
    SETTING_IS_INT,
    SETTING_IS_REAL,
    SETTING_IS_FLAG,
    SETTING_IS_CHOICE,
    SETTING_IS_TEXT,
    SETTING_IS_BYTES
};
enum setting_scope {
    SETTING_OF_JOB = 1,
    SETTING_OF_SERVER = 2,
    SETTING_OF_TOOL = 4,
    SETTING_OF_ALL = 7
};

/* A row as data, for help, documents and JSON. */
struct setting {
    const char *name, *meaning;
    enum setting_type type;
    enum setting_scope scope;
    const char *initial; /* default as text */
    const char *choices; /* "a|b|c" for a choice, else NULL */
    double min, max;     /* bounds of numbers; for text, most = longest in bytes */
    size_t offset;       /* into struct settings */
};
size_t settings_count(void);
const struct setting *settings_row(size_t index);
/* '-' and '_' are the same; NULL when unknown */
const struct setting *settings_find(const char *name);

void settings_init(struct settings *settings); /* the defaults */
/* The one setter: parses and bounds-checks text. Errors: REFUSED with key = name and a message that
 * names the bound, e.g. "dim must be between 1 and 4096, not 0"; an unknown name gets REFUSED
 * "unknown setting 'dmi'; did you mean 'dim'?". A name outside `scopes` is refused too ("listen is
 * a setting of the server, not of a job"). */
enum status settings_set(struct settings *settings, const char *name, const char *text,
                         unsigned scopes, struct error *err) MUST_CHECK;
/* Checks between settings (min_learning_rate <= learning_rate, num_true <= 2 * window, unique needs
 * ..., and so on). */
enum status settings_check(const struct settings *settings, struct error *err) MUST_CHECK;
/* The value as settings_set reads it back exactly. */
void settings_print(const struct settings *settings, const struct setting *row,
                    struct buffer *text);
/* Parses `name = value` lines; '#' comments (whole lines, or after white space); values may stand
 * in double quotes. `source` names the text in errors ("vecmill.conf:3: ..."). */
enum status settings_read_text(struct settings *settings, const char *text, const char *source,
                               unsigned scopes, struct error *err) MUST_CHECK;
enum status settings_read_file(struct settings *settings, const char *path, unsigned scopes,
                               struct error *err) MUST_CHECK;
/* VECMILL_NAME=value for each row; other VECMILL_ names are refused except VECMILL_CONF (path of a
 * file) and the VECMILL_SERVICE_* and VECMILL_PORT* that Kubernetes makes of a Service called
 * vecmill. */
enum status settings_read_environment(struct settings *settings, char *const *environment,
                                      unsigned scopes, struct error *err) MUST_CHECK;
/* Writes rows of the given scopes as `name = value` lines. `commented`: with meaning, bounds and
 * default as comments and the value itself commented out: the shipped vecmill.conf. */
void settings_write_text(const struct settings *settings, unsigned scopes, bool commented,
                         struct buffer *text);
/* The help of the rows: "  --dim N   length of the vectors (1 to 4096; default 100)". */
void settings_write_help(unsigned scopes, struct buffer *text);

#endif
