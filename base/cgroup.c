#include "base/machine_parse.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"

#define PROC_MAX ((size_t)8 << 20)
#define PATH_ROOM 4096

struct cgroup_visit {
    void (*at)(void *context, const char *folder, int version);
    void *context;
};

static char *read_text(const char *folder, const char *name) {
    char *path = path_join(folder, name), *text = NULL;
    size_t length;
    if (path && file_read(path, PROC_MAX, &text, &length, NULL) != STATUS_OK)
        text = NULL;
    free(path);
    return text;
}

/* The index-th field (from 0) of a line of fields separated by blanks, copied; false when there is
 * none or no room. */
static bool line_field(const char *line, size_t index, char *field, size_t room) {
    for (; index > 0; index--) {
        line += strcspn(line, " \n");
        if (*line != ' ')
            return false;
        line += strspn(line, " ");
    }
    size_t length = strcspn(line, " \n");
    if (length == 0 || length >= room)
        return false;
    memcpy(field, line, length);
    field[length] = '\0';
    return true;
}

/* mountinfo writes blanks, tabs, line breaks and backslashes as \ooo. */
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* Does a list joined by commas hold the word? The list ends at ':', blank or line end. */
static bool list_holds(const char *list, const char *word) {
    size_t length = strlen(word);
    for (;;) {
        size_t n = strcspn(list, ",: \n");
        if (n == length && memcmp(list, word, n) == 0)
            return true;
        if (list[n] != ',')
            return false;
        list += n + 1;
    }
}

/* This process's path in the hierarchy of the controller (v1) or in the unified one (v2). */
static bool own_path(const char *table, const char *controller, int version, char *path,
                     size_t room) {
    for (const char *line = table; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *list = strchr(line, ':');
        const char *at = list ? strchr(list + 1, ':') : NULL;
        if (!at)
            return false;
        bool unified = strncmp(line, "0::", 3) == 0;
        if (version == 2 ? unified : !unified && list_holds(list + 1, controller)) {
            size_t length = strcspn(at + 1, "\n");
            if (length == 0 || length >= room)
                return false;
            memcpy(path, at + 1, length);
            path[length] = '\0';
            return true;
        }
    }
    return false;
}

/* Calls visit from the process's own cgroup up to the mount point. What lies outside this namespace
 * shows as /.. or under another root: then the mount point is all that can be seen. */
