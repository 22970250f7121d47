/* Coefficients of the elementary functions, made by coefficients.py: data, not code.
 * Knows no evaluation scheme; coefficients are listed highest power first. */
#ifndef FA_COEFFICIENTS_H
#define FA_COEFFICIENTS_H

#define FA_LN2_HI 0x1.62e42fefa4000p-1
#define FA_LN2_LO -0x1.8432a1b0e2634p-43
#define FA_LN2 0x1.62e42fefa39efp-1
#define FA_LN2_REST 0x1.abc9e3b39803fp-56
#define FA_LOG2_E 0x1.71547652b82fep+0

/* (e^r - 1 - r)/r^2 on [-0.346574, 0.346574], degree 10:
 * relative error 2^-57.5 */
#define FA_EXP_POLY 0x1.1f72fc730b4ffp-29, 0x1.af4ddd84882fep-26, 0x1.27e4db67b4303p-22, \
    0x1.71de02375656cp-19, 0x1.a01a01a6d7808p-16, 0x1.a01a01abe62ddp-13, \
    0x1.6c16c16c162d6p-10, 0x1.11111111100dfp-7, 0x1.5555555555556p-5, \
    0x1.5555555555557p-3, 0x1.0000000000000p-1

/* (2 atanh(s) - 2s)/s^3 in s^2 on [0, 0.0294373], degree 6:
 * relative error 2^-50.9 */
#define FA_ATANH_POLY 0x1.2b584aae78a57p-3, 0x1.39fe606542ddep-3, 0x1.7462b4ab2ef6bp-3, \
    0x1.c71c62e5800a1p-3, 0x1.2492492df148dp-2, 0x1.99999999952e2p-2, \
    0x1.5555555555558p-1

#define FA_INV_SQRT_2PI_HI 0x1.9884533d43651p-2
#define FA_INV_SQRT_2PI_LO -0x1.cbc0d30ebfd15p-56
#define FA_MILLS_CENTRE 0x1.2000000000000p+2

/* (2 + 4 a/sqrt(2 pi)) e^(a^2/2) Phi(-a) in t = (a-K)/(a+K) on [-1, 0.797753], degree 23:
 * relative error 2^-56.4 */
#define FA_MILLS_CONSTANT_HI 0x1.8ea198e925709p-1
#define FA_MILLS_CONSTANT_LO 0x1.fd3060e2f7c0fp-55
#define FA_MILLS_POLY 0x1.92ce05de249e7p-31, 0x1.3bf41f6d36325p-30, -0x1.eeafabd02cf50p-28, \
    -0x1.01ed25494fc7bp-26, 0x1.3e2e0654b38b2p-25, 0x1.da90481cd3b3dp-24, \
    -0x1.4c67965b054e4p-23, -0x1.6be6cf9e354b2p-21, 0x1.8419920e6b1d1p-21, \
    0x1.0e0fbc71e8d68p-18, -0x1.4b8dcb34f1d86p-18, -0x1.8d88db7a1a29ep-16, \
    0x1.94b5e4aebb904p-15, 0x1.eecc52d4c91e6p-14, -0x1.119329cedd572p-11, \
    0x1.27d9ed35481c0p-14, 0x1.1442285581f2ap-8, -0x1.f1be33b8fe475p-7, \
    0x1.e46a747012435p-6, -0x1.06fae54e51301p-5, -0x1.4153d785a4c85p-10, \
    0x1.63c420094dd05p-4, -0x1.b5cc1bdbd792bp-3

#define FA_SILU_ROOT_HI -0x1.474973c84120bp+0
#define FA_SILU_ROOT_LO -0x1.f8d74bc9ac154p-54
#define FA_SILU_ROOT_WIDTH 0x1.0000000000000p-4

/* silu'(r + d)/d on [-0.0625, 0.0625], degree 9:
 * relative error 2^-58.0 */
#define FA_SILU_SLOPE_HI 0x1.be1410460527fp-3
#define FA_SILU_SLOPE_LO -0x1.25a37b0e5898ap-58
#define FA_SILU_ROOT_POLY -0x1.f276332ed66abp-16, -0x1.576126a24a1d5p-15, 0x1.8574c673f167ep-13, \
    0x1.a2a7ce4ec7a2bp-11, 0x1.098e92bcc8575p-13, -0x1.b0f82c49b64a0p-8, \
    -0x1.f2d0e32bc29b2p-7, 0x1.353eb573ca46bp-6, 0x1.2c563458cc0adp-3

#define FA_GELU_ROOT_HI -0x1.80ead197f00b4p-1
#define FA_GELU_ROOT_LO 0x1.13e74c58cada8p-56
#define FA_GELU_ROOT_WIDTH 0x1.0000000000000p-2

/* gelu'(r + d)/d on [-0.25, 0.25], degree 13:
 * relative error 2^-55.7 */
#define FA_GELU_SLOPE_HI 0x1.b9d98fa5a3215p-2
#define FA_GELU_SLOPE_LO 0x1.fc79c0e42c557p-56
#define FA_GELU_ROOT_POLY 0x1.d058093e844d3p-22, -0x1.ffafff4e0e463p-18, -0x1.784a7e74fd459p-17, \
    0x1.6955a6611422dp-14, 0x1.86c8638180b9ep-13, -0x1.8680e7ccdeff9p-11, \
    -0x1.258a6d855091ep-9, 0x1.297b9d6521f94p-8, 0x1.3e346def41ff3p-6, \
    -0x1.e4088244ea8d1p-7, -0x1.d2fa4c17c7e84p-4, -0x1.2a2ef9bb86622p-6, \
    0x1.8d9a941de3ac5p-2

#define FA_MISH_ROOT_HI -0x1.31432c0d12d84p+0
#define FA_MISH_ROOT_LO -0x1.bf319154da210p-55
#define FA_MISH_ROOT_WIDTH 0x1.0000000000000p-4

/* mish'(r + d)/d on [-0.0625, 0.0625], degree 9:
 * relative error 2^-59.5 */
#define FA_MISH_SLOPE_HI 0x1.115acb42500bbp-2
#define FA_MISH_SLOPE_LO 0x1.1902ee2023fe9p-56
#define FA_MISH_ROOT_POLY -0x1.616a0805af615p-15, 0x1.09e6fecbf1087p-12, 0x1.03799b6aaa47ap-10, \
    0x1.1e5e384c9dcd9p-10, -0x1.b87ddfb6e03cbp-9, -0x1.03369d4b7ff8fp-6, \
    -0x1.4c222fe64d48ap-6, 0x1.574f121a86992p-5, 0x1.a34a251d8ad7bp-3

#endif
