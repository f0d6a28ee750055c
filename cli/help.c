#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/manual.h"

#define COLUMN 34 /* where settings_write_help begins its texts */

void help_print(const struct command *commands) {
    fputs("vecmill - train word embeddings from a corpus, search them, and serve them over HTTP\n\n"
          "usage: vecmill COMMAND [ARGUMENT]...\n\ncommands:\n",
          stdout);
    for (const struct command *command = commands; command->name; command++)
        fprintf(stdout, "  %-13s %s\n", command->name, command->summary);
    fputs(
        "\nA setting is given as --name VALUE or --name=VALUE, as the variable VECMILL_NAME, or as "
        "a line 'name = "
        "value'\n"
        "in the file that --config FILE or VECMILL_CONF names. The command line beats the "
        "environment, the\n"
        "environment the file. '-' and '_' mean the same in names. '--' ends the options.\n\n"
        "'vecmill help COMMAND' or 'vecmill COMMAND --help' explains a command and its settings;\n"
        "'vecmill help conf' prints a settings file with every setting explained, 'vecmill help "
        "man [conf]' a\n"
        "man page, 'vecmill help completion bash|zsh|fish' completion for a shell.\n\nexit "
        "status:\n",
        stdout);
#define EXIT_LINE(name, code, meaning) fprintf(stdout, "  %d  %s\n", code, meaning);
    EXIT_ROWS(EXIT_LINE)
#undef EXIT_LINE
}

static void print_options(const struct command *command) {
    fputs("\noptions:\n", stdout);
    for (const struct option_row *row = command->options; row && row->name; row++) {
        char left[64];
        snprintf(left, sizeof left, "  --%s %s", row->name, row->value ? row->value : "");
        fprintf(stdout, "%-*s%s\n", COLUMN, left, row->meaning);
    }
    if (command->scopes != 0 || command->settings)
        fprintf(stdout, "%-*s%s\n", COLUMN, "  --config FILE", "read settings from this file");
    fprintf(stdout, "%-*s%s\n", COLUMN, "  --help", "print this help");
}

static bool is_listed(const struct command *command, const struct setting *row) {
    for (const char *const *name = command->settings; name && *name; name++)
        if (strcmp(*name, row->name) == 0)
            return true;
    return false;
}

/* Help of the settings that the command names one by one: cut from the help of all. */
static void print_named_settings(const struct command *command, const struct buffer *all) {
    size_t index = 0;
    bool wanted = false;
    for (const char *line = all->data; line && *line;) {
        size_t length = strcspn(line, "\n") + 1;
        if (strncmp(line, "  --", 4) == 0)
            wanted = is_listed(command, settings_row(index++));
        if (wanted)
            fwrite(line, 1, length, stdout);
        line += length;
    }
}

void help_print_command(const struct command *command) {
    fprintf(stdout, "vecmill %s - %s\n\nusage: vecmill %s %s\n", command->name, command->summary,
            command->name, command->synopsis);
    if (command->details)
        fprintf(stdout, "\n%s", command->details);
    print_options(command);
    if (command->scopes == 0 && !command->settings)
        return;
    struct buffer text = {0};
    fputs("\nsettings:\n", stdout);
    settings_write_help(command->scopes ? command->scopes : SETTING_OF_ALL, &text);
    if (command->scopes)
        fwrite(text.data, 1, text.length, stdout);
    else
        print_named_settings(command, &text);
    buffer_clear(&text);
}

static void put_conf(const struct command *commands, struct buffer *text) {
    struct settings settings;
    (void)commands;
    settings_init(&settings);
    settings_write_text(&settings, SETTING_OF_ALL, true, text);
}

static void put_conf_page(const struct command *commands, struct buffer *text) {
    (void)commands;
    manual_put_settings(text);
}

/* What help prints that is no help of a command. */
static const struct {
    const char *topic, *detail;
    void (*put)(const struct command *commands, struct buffer *text);
} pages[] = {
    {"conf", "", put_conf},
    {"man", "", manual_put_program},
    {"man", "conf", put_conf_page},
    {"completion", "bash", completion_put_bash},
    {"completion", "zsh", completion_put_zsh},
    {"completion", "fish", completion_put_fish},
};

enum status command_help(struct invocation *invocation, struct error *err) {
    if (invocation->n_operands == 0) {
        help_print(invocation->commands);
        return STATUS_OK;
    }
    const char *topic = invocation->operands[0];
    const char *detail = invocation->n_operands > 1 ? invocation->operands[1] : NULL;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(topic, pages[i].topic) != 0 ||
            strcmp(detail ? detail : "", pages[i].detail) != 0)
            continue;
        struct buffer text = {0};
        pages[i].put(invocation->commands, &text);
        return output_flush(&text, err);
    }
    if (strcmp(topic, "completion") == 0)
        return misuse(invocation, err, "completion is for bash, zsh or fish, not '%.64s'",
                      detail ? detail : "");
    if (detail)
        return misuse(invocation, err, "'help %.64s' takes no '%.64s'; see 'vecmill help'", topic,
                      detail);
    for (const struct command *command = invocation->commands; command->name; command++) {
        if (strcmp(command->name, topic) == 0) {
            help_print_command(command);
            return STATUS_OK;
        }
    }
    return misuse(invocation, err, "no command '%.64s'; see 'vecmill help'", topic);
}

enum status command_version(struct invocation *invocation, struct error *err) {
    (void)invocation;
    (void)err;
    fputs("vecmill " VECMILL_VERSION "\n", stdout);
    return STATUS_OK;
}