static void walk_up(const char *root, const char *mount_root, const char *mount_point,
                    const char *path, int version, const struct cgroup_visit *visit) {
    char folder[3 * PATH_ROOM];
    size_t base = (size_t)snprintf(folder, sizeof folder, "%s%s", root, mount_point);
    size_t prefix = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
    if (base >= sizeof folder)
        return;
    bool inside =
        strncmp(path, mount_root, prefix) == 0 && path[prefix] == '/' && !strstr(path, "/..");
    if (inside && path[prefix + 1])
        snprintf(folder + base, sizeof folder - base, "%s", path + prefix);
    for (;;) {
        visit->at(visit->context, folder, version);
        char *slash = strrchr(folder + base, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

static void walk_mount(const char *root, const char *line, const char *table,
                       const char *controller, const struct cgroup_visit *visit) {
    char mount_root[PATH_ROOM], mount_point[PATH_ROOM], path[PATH_ROOM], type[32], options[1024];
    const char *dash = strstr(line, " - ");
    const char *end = line + strcspn(line, "\n");
    if (!dash || dash > end || !line_field(dash + 3, 0, type, sizeof type))
        return;
    int version = strcmp(type, "cgroup2") == 0 ? 2 : strcmp(type, "cgroup") == 0 ? 1 : 0;
    if (!version || (version == 1 && (!line_field(dash + 3, 2, options, sizeof options) ||
                                      !list_holds(options, controller))))
        return;
    if (line_field(line, 3, mount_root, sizeof mount_root) &&
        line_field(line, 4, mount_point, sizeof mount_point) &&
        own_path(table, controller, version, path, sizeof path)) {
        unescape(mount_root);
        unescape(mount_point);
        walk_up(root, mount_root, mount_point, path, version, visit);
    }
}

static void walk(const char *root, const char *controller, const struct cgroup_visit *visit) {
    char proc[PATH_ROOM];
    snprintf(proc, sizeof proc, "%s/proc/self", root);
    char *table = read_text(proc, "cgroup"), *mounts = read_text(proc, "mountinfo");
    if (table && mounts)
        for (const char *line = mounts; *line; line += strcspn(line, "\n"), line += *line == '\n')
            walk_mount(root, line, table, controller, visit);
    free(table);
    free(mounts);
}

/* The first whole number of a file; false for "max", a negative number, or no file. */
static bool read_number(const char *folder, const char *name, uint64_t *value) {
    char *text = read_text(folder, name);
    bool found = text && text[0] >= '0' && text[0] <= '9';
    if (found)
        *value = strtoull(text, NULL, 10);
    free(text);
    return found;
}

static void take_cpus(void *context, const char *folder, int version) {
    int *cpus = context;
    uint64_t quota = 0, period = 100000;
    bool limited;
    if (version == 2) {
        char *text = read_text(folder, "cpu.max");
        char *rest = NULL;
        limited = text && text[0] >= '0' && text[0] <= '9';
        if (limited) {
            quota = strtoull(text, &rest, 10);
            uint64_t given = strtoull(rest, NULL, 10);
            period = given ? given : period;
        }
        free(text);
    } else {
        limited = read_number(folder, "cpu.cfs_quota_us", &quota) &&
                  read_number(folder, "cpu.cfs_period_us", &period);
    }
    if (limited && quota > 0 && period > 0) {
        uint64_t whole = quota / period + (quota % period != 0);
        *cpus = whole < (uint64_t)*cpus ? (int)whole : *cpus;
    }
}

static bool memory_limit_of(const char *folder, int version, uint64_t *limit) {
    /* v1 has no "max": an unlimited group shows the largest multiple of the page size. */
    return read_number(folder, version == 2 ? "memory.max" : "memory.limit_in_bytes", limit) &&
           *limit < (uint64_t)1 << 62;
}

static void take_limit(void *context, const char *folder, int version) {
    uint64_t *min = context, limit;
    if (memory_limit_of(folder, version, &limit) && limit < *min)
        *min = limit;
}

/* Value of a "name value" row. */
static uint64_t row_value(const char *text, const char *name) {
    size_t length = strlen(name);
    for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == ':'))
            return strtoull(line + length + 1, NULL, 10);
    return UINT64_MAX;
}

static void take_unused(void *context, const char *folder, int version) {
    uint64_t *min = context, limit, used;
    if (!memory_limit_of(folder, version, &limit) ||
        !read_number(folder, version == 2 ? "memory.current" : "memory.usage_in_bytes", &used))
        return;
    /* File pages nobody used lately go away as soon as memory is wanted. */
    char *rows = read_text(folder, "memory.stat");
    uint64_t cache = row_value(rows, version == 2 ? "inactive_file" : "total_inactive_file");
    free(rows);
    used -= cache != UINT64_MAX && cache < used ? cache : 0;
    uint64_t unused = used < limit ? limit - used : 0;
    if (unused < *min)
        *min = unused;
}

int cgroup_cpus(const char *root) {
    int cpus = INT_MAX;
    walk(root, "cpu", &(struct cgroup_visit){take_cpus, &cpus});
    return cpus;
}

uint64_t cgroup_memory_limit(const char *root) {
    uint64_t min = UINT64_MAX;
    walk(root, "memory", &(struct cgroup_visit){take_limit, &min});
    return min;
}

uint64_t cgroup_memory_unused(const char *root) {
    uint64_t min = UINT64_MAX;
    walk(root, "memory", &(struct cgroup_visit){take_unused, &min});
    return min;
}

uint64_t meminfo_field(const char *root, const char *name) {
    char proc[PATH_ROOM];
    snprintf(proc, sizeof proc, "%s/proc", root);
    char *text = read_text(proc, "meminfo");
    uint64_t kibibytes = row_value(text, name);
    free(text);
    return kibibytes > UINT64_MAX / 1024 ? UINT64_MAX : kibibytes * 1024;
}
