/* Settings by name: one parser for each type, and what holds between settings. */
#include "config/config.h"

#include <assert.h>
#include <string.h>

#include "base/distance.h"
#include "base/number.h"
#include "config/config_rows.h"

void settings_init(struct settings *settings) {
    memset(settings, 0, sizeof *settings);
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        enum status status = settings_set(settings, row->name, row->initial, SETTING_OF_ALL, NULL);
        assert(status == STATUS_OK);
        (void)status;
    }
}

/* ---- one parser for each type: text to the place in the struct ------------------------------- */

static enum status refuse_number(const struct setting *row, const char *kind, const char *text,
                                 struct error *err) {
    struct buffer bounds = {0};
    setting_print_bounds(row, " and ", &bounds);
    enum status status = error_set_key(
        err, STATUS_REFUSED, row->name, "%s must be %s%sbetween %s, not %s%.64s%s", row->name,
        row->may_be_auto ? SETTING_AUTO_NAME " or " : "", kind,
        bounds.failed ? "its bounds" : bounds.data, *kind ? "'" : "", text, *kind ? "'" : "");
    buffer_clear(&bounds);
    return status;
}

/* The bounds as doubles are exact but for INT64_MAX, which becomes 2^63: no value is above it, as
 * is right. */
static enum status store_whole(void *place, const struct setting *row, int64_t value,
                               const char *text, struct error *err) {
    if ((double)value < row->min || (double)value > row->max)
        return refuse_number(row, "", text, err);
    memcpy(place, &value, sizeof value);
    return STATUS_OK;
}

static enum status parse_int(void *place, const struct setting *row, const char *text,
                             struct error *err) {
    int64_t value = SETTING_AUTO_INT;
    if (row->may_be_auto && strcmp(text, SETTING_AUTO_NAME) == 0) {
        memcpy(place, &value, sizeof value);
        return STATUS_OK;
    }
    const char *zero = setting_zero_name(row);
    if (zero && strcmp(text, zero) == 0)
        return store_whole(place, row, 0, text, err);
    if (!number_parse_int(text, &value))
        return refuse_number(row, "a whole number ", text, err);
    return store_whole(place, row, value, text, err);
}

static enum status parse_bytes(void *place, const struct setting *row, const char *text,
                               struct error *err) {
    static const char suffixes[] = "KMGT";
    char digits[32];
    size_t length = strlen(text);
    unsigned shift = 0;
    if (length > 1 && length < sizeof digits) {
        char last = text[length - 1];
        last = last >= 'a' && last <= 'z' ? (char)(last - 'a' + 'A') : last;
        const char *suffix = strchr(suffixes, last);
        shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
    }
    int64_t value;
    length -= shift > 0;
    if (length < sizeof digits) {
        memcpy(digits, text, length);
        digits[length] = '\0';
    }
    if (length >= sizeof digits || !number_parse_int(digits, &value)) {
        return error_set_key(
            err, STATUS_REFUSED, row->name,
            "%s must be a number of bytes, such as 1048576, 64M or 2G, not '%.64s'", row->name,
            text);
    }
    if (value > INT64_MAX >> shift || value < 0)
        return refuse_number(row, "", text, err);
    return store_whole(place, row, value << shift, text, err);
}

static enum status parse_real(void *place, const struct setting *row, const char *text,
                              struct error *err) {
    double value = SETTING_AUTO_REAL;
    if (row->may_be_auto && strcmp(text, SETTING_AUTO_NAME) == 0) {
        memcpy(place, &value, sizeof value);
        return STATUS_OK;
    }
    if (!number_parse_real(text, &value))
        return refuse_number(row, "a number ", text, err);
    if (value < row->min || value > row->max)
        return refuse_number(row, "", text, err);
    value += 0.0; /* -0 passes the bounds of [0, ...); nobody wants to meet it later */
    memcpy(place, &value, sizeof value);
    return STATUS_OK;
}

static enum status parse_flag(void *place, const struct setting *row, const char *text,
                              struct error *err) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    const int8_t automatic = SETTING_AUTO_FLAG;
    if (row->may_be_auto && strcmp(text, SETTING_AUTO_NAME) == 0) {
        memcpy(place, &automatic, sizeof automatic);
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            bool value = i % 2 == 1;
            memcpy(place, &value, sizeof value);
            return STATUS_OK;
        }
    }
    return error_set_key(err, STATUS_REFUSED, row->name, "%s must be %strue or false, not '%.64s'",
                         row->name, row->may_be_auto ? SETTING_AUTO_NAME ", " : "", text);
}

static enum status parse_choice(void *place, const struct setting *row, const char *text,
                                struct error *err) {
    int count = 0;
    for (; row->choices[count]; count++)
        if (names_equal(text, row->choices[count])) {
            memcpy(place, &count, sizeof count);
            return STATUS_OK;
        }
    struct buffer list = {0};
    for (int i = 0; i < count; i++) {
        buffer_append_text(&list, i == 0 ? "" : i == count - 1 ? " or " : ", ");
        buffer_append_text(&list, row->choices[i]);
    }
    enum status status =
        error_set_key(err, STATUS_REFUSED, row->name, "%s must be %s, not '%.64s'", row->name,
                      list.failed ? "one of its choices" : list.data, text);
    buffer_clear(&list);
    return status;
}

