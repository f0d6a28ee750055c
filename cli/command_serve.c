#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/credentials.h"
#include "cli/watch.h"
#include "server/server.h"
#include "train/train.h"

const struct option_row serve_options[] = {
    {"print-config", NULL, "print the settings as they stand, and end"},
    {0},
};

/* The program that runs, whatever stands under its name by now: jobs must speak this version's
 * language. */
#define THIS_PROGRAM "/proc/self/exe"

/* The first key goes to standard output, which is not the log. */
static bool tell_key(void *context, const char *key, const char *row) {
    (void)context;
    printf("There were no keys, so one was made. It is shown this once, and may do everything:\n"
           "\n    %s\n\nSend it as Authorization: Bearer KEY. What is kept is its row:\n%s",
           key, row);
    return fflush(stdout) == 0;
}

/* Until a signal to stop. SIGHUP reads keys and certificates again; but when the terminal that the
 * service was started from is gone, it means what it always did. */
static int serve_until_stopped(struct server *server, const sigset_t *signals, bool terminal) {
    int number;
    for (;;) {
        if (sigwait(signals, &number) != 0)
            continue;
        if (number != SIGHUP || (terminal && !output_is_terminal(STDERR_FILENO)))
            return number;
        server_reload(server);
    }
}

static enum status serve(struct invocation *invocation, const struct logger *logger,
                         struct error *err) {
    const struct kernel *kernel;
    struct server *server;
    struct watch watch = {
        .code = EXIT_FAILED, .limit = invocation->settings.shutdown_timeout, .logger = logger};
    sigset_t signals;
    bool terminal = output_is_terminal(STDERR_FILENO);
    enum status status = kernel_of_settings(&invocation->settings, &kernel, err);
    if (status != STATUS_OK)
        return status;
    log_line(logger, LOG_INFO, "vecmill " VECMILL_VERSION ", kernel %s", kernel->name);
    watch_block(&signals);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct server_options options = {.settings = &invocation->settings,
                                     .logger = logger,
                                     .kernel = kernel,
                                     .program = THIS_PROGRAM,
                                     .environment = invocation->environment,
                                     .tell_key = tell_key};
    status = server_start(&server, &options, err);
    if (status != STATUS_OK)
        return status;
    int number = serve_until_stopped(server, &signals, terminal);
    log_line(logger, LOG_INFO, "signal %d: stopping", number);
    /* From here on one more signal ends the process at once; without a watcher the stop is bounded
     * all the same. */
    atomic_store(&watch.request, REQUEST_STOP);
    bool watched = watch_start(&watch, NULL) == STATUS_OK;
    server_stop(server);
    if (watched)
        watch_stop(&watch);
    return STATUS_OK;
}

static enum log_level level_of(enum setting_log_level level) {
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return LOG_DEBUG;
    case LOG_LEVEL_INFO:
        return LOG_INFO;
    case LOG_LEVEL_WARNING:
        return LOG_WARNING;
    case LOG_LEVEL_ERROR:
        break;
    }
    return LOG_ERROR;
}

/* A key that clients send, given to a server without keys, was most likely meant to protect it. */
static enum status check_client_key(const struct invocation *invocation, struct error *err) {
    static const char variable[] = "VECMILL_API_KEY=";
    const struct settings *settings = &invocation->settings;
    if (strcmp(settings->api_keys, "none") != 0 || strcmp(settings->api_keys_file, "none") != 0 ||
        settings->first_key)
        return STATUS_OK;
    for (char *const *at = invocation->environment; *at; at++)
        if (strncmp(*at, variable, sizeof variable - 1) == 0 && (*at)[sizeof variable - 1] != '\0')
            return error_set_key(err, STATUS_REFUSED, "api_keys",
                                 "VECMILL_API_KEY is the key that clients send, and this server "
                                 "has no keys: unset it, or name what the server takes by "
                                 "VECMILL_API_KEYS or VECMILL_API_KEYS_FILE");
    return STATUS_OK;
}

enum status command_serve(struct invocation *invocation, struct error *err) {
    const struct settings *settings = &invocation->settings;
    enum status status = credentials_apply(&invocation->settings, invocation->environment, err);
    if (status != STATUS_OK)
        return status;
    if (option_value(invocation, "print-config")) {
        struct buffer text = {0};
        settings_write_text(settings, SETTING_OF_ALL, false, &text);
        return output_flush(&text, err);
    }
    status = check_client_key(invocation, err);
    if (status != STATUS_OK)
        return status;
    struct output output = {
        .json = settings->log_format == LOG_FORMAT_JSON ||
                (settings->log_format == LOG_FORMAT_AUTO && !output_is_terminal(STDERR_FILENO))};
    struct logger logger = output_logger(&output, level_of(settings->log_level));
    status = serve(invocation, &logger, err);
    if (status != STATUS_OK && output.json)
        log_line(&logger, LOG_ERROR, "cannot serve: %s", err->text);
    return status;
}
