/* Limits of the container, read below a root folder so that tests can bring their own. Private to
 * base/. */
#ifndef VECMILL_BASE_MACHINE_PARSE_H
#define VECMILL_BASE_MACHINE_PARSE_H

#include <stdint.h>

/* root: "" for the real machine. Reads <root>/proc/self/{cgroup,mountinfo} and what they point to,
 * below root again, in cgroup v1 and v2, at the process's own cgroup and every ancestor that can be
 * seen. */

/* The CPU quota rounded up; INT_MAX without one. */
int cgroup_cpus(const char *root);
/* Bytes; UINT64_MAX without a limit. */
uint64_t cgroup_memory_limit(const char *root);
/* Bytes: the smallest limit - (use - inactive file cache); UINT64_MAX without a limit. */
uint64_t cgroup_memory_unused(const char *root);
/* Bytes of a row of /proc/meminfo; UINT64_MAX when it is absent. */
uint64_t meminfo_field(const char *root, const char *name);

#endif
