/* The writers of the formats: each appends the whole of job->model to the job's text and lets it
 * flow; the caller flushes the rest. Errors: export_text_flow's. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_EXPORT_FORMATS_H
#define VECMILL_EMBEDDING_EXPORT_FORMATS_H

#include "embedding/export_rows.h"

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

#endif
