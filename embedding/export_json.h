/* JSON as the exports write it. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_EXPORT_JSON_H
#define VECMILL_EMBEDDING_EXPORT_JSON_H

#include "base/buffer.h"

/* Appends UTF-8 as a JSON string, with its quotes. */
void export_json_string(struct buffer *text, const char *bytes, size_t length);

#endif
