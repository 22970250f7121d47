#include "elementwise/call.h"
#include "elementwise/kernels.h"
#include "platform/parallel.h"
