/* Settings as text: values, `name = value` files, the environment, help. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/distance.h"
#include "base/file.h"
#include "config/config.h"
#include "config/config_rows.h"

#define FILE_MAX ((size_t)1 << 20)
#define HELP_COLUMN 34
#define HELP_WIDTH 100

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static char *trim(char *text) {
    while (is_blank(*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && is_blank(text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* Takes the quotes off in place; \" and \\ stand for themselves. False when the closing quote is
 * missing or text follows it that is no comment. */
static bool unquote(char *text) {
    char *from = text + 1, *to = text;
    while (*from && *from != '"') {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from++;
    }
    if (*from != '"')
        return false;
    const char *rest = trim(from + 1);
    *to = '\0';
    return *rest == '\0' || *rest == '#';
}

/* Ends text where a '#' follows white space. */
static void cut_comment(char *text) {
    for (char *c = text; *c; c++) {
        if (*c == '#' && c > text && is_blank(c[-1])) {
            *c = '\0';
            return;
        }
    }
}

static enum status read_line(struct settings *settings, char *line, unsigned scopes,
                             struct error *err) {
    line = trim(line);
    if (*line == '\0' || *line == '#')
        return STATUS_OK;
    char *equals = strchr(line, '=');
    if (!equals)
        return error_set(err, STATUS_MALFORMED, "expected 'name = value', not '%.64s'", line);
    *equals = '\0';
    char *name = trim(line), *value = equals + 1;
    while (is_blank(*value))
        value++;
    if (*value == '"') {
        if (!unquote(value)) {
            return error_set_key(err, STATUS_MALFORMED, name,
                                 "value of %.64s has no closing quote, or text behind it", name);
        }
    } else {
        /* The blank before "name = #..." makes that a comment, hence equals + 1. */
        cut_comment(equals + 1);
        value = trim(equals + 1);
    }
    return settings_set(settings, name, value, scopes, err);
}

enum status settings_read_text(struct settings *settings, const char *text, const char *source,
                               unsigned scopes, struct error *err) {
    char *copy = strdup(text);
    if (!copy)
        return error_set(err, STATUS_NO_MEMORY, "out of memory reading %s", source);
    enum status status = STATUS_OK;
    size_t number = 0;
    char *line = strncmp(copy, "\xef\xbb\xbf", 3) == 0 ? copy + 3 : copy;
    while (line && status == STATUS_OK) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        struct error inner = {0};
        number++;
        status = read_line(settings, line, scopes, &inner);
        if (status != STATUS_OK)
            error_set_key(err, status, inner.key, "%s:%zu: %s", source, number, inner.text);
        line = next;
    }
    free(copy);
    return status;
}

enum status settings_read_file(struct settings *settings, const char *path, unsigned scopes,
                               struct error *err) {
    char *text = NULL;
    size_t length;
    enum status status = file_read(path, FILE_MAX, &text, &length, err);
    if (status != STATUS_OK)
        return status;
    if (strlen(text) != length)
        status = error_set(err, STATUS_MALFORMED, "'%s' holds a NUL byte", path);
    else
        status = settings_read_text(settings, text, path, scopes, err);
    free(text);
    return status;
}

/* What is ours but no setting, what clients of the service read, and what Kubernetes puts into the
 * environment of a pod beside a Service called vecmill. */
static bool is_no_setting(const char *name) {
#ifdef VECMILL_FAILPOINTS
    if (strncmp(name, "FAILPOINTS=", 11) == 0)
        return true;
#endif
    if (strncmp(name, "CONF=", 5) == 0 || strncmp(name, "URL=", 4) == 0 ||
        strncmp(name, "API_KEY=", 8) == 0)
        return true;
    return strncmp(name, "SERVICE_", 8) == 0 || strncmp(name, "PORT_", 5) == 0 ||
           strncmp(name, "PORT=", 5) == 0;
}

static enum status refuse_variable(const char *name, struct error *err) {
    char given[DISTANCE_NAME_SIZE], hint[SETTING_HINT_SIZE];
    size_t i = 0;
    settings_hint(name, SPELLED_AS_VARIABLE, NULL, NULL, hint);
    for (; name[i] && i < sizeof given - 1; i++)
        given[i] = (char)toupper((unsigned char)name[i]);
    given[i] = '\0';
    return error_set_key(err, STATUS_REFUSED, name,
                         "unknown setting 'VECMILL_%s' in the environment%s", given, hint);
}

