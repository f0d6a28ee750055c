/* The first value that is not finite: its place, against a look at every row after every block of
 * the training itself; and the file of its block. */
#include "kernel/train_step.h"
#include "tests/support/train_fixture.h"

#define MAX_BAD 4096

/* What the first block that made one left behind, and how many blocks there were until it. */
static struct {
    uint64_t calls, first; /* first: 0 until it is seen */
    uint32_t inputs[MAX_BAD], outputs[MAX_BAD];
    size_t n_inputs, n_outputs;
    bool loss;
} seen;

static const struct kernel *plain;

static bool is_bad(const float *row, size_t stride) {
    for (size_t j = 0; j < stride; j++)
        if (!isfinite(row[j]))
            return true;
    return false;
}

static void note(uint32_t *ids, size_t *n, uint32_t id) {
    if (*n < MAX_BAD)
        ids[(*n)++] = id;
}

static void look_and_train(const struct kernel_step *step, struct kernel_workspace *workspace,
                           const struct kernel_chunk *chunk, uint32_t first, uint32_t n,
                           uint32_t window, const struct kernel_noise *noise,
                           const struct kernel_noise *next, struct kernel_loss *loss) {
    struct kernel_loss own = {0};
    plain->train->block(step, workspace, chunk, first, n, window, noise, next, &own);
    if (loss)
        loss->sum += own.sum, loss->positives += own.positives;
    if (seen.first > 0)
        return;
    seen.calls++;
    for (uint32_t i = 0; i < chunk->length; i++)
        if (chunk->ids[i] != WORD_NONE) {
            if (is_bad(chunk->input[i], step->stride))
                note(seen.inputs, &seen.n_inputs, chunk->ids[i]);
            if (is_bad(chunk->output[i], step->stride))
                note(seen.outputs, &seen.n_outputs, chunk->ids[i]);
        }
    for (uint32_t k = 0; k < step->noise; k++)
        if (is_bad(noise->rows[k], step->stride))
            note(seen.outputs, &seen.n_outputs, noise->ids[k]);
    seen.loss = !isfinite(own.sum);
    if (seen.n_inputs + seen.n_outputs > 0 || seen.loss)
        seen.first = seen.calls;
}

static bool among(const uint32_t *ids, size_t n, uint32_t id) {
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Text that trains for a while, then lines that diverge. */
static char *late_text(size_t calm, size_t *length) {
    size_t first, second;
    char *tame = zipf_text(calm, 1000, &first), *wild = hostile_text(0, 12000, &second);
    char *text = malloc(first + 1 + second);
    assert_non_null(text);
    memcpy(text, tame, first);
    text[first] = '\n';
    memcpy(text + first + 1, wild, second);
    *length = first + 1 + second;
    free(tame);
    free(wild);
    return text;
}

static void settings_of_divergence(struct settings *settings) {
    settings->guard = false, settings->learning_rate = 3, settings->negative = 64;
    settings->schedule = SCHEDULE_CONSTANT, settings->sample = 0;
}

/* "... the input row of 'if' (id 3) in column 7, at step 12, epoch 1, learning rate 3" */
static void assert_place(const char *text) {
    unsigned long long step = 0, epoch = 0;
    unsigned id = 0;
    const char *at = strstr(text, "(id "), *when = strstr(text, "at step ");
    assert_non_null(strstr(text, "the first non-finite value is in "));
    assert_true(at && sscanf(at, "(id %u)", &id) == 1);
    assert_true(when && sscanf(when, "at step %llu, epoch %llu", &step, &epoch) == 2);
    assert_true(strstr(text, "learning rate 3;") || strstr(text, "learning rate 6;")); /* CBOW */
    if (step != seen.first)
        fail_msg("step %llu is told, it was %llu: %s", step, (unsigned long long)seen.first, text);
    assert_int_equal(epoch, 1);
    if (strstr(text, "the input row of"))
        assert_true(among(seen.inputs, seen.n_inputs, id));
    else if (strstr(text, "the output row of"))
        assert_true(seen.n_inputs == 0 && among(seen.outputs, seen.n_outputs, id));
    else
        assert_true(strstr(text, "a score of the block of") && seen.n_inputs == 0 &&
                    seen.n_outputs == 0 && seen.loss);
}

/* From the start, and from checkpoints; the architectures; several threads find something. */
static void the_first_one_is_named(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        size_t length;
        char *text = late_text(i % 2 ? 40000 : 2000, &length);
        struct kernel kernel = *kernel_choose("auto");
        struct kernel_train train = *kernel.train;
        struct work work;
        struct error err;
        plain = kernel_choose("auto");
        train.block = look_and_train, kernel.train = &train;
        memset(&seen, 0, sizeof seen);
        work_init(&work, text, length);
        settings_of_divergence(&work.settings);
        work.settings.checkpoint_interval = i % 2 ? 1e-3 : 60;
        work.settings.architecture = i < 2 ? ARCHITECTURE_SKIPGRAM : ARCHITECTURE_CBOW;
        work.settings.threads = i < 4 ? 1 : 2;
        if (i < 4)
            work.options.kernel = &kernel;
        assert_int_equal(work_train(&work, &err), STATUS_DIVERGED);
        if (i < 4)
            assert_place(err.text);
        else
            assert_non_null(strstr(err.text, "non-finite"));
        assert_false(file_exists(work.output));
        work_clear(&work);
        free(text);
    }
}

