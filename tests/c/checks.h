/* Counting checks: what every C test program shares. */
#ifndef CHECKS_H
#define CHECKS_H

#include <stdio.h>

static int passed, failed;

static void check(int holds, const char *what, const char *where, size_t n) {
    if (holds) {
        passed++;
    } else {
        failed++;
        printf("FAILED %s: %s, n = %zu\n", what, where, n);
    }
}

/* the closing line, and the exit status */
static int report(void) {
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

#endif
