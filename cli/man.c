/* Man pages, from the same rows as --help: vecmill(1) and vecmill.conf(5), in the macros of man. */
#include "cli/manual.h"

#include <string.h>

/* Text of any kind: a backslash, a dash, and a dot or quote that begins a line mean something. */
static void put_text(struct buffer *page, const char *text) {
    bool begins = page->length == 0 || page->data[page->length - 1] == '\n';
    for (const char *c = text; *c; c++) {
        if (begins && (*c == '.' || *c == '\''))
            buffer_append_text(page, "\\&");
        begins = *c == '\n';
        if (*c == '\\')
            buffer_append_text(page, "\\e");
        else if (*c == '-')
            buffer_append_text(page, "\\-");
        else
            buffer_append_char(page, *c);
        if (*c == ':' && c[1] != ' ' && c[1] != '\n' && c[1] != '\0')
            buffer_append_text(page, "\\:"); /* a long list may be broken here */
    }
}

static void put_line(struct buffer *page, const char *before, const char *text,
                     const char *behind) {
    buffer_append_text(page, before);
    put_text(page, text);
    buffer_print(page, "%s\n", behind);
}

static void put_paragraph(struct buffer *page, const char *text) {
    put_line(page, ".PP\n", text, "");
}

/* A term and what it means; value may be NULL. */
static void put_term(struct buffer *page, const char *dashes, const char *name, const char *value,
                     const char *meaning) {
    buffer_append_text(page, ".TP\n\\fB");
    put_text(page, dashes);
    for (const char *c = name; *c; c++)
        buffer_append_text(page, *c == '-' ? "\\-" : (const char[]){*c, '\0'});
    buffer_append_text(page, "\\fR");
    if (value)
        buffer_print(page, " \\fI%s\\fR", value);
    buffer_append_char(page, '\n');
    put_line(page, "", meaning, "");
}

/* Lines as they stand. */
static void put_details(struct buffer *page, const char *details) {
    buffer_append_text(page, ".PP\n.nf\n");
    put_text(page, details);
    buffer_append_text(page, ".fi\n");
}

static void put_settings_of(struct buffer *page, const struct command *command) {
    struct buffer names = {0};
    if (!command_takes_settings(command))
        return;
    put_term(page, "--", "config", "FILE", "read settings from this file");
    if (command->scopes != 0) {
        put_paragraph(page, command->scopes == SETTING_OF_JOB
                                ? "It takes the settings of jobs as options; see vecmill.conf(5)."
                                : "It takes every setting as an option; see vecmill.conf(5).");
        return;
    }
    for (size_t i = 0; i < settings_count(); i++)
        if (command_takes_setting(command, settings_row(i)))
            buffer_print(&names, "%s--%s", names.length > 0 ? ", " : "", settings_row(i)->name);
    for (size_t i = 0; i < names.length; i++)
        names.data[i] = names.data[i] == '_' ? '-' : names.data[i];
    page->failed |= names.failed;
    if (!names.failed && names.length > 0)
        put_line(page, ".PP\nSettings that it takes, see vecmill.conf(5): ", names.data, ".");
    buffer_clear(&names);
}

static void put_command(struct buffer *page, const struct command *command) {
    buffer_print(page, ".SS %s\n", command->name);
    buffer_print(page, "\\fBvecmill %s\\fR ", command->name);
    put_line(page, "", command->synopsis, "");
    put_paragraph(page, command->summary);
    if (command->details)
        put_details(page, command->details);
    for (const struct option_row *row = command->options; row && row->name; row++)
        put_term(page, "--", row->name, row->value, row->meaning);
    put_settings_of(page, command);
}

void manual_put_program(const struct command *commands, struct buffer *page) {
    buffer_print(page, ".TH VECMILL 1 %s \"vecmill %s\" \"User Commands\"\n.ad l\n", VECMILL_DATE,
                 VECMILL_VERSION);
    buffer_append_text(page, ".SH NAME\nvecmill \\- train word embeddings, search them, and serve "
                             "them over HTTP\n"
                             ".SH SYNOPSIS\n\\fBvecmill\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n"
                             ".SH DESCRIPTION\n");
    put_line(page, "",
             "vecmill learns vectors of words from text and answers questions about them, on the "
             "command line and as a service.",
             "");
    put_paragraph(page, "A setting is given as --name VALUE or --name=VALUE, as the variable "
                        "VECMILL_NAME, or as a line 'name = value' in the file that --config or "
                        "VECMILL_CONF names. The command line beats the environment, the "
                        "environment the file. '-' and '_' mean the same in names. '--' ends the "
                        "options. Every command takes --help.");
    buffer_append_text(page, ".SH COMMANDS\n");
    for (const struct command *command = commands; command->name; command++)
        put_command(page, command);
    buffer_append_text(page, ".SH EXIT STATUS\n");
#define EXIT_TERM(name, code, meaning) put_term(page, "", #code, NULL, meaning);
    EXIT_ROWS(EXIT_TERM)
#undef EXIT_TERM
    buffer_append_text(page, ".SH ENVIRONMENT\n");
    put_term(page, "", "VECMILL_CONF", NULL, "the settings file, where --config is not given");
    put_term(page, "", "VECMILL_NAME", NULL, "the setting of that name, in capital letters");
    put_term(page, "", "TMPDIR", NULL, "where plan keeps its scratch files");
    buffer_append_text(page, ".SH SEE ALSO\n\\fBvecmill.conf\\fR(5)\n");
}

void manual_put_settings(struct buffer *page) {
    buffer_print(page, ".TH VECMILL.CONF 5 %s \"vecmill %s\" \"File Formats\"\n.ad l\n",
                 VECMILL_DATE, VECMILL_VERSION);
    buffer_append_text(page, ".SH NAME\nvecmill.conf \\- settings of vecmill\n.SH DESCRIPTION\n");
    put_line(page, "",
             "Lines 'name = value'. A '#' begins a comment, at the start of a line or behind white "
             "space; a value may stand in double quotes. K, M, G and T behind a number of bytes "
             "are powers of 1024. A variable VECMILL_NAME beats the file, and --name on the "
             "command line beats both. An unknown name or a value out of bounds is an error.",
             "");
    buffer_append_text(page, ".SH SETTINGS\n");
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        struct buffer text = {0};
        buffer_print(&text, "%s. ", row->meaning);
        settings_describe(row, &text);
        buffer_append_text(&text, row->scope == SETTING_OF_JOB ? ". A setting of jobs." : ".");
        page->failed |= text.failed;
        if (!text.failed)
            put_term(page, "", row->name, NULL, text.data);
        buffer_clear(&text);
    }
    buffer_append_text(page, ".SH SEE ALSO\n\\fBvecmill\\fR(1)\n");
}
