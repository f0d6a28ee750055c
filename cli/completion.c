/* Completion for shells, from the same rows as --help. */
#include <string.h>

#include "cli/manual.h"

/* One option as a shell offers it. */
struct offer {
    const char *name;           /* '_' is written as '-' */
    const char *meaning;        /* one line */
    const char *const *choices; /* NULL: none */
    bool flag;                  /* it may stand without a value */
    const char *value;          /* placeholder; NULL for one that takes none */
};

typedef void (*offer_put)(struct buffer *script, const struct command *command,
                          const struct offer *offer);

/* Options of its own, settings, --config and --help. */
static void offers_visit(struct buffer *script, const struct command *command, offer_put put) {
    static const char *const flags[] = {"true", "false", NULL};
    for (const struct option_row *row = command->options; row && row->name; row++)
        put(script, command,
            &(struct offer){row->name, row->meaning, NULL, !row->value, row->value});
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        bool flag = row->type == SETTING_IS_FLAG;
        if (command_takes_setting(command, row))
            put(script, command,
                &(struct offer){row->name, row->meaning, flag ? flags : row->choices, flag,
                                "VALUE"});
    }
    if (command_takes_settings(command))
        put(script, command,
            &(struct offer){"config", "read settings from this file", NULL, false, "FILE"});
    put(script, command, &(struct offer){"help", "print help", NULL, true, NULL});
}

static void put_dashed(struct buffer *script, const char *name) {
    for (const char *c = name; *c; c++)
        buffer_append_char(script, *c == '_' ? '-' : *c);
}

/* For single quotes; '[', ']' and ':' mean something to zsh inside of them. */
static void put_quoted(struct buffer *script, const char *text, const char *special) {
    for (const char *c = text; *c; c++)
        if (*c == '\'')
            buffer_append_text(script, "'\\''");
        else if (strchr(special, *c))
            buffer_print(script, "\\%c", *c);
        else
            buffer_append_char(script, *c);
}

static void put_choices(struct buffer *script, const char *const *choices) {
    for (size_t i = 0; choices && choices[i]; i++)
        buffer_print(script, "%s%s", i > 0 ? " " : "", choices[i]);
}

static void put_command_names(struct buffer *script, const struct command *commands) {
    for (const struct command *command = commands; command->name; command++)
        buffer_print(script, "%s%s", command == commands ? "" : " ", command->name);
}

/* What may stand behind `help`. */
#define HELP_TOPICS "conf man completion"
#define SHELLS "bash zsh fish"

/* ---- bash ------------------------------------------------------------------------------------ */

static void put_bash_option(struct buffer *script, const struct command *command,
                            const struct offer *offer) {
    (void)command;
    buffer_append_text(script, " --");
    put_dashed(script, offer->name);
}

void completion_put_bash(const struct command *commands, struct buffer *script) {
    buffer_append_text(script,
                       "# bash completion of vecmill; made by `vecmill help completion bash`.\n"
                       "_vecmill() {\n"
                       "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                       "    local words=\n"
                       "    [[ $cur == = ]] && cur=\n"
                       "    [[ $prev == = && $COMP_CWORD -gt 1 ]] && "
                       "prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                       "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
                       "        words='");
    put_command_names(script, commands);
    buffer_append_text(script, " --help --version'\n"
                               "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                               "        return\n"
                               "    fi\n"
                               "    case $prev in\n");
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if (!row->choices && row->type != SETTING_IS_FLAG)
            continue;
        buffer_append_text(script, "    --");
        put_dashed(script, row->name);
        buffer_append_text(script, ") words='");
        if (row->choices)
            put_choices(script, row->choices);
        else
            buffer_append_text(script, "true false");
        buffer_append_text(script, "' ;;\n");
    }
    buffer_append_text(script, "    help) words='");
    put_command_names(script, commands);
    buffer_append_text(script, " " HELP_TOPICS "' ;;\n"
                               "    completion) words='" SHELLS "' ;;\n"
                               "    esac\n"
                               "    if [[ -n $words && $cur != -* ]]; then\n"
                               "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                               "        return\n"
                               "    fi\n"
                               "    [[ $cur == -* ]] || return\n"
                               "    case ${COMP_WORDS[1]} in\n");
    for (const struct command *command = commands; command->name; command++) {
        buffer_print(script, "    %s) words='", command->name);
        offers_visit(script, command, put_bash_option);
        buffer_append_text(script, "' ;;\n");
    }
    buffer_append_text(script, "    esac\n"
                               "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                               "}\n"
                               "complete -o default -F _vecmill vecmill\n");
}

