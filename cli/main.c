/* vecmill: word embeddings trained from a corpus, and served. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/distance.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "cli/cli.h"

static const char *const model_settings[] = {"kernel", "threads", NULL};
static const char *const embed_settings[] = {"text_weighting", "sif_a",  "remove_component",
                                             "unknown_text",   "kernel", NULL};
static const char *const import_settings[] = {"kernel", "max_import_bytes", "max_window_bytes",
                                              NULL};
static const char *const health_settings[] = {"listen", "tls_cert", NULL};

static const struct command commands[] = {
    {"serve", "[--SETTING VALUE]...", "run the HTTP service",
     "Stops on SIGTERM or SIGINT: requests are finished, running jobs checkpointed; they go on at "
     "the next start.\n"
     "Settings of a job given here are where jobs start from.\n",
     serve_options, SETTING_OF_ALL, NULL, 0, 0, command_serve},
    {"train", "CORPUS --output DIR [OPTION]... [--SETTING VALUE]...",
     "train a model from a corpus file",
     "CORPUS is text, one sentence a line, or NDJSON (.ndjson, .jsonl), also compressed by gzip, "
     "zstd, bzip2 or xz, or alone in a zip.\n"
     "SIGINT or SIGTERM stops at a checkpoint; a second one stops at once.\n",
     train_options_rows, SETTING_OF_JOB, NULL, 0, 1, command_train},
    {"plan", "CORPUS [OPTION]... [--SETTING VALUE]...",
     "tell what training would take: words, memory, disk, time",
     "CORPUS is as for train. It is counted as training counts it, and training is tried for a "
     "moment;\n"
     "nothing is kept. Ends as training would before it begins: with success where it would "
     "begin,\n"
     "else with its exit status and reason, behind the plan.\n",
     plan_options, SETTING_OF_JOB, NULL, 1, 1, command_plan},
    {"nearest", "MODEL WORD...", "print the words nearest to each word, by cosine", NULL,
     nearest_options, 0, model_settings, 2, SIZE_MAX, command_nearest},
    {"analogy", "MODEL A B C", "answer: A is to B as C is to ...", NULL, analogy_options, 0,
     model_settings, 4, 4, command_analogy},
    {"similarity", "MODEL WORD WORD", "print the cosine of two words", NULL, NULL, 0,
     model_settings, 3, 3, command_similarity},
    {"rank", "MODEL WORD OTHER", "print the rank of OTHER among the words nearest to WORD", NULL,
     rank_options, 0, model_settings, 3, 3, command_rank},
    {"closer", "MODEL WORD OTHER", "print the words that are nearer to WORD than OTHER is", NULL,
     closer_options, 0, model_settings, 3, 3, command_closer},
    {"lookup", "MODEL WORD...", "print the vectors of words", NULL, NULL, 0, model_settings, 2,
     SIZE_MAX, command_lookup},
    {"embed", "MODEL [TEXT]...", "print the vectors of texts",
     "Without a TEXT, each line of standard input is one. A line of numbers for each, of length "
     "1:\nthe mean of the vectors of its tokens, weighted by --text-weighting.\n",
     NULL, 0, embed_settings, 1, SIZE_MAX, command_embed},
    {"eval", "MODEL FILE", "score a model on analogy questions, word similarities or sessions",
     "FILE holds word2vec's questions (\": section\" lines, four words a line) or lines of two "
     "words and a score;\n"
     "with --set next-item a session a line, of which the last item is to be told: text or NDJSON, "
     "also compressed.\n",
     eval_options, 0, model_settings, 2, 2, command_eval},
    {"recommend", "MODEL [FILE]", "print what comes next in sessions",
     "FILE holds a session a line, its items separated by white space, or NDJSON, also compressed; "
     "without\nit, or for -, standard input does. Items of the session are left out.\n",
     recommend_options, 0, model_settings, 1, 2, command_recommend},
    {"export", "MODEL --output FILE [--format NAME]", "write a model in a format of the field",
     "The format is told by the name of FILE where --format is not given.\n", export_options_rows,
     0, model_settings, 1, 1, command_export},
    {"import", "FILE --output DIR", "read vectors of word2vec or GloVe into a model",
     "FILE holds vectors as text or word2vec's binary, also compressed by gzip, zstd, bzip2 or "
     "xz, or alone in a zip.\n"
     "\n"
     "text    a line for each word: the word, then its numbers with spaces or tabs between\n"
     "        A first line 'rows dim' is a header (word2vec, fastText's .vec) and may be left out\n"
     "        (GloVe). The last dim fields are the vector and what stands before is the word, "
     "which\n"
     "        may hold spaces. Numbers are such as 0.5, .5, 1. or -2e-05; nan and inf are "
     "refused.\n"
     "binary  a line 'rows dim', then for each word its bytes, a space, dim little-endian "
     "float32,\n"
     "        and perhaps a line break; a word may hold anything but a space\n"
     "\n"
     "Of equal words the first is kept; what was left out is counted in the answer. A header that\n"
     "promises more or fewer rows than there are is refused; --max-rows N takes the first N, also\n"
     "of a file that is cut short.\n",
     import_options, 0, import_settings, 1, 1, command_import},
    {"key", "create [OPTION]... | list FILE | check FILE", "make a key that may call the service",
     "create prints the key, which is shown this once, and its row for the keys file "
     "(api_keys_file).\n"
     "list shows the rows of FILE; check reads a key from standard input and tells which row is "
     "its.\n",
     key_options, 0, NULL, 1, 2, command_key},
    {"backup", "DATA --output FILE.tar|DIR|-",
     "copy a data folder, also while a server works on it",
     "DATA is the folder of the setting data. The copy is consistent: what the server "
     "acknowledged\n"
     "before is in it, and a server started on it goes on as after a power cut.\n",
     backup_options, 0, NULL, 1, 1, command_backup},
    {"healthcheck", "[--listen HOST:PORT]", "ask the running service whether it is well", NULL,
     NULL, 0, health_settings, 0, 0, command_healthcheck},
    {"version", "", "print the version", NULL, NULL, 0, NULL, 0, 0, command_version},
    {"help", "[COMMAND|conf|man [conf]|completion SHELL]",
     "explain a command; print a settings file, a man page, completion for a shell", NULL, NULL, 0,
     NULL, 0, 2, command_help},
    {0},
};

static const struct command *command_find(const char *name) {
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static int refuse_command(const char *name) {
    const char *nearest = NULL;
    size_t min = DISTANCE_FAR;
    for (const struct command *command = commands; command->name; command++) {
        size_t distance = edit_distance(name, command->name);
        if (distance < min) {
            min = distance;
            nearest = command->name;
        }
    }
    bool near = distance_is_near(min, name);
    char shown[64];
    (void)log_escape(name, shown, sizeof shown);
    fprintf(stderr, "vecmill: unknown command '%s'%s%s%s\n", shown, near ? "; did you mean '" : "",
            near ? nearest : "", near ? "'?" : "; see 'vecmill help'");
    return EXIT_USAGE;
}

static int exit_code_of(const struct invocation *invocation, enum status outcome) {
    switch (outcome) {
    case STATUS_OK:
        return EXIT_DONE;
    case STATUS_CANCELLED:
        return EXIT_CANCELLED;
    case STATUS_PAUSED:
        return EXIT_PAUSED;
    case STATUS_DIVERGED:
        return EXIT_DIVERGED;
    case STATUS_NO_MEMORY:
        return EXIT_MEMORY;
    case STATUS_UNSUPPORTED: /* the wrong file was given */
        return EXIT_USAGE;
    case STATUS_MALFORMED:
    case STATUS_REFUSED:
    case STATUS_NOT_FOUND:
    case STATUS_UNAUTHORIZED:
    case STATUS_FORBIDDEN:
    case STATUS_CONFLICT:
    case STATUS_TOO_LARGE:
    case STATUS_DISK_FULL:
    case STATUS_IO:
    case STATUS_CORRUPT:
    case STATUS_BUSY:
    case STATUS_INTERNAL:
    case STATUS_COUNT: /* is none */
        break;
    }
    return invocation->misused ? EXIT_USAGE : EXIT_FAILED;
}

static int run(const struct command *command, int n, char **arguments) {
    struct invocation invocation = {
        .command = command, .commands = commands, .environment = environ};
    struct error err = {0};
    enum status status = arguments_read(&invocation, n, arguments, &err);
    if (status == STATUS_OK && invocation.help)
        help_print_command(command);
    else if (status == STATUS_OK)
        status = command->run(&invocation, &err);
    free(invocation.operands);
    if (status != STATUS_OK) {
        char shown[4 * sizeof err.text];
        (void)log_escape(err.text, shown, sizeof shown);
        fprintf(stderr, "vecmill %s: %s\n", command->name, shown);
    } else if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "vecmill %s: cannot write standard output\n", command->name);
        status = STATUS_IO;
    }
    return exit_code_of(&invocation, status);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); /* a reader that went away shows as a failed write */
#ifdef VECMILL_FAILPOINTS
    failpoint_configure(getenv("VECMILL_FAILPOINTS"));
#endif
    if (argc < 2) {
        fputs("vecmill: no command; see 'vecmill help'\n", stderr);
        return EXIT_USAGE;
    }
    const struct command *command = command_find(argv[1]);
    return command ? run(command, argc - 2, argv + 2) : refuse_command(argv[1]);
}
