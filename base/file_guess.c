#include "base/file_guess.h"

#include <string.h>
#include <strings.h>

#define DEPTH 64        /* of JSON that is followed */
#define JSON_VALUES 3   /* values that are looked at */
#define FEW_RECORDS 5   /* that two columns need to be no accident */
#define MORE_RECORDS 3  /* the same for three columns and more */
#define SPACED_SHARE 10 /* one separator of so many may have a space behind it */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *blank_skip(const char *at, const char *end) {
    while (at < end && is_blank(*at))
        at++;
    return at;
}

static const char *head_begin(const struct file_head *head) {
    const char *at = head->bytes, *end = at + head->length;
    if (head->length >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    return blank_skip(at, end);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

enum json_walk { JSON_NONE, JSON_WHOLE, JSON_CUT };

/* Behind the string's end; NULL: it is none; end: cut. */
static const char *string_skip(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++) {
        if ((unsigned char)*at < ' ')
            return NULL;
        if (*at == '\\' && end - at > 1)
            at++;
    }
    return at < end ? at + 1 : end;
}

/* Behind a number, true, false or null; NULL: it is none of them. */
static const char *scalar_skip(const char *at, const char *end) {
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]), left = (size_t)(end - at);
        if (memcmp(at, words[i], left < n ? left : n) == 0)
            return at + (left < n ? left : n);
    }
    size_t n = 0;
    while (at + n < end && memchr("+-.0123456789eE", at[n], 15))
        n++;
    return n > 0 && *at != '+' && *at != '.' && *at != 'e' && *at != 'E' ? at + n : NULL;
}

/* Follows one object or array. filled: something stands in it. */
static enum json_walk value_walk(const char **from, const char *end, bool *filled) {
    char open[DEPTH];
    const char *at = *from;
    size_t depth = 0;
    bool value = true, key = false; /* what may stand here: a value, or the name of one */
    do {
        at = blank_skip(at, end);
        if (at == end)
            return JSON_CUT;
        char c = *at, inside = depth > 0 ? open[depth - 1] : '\0';
        if ((c == '{' || c == '[') && value && !key) {
            if (depth == DEPTH)
                return JSON_NONE;
            open[depth++] = c;
            key = c == '{';
            at++;
        } else if ((c == '}' && inside == '{') || (c == ']' && inside == '[')) {
            depth--;
            value = key = false;
            at++;
        } else if (c == ',' && !value && depth > 0) {
            value = true;
            key = inside == '{';
            at++;
        } else if (value) {
            *filled = true;
            at = c == '"' ? string_skip(at, end) : key ? NULL : scalar_skip(at, end);
            if (at && key && (at = blank_skip(at, end)) < end)
                at = *at == ':' ? at + 1 : NULL;
            value = key;
            key = false;
        } else {
            at = NULL;
        }
        if (!at)
            return JSON_NONE;
    } while (depth > 0);
    *from = at;
    return JSON_WHOLE;
}

bool file_is_json(const struct file_head *head) {
    const char *at = head_begin(head), *end = head->bytes + head->length;
    bool filled = false;
    for (int i = 0; i < JSON_VALUES; i++) {
        at = blank_skip(at, end);
        if (at == end)
            break;
        if (*at != '{' && *at != '[')
            return false;
        enum json_walk walk = value_walk(&at, end, &filled);
        if (walk == JSON_NONE)
            return false;
        if (walk == JSON_CUT)
            return filled && (i > 0 || !head->whole);
    }
    return filled;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

struct record {
    size_t separators, spaced; /* outside of quotes; with a space behind */
    bool blank, cut;
};

/* Takes one record, which may hold line breaks inside quotes. */
static struct record record_take(const char **from, const char *end, char separator) {
    struct record record = {.blank = true, .cut = true};
    bool quoted = false, begins = true;
    const char *at = *from;
    for (; at < end && record.cut; at++) {
        if (*at == '"' && (quoted || begins))
            quoted = !quoted;
        else if (*at == '\n' && !quoted)
            record.cut = false;
        record.blank = record.blank && is_blank(*at);
        begins = *at == separator || (*at == '"' && !quoted);
        if (*at != separator || quoted)
            continue;
        record.separators++;
        record.spaced += end - at > 1 && at[1] == ' ';
    }
    *from = at;
    return record;
}

static bool separated_by(const struct file_head *head, char separator) {
    const char *at = head_begin(head), *end = head->bytes + head->length;
    size_t columns = 0, records = 0, all = 0, spaced = 0;
    while (at < end) {
        struct record record = record_take(&at, end, separator);
        if (record.blank || (record.cut && !head->whole))
            continue;
        if (record.separators == 0 || (records > 0 && record.separators != columns))
            return false;
        columns = record.separators;
        records++;
        all += record.separators;
        spaced += record.spaced;
    }
    return records >= (columns > 1 ? MORE_RECORDS : FEW_RECORDS) && spaced * SPACED_SHARE <= all;
}

bool file_is_csv(const struct file_head *head) {
    return separated_by(head, ',') || separated_by(head, ';');
}

/* ---- web pages ------------------------------------------------------------------------------- */

static bool begins_with(const char *at, const char *end, const char *text) {
    size_t n = strlen(text);
    return (size_t)(end - at) >= n && strncasecmp(at, text, n) == 0;
}

/* Behind what may stand before the page itself. */
static const char *prologue_skip(const char *at, const char *end) {
    static const struct { const char *begin, *end; } parts[] = {{"<!--", "-->"}, {"<?xml", "?>"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!begins_with(at, end, parts[i].begin))
            continue;
        const char *close = memmem(at, (size_t)(end - at), parts[i].end, strlen(parts[i].end));
        return close ? blank_skip(close + strlen(parts[i].end), end) : end;
    }
    return at;
}

bool file_is_html(const struct file_head *head) {
    static const char *const tags[] = {"<!doctype html", "<html", "<head", "<body"};
    const char *at = head_begin(head), *end = head->bytes + head->length, *before;
    do {
        before = at;
        at = prologue_skip(at, end);
    } while (at != before);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        const char *behind = at + strlen(tags[i]);
        if (begins_with(at, end, tags[i]) && (behind == end || *behind == '>' || is_blank(*behind)))
            return true;
    }
    return false;
}
