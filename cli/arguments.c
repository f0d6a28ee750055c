#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/distance.h"
#include "base/machine.h"
#include "base/number.h"
#include "cli/cli.h"

/* Every command that takes settings takes this too. */
#define CONFIG_OPTION "config"
#define CONFIG_VARIABLE "VECMILL_CONF="

enum status misuse(struct invocation *invocation, struct error *err, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    invocation->misused = true;
    return error_set(err, STATUS_REFUSED, "%s", text);
}

bool command_takes_settings(const struct command *command) {
    return command->scopes != 0 || command->settings;
}

static bool takes_setting(const struct command *command, const char *name) {
    for (const char *const *only = command->settings; only && *only; only++)
        if (strcmp(*only, name) == 0)
            return true;
    return command->scopes != 0;
}

static size_t option_index(const struct command *command, const char *name) {
    size_t index = 0;
    while (command->options && command->options[index].name &&
           !names_equal(command->options[index].name, name))
        index++;
    return index;
}

static const struct option_row *option_find(const struct command *command, const char *name) {
    size_t index = option_index(command, name);
    return command->options && command->options[index].name ? &command->options[index] : NULL;
}

const char *option_value(const struct invocation *invocation, const char *name) {
    size_t index = option_index(invocation->command, name);
    assert(invocation->command->options && invocation->command->options[index].name);
    return invocation->values[index];
}

bool command_takes_setting(const struct command *command, const struct setting *row) {
    return takes_setting(command, row->name) &&
           (command->settings || (row->scope & command->scopes) != 0);
}

static bool is_offered(const void *context, const char *name) {
    const struct command *command = context;
    const struct setting *row = name ? settings_find(name) : NULL;
    if (!row)
        return (command->scopes & SETTING_OF_JOB) != 0;
    return command_takes_setting(command, row);
}

/* name: without its dashes; shown: as it was given. */
static enum status refuse_option(struct invocation *invocation, const char *name, const char *shown,
                                 struct error *err) {
    const struct command *command = invocation->command;
    const char *nearest = "help";
    size_t min = edit_distance(name, nearest);
    char hint[SETTING_HINT_SIZE];
    for (const struct option_row *row = command->options; row && row->name; row++) {
        size_t distance = edit_distance(name, row->name);
        if (distance < min) {
            min = distance;
            nearest = row->name;
        }
    }
    if (settings_hint(name, SPELLED_AS_OPTION, is_offered, command, hint) < min)
        return misuse(invocation, err, "unknown option '%.64s'%s", shown, hint);
    if (!distance_is_near(min, name))
        return misuse(invocation, err, "unknown option '%.64s'; see 'vecmill help %s'", shown,
                      command->name);
    return misuse(invocation, err, "unknown option '%.64s'; did you mean '--%s'?", shown, nearest);
}

/* One option as it stands in the arguments. */
struct given {
    char name[DISTANCE_NAME_SIZE];
    const char *value; /* NULL: none, or it is the next argument */
};

static bool given_read(struct given *given, const char *argument) {
    const char *name = argument + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    given->value = equals ? equals + 1 : NULL;
    if (length == 0 || length >= sizeof given->name)
        return false;
    memcpy(given->name, name, length);
    given->name[length] = '\0';
    return true;
}