/* Without the search the row is one of those at the end of the chunk. */
static void the_search_can_be_left_out(void **state) {
    (void)state;
    size_t length;
    char *text = late_text(2000, &length);
    struct work work;
    struct error err;
    work_init(&work, text, length);
    settings_of_divergence(&work.settings);
    work.settings.nonfinite_search = false;
    assert_int_equal(work_train(&work, &err), STATUS_DIVERGED);
    assert_null(strstr(err.text, "the first non-finite value"));
    work_clear(&work);
    free(text);
}

/* ---- the file -------------------------------------------------------------------------------- */

#define MAX_ROWS 512
#define MAX_COLUMNS 64

struct rows {
    double values[MAX_ROWS][MAX_COLUMNS], shift[MAX_ROWS];
    bool there[MAX_ROWS];
};
static struct rows inputs, outputs, noises;

/* "3\tword\t-0.5\t1\t2..." behind the kind and the position. */
static void read_row(struct rows *rows, char *fields, int columns) {
    char *at;
    unsigned long number = strtoul(fields, &at, 10);
    assert_true(number < MAX_ROWS);
    at = strchr(at + 1, '\t'); /* behind the id */
    at = strchr(at + 1, '\t'); /* behind the word */
    assert_non_null(at);
    rows->there[number] = true;
    rows->shift[number] = strtod(at + 1, &at);
    for (int j = 0; j < columns; j++) {
        assert_true(*at == '\t');
        rows->values[number][j] = strtod(at + 1, &at);
        assert_true(isfinite(rows->values[number][j]));
    }
    assert_true(*at == '\0');
}

static double product(const struct rows *a, size_t i, const struct rows *b, size_t j, int columns) {
    double sum = 0;
    assert_true(a->there[i] && b->there[j]);
    for (int c = 0; c < columns; c++)
        sum += a->values[i][c] * b->values[j][c];
    return sum - b->shift[j];
}

/* All rows stand as they were before the step, finite; the scores are theirs. */
static void the_block_reads_back(void **state) {
    (void)state;
    size_t length, bytes;
    char *text = late_text(2000, &length), dump[256], *file = NULL, *rest = NULL;
    int columns = 0, centres = 0, positives = 0, negatives = 0, places = 0;
    unsigned long long step = 0;
    struct work work;
    struct error err;
    work_init(&work, text, length);
    settings_of_divergence(&work.settings);
    snprintf(dump, sizeof dump, "%s/nonfinite.tsv", work.folder);
    work.options.dump = dump;
    assert_int_equal(work_train(&work, &err), STATUS_DIVERGED);
    assert_false(file_exists(dump)); /* nobody asked for it */
    work.settings.nonfinite_dump = true;
    assert_int_equal(work_train(&work, &err), STATUS_DIVERGED);
    assert_non_null(strstr(err.text, dump));
    const char *when = strstr(err.text, "at step ");
    assert_true(when && sscanf(when, "at step %llu", &step) == 1);
    assert_int_equal(file_read(dump, 1 << 26, &file, &bytes, &err), STATUS_OK);
    assert_true(strncmp(file, "vecmill-nonfinite\t1\n", 20) == 0);
    for (char *line = strtok_r(file, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *fields = strchr(line, '\t'), *next = NULL;
        assert_non_null(fields);
        *fields++ = '\0';
        if (strcmp(line, "columns") == 0)
            columns = (int)strtol(fields, NULL, 10);
        else if (strcmp(line, "step") == 0)
            assert_int_equal(strtoull(fields, NULL, 10), step);
        else if (strcmp(line, "input") == 0)
            read_row(&inputs, fields, columns);
        else if (strcmp(line, "output") == 0)
            read_row(&outputs, fields, columns);
        else if (strcmp(line, "noise") == 0)
            read_row(&noises, fields, columns);
        else if (strcmp(line, "positive") == 0 || strcmp(line, "negative") == 0) {
            bool positive = line[0] == 'p';
            size_t t = strtoul(fields, &next, 10), k = strtoul(next + 1, &next, 10);
            double told = strtod(next + 1, NULL);
            double score = product(&inputs, t, positive ? &outputs : &noises, k, columns);
            assert_true(fabs(told - score) <= 1e-6 * fabs(score) + 1e-12);
            ++*(positive ? &positives : &negatives);
        } else {
            centres += strcmp(line, "centre") == 0;
            places += strcmp(line, "place") == 0;
        }
    }
    assert_true(places == 1 && centres > 0 && centres <= KERNEL_BLOCK);
    assert_true(positives >= centres && negatives == 64 * centres);
    free(file);
    work_clear(&work);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_one_is_named),
        cmocka_unit_test(the_search_can_be_left_out),
        cmocka_unit_test(the_block_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
