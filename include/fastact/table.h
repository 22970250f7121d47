/* Macros that expand an entry of activations.def or rowwise.def: its parameters, and what only some entries have.
 * Must not depend on any entry. */
#ifndef FASTACT_TABLE_H
#define FASTACT_TABLE_H

/* FA_EACH_PARAM(M, (2, a, 1.0, FIXED, b, 2.0, LEARNED("..."))) is
 * M(0, a, 1.0, FIXED) M(1, b, 2.0, LEARNED("...")) */
#define FA_EACH_PARAM(M, params) FA__EACH_COUNTED(M, FA__UNPACK params, )
#define FA__UNPACK(...) __VA_ARGS__
#define FA__EACH_COUNTED(...) FA__EACH_PASTED(__VA_ARGS__)
/* "..." is never without an argument, which C99 asks for: the last one is empty */
#define FA__EACH_PASTED(M, n, ...) FA__EACH_##n(M, __VA_ARGS__)
#define FA__EACH_0(M, ...)
#define FA__EACH_1(M, a, da, ka, ...) M(0, a, da, ka)
#define FA__EACH_2(M, a, da, ka, b, db, kb, ...) M(0, a, da, ka) M(1, b, db, kb)
#define FA__EACH_3(M, a, da, ka, b, db, kb, c, dc, kc, ...) M(0, a, da, ka) M(1, b, db, kb) M(2, c, dc, kc)
#define FA__EACH_4(M, a, da, ka, b, db, kb, c, dc, kc, d, dd, kd, ...) \
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

/* FA_IF_EACH(EACH, code) and FA_IF_EACH(TWICE, code) are code; for ONE and PIECES it is nothing */
#define FA_IF_EACH(result, ...) FA__IF_PASTED(result, __VA_ARGS__)
#define FA__IF_EACH(...) __VA_ARGS__
#define FA__IF_TWICE(...) __VA_ARGS__
#define FA__IF_ONE(...)
#define FA__IF_PIECES(...)

/* FA_DECLARE_PIECES(PIECES) is a further argument of a function; for other results it is nothing */
#define FA_DECLARE_PIECES(result) FA__DECLARE_FOR_##result
#define FA__DECLARE_FOR_PIECES , size_t pieces
#define FA__DECLARE_FOR_EACH
#define FA__DECLARE_FOR_TWICE
#define FA__DECLARE_FOR_ONE

/* FA_LEARNED_TEXT(LEARNED("...")) is the text; FA_LEARNED_TEXT(FIXED) is "" */
#define FA_LEARNED_TEXT(kind) FA__TEXT_##kind
#define FA__TEXT_FIXED ""
#define FA__TEXT_LEARNED(text) text

/* FA_EACH_LEARNED(M, context, params) is M(i, parameter, context) for each learned parameter. M is named, never passed as
 * an argument in expanded form: GCC 11 rejects a _Pragma in the argument of a macro. */
#define FA_EACH_LEARNED(M, context, params) FA__LEARN_COUNTED(M, context, FA__UNPACK params)
#define FA__LEARN_COUNTED(...) FA__LEARN_PASTED(__VA_ARGS__)
#define FA__LEARN_PASTED(M, context, n, ...) FA__LEARN_##n(M, context, __VA_ARGS__)
#define FA__LEARN_0(M, context, ...)
#define FA__LEARN_1(M, context, a, da, ka) FA__LEARN_ONE(ka, M, 0, a, context)
#define FA__LEARN_2(M, context, a, da, ka, b, db, kb) \
    FA__LEARN_ONE(ka, M, 0, a, context) FA__LEARN_ONE(kb, M, 1, b, context)
#define FA__LEARN_3(M, context, a, da, ka, b, db, kb, c, dc, kc) \
    FA__LEARN_2(M, context, a, da, ka, b, db, kb) FA__LEARN_ONE(kc, M, 2, c, context)
#define FA__LEARN_4(M, context, a, da, ka, b, db, kb, c, dc, kc, d, dd, kd) \
    FA__LEARN_3(M, context, a, da, ka, b, db, kb, c, dc, kc) FA__LEARN_ONE(kd, M, 3, d, context)
#define FA__LEARNED_FIXED 0
#define FA__LEARNED_LEARNED(text) 1
#define FA__LEARN_ONE(kind, M, ...) FA__LEARN_IF(FA__LEARNED_##kind, M, __VA_ARGS__)
#define FA__LEARN_IF(...) FA__LEARN_IF_PASTED(__VA_ARGS__)
#define FA__LEARN_IF_PASTED(learned, M, ...) FA__LEARN_IF_##learned(M, __VA_ARGS__)
#define FA__LEARN_IF_0(M, ...)
#define FA__LEARN_IF_1(M, ...) M(__VA_ARGS__)

#endif
