/* What this process may use, containers included: libgomp and sysconf see neither cpu.max nor
 * memory.max. */
#ifndef VECMILL_BASE_MACHINE_H
#define VECMILL_BASE_MACHINE_H

#include <stdint.h>

#include "base/error.h"

/* The smaller of affinity and CPU quota of the cgroup (v1 or v2, rounded up), at least 1. */
int machine_threads(void);
/* Bytes: the smallest of physical memory and the cgroup limits of all ancestors. */
uint64_t machine_memory_limit(void);
/* Bytes that can be had now: limit minus use, or MemAvailable, the smaller. */
uint64_t machine_memory_available(void);
/* Bytes: the peak resident set of this process. */
uint64_t machine_peak_memory(void);
/* Raises how many descriptors this process may have open to what it is allowed to, and says how
 * many that is; 0: unknown. */
uint64_t machine_raise_descriptors(void);
/* Processes that the kernel killed on this machine since it came up because memory ran out; 0 where
 * it does not tell. */
uint64_t machine_memory_kills(void);
/* From now on the kernel writes no core file of this process, and nobody but root may look into its
 * memory. */
void machine_forbid_dumps(void);
double machine_monotonic_seconds(void); /* CLOCK_MONOTONIC */
/* Of all threads of this process, since it began. */
double machine_cpu_seconds(void);
double machine_wall_seconds(void); /* CLOCK_REALTIME, for display only */
/* RFC 3339, UTC, with milliseconds. */
void machine_format_time(double wall_seconds, char text[32]);

/* Binding threads to CPUs. Take the set before the threads start: a thread begins with the CPUs of
 * the one that made it, and what is bound sees one CPU only. */
struct machine_cpus;

/* The CPUs that the calling thread may run on: its affinity, inside the cpuset of its cgroup. Owns:
 * machine_cpus_free. */
enum status machine_cpus_create(struct machine_cpus **cpus, struct error *err) MUST_CHECK;
void machine_cpus_free(struct machine_cpus *cpus);       /* NULL is fine */
int machine_cpus_count(const struct machine_cpus *cpus); /* at least 1 */
/* Binds the calling thread to the n-th CPU of the set in order of number, n from 0, modulo their
 * count. Memory that it touches first then lies on that CPU's NUMA node. Errors: also when a CPU
 * has since left the cpuset. */
enum status machine_pin_thread(const struct machine_cpus *cpus, int n,
                               struct error *err) MUST_CHECK;
/* Binds the calling thread to all CPUs of the set. */
enum status machine_unpin_thread(const struct machine_cpus *cpus, struct error *err) MUST_CHECK;

#endif
