/* The folder of question sets beside a corpus. */
#include "server/corpora/question_sets.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

char *questions_path(const struct corpora *corpora, const char *corpus, const char *name) {
    char *folder = record_path(corpora->folder, corpus, CORPUS_QUESTIONS), *path = folder;
    if (folder && name) {
        path = path_join(folder, name);
        free(folder);
    }
    return path;
}

static enum status set_list(void *context, const char *file, struct error *err) {
    struct question_list *list = context;
    uint64_t bytes = 0;
    if (file[0] == '.')
        return STATUS_OK;
    char *path = path_join(list->folder, file);
    enum status status = !path ? error_set(err, STATUS_NO_MEMORY, "out of memory to list questions")
                               : file_size(path, &bytes, err);
    free(path);
    list->bytes += bytes;
    if (list->one && strcmp(list->one, file) == 0)
        list->one_bytes = bytes;
    buffer_print(&list->names, "%s%s", list->sets++ > 0 ? ", " : "", file);
    if (status == STATUS_OK && list->data &&
        json_array_append_new(
            list->data, json_pack("{s:s, s:I}", "name", file, "bytes", (json_int_t)bytes)) != 0)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to list questions");
    return status;
}

enum status sets_list(const struct corpora *corpora, const char *corpus, struct question_list *list,
                      struct error *err) {
    char *folder = questions_path(corpora, corpus, NULL);
    list->folder = folder;
    enum status status = !folder               ? error_set(err, STATUS_NO_MEMORY, "out of memory")
                         : file_exists(folder) ? folder_visit(folder, set_list, list, err)
                                               : STATUS_OK;
    free(folder);
    return status;
}

uint64_t questions_bytes(const struct corpora *corpora, const char *corpus, const char *name,
                         uint64_t *one) {
    struct question_list list = {.one = name};
    struct error ignored = {0}; /* what cannot be read now counts when it can */
    status_ignore(sets_list(corpora, corpus, &list, &ignored));
    buffer_clear(&list.names);
    *one = list.one_bytes;
    return list.bytes;
}
