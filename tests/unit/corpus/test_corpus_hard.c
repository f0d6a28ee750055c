/* corpus/ under stress: huge lines and words, compression, requests, memory and disk limits,
 * refusals. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/random.h"
#include "corpus/corpus_counter.h"
#include "tests/support/corpus_fixture.h"

static void test_huge_line(void **state) {
    struct fixture *fixture = *state;
    const size_t length = 50 << 20;
    char *text = malloc(length);
    for (size_t i = 0; i + 8 <= length; i += 8)
        memcpy(text + i, i % 24 == 0 ? "one two " : i % 24 == 8 ? "sevenly " : "thirty9 ", 8);
    fixture_write(fixture, text, length);
    free(text);
    for (int threads = 1; threads < 4; threads++) {
        if (!threads_tell(threads))
            continue;
        struct corpus *corpus;
        struct error err = {0};
        assert_int_equal(fixture_read(fixture, threads, &corpus, &err), STATUS_OK);
        assert_int_equal(corpus->report.lines, 1);
        assert_int_equal(corpus->report.sentences, 1);
        assert_int_equal(corpus->report.longest_line, length);
        assert_int_equal(corpus->words, length / 8 / 3 * 4 + 2);
        assert_int_equal(corpus->length, corpus->words + 1);
        assert_int_equal(corpus->ids[corpus->length - 1], WORD_NONE);
        uint64_t wrong = 0;
        for (uint64_t i = 0; i < corpus->words; i++)
            wrong += corpus->ids[i] != i % 4;
        assert_int_equal(wrong, 0);
        corpus_free(corpus);
    }
}

static void huge_word(struct fixture *fixture, const char *letter, const char *folded) {
    const size_t n = 10 << 20, width = strlen(letter);
    char *text = malloc(n * width + 16);
    memcpy(text, "a ", 2);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 + i * width, letter, width);
    memcpy(text + 2 + n * width, " a b\n", 5);
    fixture_write(fixture, text, n * width + 7);
    free(text);
    for (int threads = 1; threads < 4; threads++) {
        if (!threads_tell(threads))
            continue;
        struct corpus *corpus;
        struct error err = {0};
        size_t length;
        assert_int_equal(fixture_read(fixture, threads, &corpus, &err), STATUS_OK);
        assert_int_equal(corpus->report.words, 4);
        assert_int_equal(corpus->report.longest_word, n * strlen(folded));
        const char *word = vocabulary_word(corpus->vocabulary, 1, &length);
        assert_int_equal(length, n * strlen(folded));
        assert_memory_equal(word + length - strlen(folded), folded, strlen(folded));
        corpus_free(corpus);
    }
}

static void test_huge_word(void **state) {
    struct fixture *fixture = *state;
    huge_word(fixture, "X", "X");
    fixture->settings.lowercase = true;
    huge_word(fixture, "X", "x");
    fixture->settings.tokenizer = TOKENIZER_UNICODE;
    huge_word(fixture, "X", "x");
    huge_word(fixture, "\xd0\x96", "\xd0\xb6");
}

static const char sample[] = "the cat and the dog\nand the bird\n";

static size_t gzip_append(unsigned char *out, size_t room, const char *text, size_t length) {
    z_stream stream = {
        .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)length, .next_out = out};
    stream.avail_out = (uInt)room;
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return room - stream.avail_out;
}

static void assert_sample_twice(struct fixture *fixture) {
    for (int threads = 1; threads < 4; threads++) {
        if (!threads_tell(threads))
            continue;
        struct corpus *corpus;
        struct error err = {0};
        if (fixture_read(fixture, threads, &corpus, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        assert_int_equal(corpus->report.bytes, 2 * (sizeof sample - 1));
        assert_int_equal(corpus->report.words, 16);
        assert_int_equal(corpus->report.sentences, 4);
        assert_int_equal(
            vocabulary_count(corpus->vocabulary, vocabulary_find(corpus->vocabulary, "the", 3)), 6);
        corpus_free(corpus);
        assert_work_empty(fixture);
    }
}

static void test_compressed(void **state) {
    struct fixture *fixture = *state;
    unsigned char packed[1024];
    size_t once = gzip_append(packed, sizeof packed, sample, sizeof sample - 1);
    size_t length =
        once + gzip_append(packed + once, sizeof packed - once, sample, sizeof sample - 1);
    fixture_write(fixture, packed, length);
    assert_sample_twice(fixture);
    for (size_t cut = 3; cut < length; cut++)
        if (cut != once) {
            fixture_write(fixture, packed, cut);
            assert_refused(fixture, 2, STATUS_MALFORMED, cut < once + 2 ? "" : "cut short");
        }
    once = ZSTD_compress(packed, sizeof packed, sample, sizeof sample - 1, 3);
    memcpy(packed + once, packed, once);
    fixture_write(fixture, packed, 2 * once);
    assert_sample_twice(fixture);
    for (size_t cut = 5; cut < 2 * once; cut++)
        if (cut != once) {
            fixture_write(fixture, packed, cut);
            assert_refused(fixture, 2, STATUS_MALFORMED, "");
        }
    memset(packed + 6, 0x55, 8);
    fixture_write(fixture, packed, once);
    assert_refused(fixture, 1, STATUS_MALFORMED, "");
}

static void test_refusals(void **state) {
    struct fixture *fixture = *state;
    assert_refused(fixture, 1, STATUS_NOT_FOUND, fixture->path);
    fixture_write(fixture, "", 0);
    assert_refused(fixture, 2, STATUS_REFUSED, "corpus is empty");
    fixture_write(fixture, "\xef\xbb\xbf", 3);
    assert_refused(fixture, 2, STATUS_REFUSED, "corpus is empty");
    fixture_write(fixture, " \n\t\n", 4);
    assert_refused(fixture, 2, STATUS_REFUSED, "corpus is empty: 4 bytes hold no word");
    fixture->settings.min_count = 5;
    fixture_write(fixture, "b a c a\nb a", 11);
    assert_refused(fixture, 2, STATUS_REFUSED,
                   "no word reaches min_count 5: the most frequent, 'a', was seen 3 times");
    fixture_write(fixture, "\x1b[31m\xff\xc3\xa4", 8);
    assert_refused(fixture, 1, STATUS_REFUSED,
                   "the most frequent, '?[31m?\xc3\xa4', was seen 1 times");
    fixture->settings.format = FORMAT_NDJSON;
    assert_refused(fixture, 1, STATUS_INTERNAL, "ndjson");
    fixture->settings.format = FORMAT_TEXT;
    assert_refused(fixture, 0, STATUS_INTERNAL, "needs a thread");
}

static void *request_later(void *request) {
    usleep(20000);
    atomic_store((atomic_int *)request, REQUEST_STOP);
    return NULL;
}

static enum status scan_requested(struct corpus_counter *counter, const char **at,
                                  struct error *err) {
    atomic_store(counter->pool->request, REQUEST_CANCEL);
    return corpus_scanner_portable.scan(counter, at, err);
}

/* A request that comes when the text is being read: from the fast path itself, or from another
 * thread while the Unicode rules take far longer. How soon it is heard: test_corpus_range. */
