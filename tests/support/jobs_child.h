/* The test itself as the training process of its jobs: called with "train", it stands in for
 * `vecmill train --job FOLDER --progress-fd N`, and what it does is the name of its model. */
#ifndef VECMILL_TESTS_JOBS_CHILD_H
#define VECMILL_TESTS_JOBS_CHILD_H

#include "tests/support/jobs_parts.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static char program[4096];

/* ---- the stand-in for `vecmill train --job FOLDER --progress-fd N` ------------------------- */

struct child {
    const char *folder;
    int progress; /* descriptor */
    char name[64];
    int runs; /* of this job, with this one */
};

static inline char *child_path(const struct child *child, const char *file) {
    return record_path(child->folder, file, NULL);
}

static inline void child_put(const struct child *child, const char *file, const char *text) {
    struct error err = {0};
    char *path = child_path(child, file);
    if (!path || file_replace(path, text, strlen(text), &err) != STATUS_OK)
        _exit(99);
    free(path);
}

static inline char *child_get(const struct child *child, const char *file) {
    struct error err = {0};
    char *path = child_path(child, file), *text = NULL;
    size_t length;
    if (!path || !file_exists(path) || file_read(path, 1 << 20, &text, &length, &err) != STATUS_OK)
        text = NULL;
    free(path);
    return text;
}

/* Counts the runs in a file that the server does not know, and so does not remove. */
static inline void child_count(struct child *child) {
    char line[16];
    char *before = child_get(child, "runs");
    child->runs = (before ? atoi(before) : 0) + 1;
    snprintf(line, sizeof line, "%d", child->runs);
    child_put(child, "runs", line);
    free(before);
}

static inline void child_report(const struct child *child, enum train_phase phase, uint64_t words,
                                bool checkpointed) {
    struct train_progress report = {.magic = TRAIN_PROGRESS_MAGIC,
                                    .phase = (uint32_t)phase,
                                    .words = words,
                                    .words_total = 100,
                                    .epochs = 1,
                                    .checkpointed = checkpointed};
    report.corpus.words = 12;
    if (write(child->progress, &report, sizeof report) != sizeof report)
        _exit(98);
}

/* As `vecmill train` tells of a failure: over the pipe, for the disk may be full. */
static inline void child_fail(const struct child *child, unsigned status, char key) {
    struct train_progress report = {
        .magic = TRAIN_PROGRESS_MAGIC, .failed = status, .key = {key}, .note = "it was planted"};
    if (write(child->progress, &report, sizeof report) != sizeof report)
        _exit(98);
}

static inline void child_publish(const struct child *child) {
    static const uint64_t offsets[] = {0, 1, 2}, counts[] = {2, 1};
    struct error err = {0};
    struct vocabulary *vocabulary = NULL;
    struct table *table = NULL;
    struct model *model = NULL;
    struct model_info info = {.created = 1234.5};
    char *folder = child_path(child, "model");
    snprintf(info.name, sizeof info.name, "%s", child->name);
    if (vocabulary_create(&vocabulary, 2, "ab", offsets, counts, &err) != STATUS_OK ||
        table_create(&table, 2, 2, 1, PARTITION_MOD, &err) != STATUS_OK ||
        model_create(&model, vocabulary, table, NULL, &info, kernel_choose("portable"), &err) !=
            STATUS_OK ||
        model_save(model, folder, NULL, &err) != STATUS_OK)
        _exit(97);
    model_drop(model);
    free(folder);
}

static inline void child_wait_forever(void) {
    for (;;)
        pause();
}

static inline void end_at_checkpoint(int signal) {
    (void)signal;
    _exit(4); /* of a pause */
}

static inline int child_end(struct child *child) {
    const char *name = child->name;
    if (strcmp(name, "fails") == 0) {
        child_put(child, "error", "REFUSED dim\nthis cannot be trained\nmore\n");
        return 1;
    }
    if (strcmp(name, "diverges") == 0) {
        child_put(child, "error", "DIVERGED -\nnot a number\n");
        return 5;
    }
    unsigned status;
    char key = '\0';
    if (sscanf(name, "w-%u-%c", &status, &key) >= 1 && child->runs == 1) {
        child_fail(child, status, key);
        return 1;
    }
    if (strcmp(name, "usage") == 0) {
        fprintf(stderr, "first line\nunknown option --job\n");
        return 2;
    }
    if (strcmp(name, "crashes") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(name, "recovers") == 0 && child->runs <= 4) {
        child_report(child, PHASE_TRAINING, 10, child->runs == 2);
        return 9;
    }
    if (strcmp(name, "says") == 0)
        return write(child->progress, (char[sizeof(struct train_progress)]){0},
                     sizeof(struct train_progress)) > 0
                   ? 0
                   : 1;
    if (strcmp(name, "waits") == 0 && child->runs == 1) {
        signal(SIGTERM, end_at_checkpoint);
        child_report(child, PHASE_TRAINING, 10, false);
        child_put(child, "ready", "");
        child_wait_forever();
    }
    if (strcmp(name, "stuck") == 0) {
        signal(SIGTERM, SIG_IGN);
        child_put(child, "ready", "");
        child_wait_forever();
    }
    child_report(child, PHASE_TRAINING, 50, false);
    child_report(child, PHASE_TRAINING, 100, true);
    child_publish(child);
    return 0;
}

static inline int child_main(int n_arguments, char **arguments) {
    if (n_arguments != 6 || strcmp(arguments[2], "--job") != 0 ||
        strcmp(arguments[4], "--progress-fd") != 0)
        return 96;
    struct child child = {.folder = arguments[3], .progress = atoi(arguments[5])};
    char *name = child_get(&child, "name"), *order = getenv("TEST_ORDER");
    if (!name)
        return 95;
    snprintf(child.name, sizeof child.name, "%.*s", (int)strcspn(name, "\n"), name);
    free(name);
    child_count(&child);
    child_put(&child, "environment", getenv("VECMILL_DIM") ? "VECMILL_DIM" : order ? order : "");
    FILE *file = order ? fopen(order, "a") : NULL;
    if (file) {
        fprintf(file, "%s\n", child.name);
        fclose(file);
    }
    return child_end(&child);
}

/* ---- the tests ---------------------------------------------------------------------------- */

struct running {
    struct parts parts;
    char order[600]; /* a file: the names of the models, as their processes were started */
    char *environment[4];
};

static inline void running_open(struct running *running, int slots) {
    static char of_the_server[] = "VECMILL_DIM=7";
    running->environment[0] = running->order;
    running->environment[1] = of_the_server;
    running->environment[2] = NULL;
    jobs_parts_open(&running->parts, slots, program, running->environment);
}

static inline void running_init(struct running *running, void **state) {
    parts_init(&running->parts, state);
    running->parts.server.settings.shutdown_timeout = 60;
    snprintf(running->order, sizeof running->order, "TEST_ORDER=%s/order", (const char *)*state);
    running_open(running, 0);
    put_words(&running->parts, "news");
    jobs_parts_close(&running->parts);
}

static inline void running_clear(struct running *running) {
    jobs_parts_close(&running->parts);
    parts_clear(&running->parts);
}

static inline void assert_runs(void **state, const char *id, const char *runs) {
    char name[128];
    snprintf(name, sizeof name, "jobs/%s/runs", id);
    char *text = get_file(state, name);
    assert_string_equal(text, runs);
    free(text);
}

static inline void job_file_name(char name[128], const char *id, const char *file) {
    snprintf(name, 128, "jobs/%s/%s", id, file);
}

/* Sets `program`; false when it cannot be found. */
static inline bool program_find(void) {
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    return length > 0;
}

#endif
