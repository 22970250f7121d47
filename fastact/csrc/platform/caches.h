/* The sizes of this machine's data caches. */
#ifndef FA_PLATFORM_CACHES_H
#define FA_PLATFORM_CACHES_H

#include <stddef.h>

/* Bytes of cache: what each processor has to itself, and the share of the common ones that one may count on. Larger
 * results do not stay in them. */
typedef struct {
    size_t own, shared;
} fa__caches;
fa__caches fa__get_caches(void);

#endif
