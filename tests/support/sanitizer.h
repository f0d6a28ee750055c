/* Which sanitizer a test is built under, for tests that repeat a case in many variants. */
#ifndef VECMILL_TESTS_SANITIZER_H
#define VECMILL_TESTS_SANITIZER_H

#include <stdbool.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER 1
#endif

/* Under ThreadSanitizer, which makes a program ten times slower, a case can tell only what threads
 * do to each other: variants without a second thread, or that differ in numbers alone, are left to
 * the other builds, which run all of them. */
#if defined(UNDER_THREAD_SANITIZER)
static const bool races_only = true;
#else
static const bool races_only = false;
#endif

/* Whether to run a case with so many threads, of several numbers of which one is 3. */
static inline bool threads_tell(int threads) {
    return !races_only || threads == 3;
}

#endif