static enum status read_variable(struct settings *settings, const char *variable, unsigned scopes,
                                 struct error *err) {
    const char *equals = strchr(variable, '=');
    if (strncmp(variable, "VECMILL_", 8) != 0 || !equals)
        return STATUS_OK;
    const char *from = variable + 8;
    char name[DISTANCE_NAME_SIZE];
    size_t length = (size_t)(equals - from);
    if (is_no_setting(from))
        return STATUS_OK;
    for (size_t i = 0; i < length && i < sizeof name - 1; i++)
        name[i] = (char)tolower((unsigned char)from[i]);
    name[length < sizeof name - 1 ? length : sizeof name - 1] = '\0';
    if (length >= sizeof name || !settings_find(name))
        return refuse_variable(name, err);
    struct error inner = {0};
    enum status status = settings_set(settings, name, equals + 1, scopes, &inner);
    if (status != STATUS_OK)
        error_set_key(err, status, inner.key, "VECMILL_%.*s: %s", (int)length, from, inner.text);
    return status;
}

enum status settings_read_environment(struct settings *settings, char *const *environment,
                                      unsigned scopes, struct error *err) {
    for (; *environment; environment++) {
        enum status status = read_variable(settings, *environment, scopes, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Text that stands without quotes: a comment sign, a quote or a blank at either end would be
 * misread. */
static bool is_plain(const char *value) {
    size_t length = strlen(value);
    return length > 0 && !strpbrk(value, "#\"\\") && !is_blank(value[0]) &&
           !is_blank(value[length - 1]);
}

static void write_value(const struct settings *settings, const struct setting *row,
                        struct buffer *text) {
    const char *value = setting_value(settings, row);
    if (row->type != SETTING_IS_TEXT || is_plain(value)) {
        settings_print(settings, row, text);
        return;
    }
    buffer_append_char(text, '"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buffer_append_char(text, '\\');
        buffer_append_char(text, *value);
    }
    buffer_append_char(text, '"');
}

/* "1 to 4096; default 100" */
void settings_describe(const struct setting *row, struct buffer *text) {
    switch (row->type) {
    case SETTING_IS_FLAG:
        buffer_append_text(text, row->may_be_auto ? SETTING_AUTO_NAME ", " : "");
        buffer_append_text(text, "true or false");
        break;
    case SETTING_IS_CHOICE:
        for (size_t i = 0; row->choices[i]; i++) {
            buffer_append_text(text, i > 0 ? ", " : "");
            buffer_append_text(text, row->choices[i]);
        }
        break;
    case SETTING_IS_TEXT:
        buffer_print(text, "at most %d bytes", (int)row->max);
        break;
    default:
        buffer_append_text(text, row->may_be_auto ? SETTING_AUTO_NAME ", or " : "");
        setting_print_bounds(row, " to ", text);
    }
    buffer_print(text, "; default %s", row->initial);
}

void settings_write_text(const struct settings *settings, unsigned scopes, bool commented,
                         struct buffer *text) {
    if (commented) {
        buffer_append_text(
            text,
            "# Settings of vecmill, one `name = value` a line; what follows a '#' is a comment.\n"
            "# A variable VECMILL_NAME beats this file, and --name on the command line beats "
            "both.\n"
            "# K, M, G and T behind a number of bytes are powers of 1024.\n"
            "# `vecmill help conf` prints this file.\n");
    }
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if (!(row->scope & scopes))
            continue;
        if (commented) {
            buffer_print(text, "\n# %s\n# ", row->meaning);
            settings_describe(row, text);
            buffer_append_text(text, "\n#");
        }
        buffer_print(text, "%s = ", row->name);
        write_value(settings, row, text);
        buffer_append_char(text, '\n');
    }
}

static void write_words(struct buffer *text, const char *words, size_t column) {
    while (*words) {
        size_t length = strcspn(words, " ");
        if (column > HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
            buffer_print(text, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            buffer_append_char(text, ' ');
            column++;
        }
        buffer_append(text, words, length);
        column += length;
        words += length;
        words += strspn(words, " ");
    }
    buffer_append_char(text, '\n');
}

void settings_write_help(unsigned scopes, struct buffer *text) {
    static const char *const values[] = {
        [SETTING_IS_INT] = "N",       [SETTING_IS_REAL] = "X",    [SETTING_IS_FLAG] = "BOOL",
        [SETTING_IS_CHOICE] = "NAME", [SETTING_IS_TEXT] = "TEXT", [SETTING_IS_BYTES] = "BYTES"};
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if (!(row->scope & scopes))
            continue;
        size_t start = text->length;
        buffer_append_text(text, "  --");
        for (const char *c = row->name; *c; c++)
            buffer_append_char(text, *c == '_' ? '-' : *c);
        buffer_print(text, " %s", values[row->type]);
        size_t column = text->length - start;
        if (column + 2 > HELP_COLUMN) {
            buffer_append_char(text, '\n');
            column = 0;
        }
        buffer_print(text, "%*s", (int)(HELP_COLUMN - column), "");
        struct buffer words = {0};
        buffer_print(&words, "%s (", row->meaning);
        settings_describe(row, &words);
        buffer_append_char(&words, ')');
        if (words.failed)
            text->failed = true;
        else
            write_words(text, words.data, HELP_COLUMN);
        buffer_clear(&words);
    }
}
