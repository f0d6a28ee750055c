/* The table of settings, which setter, readers and writers share. Private to config/. */
#ifndef VECMILL_CONFIG_CONFIG_ROWS_H
#define VECMILL_CONFIG_CONFIG_ROWS_H

#include "config/config.h"

/* Where the value of a row lies: int64_t, double, bool, an enum (copy it as an int) or a text. */
void *setting_place(struct settings *settings, const struct setting *row);
const void *setting_value(const struct settings *settings, const struct setting *row);

/* Appends "1<between>4096", numbers as the setter reads them. */
void setting_print_bounds(const struct setting *row, const char *between, struct buffer *text);

#endif
