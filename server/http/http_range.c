/* Files over HTTP: ETag, If-None-Match, Range, If-Range (RFC 9110). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/http/http_private.h"

/* Does a list of entity tags name this one? `weak`: a W/ prefix is looked over. */
static bool etag_listed(const char *list, const char *etag, bool weak) {
    size_t length = strlen(etag);
    while (list && *list != '\0') {
        list += strspn(list, " \t,");
        if (*list == '*')
            return true;
        bool is_weak = strncmp(list, "W/", 2) == 0;
        const char *tag = is_weak ? list + 2 : list;
        if ((weak || !is_weak) && strncmp(tag, etag, length) == 0)
            return true;
        if (*tag != '"')
            return false;
        list = strchr(tag + 1, '"');
        list = list ? list + 1 : NULL;
    }
    return false;
}

/* Digits at *text, which moves behind them; UINT64_MAX when there are none or too many. */
static uint64_t range_number(const char **text) {
    uint64_t value = 0;
    const char *from = *text;
    while (**text >= '0' && **text <= '9') {
        if (value > (UINT64_MAX - 9) / 10)
            return UINT64_MAX;
        value = value * 10 + (uint64_t)(**text - '0');
        (*text)++;
    }
    return *text == from ? UINT64_MAX : value;
}

enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_UNSATISFIABLE };

/* One range of bytes. Several, or anything that is not understood, give the whole file, as the RFC
 * allows. */
static enum range_kind range_parse(const char *text, uint64_t size, uint64_t *offset,
                                   uint64_t *length) {
    if (strncmp(text, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    text += 6;
    if (*text == '-') {
        text++;
        uint64_t last = range_number(&text);
        if (*text != '\0' || last == UINT64_MAX)
            return RANGE_WHOLE;
        if (last == 0 || size == 0)
            return RANGE_UNSATISFIABLE;
        *length = last < size ? last : size;
        *offset = size - *length;
        return RANGE_PART;
    }
    uint64_t first = range_number(&text), end = UINT64_MAX;
    if (first == UINT64_MAX || *text != '-')
        return RANGE_WHOLE;
    text++;
    if (*text != '\0') {
        end = range_number(&text);
        if (end == UINT64_MAX || *text != '\0' || end < first)
            return RANGE_WHOLE;
    }
    if (first >= size)
        return RANGE_UNSATISFIABLE;
    *offset = first;
    *length = (end < size - 1 ? end : size - 1) - first + 1;
    return RANGE_PART;
}

/* Opens path; sets *fd, which the caller closes, and *size. Errors: NOT_FOUND, IO. */
static enum status file_to_send(const char *path, int *fd, uint64_t *size, struct error *err) {
    struct stat properties;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return error_set_errno(err, errno, "cannot open the file");
    if (fstat(*fd, &properties) != 0 || !S_ISREG(properties.st_mode)) {
        close(*fd);
        return error_set(err, STATUS_IO, "this is not a file");
    }
    *size = (uint64_t)properties.st_size;
    return STATUS_OK;
}

static void range_refuse(const struct http_request *request, struct http_response *response,
                         uint64_t size) {
    struct error err = {0};
    (void)error_set_key(&err, STATUS_REFUSED, "Range",
                        "the range begins behind the end of the file, which has %llu bytes",
                        (unsigned long long)size);
    response_error(request, response, 416, &err);
    response_header(response, "Content-Range", "bytes */%llu", (unsigned long long)size);
}

void response_file(const struct http_request *request, struct http_response *response,
                   const char *path, const char *content_type, const char *etag) {
    struct error err = {0};
    char quoted[256];
    snprintf(quoted, sizeof quoted, etag[0] == '"' ? "%s" : "\"%s\"", etag);
    uint64_t size = 0, offset = 0, length = 0;
    int fd;
    if (file_to_send(path, &fd, &size, &err) != STATUS_OK) {
        response_error(request, response, 0, &err);
        return;
    }
    const char *if_none_match = request_header(request, "If-None-Match"),
               *range = request_header(request, "Range"),
               *if_range = request_header(request, "If-Range");
    enum range_kind kind = RANGE_WHOLE;
    bool unchanged = if_none_match && etag_listed(if_none_match, quoted, true);
    if (!unchanged && range && (!if_range || strcmp(if_range, quoted) == 0))
        kind = range_parse(range, size, &offset, &length);
    struct buffer nothing = {0};
    switch (kind) {
    case RANGE_UNSATISFIABLE:
        range_refuse(request, response, size);
        break;
    case RANGE_WHOLE:
        response_bytes(response, unchanged ? 304 : 200, unchanged ? "" : content_type, &nothing);
        length = size;
        break;
    case RANGE_PART:
        response_bytes(response, 206, content_type, &nothing);
        response_header(response, "Content-Range", "bytes %llu-%llu/%llu",
                        (unsigned long long)offset, (unsigned long long)(offset + length - 1),
                        (unsigned long long)size);
        break;
    }
    if (unchanged || kind == RANGE_UNSATISFIABLE) {
        close(fd);
    } else {
        response->file = fd;
        response->file_offset = offset;
        response->file_size = length;
    }
    response_header(response, "ETag", "%s", quoted);
    response_header(response, "Accept-Ranges", "bytes");
    if (response->status != 416)
        response_header(response, "Cache-Control", "no-cache");
}