static void test_requests(void **state) {
    static const struct corpus_scanner requesting = {"requesting", scan_requested};
    struct fixture *fixture = *state;
    const size_t length = 64 << 20;
    char *text = malloc(length);
    struct random random;
    random_init(&random, 3, 0);
    for (size_t i = 0; i < length; i += 8) {
        uint64_t bytes = random_next(&random) | 0x4040404040404040u;
        memcpy(text + i, &bytes, 8);
        text[i + 7] = i % 80 == 0 ? '\n' : ' ';
    }
    fixture_write(fixture, text, length);
    fixture->scanner = &requesting;
    assert_refused(fixture, 2, STATUS_CANCELLED, "cancelled while reading the corpus");
    atomic_store(&fixture->request, REQUEST_NONE);
    fixture->settings.tokenizer = TOKENIZER_UNICODE;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, request_later, &fixture->request), 0);
    assert_refused(fixture, 2, STATUS_PAUSED, "stopped while reading the corpus");
    assert_int_equal(pthread_join(thread, NULL), 0);
    size_t packed_length = ZSTD_compress(text + length / 2, length / 2, text, length / 4, 1);
    fixture_write(fixture, text + length / 2, packed_length);
    atomic_store(&fixture->request, REQUEST_CANCEL);
    assert_refused(fixture, 2, STATUS_CANCELLED, "cancelled while reading the corpus");
    free(text);
}

