/* Keys as text, what they reach, how often they may ask, what they may own, and where they come
 * from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "server/access/access_private.h"
#include "tests/support/temporary.h"

#define HASH_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* ---- text ------------------------------------------------------------------------------------ */

static void test_made_and_read(void **state) {
    (void)state;
    struct access_key key = {.scope = SCOPE_TRAIN, .max_bytes = 10, .requests_per_minute = 60},
                      read;
    struct error err = {0};
    struct buffer row = {0};
    char text[KEY_TEXT_SIZE], other[KEY_TEXT_SIZE];
    unsigned char hash[KEY_HASH_BYTES];
    assert_int_equal(key_set(&key, "name", "ci.bot@example.org", &err), STATUS_OK);
    assert_int_equal(key_set(&key, "corpora", "a-,b_", &err), STATUS_OK);
    assert_int_equal(key_set(&key, "models", "m", &err), STATUS_OK);
    assert_int_equal(key_create(&key, other, &err), STATUS_OK);
    assert_int_equal(key_create(&key, text, &err), STATUS_OK);
    assert_int_equal(strlen(text), KEY_TEXT_SIZE - 1);
    assert_string_not_equal(text, other);
    assert_int_equal(strncmp(text, "vm_", 3), 0);
    assert_int_equal(strncmp(text + 3, key.id, strlen(key.id)), 0);
    assert_int_equal(key_hash(text, strlen(text), hash, &err), STATUS_OK);
    assert_memory_equal(hash, key.hash, sizeof hash);
    key_print(&key, &row);
    assert_null(strstr(row.data, text + 3 + strlen(key.id) + 1));
    assert_int_equal(key_parse(row.data, &read, &err), STATUS_OK);
    assert_memory_equal(&read, &key, sizeof key);
    buffer_clear(&row);
}

