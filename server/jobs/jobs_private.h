/* Between jobs.c (start and stop), jobs_table.c (the table and its transitions), jobs_submit.c
 * (admission), jobs_slots.c (which job is next), jobs_run.c (a running job), jobs_wait.c (what a
 * job waits for), jobs_process.c (its process), jobs_lines.c (its lines in the log),
 * jobs_gauges.c (its metrics), jobs_events.c (what is told), jobs_store.c (what is
 * kept), jobs_plan.c (what a job would take) and the routes. Private to these and to their
 * tests. */
#ifndef VECMILL_SERVER_JOBS_PRIVATE_H
#define VECMILL_SERVER_JOBS_PRIVATE_H

#include <pthread.h>
#include <sys/types.h>

#include "server/corpora/corpora.h"
#include "server/http/idempotency.h"
#include "server/http/name.h"
#include "server/jobs/jobs.h"
#include "server/json/json.h"
#include "server/models/models.h"
#include "server/records/record.h"

#define JOB_ID_SIZE RECORD_ID_SIZE
#define JOB_VERSION_SIZE 17 /* the version a job publishes: the first 16 characters of its id */
#define JOB_FILE "job.json"
#define PHASE_NONE (-1) /* a job that has not begun */

enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_PAUSED,
    JOB_WAITING, /* for disk, memory or a place for its model; goes on by itself */
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_CANCELLED
};
/* What a client asked of a running job; carried out by the slot thread that runs it. */
enum job_ask { JOB_ASK_NONE, JOB_ASK_PAUSE, JOB_ASK_CANCEL };

/* ---- jobs_events.c: everything a job tells, in order, for streams and for the history ---- */

/* ROW marks a progress report of the training phase: a row of the history. Epochs are rows too, and
 * evaluations between two ends of epochs. */
enum event_kind {
    EVENT_STATE,
    EVENT_PROGRESS,
    EVENT_ROW,
    EVENT_EPOCH,
    EVENT_LOG,
    EVENT_EVALUATION
};
struct job_log; /* reference-counted; safe from any thread */
struct event_log;
struct job;

/* max: events kept; when there are more, older progress is thinned to every other one, then
 * epochs, then lines. States stay. */
enum status job_log_create(struct job_log **log, size_t max, double heartbeat,
                           struct error *err) MUST_CHECK;
struct job_log *job_log_hold(struct job_log *log);
void job_log_drop(struct job_log *log); /* NULL is fine */
/* data: a JSON object in one line. Out of memory: the event is lost, its id is not given out
 * again. */
void job_log_append(struct job_log *log, enum event_kind kind, const char *data);
/* the id the next event gets; ids begin with 1 */
uint64_t job_log_next(struct job_log *log);
void job_log_skip(struct job_log *log, uint64_t next); /* the next id is at least this */
size_t job_log_count(struct job_log *log);
void job_log_end(struct job_log *log);       /* no event follows: streams end behind the last one */
void job_log_interrupt(struct job_log *log); /* the server stops: streams end at once */
/* The file: a header with count and checksum, then a line per event. CORRUPT when it does not hold
 * together. */
enum status job_log_store(struct job_log *log, const char *path, struct error *err) MUST_CHECK;
enum status job_log_load(struct job_log *log, const char *path, struct error *err) MUST_CHECK;
/* Appends the rows, "{...},{...}", at most `points` of them spread evenly (0 = all); the last one
 * is always among them. */
void job_log_rows(struct job_log *log, size_t points, struct buffer *text);
/* ---- jobs_tensorboard.c ---- */
/* The rows of the log as TensorBoard's event file, each number a scalar over the step. points: as
 * for job_log_rows. The memory is counted for the request. */
enum status job_event_file(struct job_log *log, size_t points, const struct http_request *request,
                           struct buffer *file, struct error *err) MUST_CHECK;
/* A file name that TensorBoard knows. */
#define JOB_EVENT_FILE_SIZE (40 + JOB_ID_SIZE)
void job_event_file_name(const struct job *job, char name[JOB_EVENT_FILE_SIZE]);
/* tensorboard_dir/MODEL/JOB, of a job; NULL without that setting, or when out of memory. Owns:
 * caller frees. */
