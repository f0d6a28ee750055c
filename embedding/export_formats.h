/* The table of formats and their writers. A writer appends the whole of job->model to the job's
 * text and lets it flow; the caller flushes the rest. Errors: export_text_flow's. Private to
 * embedding/. */
#ifndef VECMILL_EMBEDDING_EXPORT_FORMATS_H
#define VECMILL_EMBEDDING_EXPORT_FORMATS_H

#include "embedding/export_rows.h"

/* How words stand in a format, which tells what changes them. */
enum word_form {
    WORDS_NONE,
    WORDS_JOINED,  /* without white space */
    WORDS_ESCAPED, /* tabs and line ends escaped */
    WORDS_LABELS,  /* that, and UTF-8 */
    WORDS_TEXT     /* UTF-8 without NUL */
};

struct export_format {
    enum status (*write)(struct export_job *job, struct error *err);
    bool gzip, bundle; /* bundle: several files, which may be written as a tar or into a folder */
    enum vector_type type;
    enum word_form words;
    const char *base; /* the format that is the same but for the type */
};
/* NULL for an unknown name. */
const struct export_format *export_format_find(const char *name);
/* Their names for a message, those of other types and of gzip left out. */
#define EXPORT_LIST_SIZE 320
void export_list(char list[EXPORT_LIST_SIZE]);

/* export_text.c */
enum status export_vectors_text(struct export_job *job, struct error *err) MUST_CHECK;
enum status export_vocabulary(struct export_job *job, struct error *err) MUST_CHECK;
enum status export_tensors(struct export_job *job, struct error *err) MUST_CHECK;
enum status export_metadata(struct export_job *job, struct error *err) MUST_CHECK;
enum status export_projector(struct export_job *job, struct error *err) MUST_CHECK;

/* export_binary.c */
enum status export_vectors_binary(struct export_job *job, struct error *err) MUST_CHECK;
enum status export_npy(struct export_job *job, struct error *err) MUST_CHECK;
enum status export_safetensors(struct export_job *job, struct error *err) MUST_CHECK;

/* All rows, one after the other. */
enum status export_matrix(struct export_job *job, struct error *err) MUST_CHECK;
/* The header of safetensors, which begins the text: the tensors in the order of their numbers.
 * columns 0: a tensor of one dimension; *at: where its numbers begin, then where they end. */
void export_tensors_begin(struct export_job *job);
void export_tensor(struct export_job *job, const char *name, enum vector_type type, uint64_t rows,
                   uint64_t columns, uint64_t *at);
void export_tensors_end(struct export_job *job);

/* export_database.c: lines that databases load */
enum status export_pgvector(struct export_job *job, struct error *err) MUST_CHECK;
enum status export_qdrant(struct export_job *job, struct error *err) MUST_CHECK;
enum status export_elasticsearch(struct export_job *job, struct error *err) MUST_CHECK;

/* export_gensim.c: the pickle of gensim's KeyedVectors, without the numbers */
enum status export_keyed_vectors(struct export_job *job, struct error *err) MUST_CHECK;

/* export_static.c: the files of a static embedding model, one after the other */
enum status export_static_embedding(struct export_job *job, struct error *err) MUST_CHECK;

#endif