/* Ids say the same as counts, whatever was forgotten. */
static void assert_consistent(const struct corpus *corpus) {
    const struct corpus_report *report = &corpus->report;
    uint32_t size = vocabulary_size(corpus->vocabulary);
    uint64_t *counts = calloc(size, sizeof *counts), words = 0;
    for (uint64_t i = 0; i < corpus->length; i++)
        if (corpus->ids[i] != WORD_NONE) {
            assert_true(corpus->ids[i] < size);
            counts[corpus->ids[i]]++;
            words++;
        } else {
            assert_true(i > 0 && corpus->ids[i - 1] != WORD_NONE);
        }
    for (uint32_t id = 0; id < size; id++)
        assert_int_equal(counts[id], vocabulary_count(corpus->vocabulary, id));
    assert_int_equal(words, corpus->words);
    assert_int_equal(words, report->kept_words);
    assert_int_equal(report->words, report->kept_words + report->rare_words + report->pruned_words);
    free(counts);
}

static size_t rare_text(char *text, size_t room) {
    struct random random;
    size_t length = 0;
    random_init(&random, 4, 0);
    for (int i = 0; length + 64 < room; i++) {
        bool rare = random_below(&random, 2) == 0;
        length +=
            (size_t)snprintf(text + length, 64, rare ? "a-rare-and-long-word-%d%c" : "common-%d%c",
                             rare ? i : (int)random_below(&random, 50), i % 12 == 0 ? '\n' : ' ');
    }
    return length;
}

static void test_pruning(void **state) {
    struct fixture *fixture = *state;
    const size_t room = 4 << 20;
    char *text = malloc(room);
    size_t length = rare_text(text, room);
    fixture_write(fixture, text, length);
    free(text);
    fixture->settings.min_count = 2;
    struct corpus *full, *small;
    struct error err = {0};
    assert_int_equal(fixture_read(fixture, 1, &full, &err), STATUS_OK);
    assert_int_equal(full->report.pruned_words, 0);
    assert_int_equal(full->report.vocabulary, 50);
    uint64_t kept = full->words;
    fixture->settings.max_memory = 1 << 20;
    for (int threads = 1; threads < 4; threads++) {
        if (!threads_tell(threads))
            continue;
        corpus_free(full);
        assert_int_equal(fixture_read(fixture, threads, &full, &err), STATUS_OK);
        assert_true(full->report.pruned_words > 0);
        assert_int_equal(full->report.vocabulary, 50);
        assert_true(full->words <= kept && full->words > kept * 99 / 100);
        assert_consistent(full);
    }
    corpus_free(full);
    assert_int_equal(fixture_read(fixture, 1, &full, &err), STATUS_OK);
    uint32_t *ids = malloc(full->length * sizeof *ids);
    uint64_t ids_length = full->length;
    memcpy(ids, full->ids, ids_length * sizeof *ids);
    corpus_free(full);
    assert_int_equal(fixture_read(fixture, 1, &small, &err), STATUS_OK);
    assert_int_equal(small->length, ids_length);
    assert_memory_equal(small->ids, ids, ids_length * sizeof *ids);
    corpus_free(small);
    free(ids);
    assert_work_empty(fixture);
}

