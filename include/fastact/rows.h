/* Tools for expanding a row of activations.def: its parameters, and what only some rows have.
 * Does not know any row. */
#ifndef FASTACT_ROWS_H
#define FASTACT_ROWS_H

/* FA_EACH_PARAM(M, (2, a, 1.0, b, 2.0)) is M(0, a, 1.0) M(1, b, 2.0) */
#define FA_EACH_PARAM(M, params) FA__EACH_COUNTED(M, FA__UNPACK params)
#define FA__UNPACK(...) __VA_ARGS__
#define FA__EACH_COUNTED(...) FA__EACH_PASTED(__VA_ARGS__)
#define FA__EACH_PASTED(M, n, ...) FA__EACH_##n(M, __VA_ARGS__)
#define FA__EACH_0(M, ...)
#define FA__EACH_1(M, a, da) M(0, a, da)
#define FA__EACH_2(M, a, da, b, db) M(0, a, da) M(1, b, db)
#define FA__EACH_3(M, a, da, b, db, c, dc) M(0, a, da) M(1, b, db) M(2, c, dc)
#define FA__EACH_4(M, a, da, b, db, c, dc, d, dd) M(0, a, da) M(1, b, db) M(2, c, dc) M(3, d, dd)

/* FA_IF_PARAMS((0), code) is nothing; with parameters it is code */
#define FA_IF_PARAMS(params, ...) FA__IF_COUNTED(FA__FIRST params, __VA_ARGS__)
#define FA__FIRST(first, ...) first
#define FA__IF_COUNTED(...) FA__IF_PASTED(__VA_ARGS__)
#define FA__IF_PASTED(n, ...) FA__IF_##n(__VA_ARGS__)
#define FA__IF_0(...)
#define FA__IF_1(...) __VA_ARGS__
#define FA__IF_2(...) __VA_ARGS__
#define FA__IF_3(...) __VA_ARGS__
#define FA__IF_4(...) __VA_ARGS__

/* FA_IF_OUTPUT((OUTPUT, ...), code) is code; FA_IF_OUTPUT((INPUT, ...), code) is nothing */
#define FA_IF_OUTPUT(source, ...) FA__IF_COUNTED(FA__FIRST source, __VA_ARGS__)
#define FA__IF_OUTPUT(...) __VA_ARGS__
#define FA__IF_INPUT(...)

#endif
