/* The command line: a table of subcommands, each a function over what the arguments, the
 * environment and the settings file say. Private to cli/, the only folder that prints, exits, and
 * reads argv or the environment. */
#ifndef VECMILL_CLI_CLI_H
#define VECMILL_CLI_CLI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "kernel/kernel.h"

/* One row per exit code: enumerator, number, meaning. */
#define EXIT_ROWS(ROW)                                                                           \
    ROW(DONE, 0, "success")                                                                      \
    ROW(FAILED, 1, "failure; the reason is on standard error")                                   \
    ROW(USAGE, 2, "a wrong command line, setting or settings file, or a file of the wrong kind") \
    ROW(CANCELLED, 3, "training was cancelled")                                                  \
    ROW(PAUSED, 4, "training stopped at a checkpoint; --resume goes on from it")                 \
    ROW(DIVERGED, 5, "training met a NaN or Inf")                                                \
    ROW(MEMORY, 6, "not enough memory")

#define EXIT_ENUM(name, code, meaning) EXIT_##name = code,
enum exit_code { EXIT_ROWS(EXIT_ENUM) };
#undef EXIT_ENUM

#define OPTIONS_MAX 16

/* An option of one command that is no setting. The list ends with a row without a name. */
struct option_row {
    const char *name;  /* with '-' */
    const char *value; /* placeholder for --help; NULL: takes no value */
    const char *meaning;
};

struct invocation;

/* One row per subcommand. */
struct command {
    const char *name, *synopsis, *summary;
    const char *details;              /* further lines for --help, or NULL */
    const struct option_row *options; /* or NULL */
    unsigned scopes;                  /* of the settings that --name may set; 0: only `settings` */
    const char *const *settings;      /* their names, NULL behind the last; or NULL */
    size_t min, max;                  /* operands */
    enum status (*run)(struct invocation *invocation, struct error *err);
};

/* One run of the program. */
struct invocation {
    const struct command *command;
    const struct command *commands; /* the whole table, for help */
    struct settings settings;
    /* Of command->options: "" for one that takes no value, NULL when it was not given. */
    const char *values[OPTIONS_MAX];
    char **operands; /* [n_operands], pointers into argv */
    size_t n_operands;
    char **environment;
    bool help;    /* --help was given */
    bool misused; /* the error is the user's: exit with EXIT_USAGE */
};

/* ---- arguments.c ----------------------------------------------------------------------------- */

/* Reads everything behind the command's name; settings from default, file, environment and
 * arguments, in this order. Owns: caller frees invocation->operands. Errors set
 * invocation->misused. */
enum status arguments_read(struct invocation *invocation, int n, char **arguments,
                           struct error *err) MUST_CHECK;
bool command_takes_settings(const struct command *command);
/* As an option of the command. */
bool command_takes_setting(const struct command *command, const struct setting *row);
/* What an option of the command was given: NULL when it was not. The name must be in the table. */
const char *option_value(const struct invocation *invocation, const char *name);
/* A whole number between bounds; `initial` when the option was not given. */
enum status option_number(struct invocation *invocation, const char *name, int64_t min, int64_t max,
                          int64_t initial, int64_t *value, struct error *err) MUST_CHECK;
/* The same of any number, and of bytes, which may end in K, M, G or T. */
enum status option_real(struct invocation *invocation, const char *name, double min, double max,
                        double initial, double *value, struct error *err) MUST_CHECK;
enum status option_bytes(struct invocation *invocation, const char *name, int64_t initial,
                         int64_t *value, struct error *err) MUST_CHECK;
/* Index of the option's value in a list "a|b|c"; 0 when it was not given. */
enum status option_choice(struct invocation *invocation, const char *name, const char *list,
                          size_t *index, struct error *err) MUST_CHECK;
/* An error that is the user's. */
enum status misuse(struct invocation *invocation, struct error *err, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The kernel that the settings name; REFUSED when it does not run here. */
enum status kernel_of_settings(const struct settings *settings, const struct kernel **kernel,
                               struct error *err) MUST_CHECK;
/* How many threads the settings ask for, at least 1. */
int threads_of_settings(const struct settings *settings);

/* ---- help.c ---------------------------------------------------------------------------------- */

/* To standard output: all commands, or one with its options and settings. */
void help_print(const struct command *commands);
void help_print_command(const struct command *command);
enum status command_help(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_version(struct invocation *invocation, struct error *err) MUST_CHECK;

/* ---- output.c -------------------------------------------------------------------------------- */

/* Standard error, shared by log lines and a progress bar. */
struct output {
    bool json;       /* log lines are JSON */
    atomic_bool bar; /* a progress bar stands in the terminal's last line */
};
/* A logger to standard error, from any thread. output must outlive it. */
struct logger output_logger(struct output *output, enum log_level min);
bool output_is_terminal(int fd);
/* Appends text of any bytes as a JSON string, with its quotes. What log_is_control names is
 * escaped, so that the string is one line for every reader. */
void json_put_string(struct buffer *buffer, const char *text, size_t length);
/* Append `,"name":value`; a number that is not finite as null. */
void json_put_number(struct buffer *buffer, const char *name, double value);
void json_put_count(struct buffer *buffer, const char *name, uint64_t value);
/* Appends 1234567 as "1,234,567". */
void put_grouped(struct buffer *buffer, uint64_t value);
/* Prints a buffer to standard output and clears it. Errors: NO_MEMORY when the buffer had
 * failed. */
enum status output_flush(struct buffer *buffer, struct error *err) MUST_CHECK;

/* ---- the commands ---------------------------------------------------------------------------- */

extern const struct option_row train_options_rows[], nearest_options[], analogy_options[],
    closer_options[], rank_options[], eval_options[], recommend_options[], export_options_rows[],
    import_options[], serve_options[], key_options[], plan_options[], backup_options[];
enum status command_train(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_plan(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_serve(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_nearest(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_analogy(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_similarity(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_rank(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_closer(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_embed(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_lookup(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_eval(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_recommend(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_export(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_import(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_key(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_backup(struct invocation *invocation, struct error *err) MUST_CHECK;
enum status command_healthcheck(struct invocation *invocation, struct error *err) MUST_CHECK;

#endif