static bool is_flag_word(const char *text) {
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* What is being read, and whether this is the first walk, which takes options and operands, or the
 * second, which takes settings: they must wait until the file and the environment are in. */
struct walk {
    struct invocation *invocation;
    char **arguments;
    int n, at;
    bool settings;
    const char *config;
};

static enum status take_value(struct walk *walk, struct given *given, struct error *err) {
    if (!given->value) {
        if (walk->at == walk->n)
            return misuse(walk->invocation, err, "option '--%s' needs a value", given->name);
        given->value = walk->arguments[walk->at++];
    }
    return STATUS_OK;
}

static enum status take_setting(struct walk *walk, struct given *given, const struct setting *row,
                                struct error *err) {
    const struct command *command = walk->invocation->command;
    if (!takes_setting(command, row->name)) {
        return misuse(walk->invocation, err, "'%s' takes no option '--%s'", command->name,
                      given->name);
    }
    if (row->type == SETTING_IS_FLAG && !given->value &&
        (walk->at == walk->n || !is_flag_word(walk->arguments[walk->at])))
        given->value = "true";
    enum status status = take_value(walk, given, err);
    if (status == STATUS_OK && walk->settings) {
        status = settings_set(&walk->invocation->settings, row->name, given->value,
                              command->settings ? SETTING_OF_ALL : command->scopes, err);
        walk->invocation->misused |= status != STATUS_OK;
    }
    return status;
}

static enum status take_option(struct walk *walk, const char *argument, struct error *err) {
    struct invocation *invocation = walk->invocation;
    struct given given;
    if (!given_read(&given, argument)) {
        return misuse(invocation, err, "unknown option '%.64s'; see 'vecmill help %s'", argument,
                      invocation->command->name);
    }
    const struct option_row *row = option_find(invocation->command, given.name);
    if (row) {
        if (!row->value && given.value)
            return misuse(invocation, err, "option '--%s' takes no value", given.name);
        enum status status = row->value ? take_value(walk, &given, err) : STATUS_OK;
        invocation->values[row - invocation->command->options] = row->value ? given.value : "";
        return status;
    }
    if (strcmp(given.name, CONFIG_OPTION) == 0 && command_takes_settings(invocation->command)) {
        enum status status = take_value(walk, &given, err);
        walk->config = given.value;
        return status;
    }
    char dashed[DISTANCE_NAME_SIZE + 2];
    snprintf(dashed, sizeof dashed, "--%s", given.name);
    const struct setting *setting =
        command_takes_settings(invocation->command) ? settings_find(given.name) : NULL;
    return setting ? take_setting(walk, &given, setting, err)
                   : refuse_option(invocation, given.name, dashed, err);
}

static enum status walk_arguments(struct walk *walk, struct error *err) {
    struct invocation *invocation = walk->invocation;
    bool options = true;
    invocation->n_operands = 0;
    while (walk->at < walk->n) {
        char *argument = walk->arguments[walk->at++];
        enum status status = STATUS_OK;
        if (options && strcmp(argument, "--") == 0)
            options = false;
        else if (options && (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0))
            invocation->help = true;
        else if (options && strncmp(argument, "--", 2) == 0)
            status = take_option(walk, argument, err);
        else if (options && argument[0] == '-' && argument[1])
            status = refuse_option(invocation, argument + 1, argument, err);
        else
            invocation->operands[invocation->n_operands++] = argument;
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status check_operands(struct invocation *invocation, struct error *err) {
    const struct command *command = invocation->command;
    if (invocation->n_operands > command->max) {
        return misuse(invocation, err, "unexpected argument '%.64s'; usage: vecmill %s %s",
                      invocation->operands[command->max], command->name, command->synopsis);
    }
    if (invocation->n_operands < command->min) {
        return misuse(invocation, err, "too few arguments; usage: vecmill %s %s", command->name,
                      command->synopsis);
    }
    return STATUS_OK;
}

/* Defaults, then the file, then the environment. */
static enum status read_settings(struct invocation *invocation, const char *config,
                                 struct error *err) {
    settings_init(&invocation->settings);
    for (char **variable = invocation->environment; !config && *variable; variable++)
        if (strncmp(*variable, CONFIG_VARIABLE, strlen(CONFIG_VARIABLE)) == 0)
            config = *variable + strlen(CONFIG_VARIABLE);
    enum status status = STATUS_OK;
    if (config && *config)
        status = settings_read_file(&invocation->settings, config, SETTING_OF_ALL, err);
    if (status == STATUS_OK) {
        status = settings_read_environment(&invocation->settings, invocation->environment,
                                           SETTING_OF_ALL, err);
    }
    invocation->misused |= status != STATUS_OK;
    return status;
}

enum status arguments_read(struct invocation *invocation, int n, char **arguments,
                           struct error *err) {
    invocation->operands = calloc((size_t)n + 1, sizeof *invocation->operands);
    if (!invocation->operands)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    struct walk walk = {.invocation = invocation, .arguments = arguments, .n = n};
    enum status status = walk_arguments(&walk, err);
    if (status != STATUS_OK || invocation->help)
        return status;
    status = check_operands(invocation, err);
    if (status != STATUS_OK || !command_takes_settings(invocation->command))
        return status;
    status = read_settings(invocation, walk.config, err);
    if (status != STATUS_OK)
        return status;
    walk.at = 0;
    walk.settings = true;
    status = walk_arguments(&walk, err);
    if (status == STATUS_OK) {
        status = settings_check(&invocation->settings, err);
        invocation->misused |= status != STATUS_OK;
    }
    return status;
}

enum status option_number(struct invocation *invocation, const char *name, int64_t min, int64_t max,
                          int64_t initial, int64_t *value, struct error *err) {
    const char *text = option_value(invocation, name);
    *value = initial;
    if (text && (!number_parse_int(text, value) || *value < min || *value > max)) {
        return misuse(invocation, err, "--%s must be between %lld and %lld, not '%.64s'", name,
                      (long long)min, (long long)max, text);
    }
    return STATUS_OK;
}

enum status option_real(struct invocation *invocation, const char *name, double min, double max,
                        double initial, double *value, struct error *err) {
    const char *text = option_value(invocation, name);
    *value = initial;
    if (text && (!number_parse_real(text, value) || *value < min || *value > max))
        return misuse(invocation, err, "--%s must be between %g and %g, not '%.64s'", name, min,
                      max, text);
    return STATUS_OK;
}

enum status option_bytes(struct invocation *invocation, const char *name, int64_t initial,
                         int64_t *value, struct error *err) {
    const char *text = option_value(invocation, name);
    struct settings read; /* by the setter of a setting in bytes: one way to write them */
    *value = initial;
    if (!text)
        return STATUS_OK;
    settings_init(&read);
    if (settings_set(&read, "max_memory", text, SETTING_OF_ALL, NULL) != STATUS_OK)
        return misuse(invocation, err,
                      "--%s must be a number of bytes, such as 1048576, 64M or 2G, not '%.64s'",
                      name, text);
    *value = read.max_memory;
    return STATUS_OK;
}

enum status option_choice(struct invocation *invocation, const char *name, const char *list,
                          size_t *index, struct error *err) {
    const char *text = option_value(invocation, name);
    *index = 0;
    if (!text)
        return STATUS_OK;
    for (const char *choice = list;; (*index)++) {
        size_t length = strcspn(choice, "|");
        if (strlen(text) == length && memcmp(text, choice, length) == 0)
            return STATUS_OK;
        if (!choice[length])
            return misuse(invocation, err, "--%s must be one of %s, not '%.64s'", name, list, text);
        choice += length + 1;
    }
}

enum status kernel_of_settings(const struct settings *settings, const struct kernel **kernel,
                               struct error *err) {
    struct buffer name = {0};
    settings_print(settings, settings_find("kernel"), &name);
    if (name.failed)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    *kernel = kernel_choose(name.data);
    enum status status = STATUS_OK;
    if (!*kernel) {
        status = error_set_key(err, STATUS_REFUSED, "kernel",
                               "kernel %s does not run on this machine", name.data);
    }
    buffer_clear(&name);
    return status;
}

int threads_of_settings(const struct settings *settings) {
    return settings->threads > 0 ? (int)settings->threads : machine_threads();
}
