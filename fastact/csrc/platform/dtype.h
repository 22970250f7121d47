/* Element types of arrays. */
#ifndef FA_PLATFORM_DTYPE_H
#define FA_PLATFORM_DTYPE_H

/* of results; float16 is computed in float32 */
typedef enum { FA__F32, FA__F64, FA__F16, FA__DTYPES } fa__dtype;

/* of operands that are read: the dtypes, with the same numbers, and what is converted to one of them */
typedef enum {
    FA__I8 = FA__DTYPES,
    FA__U8,
    FA__I16,
    FA__U16,
    FA__I32,
    FA__U32,
    FA__I64,
    FA__U64,
    FA__SWAPPED_F32, /* of the other byte order */
    FA__SWAPPED_F64,
    FA__SOURCES
} fa__source;

#endif