static enum status parse_text(void *place, const struct setting *row, const char *text,
                              struct error *err) {
    size_t length = strlen(text), max = (size_t)row->max;
    if (length == 0)
        return error_set_key(err, STATUS_REFUSED, row->name, "%s must not be empty", row->name);
    if (length > max) {
        return error_set_key(err, STATUS_REFUSED, row->name,
                             "%s must be at most %zu bytes long, not %zu", row->name, max, length);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return error_set_key(err, STATUS_REFUSED, row->name,
                                 "%s must not hold control characters", row->name);
        }
    }
    memset(place, 0, max + 1); /* so that equal settings are equal bytes */
    memcpy(place, text, length);
    return STATUS_OK;
}

static const char *scope_name(unsigned scopes) {
    return scopes & SETTING_OF_JOB      ? "a job"
           : scopes & SETTING_OF_SERVER ? "the server"
                                        : "the command line";
}

enum status settings_set(struct settings *settings, const char *name, const char *text,
                         unsigned scopes, struct error *err) {
    static enum status (*const parsers[])(void *, const struct setting *, const char *,
                                          struct error *) = {
        [SETTING_IS_INT] = parse_int,   [SETTING_IS_REAL] = parse_real,
        [SETTING_IS_FLAG] = parse_flag, [SETTING_IS_CHOICE] = parse_choice,
        [SETTING_IS_TEXT] = parse_text, [SETTING_IS_BYTES] = parse_bytes};
    const struct setting *row = settings_find(name);
    if (!row) {
        char hint[SETTING_HINT_SIZE];
        settings_hint(name, SPELLED_PLAIN, NULL, NULL, hint);
        return error_set_key(err, STATUS_REFUSED, name, "unknown setting '%.64s'%s", name, hint);
    }
    if (!(row->scope & scopes)) {
        return error_set_key(err, STATUS_REFUSED, row->name, "%s is a setting of %s, not of %s",
                             row->name, scope_name(row->scope), scope_name(scopes));
    }
    return parsers[row->type](setting_place(settings, row), row, text, err);
}

/* ---- between settings ------------------------------------------------------------------------ */

/* stop_early needs what it watches. */
static enum status check_stop_early(const struct settings *settings, struct error *err) {
    switch (settings->stop_early) {
    case STOP_EARLY_OFF:
        return STATUS_OK;
    case STOP_EARLY_HOLDOUT:
        return settings->holdout > 0
                   ? STATUS_OK
                   : error_set_key(err, STATUS_REFUSED, "holdout",
                                   "holdout must be above 0 with stop_early = holdout_loss, "
                                   "such as 0.02");
    case STOP_EARLY_SCORE:
        break;
    }
    return strcmp(settings->questions, "none") != 0
               ? STATUS_OK
               : error_set_key(err, STATUS_REFUSED, "questions",
                               "questions must name a set of questions with stop_early = score");
}

/* What has no meaning for walks is refused, not passed over. */
static enum status check_edges(const struct settings *settings, struct error *err) {
    if (settings->format != FORMAT_EDGES)
        return STATUS_OK;
    if (settings->holdout > 0)
        return error_set_key(err, STATUS_REFUSED, "holdout",
                             "holdout must be 0 with format = edges: walks are made anew in each "
                             "epoch, and none is kept apart");
    if (settings->max_vocab > 0)
        return error_set_key(err, STATUS_REFUSED, "max_vocab",
                             "max_vocab must be 0 with format = edges: every node is kept");
    if (strcmp(settings->context_prefix, "none") != 0)
        return error_set_key(err, STATUS_REFUSED, "context_prefix",
                             "context_prefix must be none with format = edges: walks have no "
                             "contexts beside their nodes");
    return STATUS_OK;
}

enum status settings_check(const struct settings *settings, struct error *err) {
    if (settings->min_learning_rate > settings->learning_rate) {
        return error_set_key(err, STATUS_REFUSED, "min_learning_rate",
                             "min_learning_rate must be at most learning_rate %g, not %g",
                             settings->learning_rate, settings->min_learning_rate);
    }
    if (settings->window > 0 && settings->num_true > 2 * settings->window) {
        return error_set_key(err, STATUS_REFUSED, "num_true",
                             "num_true must be at most twice the window, %lld, not %lld",
                             2 * (long long)settings->window, (long long)settings->num_true);
    }
    if (settings->architecture == ARCHITECTURE_CBOW && settings->num_true > 1) {
        return error_set_key(
            err, STATUS_REFUSED, "num_true",
            "num_true must be 1 with the architecture cbow, which has one target, not %lld",
            (long long)settings->num_true);
    }
    if (settings->exact_negatives && settings->shared_negatives > 0) {
        return error_set_key(
            err, STATUS_REFUSED, "shared_negatives",
            "shared_negatives must be 0 with exact_negatives, which shares none, not %lld",
            (long long)settings->shared_negatives);
    }
    enum status status = check_edges(settings, err);
    return status == STATUS_OK ? check_stop_early(settings, err) : status;
}
