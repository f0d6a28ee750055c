/* Guesses about text by its shape: JSON, CSV, a web page. They are wrong at times, so a user may
 * overrule them; they are made so that prose is none of these. Private to base/file_kind.c. */
#ifndef VECMILL_BASE_FILE_GUESS_H
#define VECMILL_BASE_FILE_GUESS_H

#include "base/file_head.h"

/* Objects or arrays, one or several behind each other, each whole or cut by the end of the head. */
bool file_is_json(const struct file_head *head);
/* Every line has the same number of commas or semicolons outside of quotes, and nearly none has a
 * space behind it, as prose has. Tabs are no sign: they are white space, and the cells are
 * words. */
bool file_is_csv(const struct file_head *head);
/* <!doctype html>, <html>, <head> or <body>, behind white space, comments and <?xml ...?>. */
bool file_is_html(const struct file_head *head);

#endif