static void test_members(void **state) {
    (void)state;
    static const struct {
        const char *member, *value, *part; /* part: of the refusal; NULL: it is good */
    } cases[] = {
        {"scope", "read", NULL},
        {"scope", "read,train", NULL},
        {"scope", "", "empty"},
        {"scope", "root", "read, train or admin, not 'root'"},
        {"scope", "read;admin", "not 'read;admin'"},
        {"scope", "open", "not 'open'"},
        {"name", "a b", "name may hold"},
        {"name", "a;b", "name may hold"},
        {"name", "0123456789012345678901234567890123456789012345678901234567890123", NULL},
        {"name", "01234567890123456789012345678901234567890123456789012345678901234", "64"},
        {"corpora", "a/b", "corpora may hold"},
        {"models", "a\n", "models may hold"},
        {"max_bytes", "10G", NULL},
        {"max_bytes", "8388608T", "10G"}, /* 2^63 */
        {"max_bytes", "8388607T", NULL},
        {"max_bytes", "-1", "10G"},
        {"max_bytes", "G", "10G"},
        {"max_jobs", "3", NULL},
        {"max_jobs", "3K", "a number, not '3K'"},
        {"max_models", "", "a number, not ''"},
        {"requests_per_minute", "99999999999999999999", "must be a number"},
        {"colour", "red", "'colour' is no member"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct access_key key = {0};
        struct error err = {0};
        enum status status = key_set(&key, cases[i].member, cases[i].value, &err);
        if ((status == STATUS_OK) != !cases[i].part)
            fail_msg("%s '%s': %s", cases[i].member, cases[i].value, err.text);
        if (cases[i].part && !strstr(err.text, cases[i].part))
            fail_msg("%s '%s': %s", cases[i].member, cases[i].value, err.text);
        if (cases[i].part)
            assert_string_equal(err.key, cases[i].member);
    }
    struct access_key key = {0};
    struct error err = {0};
    assert_int_equal(key_set(&key, "scope", "read,admin,train", &err), STATUS_OK);
    assert_int_equal(key.scope, SCOPE_ADMIN);
    assert_int_equal(key_set(&key, "max_bytes", "3m", &err), STATUS_OK);
    assert_int_equal(key.max_bytes, 3 << 20);
}

static void test_rows(void **state) {
    (void)state;
    static const struct {
        const char *text, *part; /* NULL: good */
        size_t n;
    } cases[] = {
        {"", NULL, 0},
        {"# nothing\n\n  \r\n;;\n", NULL, 0},
        {"a " HASH_A " scope=read", NULL, 1},
        {"a " HASH_A " scope=read # mine\r\nb\t" HASH_B " scope=admin name=x\n", NULL, 2},
        {"a " HASH_A " scope=read;b " HASH_B " scope=read;", NULL, 2},
        {"\n\na " HASH_A, "keys:3: key 'a' has no scope", 0},
        {"a", "keys:1: key 'a' needs its hash", 0},
        {"a sha256:aa scope=read", "needs its hash", 0},
        {"a " HASH_A "a scope=read", "needs its hash", 0},
        {"a sha256:Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa scope=read",
         "needs its hash", 0},
        {"a.b " HASH_A " scope=read", "begins with the key's id", 0},
        {"abcdefghijklmnopq " HASH_A " scope=read", "begins with the key's id", 0},
        {"a " HASH_A " scope=read hunter2", "words like member=value", 0},
        {"a " HASH_A " scope=read\na " HASH_B " scope=read", "keys:2: key 'a' is there twice", 1},
        {"a " HASH_A " scope=read\nb " HASH_A " scope=read", "are the same key", 1},
        {"vm_0123456789ab_secret0123456789", "this is a key", 0},
        {"a " HASH_A " scope=read\nb " HASH_B " scope=read\n"
         "c sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc scope=read",
         "max_api_keys allows: 2", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct access_key *keys = NULL;
        struct error err = {0};
        size_t n = 0;
        enum status status = keys_parse(cases[i].text, "keys", 2, &keys, &n, &err);
        if ((status == STATUS_OK) != !cases[i].part || n != cases[i].n ||
            (cases[i].part && !strstr(err.text, cases[i].part)))
            fail_msg("'%s': %zu keys, %s", cases[i].text, n, err.text);
        assert_null(strstr(err.text, "secret"));
        assert_null(strstr(err.text, "hunter2"));
        free(keys);
    }
}

static void test_redacted(void **state) {
    (void)state;
    struct access_key key = {0};
    struct error err = {0};
    char secret[KEY_TEXT_SIZE], text[400], wanted[400];
    assert_int_equal(key_create(&key, secret, &err), STATUS_OK);
    snprintf(text, sizeof text, "/a?vm_=1&key=%s&vm_x&%.30s", secret, secret);
    snprintf(wanted, sizeof wanted, "/a?vm_=1&key=vm_%s_%.64s&vm_x&vm_%s_%.14s", key.id,
             "****************************************************************", key.id,
             "**************");
    key_redact(text);
    assert_string_equal(text, wanted);
    assert_false(key_stands_in(text));
    assert_true(key_stands_in(secret));
    /* As a target may spell it. */
    size_t n = 0;
    for (const char *c = secret; *c != '\0'; c++)
        n += (size_t)snprintf(text + n, sizeof text - n, strchr("vm_a", *c) ? "%%%02x" : "%c", *c);
    assert_true(key_stands_in(text));
    key_redact(text);
    assert_false(key_stands_in(text));
}

/* ---- reach ----------------------------------------------------------------------------------- */

static void test_reach(void **state) {
    (void)state;
    struct access_key key = {.id = "k", .scope = SCOPE_READ, .corpora = "team-,x", .models = ""};
    struct error err = {0};
    assert_true(key_reaches(NULL, REACH_CORPUS, "any"));
    assert_true(key_reaches(&key, REACH_MODEL, "any"));
    assert_true(key_reaches(&key, REACH_CORPUS, "team-a"));
    assert_true(key_reaches(&key, REACH_CORPUS, "x"));
    assert_false(key_reaches(&key, REACH_CORPUS, "team"));
    assert_false(key_reaches(&key, REACH_CORPUS, "Team-a"));
    assert_false(key_reaches(&key, REACH_CORPUS, ""));
    assert_false(key_reaches_all(&key));
    assert_true(key_reaches_all(NULL));
    assert_int_equal(key_check_reach(&key, REACH_CORPUS, "other", &err), STATUS_FORBIDDEN);
    assert_string_equal(err.key, "corpus");
    assert_non_null(strstr(err.text, "'k' reaches no corpus 'other'"));
    assert_non_null(strstr(err.text, "team-,x"));
    /* A list of commas reaches nothing: no prefix of it is empty. */
    snprintf(key.models, sizeof key.models, ",");
    assert_false(key_reaches(&key, REACH_MODEL, "any"));
    assert_string_equal(key_owner(&key), "k");
    assert_string_equal(key_owner(NULL), "");
}

/* ---- the keys in force ----------------------------------------------------------------------- */

struct told {
    char key[KEY_TEXT_SIZE];
    bool fails;
    unsigned times;
};

static bool tell(void *context, const char *key, const char *row) {
    struct told *told = context;
    struct access_key read;
    struct error err = {0};
    char line[512];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(row, "\n"), row);
    assert_int_equal(key_parse(line, &read, &err), STATUS_OK);
    snprintf(told->key, sizeof told->key, "%s", key);
    told->times++;
    return !told->fails;
}

struct fixture {
    struct settings settings;
    struct access_options options;
    struct told told;
    struct access *access;
    struct error err;
};

static void fixture_init(struct fixture *fixture, void **state) {
    *fixture = (struct fixture){0};
    settings_init(&fixture->settings);
    snprintf(fixture->settings.data, sizeof fixture->settings.data, "%s", (const char *)*state);
    fixture->options = (struct access_options){
        .settings = &fixture->settings, .beyond = true, .tell = tell, .context = &fixture->told};
}

static enum status fixture_open(struct fixture *fixture) {
    error_clear(&fixture->err);
    return access_open(&fixture->access, &fixture->options, &fixture->err);
}

static enum verdict admit(struct fixture *fixture, const char *token, enum scope scope) {
    unsigned char hash[KEY_HASH_BYTES];
    struct access_key key;
    double wait = 0;
    if (token)
        assert_int_equal(key_hash(token, strlen(token), hash, &fixture->err), STATUS_OK);
    return access_admit(fixture->access, token ? hash : NULL, scope, &key, &wait);
}

static void test_first_key(void **state) {
    struct fixture fixture;
    char *kept = temporary_path(state, "keys");
    fixture_init(&fixture, state);
    assert_int_equal(fixture_open(&fixture), STATUS_REFUSED);
    assert_string_equal(fixture.err.key, "api_keys");
    assert_non_null(strstr(fixture.err.text, "insecure = true"));
    fixture.settings.first_key = true;
    fixture.told.fails = true; /* a key that cannot be told is not kept */
    assert_int_equal(fixture_open(&fixture), STATUS_IO);
    assert_false(file_exists(kept));
    fixture.told.fails = false;
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    assert_int_equal(fixture.told.times, 2);
    assert_true(access_required(fixture.access));
    assert_int_equal(admit(&fixture, fixture.told.key, SCOPE_ADMIN), VERDICT_GRANTED);
    access_close(fixture.access);
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    assert_int_equal(fixture.told.times, 2);
    assert_int_equal(admit(&fixture, fixture.told.key, SCOPE_ADMIN), VERDICT_GRANTED);
    access_close(fixture.access);
    free(kept);
}

static void test_open_doors(void **state) {
    struct fixture fixture;
    fixture_init(&fixture, state);
    fixture.options.beyond = false;
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    assert_false(access_required(fixture.access));
    assert_false(access_required(NULL));
    access_close(fixture.access);
    fixture.options.beyond = true;
    fixture.settings.insecure = fixture.settings.first_key = true;
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    assert_false(access_required(fixture.access));
    assert_int_equal(fixture.told.times, 0);
    access_close(fixture.access);
}

static void test_verdicts(void **state) {
    struct fixture fixture;
    struct access_key key = {.scope = SCOPE_TRAIN};
    struct buffer row = {0};
    char text[KEY_TEXT_SIZE], longer[KEY_TEXT_SIZE + 1];
    fixture_init(&fixture, state);
    assert_int_equal(key_create(&key, text, &fixture.err), STATUS_OK);
    key_print(&key, &row);
    snprintf(fixture.settings.api_keys, sizeof fixture.settings.api_keys, "%s", row.data);
    buffer_clear(&row);
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    assert_int_equal(admit(&fixture, NULL, SCOPE_READ), VERDICT_NO_KEY);
    assert_int_equal(admit(&fixture, "", SCOPE_READ), VERDICT_WRONG_KEY);
    snprintf(longer, sizeof longer, "%sx", text);
    assert_int_equal(admit(&fixture, longer, SCOPE_READ), VERDICT_WRONG_KEY);
    assert_int_equal(admit(&fixture, text, SCOPE_READ), VERDICT_GRANTED);
    assert_int_equal(admit(&fixture, text, SCOPE_TRAIN), VERDICT_GRANTED);
    assert_int_equal(admit(&fixture, text, SCOPE_ADMIN), VERDICT_SCOPE);
    assert_int_equal(admit(&fixture, text, SCOPE_UNSET), VERDICT_SCOPE);
    text[KEY_TEXT_SIZE - 2] = text[KEY_TEXT_SIZE - 2] == '0' ? '1' : '0';
    assert_int_equal(admit(&fixture, text, SCOPE_READ), VERDICT_WRONG_KEY);
    access_close(fixture.access);
}

static void test_reload(void **state) {
    struct fixture fixture;
    char *file = temporary_path(state, "rows"), rows[] = "a " HASH_A " scope=read\n";
    fixture_init(&fixture, state);
    snprintf(fixture.settings.api_keys_file, sizeof fixture.settings.api_keys_file, "%s", file);
    assert_int_equal(fixture_open(&fixture), STATUS_NOT_FOUND);
    assert_string_equal(fixture.err.key, "api_keys_file");
    error_clear(&fixture.err);
    assert_int_equal(file_replace(file, "\n", 1, &fixture.err), STATUS_OK);
    assert_int_equal(fixture_open(&fixture), STATUS_REFUSED); /* and empty */
    assert_non_null(strstr(fixture.err.text, "holds no key"));
    error_clear(&fixture.err);
    assert_int_equal(file_replace(file, rows, sizeof rows - 1, &fixture.err), STATUS_OK);
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    assert_int_equal(access_count(fixture.access), 1);
    static const char *const bad[] = {"nonsense\n", "# none\n", "a " HASH_A "\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error_clear(&fixture.err);
        assert_int_equal(file_replace(file, bad[i], strlen(bad[i]), &fixture.err), STATUS_OK);
        assert_int_not_equal(access_reload(fixture.access, &fixture.err), STATUS_OK);
        assert_int_equal(access_count(fixture.access), 1);
    }
    access_close(fixture.access);
    free(file);
}

/* ---- how often, how much --------------------------------------------------------------------- */

static void test_rate(void **state) {
    struct fixture fixture;
    double wait = 0;
    fixture_init(&fixture, state);
    fixture.options.beyond = false;
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    struct key_use *use = use_find(fixture.access, "k");
    assert_non_null(use);
    assert_ptr_equal(use_find(fixture.access, "k"), use);
    for (int i = 0; i < 6; i++)
        assert_true(use_request(use, 6, 100, &wait));
    assert_false(use_request(use, 6, 100, &wait));
    assert_float_equal(wait, 10, 1e-9);
    assert_false(use_request(use, 6, 104, &wait));
    assert_float_equal(wait, 6, 1e-9);
    assert_true(use_request(use, 6, 110, &wait));
    assert_false(use_request(use, 6, 110, &wait));
    for (int i = 0; i < 6; i++) /* it never holds more than a minute's */
        assert_true(use_request(use, 6, 100000, &wait));
    assert_false(use_request(use, 6, 100000, &wait));
    access_close(fixture.access);
}

static uint64_t owned(void *context, const char *id, const char *but) {
    assert_string_equal(id, "k");
    return but ? 0 : *(uint64_t *)context;
}

static void test_bytes(void **state) {
    static const struct access_key key = {.id = "k", .max_bytes = 100}, free_key = {.id = "f"};
    struct fixture fixture;
    struct byte_quota one, two, three;
    uint64_t kept = 40;
    fixture_init(&fixture, state);
    fixture.options.beyond = false;
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    access_set_owned(fixture.access, owned, &kept);
    quota_begin(&one, fixture.access, &key, NULL);
    quota_begin(&two, fixture.access, &key, NULL);
    assert_int_equal(quota_take(&one, 30, &fixture.err), STATUS_OK);
    assert_int_equal(quota_take(&two, 30, &fixture.err), STATUS_OK);
    assert_int_equal(quota_check(&two, 0, &fixture.err), STATUS_OK);
    assert_int_equal(quota_take(&one, 1, &fixture.err), STATUS_BUSY);
    assert_string_equal(fixture.err.key, "max_bytes");
    /* One is kept: the store counts it now, and whoever began before knows it, too. */
    kept += 30;
    quota_end(&one, true);
    quota_end(&one, true);
    error_clear(&fixture.err);
    assert_int_equal(quota_take(&two, 1, &fixture.err), STATUS_BUSY);
    quota_begin(&three, fixture.access, &key, NULL);
    assert_int_equal(quota_check(&three, 1, &fixture.err), STATUS_BUSY);
    quota_end(&two, false);
    error_clear(&fixture.err);
    assert_int_equal(quota_take(&three, 30, &fixture.err), STATUS_OK);
    quota_end(&three, false);
    quota_begin(&three, fixture.access, &key, "its-own"); /* what it replaces does not count */
    assert_int_equal(quota_take(&three, 100, &fixture.err), STATUS_OK);
    quota_end(&three, false);
    quota_begin(&three, fixture.access, &free_key, NULL);
    assert_int_equal(quota_take(&three, UINT64_MAX, &fixture.err), STATUS_OK);
    quota_begin(&three, NULL, NULL, NULL);
    assert_int_equal(quota_take(&three, UINT64_MAX, &fixture.err), STATUS_OK);
    quota_end(&three, true);
    assert_int_equal(quota_count(&key, "max_jobs", 2, 1, &fixture.err), STATUS_OK);
    assert_int_equal(quota_count(&key, "max_jobs", 0, 9, &fixture.err), STATUS_OK);
    assert_int_equal(quota_count(NULL, "max_jobs", 2, 9, &fixture.err), STATUS_OK);
    assert_int_equal(quota_count(&key, "max_jobs", 2, 2, &fixture.err), STATUS_BUSY);
    assert_string_equal(fixture.err.key, "max_jobs");
    access_close(fixture.access);
}

static void keep_line(void *context, enum log_level level, const char *line) {
    (void)level;
    snprintf(context, 200, "%s", line);
}

static void test_audit(void **state) {
    (void)state;
    char line[200] = "";
    struct logger logger = {.write = keep_line, .context = line, .min = LOG_ERROR};
    audit(&logger, "corpus_deleted", "k", "r1", "corpus=%s", "a\nb");
    assert_string_equal(line, "audit event=corpus_deleted key=k request=r1 corpus=a\\x0ab");
    audit(&logger, "keys_read", "", "", "%s", "");
    assert_string_equal(line, "audit event=keys_read key=- request=-");
    audit(NULL, "x", "", "", "%s", "");
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_and_read),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_redacted),
        cmocka_unit_test(test_reach),
        WITH_FOLDER(test_first_key),
        WITH_FOLDER(test_open_doors),
        WITH_FOLDER(test_verdicts),
        WITH_FOLDER(test_reload),
        WITH_FOLDER(test_rate),
        WITH_FOLDER(test_bytes),
        cmocka_unit_test(test_audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
