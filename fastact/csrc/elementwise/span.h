/* Running a kernel over a span: contiguous elements, of any number. */
#ifndef FA_ELEMENTWISE_SPAN_H
#define FA_ELEMENTWISE_SPAN_H

#include "elementwise/plan.h"

/* `count` contiguous elements of each operand, except uniform ones */
void fa__run_span(const fa__plan *plan, char *const *operand, size_t count, fa__traffic *traffic);

#endif
