/* What this process may use, containers included: libgomp and sysconf see neither cpu.max nor memory.max. */
#ifndef VECMILL_BASE_MACHINE_H
#define VECMILL_BASE_MACHINE_H

#include <stdint.h>

int machine_threads(void);               /* min(affinity, cgroup v1/v2 CPU quota rounded up), at least 1 */
uint64_t machine_memory_limit(void);     /* min(physical memory, cgroup v1/v2 limits of all ancestors), bytes */
uint64_t machine_memory_available(void); /* bytes that can be had now: limit minus use, or MemAvailable, the smaller */
uint64_t machine_peak_memory(void);      /* peak resident set of this process, bytes */
double machine_monotonic_seconds(void);  /* CLOCK_MONOTONIC */
double machine_wall_seconds(void);       /* CLOCK_REALTIME, for display only */
void machine_format_time(double wall_seconds, char text[32]); /* RFC 3339, UTC, milliseconds */

#endif
