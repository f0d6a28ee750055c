#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>

#include <sys/resource.h>

#include "base/machine.h"
#include "base/machine_parse.h"
#include "tests/support/temporary.h"

/* Writes text to root/name, with its folders. */
static void put(void **state, const char *name, const char *text) {
    char *path = temporary_path(state, name);
    char *folder = strdup(path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(folder_create(folder, NULL), STATUS_OK);
    assert_int_equal(file_replace(path, text, strlen(text), NULL), STATUS_OK);
    free(folder);
    free(path);
}

#define MOUNT_V2 "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static void no_files_no_limits(void **state) {
    assert_int_equal(cgroup_cpus(*state), INT_MAX);
    assert_true(cgroup_memory_limit(*state) == UINT64_MAX);
    assert_true(cgroup_memory_unused(*state) == UINT64_MAX);
    assert_true(meminfo_field(*state, "MemAvailable") == UINT64_MAX);
}

static void version_2_takes_the_least_ancestor(void **state) {
    put(state, "proc/self/cgroup", "0::/a.slice/b.scope\n");
    put(state, "proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n" MOUNT_V2);
    put(state, "sys/fs/cgroup/a.slice/b.scope/cpu.max", "max 100000\n");
    put(state, "sys/fs/cgroup/a.slice/cpu.max", "250000 100000\n");
    put(state, "sys/fs/cgroup/a.slice/b.scope/memory.max", "1000000\n");
    put(state, "sys/fs/cgroup/a.slice/memory.max", "800000\n");
    put(state, "sys/fs/cgroup/memory.max", "max\n");
    put(state, "sys/fs/cgroup/a.slice/memory.current", "300000\n");
    put(state, "sys/fs/cgroup/a.slice/memory.stat", "anon 1\ninactive_file 100000\nfile 5\n");
    put(state, "sys/fs/cgroup/a.slice/b.scope/memory.current", "990000\n");
    assert_int_equal(cgroup_cpus(*state), 3);
    assert_true(cgroup_memory_limit(*state) == 800000);
    assert_true(cgroup_memory_unused(*state) == 10000);
    put(state, "sys/fs/cgroup/a.slice/b.scope/memory.current", "2000000\n");
    assert_true(cgroup_memory_unused(*state) == 0);
}

static void version_2_in_a_namespace(void **state) {
    put(state, "proc/self/cgroup", "0::/\n");
    put(state, "proc/self/mountinfo", MOUNT_V2);
    put(state, "sys/fs/cgroup/cpu.max", "50000\n"); /* without a period: 100 ms */
    put(state, "sys/fs/cgroup/memory.max", "12345\n");
    assert_int_equal(cgroup_cpus(*state), 1);
    assert_true(cgroup_memory_limit(*state) == 12345);
}