/* ---- zsh ------------------------------------------------------------------------------------- */

static void put_zsh_option(struct buffer *script, const struct command *command,
                           const struct offer *offer) {
    (void)command;
    buffer_append_text(script, " \\\n        '--");
    put_dashed(script, offer->name);
    buffer_append_text(script, offer->value ? "=[" : "[");
    put_quoted(script, offer->meaning, "[]:\\");
    buffer_append_char(script, ']');
    if (offer->value && offer->choices) {
        buffer_append_text(script, ":value:(");
        put_choices(script, offer->choices);
        buffer_append_char(script, ')');
    } else if (offer->value) {
        buffer_append_text(script, ":value:_files");
    }
    buffer_append_char(script, '\'');
}

void completion_put_zsh(const struct command *commands, struct buffer *script) {
    buffer_append_text(script, "#compdef vecmill\n"
                               "# zsh completion of vecmill; made by `vecmill help completion "
                               "zsh`.\n"
                               "_vecmill() {\n"
                               "    local -a commands\n"
                               "    commands=(\n");
    for (const struct command *command = commands; command->name; command++) {
        buffer_print(script, "        '%s:", command->name);
        put_quoted(script, command->summary, ":\\");
        buffer_append_text(script, "'\n");
    }
    buffer_append_text(script, "    )\n"
                               "    if (( CURRENT == 2 )); then\n"
                               "        _describe command commands\n"
                               "        return\n"
                               "    fi\n"
                               "    local command=$words[2]\n"
                               "    shift words\n"
                               "    (( CURRENT-- ))\n"
                               "    case $command in\n"
                               "    help)\n"
                               "        commands+=('conf:a settings file' 'man:a man page'"
                               " 'completion:for a shell')\n"
                               "        _describe topic commands\n"
                               "        ;;\n");
    for (const struct command *command = commands; command->name; command++) {
        if (strcmp(command->name, "help") == 0)
            continue;
        buffer_print(script, "    %s)\n        _arguments -s", command->name);
        offers_visit(script, command, put_zsh_option);
        buffer_append_text(script, " \\\n        '*:file:_files'\n        ;;\n");
    }
    buffer_append_text(script, "    esac\n"
                               "}\n"
                               "_vecmill \"$@\"\n");
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void put_fish_option(struct buffer *script, const struct command *command,
                            const struct offer *offer) {
    buffer_print(script, "complete -c vecmill -n '__fish_seen_subcommand_from %s' -l ",
                 command->name);
    put_dashed(script, offer->name);
    buffer_append_text(script, " -d '");
    put_quoted(script, offer->meaning, "");
    buffer_append_char(script, '\'');
    if (offer->choices) {
        buffer_append_text(script, offer->flag ? " -f -a '" : " -x -a '");
        put_choices(script, offer->choices);
        buffer_append_char(script, '\'');
    } else if (offer->value) {
        buffer_append_text(script, " -r");
    }
    buffer_append_char(script, '\n');
}

void completion_put_fish(const struct command *commands, struct buffer *script) {
    buffer_append_text(script,
                       "# fish completion of vecmill; made by `vecmill help completion fish`.\n");
    for (const struct command *command = commands; command->name; command++) {
        buffer_print(script, "complete -c vecmill -n __fish_use_subcommand -f -a %s -d '",
                     command->name);
        put_quoted(script, command->summary, "");
        buffer_append_text(script, "'\n");
    }
    for (const struct command *command = commands; command->name; command++)
        offers_visit(script, command, put_fish_option);
    buffer_append_text(script, "complete -c vecmill -n '__fish_seen_subcommand_from help' -f -a '");
    put_command_names(script, commands);
    buffer_append_text(script, " " HELP_TOPICS "'\n"
                               "complete -c vecmill -n '__fish_seen_subcommand_from completion' "
                               "-f -a '" SHELLS "'\n");
}