char *job_board_folder(const struct jobs *jobs, const struct job *job);
/* The event file of a job that runs, below tensorboard_dir: one of its slot thread's. Its failures
 * are warnings of the log, told once until it works again. Never under the table's mutex. */
struct job_board {
    struct event_log *log; /* NULL: not opened yet */
    bool failed;
};
/* Appends the numbers of a report of the training phase. */
void job_board_put(struct job_board *board, const struct jobs *jobs, const struct job *job,
                   const struct train_progress *report);
void job_board_close(struct job_board *board);

/* True when a client that has seen `seen` has nothing more to wait for. */
bool job_log_exhausted(struct job_log *log, uint64_t seen);

/* A reader of the log as server-sent events, beginning behind id `seen`. */
struct job_stream;
enum status job_stream_create(struct job_stream **stream, struct job_log *log, uint64_t seen,
                              struct error *err) MUST_CHECK;
ssize_t job_stream_produce(void *stream, char *bytes, size_t room); /* see struct http_response */
void job_stream_free(void *stream);

/* ---- the job ---- */

struct job {
    char id[JOB_ID_SIZE], version[JOB_VERSION_SIZE]; /* version: empty until published */
    char model[NAME_SIZE], corpus[NAME_SIZE], digest[DIGEST_TEXT_SIZE];
    char checksum[CHECKSUM_TEXT_SIZE]; /* of the corpus; empty: of an earlier version */
    uint64_t plan_words;               /* of the vocabulary at least, before it is counted */
    char key[IDEMPOTENCY_KEY_SIZE], fingerprint[DIGEST_TEXT_SIZE];
    char trace_id[TRACE_ID_LENGTH + 1]; /* of the request that made it; empty: none */
    struct settings settings;
    uint64_t sequence; /* order of submission */
    enum job_state state;
    int phase; /* enum train_phase or PHASE_NONE */
    enum job_ask ask;
    double created, started, finished; /* wall seconds; 0: not yet */
    struct train_progress progress;
    struct error error; /* why it failed, waits, or was paused by the server */
    unsigned crashes;   /* of the child, since its last checkpoint */
    /* of the server while this ran, since its last checkpoint: a job must not take the service
     * down for ever */
    unsigned restarts;
    bool orderly;      /* on disk: written by a server that was stopping */
    uint64_t reserved; /* event ids below this may have been given out by a server that crashed */
    char owner[KEY_ID_SIZE]; /* id of the key that submitted it; empty: there were no keys */
    /* In memory only. */
    struct job_log *log; /* NULL once the job has ended and its events are on disk */
    pid_t pid;           /* of the child, not reaped yet; 0 when there is none */
    unsigned tries;      /* in vain, since it began to wait or wrote a checkpoint */
    double queued_at;    /* wall seconds: it came into the queue, or the server started */
    double waiting_at;   /* wall seconds: the first of these tries was in vain */
    double moved_at;     /* monotonic: its process last got further */
    double retry_at;     /* monotonic: a waiting job is tried again then */
    bool stalled;        /* no progress for stall_timeout */
    double deadline;     /* monotonic: a child that was asked to stop is killed then; 0 = none */
    /* by threads that use it outside the table's mutex; the table itself is one */
    unsigned holds;
    bool creating;         /* reserved but not durable yet: not shown */
    bool publishing;       /* too late to cancel or pause */
    pthread_mutex_t store; /* held while job.json is written, so that the last snapshot wins */
};

struct slot {
    struct jobs *jobs;
    pthread_t thread;
};

struct jobs {
    const struct settings *settings;
    const struct logger *logger;
    const char *kernel;
    char *program;
    char *const *environment;
    struct corpora *corpora;
    struct models *models;
    char *folder; /* data/jobs */
    /* guards the table and the jobs in it; never held while writing files */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* monotonic clock; a job changed its state, or the server stops */
    struct job **jobs;      /* by sequence */
    size_t n, capacity;
    uint64_t sequence; /* of the next job */
    /* since the start: words trained, jobs ended by their state, processes that died */
    uint64_t words, ended[JOB_CANCELLED + 1], crashes;
    int64_t plans; /* being made */
    bool stopping;
    /* A thread each that lives as long as the server: children die with the thread that made
     * them. */
    struct slot *slots;
    size_t n_slots;
};

