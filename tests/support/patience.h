/* How tests wait. No test asserts how long anything takes; patience only ends a test that hangs. */
#ifndef VECMILL_TESTS_PATIENCE_H
#define VECMILL_TESTS_PATIENCE_H

#include <poll.h>

#define TEST_PATIENCE 300 /* seconds */

/* Asks for the condition until it is true or patience ends; an assertion that follows tells. */
#define WAIT_UNTIL(condition)                                         \
    do                                                                \
        for (int i = 0; i < TEST_PATIENCE * 100 && !(condition); i++) \
            (void)poll(NULL, 0, 10);                                  \
    while (0)

#endif