/* Words of 4200 copies each cannot be forgotten as rare: some 8000 of them fill the table, so that
 * the last of 10 000 are never read. And one word may be larger than the memory. */
static void test_memory_too_small(void **state) {
    struct fixture *fixture = *state;
    const size_t words = 10000, copies = 4200, length = words * copies * 5;
    char *text = malloc(length + 1), *end = text;
    for (unsigned word = 0; word < words; word++) {
        char copy[6];
        snprintf(copy, sizeof copy, "%04x ", word);
        for (size_t i = 0; i < copies; i++, end += 5)
            memcpy(end, copy, 5);
    }
    fixture_write(fixture, text, length);
    fixture->settings.max_memory = 1 << 20;
    assert_refused(fixture, 1, STATUS_NO_MEMORY,
                   "max_memory leaves 524288 bytes for counting words: too few");
    memset(text, 'x', 1 << 20);
    fixture_write(fixture, text, 1 << 20);
    assert_refused(fixture, 1, STATUS_NO_MEMORY, "too few for a word of 1048576 bytes");
    free(text);
}

/* In a child: a tmpfs of its own, which nobody else sees, as the work folder. 77: not allowed to
 * mount. */
static int disk_full(struct fixture *fixture, const char *size) {
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", fixture->work, "tmpfs", 0, size) != 0)
        return 77;
    struct error err = {0};
    struct corpus *corpus;
    int entries = 0;
    enum status status = fixture_read(fixture, 2, &corpus, &err);
    if (status != STATUS_DISK_FULL ||
        folder_visit(fixture->work, count_entry, &entries, &err) != STATUS_OK)
        return 1;
    return entries;
}

static void test_disk_full(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *size;
        int64_t max_memory;
    } cases[] = {{"size=64k", 4 << 20}, /* the numbers do not fit */
                 {"size=7m", 4 << 20},  /* the ids do not fit beside them */
                 {"size=3m", 0}};       /* the ids alone do not fit */
    const size_t length = 4 << 20;
    char *text = malloc(length);
    memset(text, ' ', length);
    for (size_t i = 0; i < length; i += 4)
        text[i] = "abc"[i / 4 % 3];
    fixture_write(fixture, text, length);
    free(text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status;
        fixture->settings.max_memory = cases[i].max_memory;
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(disk_full(fixture, cases[i].size));
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
            print_message("SKIPPED: a full disk needs the right to mount\n");
            return;
        }
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

struct progress {
    double last;
    int calls;
    uint64_t words;
};

static void on_progress(void *context, double share, const struct corpus_report *report) {
    struct progress *progress = context;
    assert_true(share >= progress->last && share <= 1);
    progress->last = share;
    progress->calls++;
    progress->words = report->words;
}

static void test_progress(void **state) {
    struct fixture *fixture = *state;
    struct progress progress = {0};
    struct error err = {0};
    struct corpus *corpus;
    fixture_write(fixture, sample, sizeof sample - 1);
    struct corpus_options options = {.settings = &fixture->settings,
                                     .path = fixture->path,
                                     .work = fixture->work,
                                     .threads = 2,
                                     .on_progress = on_progress,
                                     .context = &progress};
    assert_int_equal(corpus_create(&corpus, &options, &err), STATUS_OK);
    assert_true(progress.last == 1 && progress.calls > 0);
    assert_int_equal(progress.words, 8);
    char ids[600];
    snprintf(ids, sizeof ids, "%s/%s", fixture->work, CORPUS_IDS_FILE);
    assert_true(file_exists(ids));
    corpus_free(corpus);
    corpus_free(NULL);
    assert_work_empty(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_refusals), TEST(test_compressed), TEST(test_progress),
        TEST(test_pruning),  TEST(test_disk_full),  TEST(test_memory_too_small),
        TEST(test_requests), TEST(test_huge_line),  TEST(test_huge_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
