/* Settings: each is one row of settings.def. Everything else (defaults, files, environment, command
 * line, JSON job settings, --help, vecmill.conf, GET /v1/settings) walks those rows.
 * Spelled --name value (or --name=value, name with '-' or '_'), VECMILL_NAME, `name = value`,
 * "name": value. Later sources win: default < file < environment < command line.
 * Threads: none of these functions keeps state; a struct settings is its owner's. */
#ifndef VECMILL_CONFIG_CONFIG_H
#define VECMILL_CONFIG_CONFIG_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/choice.h"
#include "base/error.h"
#include "config/choices.def"

/* For each choice, `enum setting_<name>` with the constants of choices.def, from 0 on. */
#define SETTING_CHOICE(name, def, scope, meaning) \
    enum setting_##name{CHOICES_OF_##name(CHOICE_CONSTANT)};
#include "config/settings.def"

/* What a setting that may be `auto` holds while it is: beyond the bounds of any row. Whoever reads
 * such a setting needs the value that was chosen for it. */
#define SETTING_AUTO_INT INT64_MIN
#define SETTING_AUTO_REAL (-(double)INFINITY)
#define SETTING_AUTO_FLAG ((int8_t)-1)
#define SETTING_AUTO_NAME "auto"

/* The values. Plain data: copied by assignment; settings that are equal are equal bytes when both
 * began with settings_init. */
struct settings {
#define SETTING_INT(name, def, min, max, scope, meaning) int64_t name;
#define SETTING_REAL(name, def, min, max, scope, meaning) double name;
#define SETTING_INT_AUTO SETTING_INT
#define SETTING_REAL_AUTO SETTING_REAL
#define SETTING_FLAG(name, def, scope, meaning) bool name;
#define SETTING_FLAG_AUTO(name, def, scope, meaning) int8_t name;
#define SETTING_CHOICE(name, def, scope, meaning) enum setting_##name name;
#define SETTING_TEXT(name, def, size, scope, meaning) char name[size];
#define SETTING_BYTES(name, def, min, max, scope, meaning) int64_t name;
#include "config/settings.def"
};

enum setting_type {
    SETTING_IS_INT,
    SETTING_IS_REAL,
    SETTING_IS_FLAG,
    SETTING_IS_CHOICE,
    SETTING_IS_TEXT,
    SETTING_IS_BYTES
};
/* Who may set it; bits, joined by | where a function takes several. */
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
    bool may_be_auto;    /* a number or flag that may hold its SETTING_AUTO_... */
    const char *initial; /* default as text */
    /* The names of a choice by value, NULL behind the last; NULL when it is no choice. */
    const char *const *choices;
    double min, max; /* bounds of a number; of a text, the lengths in bytes */
    size_t offset;   /* into struct settings */
};

/* The rows in the order of settings.def: index is below settings_count(), which is asserted. They
 * are constants: any thread may read them. */
size_t settings_count(void);
const struct setting *settings_row(size_t index);
/* By name, in which '-' and '_' are the same; NULL when there is none. */
const struct setting *settings_find(const char *name);

/* What another trainer calls it: a row of other_names.def. */
struct setting_other {
    const char *name, *ours, *translation;
};
size_t settings_others_count(void);
const struct setting_other *settings_others_row(size_t index);
/* The row of a name, in which letter case, '-', '_' and '.' do not count; NULL when there is
 * none. */
const struct setting_other *settings_other(const char *name);

/* How a hint writes the name of a setting: dim, --dim or VECMILL_DIM. */
enum setting_spelling { SPELLED_PLAIN, SPELLED_AS_OPTION, SPELLED_AS_VARIABLE };
#define SETTING_HINT_SIZE 256
/* What to say behind "unknown setting 'vector_size'": "; did you mean 'dim'?", with the translation
 * of the value where it means something else here, ": <why not>" where there is no such setting, or
 * nothing. Looks at our own names in another case or without '_', then at the names of other
 * trainers, then at what is spelled alike. offered: which settings may be named here, and, asked
 * with NULL, whether it may be said that there is none; NULL: all. Returns how far the names are
 * apart: 0 where they are known to mean the same; DISTANCE_FAR where there is nothing to say. */
size_t settings_hint(const char *name, enum setting_spelling spelling,
                     bool (*offered)(const void *context, const char *name), const void *context,
                     char hint[SETTING_HINT_SIZE]);

/* The defaults. */
void settings_init(struct settings *settings);

/* The one setter: parses text, checks its bounds and stores it. On failure settings stay as they
 * were. Errors: REFUSED with the name as key and a message that names the bound, such as "dim must
 * be between 1 and 4096, not 0"; an unknown name: "unknown setting 'dmi'; did you mean 'dim'?" (see
 * settings_hint); a name outside `scopes` (SETTING_OF_... joined by |): "listen is a setting of the
 * server, not of a job". */
enum status settings_set(struct settings *settings, const char *name, const char *text,
                         unsigned scopes, struct error *err) MUST_CHECK;

/* What holds between settings: min_learning_rate is at most learning_rate; num_true is at most
 * twice the window, and 1 with cbow; exact_negatives share no noise words; stop_early has what
 * it watches. What is auto comes to something that agrees. Errors: REFUSED with the key to
 * change. */
enum status settings_check(const struct settings *settings, struct error *err) MUST_CHECK;

/* The text that stands for 0 of a whole number beside "0": "all" of the window; NULL: none does. */
const char *setting_zero_name(const struct setting *row);

/* Whether the row's value is left to be chosen. */
bool settings_is_auto(const struct settings *settings, const struct setting *row);

/* Appends the value as settings_set reads it back exactly. */
void settings_print(const struct settings *settings, const struct setting *row,
                    struct buffer *text);

/* Reads `name = value` lines; '#' begins a comment (a whole line, or behind white space); a value
 * may stand in double quotes. `source` names the text in errors ("vecmill.conf:3: ..."). Lines
 * before a faulty one are set. Errors: settings_set's; MALFORMED for a line that is none. */
enum status settings_read_text(struct settings *settings, const char *text, const char *source,
                               unsigned scopes, struct error *err) MUST_CHECK;

/* The same of a file of at most 1 MiB. Errors: also file_read's; MALFORMED for a NUL byte. */
enum status settings_read_file(struct settings *settings, const char *path, unsigned scopes,
                               struct error *err) MUST_CHECK;

/* Reads VECMILL_NAME=value for each row from `environment`, which ends with NULL. Other VECMILL_
 * names are REFUSED, but for VECMILL_CONF (path of a file), for VECMILL_URL and VECMILL_API_KEY,
 * which clients read, and for VECMILL_SERVICE_* and VECMILL_PORT*, which Kubernetes makes of a
 * Service called vecmill. */
enum status settings_read_environment(struct settings *settings, char *const *environment,
                                      unsigned scopes, struct error *err) MUST_CHECK;

/* Appends the rows of the given scopes as `name = value` lines. `commented`: with meaning, bounds
 * and default as comments, and the value itself commented out: the shipped vecmill.conf. */
void settings_write_text(const struct settings *settings, unsigned scopes, bool commented,
                         struct buffer *text);

/* Appends what a row may be: "1 to 4096; default 100". */
void settings_describe(const struct setting *row, struct buffer *text);
/* Appends the help of the rows: "  --dim N   length of the vectors (1 to 4096; default 100)". */
void settings_write_help(unsigned scopes, struct buffer *text);

#endif
