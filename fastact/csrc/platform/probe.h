/* Whether threads can be started. */
#ifndef FA_PLATFORM_PROBE_H
#define FA_PLATFORM_PROBE_H

/* Whether so many threads could be started as the OpenMP runtime starts them. It starts them, and ends them again. */
int fa__can_start_threads(int count);

#endif
