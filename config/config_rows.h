/* What the two halves of config share. Private to config/. */
#ifndef VECMILL_CONFIG_CONFIG_ROWS_H
#define VECMILL_CONFIG_CONFIG_ROWS_H

#include "config/config.h"

const char *setting_nearest(const char *name); /* NULL when no name is near */
/* start of the index-th choice, NULL past the last */
const char *choice_text(const char *list, size_t index);
size_t choice_length(const char *list, size_t index);
void *setting_place(struct settings *settings, const struct setting *row);
const void *setting_value(const struct settings *settings, const struct setting *row);
/* "1<between>4096", numbers as the setter reads them. */
void setting_print_bounds(const struct setting *row, const char *between, struct buffer *text);

#endif