struct job_request {
    char corpus[NAME_SIZE], model[NAME_SIZE];
    struct settings settings; /* checked */
    /* of the request, when there is a key */
    char key[IDEMPOTENCY_KEY_SIZE], fingerprint[DIGEST_TEXT_SIZE];
    struct access_key asker;            /* who asks: its quotas; with id "" nobody */
    char trace_id[TRACE_ID_LENGTH + 1]; /* of the request; may be empty */
};

/* ---- jobs_store.c ---- */
const char *job_state_name(enum job_state state);
const char *phase_name(int phase); /* NULL for PHASE_NONE */
bool job_ended(enum job_state state);
/* The job as clients see it; NULL when out of memory. `kernel`: name of the server's kernel. */
uint64_t job_epochs(const struct job *job); /* that it will train; 0: not known yet */
json_t *job_document(const struct job *job, const char *kernel);
/* What job.json holds, and its inverse. Reading: *unknown counts settings that this version does
 * not know. */
json_t *job_record(const struct job *job);
enum status job_read(const json_t *record, struct job *job, unsigned *unknown,
                     struct error *err) MUST_CHECK;
/* Data of events. */
void job_state_event(const struct job *job);
void job_progress_event(const struct job *job, bool epoch_ended);
void job_line_event(const struct job *job, const char *line, size_t length);

/* ---- jobs_table.c ---- */
/* Held once; NULL when out of memory. */
struct job *job_create(void);
/* data/jobs/<id>/<file>, or the folder when file is NULL; NULL when out of memory. */
char *job_path(const struct jobs *jobs, const char *id, const char *file);
/* Held for the caller; NULL when unknown. */
struct job *job_hold(struct jobs *jobs, const char *id);
/* The same by the version of the model that it trained. */
struct job *job_hold_version(struct jobs *jobs, const char *model, const char *version);
void job_drop(struct jobs *jobs, struct job *job);
void job_free(struct job *job); /* NULL is fine */
/* Writes job.json as the job is now; with_events: the events file first. The table's mutex must not
 * be held. */
enum status job_persist(struct jobs *jobs, struct job *job, bool with_events,
                        struct error *err) MUST_CHECK;
/* Under the mutex: new state, its event, waiters woken. */
void job_enter(struct jobs *jobs, struct job *job, enum job_state state);
/* After the end: durable, files that nobody needs removed, old jobs forgotten. */
enum status job_settle(struct jobs *jobs, struct job *job, struct error *err);
/* Removes the files that an ended job no longer needs. */
void job_tidy(const struct jobs *jobs, const struct job *job);
/* Removes the oldest ended jobs beyond max_jobs_kept. */
void jobs_forget(struct jobs *jobs);
/* Into the table, behind the others. Under the mutex, but for the start. */
enum status job_append(struct jobs *jobs, struct job *job, struct error *err) MUST_CHECK;
/* The same, with the next sequence number. */
enum status job_insert(struct jobs *jobs, struct job *job, struct error *err) MUST_CHECK;
/* Out of the table and off the disk: a submission that failed. */
void job_withdraw(struct jobs *jobs, struct job *job);
/* A log for the job from its folder, ids going on behind the last ones. */
enum status job_log_open(struct jobs *jobs, struct job *job, struct job_log **log,
                         struct error *err) MUST_CHECK;

/* ---- jobs_lines.c ---- */
/* A line of the log about the job, "job ID: ...", with what it is about as fields. */
void job_say(const struct jobs *jobs, const struct job *job, enum log_level level,
             const char *format, ...) PRINTF_LIKE(4, 5);
/* The same of a line that its training process printed, on the level that it stands there with. */
void job_relay(const struct jobs *jobs, const struct job *job, const char *line);

/* ---- jobs_wait.c ---- */
/* Is this a failure that may pass, so that the job waits instead of ending? publishing: its model
 * is trained already. */
bool job_may_wait(const struct jobs *jobs, const struct job *job, const struct error *reason,
                  bool publishing);
/* Is there room on the disk for a waiting job to get further? Looks at the disk. */
bool job_has_room(const struct jobs *jobs, const struct job *job);
/* Bytes that running and waiting jobs still need for two checkpoints and the model; context: struct
 * jobs. Looks at the disk. */
