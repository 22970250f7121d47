/* Running the tiles of a plan. */
#ifndef FA_ELEMENTWISE_TILES_H
#define FA_ELEMENTWISE_TILES_H

#include "elementwise/plan.h"

size_t fa__tiles_along(const fa__plan *plan, int axis);

/* tiles [begin, end) of all, the last axis counting fastest: an fa__body */
void fa__run_tiles(const void *plan, size_t begin, size_t end);

#endif
