/* The begin of a file, by which it is told what the file is. */
#ifndef VECMILL_BASE_FILE_HEAD_H
#define VECMILL_BASE_FILE_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes at the begin of a file that are looked at: enough for shares to mean something. */
#define FILE_HEAD 65536

/* What it begins with. */
struct file_head {
    const char *bytes;
    size_t length;
    bool whole; /* there is no more of it */
};

#endif
