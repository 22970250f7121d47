/* All kernels of one element type and instruction set, as the macros that loops.h explains. float64 has tables for AVX-512
 * alone, whose registers hold sixteen doubles in pairs. */
#if !FA_COMPENSATE
#include "polynomial/float32.h"
#include "polynomial/direct.h"
#include "polynomial/direct_beside_tables.h"
#elif defined(__AVX512F__)
#include "polynomial/float64.h"
#include "polynomial/direct.h"
#include "polynomial/direct_beside_tables.h"
#else
#include "polynomial/direct_entries.h"
#endif
