/* What others call our settings. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/distance.h"
#include "config/config.h"
#include "config/config_rows.h"

#define OTHER_NAME(name, ours, translation) {#name, ours, translation},
static const struct setting_other rows[] = {
#include "config/other_names.def"
};

size_t settings_others_count(void) {
    return sizeof rows / sizeof *rows;
}

const struct setting_other *settings_others_row(size_t index) {
    return &rows[index];
}

static const char *letter_next(const char *at) {
    while (*at == '-' || *at == '_' || *at == '.')
        at++;
    return at;
}

/* Letters and digits only, of either case. */
static bool names_alike(const char *a, const char *b) {
    for (;;) {
        a = letter_next(a);
        b = letter_next(b);
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
        if (*a == '\0')
            return true;
        a++, b++;
    }
}

const struct setting_other *settings_other(const char *name) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (names_alike(name, rows[i].name))
            return &rows[i];
    return NULL;
}

static const char *own_alike(const char *name) {
    for (size_t i = 0; i < settings_count(); i++)
        if (names_alike(name, settings_row(i)->name))
            return settings_row(i)->name;
    return NULL;
}

static void spell(const char *name, enum setting_spelling spelling, char spelled[96]) {
    char *to = spelled;
    const char *prefix = "";
    switch (spelling) {
    case SPELLED_PLAIN:
        break;
    case SPELLED_AS_OPTION:
        prefix = "--";
        break;
    case SPELLED_AS_VARIABLE:
        prefix = "VECMILL_";
        break;
    }
    to += snprintf(spelled, 96, "%s", prefix);
    for (; *name && to < spelled + 95; name++)
        *to++ = spelling == SPELLED_AS_VARIABLE ? (char)toupper((unsigned char)*name)
                : spelling == SPELLED_AS_OPTION && *name == '_' ? '-'
                                                                : *name;
    *to = '\0';
}

/* The setting whose name is spelled most alike, of those that are offered. */
static const char *own_nearest(const char *name,
                               bool (*offered)(const void *context, const char *name),
                               const void *context, size_t *distance) {
    const char *nearest = NULL;
    *distance = DISTANCE_FAR;
    for (size_t i = 0; i < settings_count(); i++) {
        const char *own = settings_row(i)->name;
        size_t far = edit_distance(name, own);
        if (far < *distance && (!offered || offered(context, own))) {
            *distance = far;
            nearest = own;
        }
    }
    return distance_is_near(*distance, name) ? nearest : NULL;
}

size_t settings_hint(const char *name, enum setting_spelling spelling,
                     bool (*offered)(const void *context, const char *name), const void *context,
                     char hint[SETTING_HINT_SIZE]) {
    const char *ours = own_alike(name);
    const struct setting_other *other = ours ? NULL : settings_other(name);
    const char *translation = other ? other->translation : "";
    char spelled[96];
    size_t distance = 0;
    hint[0] = '\0';
    if (other)
        ours = other->ours[0] ? other->ours : NULL;
    if ((ours || other) && offered && !offered(context, ours))
        return DISTANCE_FAR;
    if (!ours && !other)
        ours = own_nearest(name, offered, context, &distance);
    if (ours) {
        spell(ours, spelling, spelled);
        snprintf(hint, SETTING_HINT_SIZE, "; did you mean '%s'?%s%s%s", spelled,
                 *translation ? " (" : "", translation, *translation ? ")" : "");
    } else if (other) {
        snprintf(hint, SETTING_HINT_SIZE, ": %s", translation);
    }
    return ours || other ? distance : DISTANCE_FAR;
}