uint64_t jobs_reserved(void *context);
/* Under the mutex: waiting, for the reason, until retry_interval has passed, longer each time. */
void job_wait(struct jobs *jobs, struct job *job, const struct error *reason);

/* ---- jobs_submit.c ---- */
/* The files that the training process reads, as the record has them; those that are so already are
 * left alone. */
enum status job_inputs_write(const struct jobs *jobs, const struct job *job,
                             struct error *err) MUST_CHECK;
/* Links the set of questions that the settings name, if any, from beside the corpus to `path`, or
 * only looks for it (NULL). REFUSED with key /settings/questions when there is none such. */
enum status job_questions(struct corpora *corpora, const char *corpus,
                          const struct settings *settings, const char *path,
                          struct error *err) MUST_CHECK;
/* Links the corpus whose lines are the pairs that the settings name, if any, to `path`, or only
 * looks for it (NULL). key: who asks, or NULL. REFUSED with key /settings/pairs when there is none
 * such, or when it is no text; FORBIDDEN when the key does not reach it. */
enum status job_pairs(struct corpora *corpora, const struct access_key *key,
                      const struct settings *settings, const char *path,
                      struct error *err) MUST_CHECK;
/* `format` as this corpus needs it: uploads were decoded already. REFUSED where it was asked for
 * another one. */
enum status job_format_settle(struct settings *settings, const struct corpus_info *info,
                              struct error *err) MUST_CHECK;
/* Does the key reach the job's corpus and its model? */
bool job_reached(const struct job *job, const struct access_key *key);
/* Makes the request the key's that came with it: takes over its id and quotas. FORBIDDEN when it
 * does not reach corpus and model, BUSY when it owns as many bytes as it may. */
enum status job_request_own(struct job_request *job, const struct http_request *request,
                            struct error *err) MUST_CHECK;
/* BUSY when the queue is full, or the key has as many jobs or models as it may */
enum status jobs_admit(struct jobs *jobs, const struct job_request *request,
                       struct error *err) MUST_CHECK;
enum status jobs_submit_request(struct jobs *jobs, const struct job_request *request,
                                json_t **document, bool *replayed, struct error *err) MUST_CHECK;

/* ---- jobs_process.c ---- */
/* Starts `program train --job folder --progress-fd N` in a process group of its own, without the
 * VECMILL_ variables of `environment`. *progress, *lines: the reading ends, which do not block, of
 * what it reports and of what it prints; caller closes them. */
enum status process_start(char *program, char *folder, char *const *environment, pid_t *pid,
                          int *progress, int *lines, struct error *err) MUST_CHECK;
/* Starts arguments[0] in the same way. *data, *lines: the reading ends of what it gives and of what
 * it prints for people. training: it gives on descriptor 3 and prints on both others; else it gives
 * on standard output and prints on standard error. */
enum status process_begin(char *const *arguments, char *const *environment, bool training,
                          pid_t *pid, int *data, int *lines, struct error *err) MUST_CHECK;
void descriptor_close(int *fd); /* -1 is fine, and what it becomes */
/* Asks the process to write a checkpoint and end; one that was stopped goes on for that. */
void process_ask(pid_t pid);
/* What the kernel says that it does, a fixed text: "is stopped", "waits for a disk", ... *held: one
 * of these two, which a process does not get out of by itself. */
const char *process_activity(pid_t pid, bool *held);

/* ---- jobs_run.c ---- */
/* A job in state running: its process, or its publishing, until it is in another state. */
void job_perform(struct jobs *jobs, struct job *job);

/* ---- jobs_slots.c ---- */
void *slot_run(void *slot); /* struct slot; returns when the server stops */

/* ---- jobs_routes.c ---- */
/* A required member of a body that is a name; REFUSED with its pointer as key. */
enum status job_read_name(const json_t *body, const char *name, char text[NAME_SIZE],
                          struct error *err) MUST_CHECK;
/* The member `settings` of a body, or NULL, onto the values; REFUSED with pointers as keys. */
enum status job_read_settings(const json_t *settings, struct settings *values,
                              struct error *err) MUST_CHECK;
/* 202 with the job (taken), or the error. */
void jobs_answer(const struct logger *logger, const struct http_request *request,
                 struct http_response *response, json_t *document, bool replayed,
                 const struct error *err);

#endif
