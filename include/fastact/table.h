/* Tools for expanding a row of activations.def: its parameters, and what only some rows have.
 * Does not know any row. */
#ifndef FASTACT_ROWS_H
#define FASTACT_ROWS_H

/* FA_EACH_PARAM(M, (2, a, 1.0, FIXED, b, 2.0, LEARNED("..."))) is
 * M(0, a, 1.0, FIXED) M(1, b, 2.0, LEARNED("...")) */
#define FA_EACH_PARAM(M, params) FA__EACH_COUNTED(M, FA__UNPACK params)
#define FA__UNPACK(...) __VA_ARGS__
#define FA__EACH_COUNTED(...) FA__EACH_PASTED(__VA_ARGS__)
#define FA__EACH_PASTED(M, n, ...) FA__EACH_##n(M, __VA_ARGS__)
#define FA__EACH_0(M, ...)
#define FA__EACH_1(M, a, da, ka) M(0, a, da, ka)
#define FA__EACH_2(M, a, da, ka, b, db, kb) M(0, a, da, ka) M(1, b, db, kb)
#define FA__EACH_3(M, a, da, ka, b, db, kb, c, dc, kc) M(0, a, da, ka) M(1, b, db, kb) M(2, c, dc, kc)
#define FA__EACH_4(M, a, da, ka, b, db, kb, c, dc, kc, d, dd, kd)                                    \
    M(0, a, da, ka) M(1, b, db, kb) M(2, c, dc, kc) M(3, d, dd, kd)

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

/* FA_IF_LEARNED(LEARNED("..."), code) is code; FA_IF_LEARNED(FIXED, code) is nothing.
 * FA_LEARNED_TEXT gives the text, or "" */
#define FA_IF_LEARNED(kind, ...) FA__IF_COUNTED(FA__LEARNED_##kind, __VA_ARGS__)
#define FA__LEARNED_FIXED 0
#define FA__LEARNED_LEARNED(text) 1
#define FA_LEARNED_TEXT(kind) FA__TEXT_##kind
#define FA__TEXT_FIXED ""
#define FA__TEXT_LEARNED(text) text

/* FA_EACH_LEARNED(M, row, params) is M(i, parameter, row) for each learned parameter; `row` is passed on */
#define FA_EACH_LEARNED(M, row, params) FA__LEARN_COUNTED(M, row, FA__UNPACK params)
#define FA__LEARN_COUNTED(...) FA__LEARN_PASTED(__VA_ARGS__)
#define FA__LEARN_PASTED(M, row, n, ...) FA__LEARN_##n(M, row, __VA_ARGS__)
#define FA__LEARN_0(M, row, ...)
#define FA__LEARN_1(M, row, a, da, ka) FA_IF_LEARNED(ka, M(0, a, row))
#define FA__LEARN_2(M, row, a, da, ka, b, db, kb)                                                    \
    FA_IF_LEARNED(ka, M(0, a, row)) FA_IF_LEARNED(kb, M(1, b, row))
#define FA__LEARN_3(M, row, a, da, ka, b, db, kb, c, dc, kc)                                         \
    FA_IF_LEARNED(ka, M(0, a, row)) FA_IF_LEARNED(kb, M(1, b, row)) FA_IF_LEARNED(kc, M(2, c, row))
#define FA__LEARN_4(M, row, a, da, ka, b, db, kb, c, dc, kc, d, dd, kd)                              \
    FA_IF_LEARNED(ka, M(0, a, row)) FA_IF_LEARNED(kb, M(1, b, row))                                  \
    FA_IF_LEARNED(kc, M(2, c, row)) FA_IF_LEARNED(kd, M(3, d, row))

#endif
