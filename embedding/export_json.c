#include "embedding/export_json.h"

void export_json_string(struct buffer *text, const char *bytes, size_t length) {
    buffer_append_char(text, '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '"' || c == '\\') {
            buffer_append_char(text, '\\');
            buffer_append_char(text, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            buffer_print(text, "\\u%04x", c);
        } else {
            buffer_append_char(text, (char)c);
        }
    }
    buffer_append_char(text, '"');
}