static void version_1_by_controller(void **state) {
    put(state, "proc/self/cgroup",
        "4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n2:cpuset:/other\n1:name=systemd:/y\n");
    put(state, "proc/self/mountinfo",
        "31 25 0:27 /docker/x /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"
        "32 25 0:28 /docker /sys/fs/cgroup/my\\040memory ro master:9 - cgroup cgroup rw,memory\n"
        "33 25 0:29 / /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n");
    put(state, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n");
    put(state, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    put(state, "sys/fs/cgroup/my memory/x/memory.limit_in_bytes", "9223372036854771712\n");
    put(state, "sys/fs/cgroup/my memory/memory.limit_in_bytes", "5000\n");
    put(state, "sys/fs/cgroup/my memory/memory.usage_in_bytes", "3000\n");
    put(state, "sys/fs/cgroup/my memory/memory.stat",
        "inactive_file 7\ntotal_inactive_file 1000\n");
    assert_int_equal(cgroup_cpus(*state), 4);
    assert_true(cgroup_memory_limit(*state) == 5000);
    assert_true(cgroup_memory_unused(*state) == 3000);
    put(state, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(cgroup_cpus(*state), INT_MAX);
}

static void paths_from_outside_the_namespace(void **state) {
    put(state, "proc/self/cgroup", "0::/../elsewhere\n");
    put(state, "proc/self/mountinfo", MOUNT_V2);
    put(state, "sys/fs/cgroup/memory.max", "777\n");
    put(state, "sys/fs/elsewhere/memory.max", "5\n");
    assert_true(cgroup_memory_limit(*state) == 777);
}

static void rubbish_is_no_limit(void **state) {
    put(state, "proc/self/cgroup", "0:\n::\nrubbish\n0::/x\n");
    put(state, "proc/self/mountinfo",
        "\n - \n30 24 0:26 / - cgroup2\n1 2 3 4 5 6 - cgroup2 x y\n - cgroup\n");
    assert_int_equal(cgroup_cpus(*state), INT_MAX);
    put(state, "proc/self/cgroup", "0::/x\n");
    put(state, "proc/self/mountinfo", MOUNT_V2);
    put(state, "sys/fs/cgroup/x/cpu.max", "0 0\n");
    put(state, "sys/fs/cgroup/cpu.max", "");
    put(state, "sys/fs/cgroup/memory.max", "many\n");
    assert_int_equal(cgroup_cpus(*state), INT_MAX);
    assert_true(cgroup_memory_limit(*state) == UINT64_MAX);
}

static void meminfo(void **state) {
    put(state, "proc/meminfo", "MemTotal:       100 kB\nMemFree:  1 kB\nMemAvailable:    64 kB\n");
    assert_true(meminfo_field(*state, "MemAvailable") == 65536);
    assert_true(meminfo_field(*state, "Mem") == UINT64_MAX);
}

static void the_real_machine(void **state) {
    (void)state;
    assert_true(machine_threads() >= 1);
    assert_true(machine_memory_limit() > 16 << 20);
    assert_true(machine_memory_available() > 0);
    assert_true(machine_memory_available() <= machine_memory_limit());
    assert_true(machine_peak_memory() > 100000);
    double start = machine_monotonic_seconds();
    assert_true(machine_monotonic_seconds() >= start);
    assert_true(machine_wall_seconds() > 1.7e9);
}

static void times(void **state) {
    (void)state;
    char text[32];
    machine_format_time(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    machine_format_time(951782400.25, text);
    assert_string_equal(text, "2000-02-29T00:00:00.250Z");
    machine_format_time(1e9 + 0.99999, text);
    assert_string_equal(text, "2001-09-09T01:46:41.000Z");
    machine_format_time(-5, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

/* The only CPU the calling thread may run on, or -1 when there are more. */
static int only_cpu(void) {
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    if (CPU_COUNT(&set) != 1)
        return -1;
    int cpu = 0;
    while (!CPU_ISSET((size_t)cpu, &set))
        cpu++;
    return cpu;
}

static void *pin_to_each(void *context) {
    const struct machine_cpus *cpus = context;
    int count = machine_cpus_count(cpus), before = -1;
    for (int n = 0; n < count; n++) {
        assert_int_equal(machine_pin_thread(cpus, n, NULL), STATUS_OK);
        assert_true(only_cpu() > before);
        before = only_cpu();
        assert_int_equal(sched_getcpu(), before);
        assert_int_equal(machine_pin_thread(cpus, n + 3 * count, NULL), STATUS_OK);
        assert_int_equal(only_cpu(), before);
    }
    /* What is bound can be bound elsewhere and released, as the set was taken before. */
    struct machine_cpus *narrow;
    assert_int_equal(machine_cpus_create(&narrow, NULL), STATUS_OK);
    assert_int_equal(machine_cpus_count(narrow), 1);
    assert_int_equal(machine_pin_thread(narrow, 5, NULL), STATUS_OK);
    assert_int_equal(only_cpu(), before);
    machine_cpus_free(narrow);
    assert_int_equal(machine_unpin_thread(cpus, NULL), STATUS_OK);
    assert_true(count == 1 || only_cpu() == -1);
    return NULL;
}

static void threads_are_pinned(void **state) {
    (void)state;
    struct machine_cpus *cpus;
    assert_int_equal(machine_cpus_create(&cpus, NULL), STATUS_OK);
    assert_true(machine_cpus_count(cpus) >= machine_threads());
    cpu_set_t before, after;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, pin_to_each, cpus), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    /* only the thread that asked */
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    machine_cpus_free(cpus);
    machine_cpus_free(NULL);
}

static void descriptors_are_raised(void **state) {
    struct rlimit before, now;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit lower = {before.rlim_max > 64 ? 64 : before.rlim_max, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    uint64_t allowed = machine_raise_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(now.rlim_cur == before.rlim_max);
    assert_true(now.rlim_cur == RLIM_INFINITY || allowed == (uint64_t)now.rlim_cur);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(machine_memory_kills() <= machine_memory_kills());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(no_files_no_limits),
        TEST(version_2_takes_the_least_ancestor),
        TEST(version_2_in_a_namespace),
        TEST(version_1_by_controller),
        TEST(paths_from_outside_the_namespace),
        TEST(rubbish_is_no_limit),
        TEST(meminfo),
        cmocka_unit_test(the_real_machine),
        cmocka_unit_test(times),
        cmocka_unit_test(descriptors_are_raised),
        cmocka_unit_test(threads_are_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
