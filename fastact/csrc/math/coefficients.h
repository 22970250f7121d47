/* Coefficients of the elementary functions, made by coefficients.py: data, not code.
 * Knows no evaluation scheme; coefficients are listed highest power first. */
/* clang-format off */
#ifndef FA_MATH_COEFFICIENTS_H
#define FA_MATH_COEFFICIENTS_H

#define FA_LN2_HI 0x1.62e42fefa4000p-1
#define FA_LN2_LO -0x1.8432a1b0e2634p-43
#define FA_LN2_DOUBLE 0x1.62e42fefa39efp-1
#define FA_LN2_REST 0x1.abc9e3b39803fp-56
#define FA_LOG2_E 0x1.71547652b82fep+0

/* (e^r - 1 - r)/r^2 on [-0.346574, 0.346574], degree 10:
 * relative error 2^-57.5 */
#define FA_EXP_POLY 0x1.1f72fc730b4ffp-29, 0x1.af4ddd84882fep-26, 0x1.27e4db67b4303p-22, \
    0x1.71de02375656cp-19, 0x1.a01a01a6d7808p-16, 0x1.a01a01abe62ddp-13, \
    0x1.6c16c16c162d6p-10, 0x1.11111111100dfp-7, 0x1.5555555555556p-5, \
    0x1.5555555555557p-3, 0x1.0000000000000p-1

/* (2^r - 1 - r ln 2)/r^2 on [-0.501, 0.501], degree 5:
 * relative error 2^-28.4 */
#define FA_EXP2_POLY 0x1.008ac82d1d695p-16, 0x1.44149af9008afp-13, 0x1.5d87c067feb47p-10, \
    0x1.3b2a5236c6049p-7, 0x1.c6b08d7736a12p-5, 0x1.ebfbe00ea85dfp-3

/* (e^r - 1 - r)/r^2 on [-0.0223596, 0.0223596], degree 5:
 * relative error 2^-52.0 */
#define FA_EXP_SIXTEENTH_POLY 0x1.a01b1da862af4p-13, 0x1.6c1800f580502p-10, 0x1.11111110da89ap-7, \
    0x1.55555554daa4ap-5, 0x1.5555555555556p-3, 0x1.0000000000001p-1

/* 2^(j/16) */
#define FA_SIXTEENTHS_HI 0x1.0000000000000p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0, \
    0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0, \
    0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0, \
    0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0
#define FA_SIXTEENTHS_LO 0x0.0p+0, 0x1.8a62e4adc610bp-54, -0x1.19041b9d78a76p-55, 0x1.9b07eb6c70573p-54, \
    0x1.6f46ad23182e4p-55, 0x1.ada0911f09ebcp-55, 0x1.d4397afec42e2p-56, 0x1.6324c054647adp-54, \
    -0x1.bdd3413b26456p-54, -0x1.41577ee04992fp-55, 0x1.6e9f156864b27p-54, 0x1.c7c46b071f2bep-56, \
    0x1.7a1cd345dcc81p-54, 0x1.11065895048ddp-55, 0x1.2ed02d75b3707p-55, -0x1.e9c23179c2893p-54

/* (e^r - 1 - r - ... - r^6/720)/r^7 on [-0.346574, 0.346574], degree 9:
 * relative error 2^-58.6 */
#define FA_EXP_TAIL_POLY 0x1.aeeb72a34c1a7p-45, 0x1.aef8faf0af8d1p-41, 0x1.93973f2c4a070p-37, \
    0x1.6124546e92376p-33, 0x1.1eed8f000a73fp-29, 0x1.ae6456806d63cp-26, \
    0x1.27e4fb7789f20p-22, 0x1.71de3a556c6adp-19, 0x1.a01a01a01a01ap-16, \
    0x1.a01a01a01a01ap-13

#define FA_INV_6_HI 0x1.5555555555555p-3
#define FA_INV_6_LO 0x1.5555555555555p-57
#define FA_INV_24_HI 0x1.5555555555555p-5
#define FA_INV_24_LO 0x1.5555555555555p-59
#define FA_INV_120_HI 0x1.1111111111111p-7
#define FA_INV_120_LO 0x1.1111111111111p-63
#define FA_INV_720_HI 0x1.6c16c16c16c17p-10
#define FA_INV_720_LO -0x1.f49f49f49f49fp-65
#define FA_INV_5040_HI 0x1.a01a01a01a01ap-13
#define FA_INV_5040_LO 0x1.a01a01a01a01ap-73

/* (2 atanh(s) - 2 s)/s^3 in s^2 on [0, 0.0294373], degree 6:
 * relative error 2^-50.9 */
#define FA_ATANH_POLY 0x1.2b584aae78a57p-3, 0x1.39fe606542ddep-3, 0x1.7462b4ab2ef6bp-3, \
    0x1.c71c62e5800a1p-3, 0x1.2492492df148dp-2, 0x1.99999999952e2p-2, \
    0x1.5555555555558p-1

/* (x - tanh x)/x^3 in x^2 on [0, 0.5625], degree 15:
 * relative error 2^-57.6 */
#define FA_TANH_SHRINK_CONSTANT_HI 0x1.5555555555555p-2
#define FA_TANH_SHRINK_CONSTANT_LO 0x1.554e3410748efp-56
#define FA_TANH_SHRINK_POLY -0x1.560e2664ba1a3p-24, 0x1.29e78fab72c2cp-21, -0x1.19d83190f9f96p-19, \
    0x1.97a394949f21ap-18, -0x1.07ade5d9ba6e7p-16, 0x1.48d10a6c4de15p-15, \
    -0x1.9664a72bf3ca0p-14, 0x1.f57aafd00f92ap-13, -0x1.3558080fd95a3p-11, \
    0x1.7da362b178c3ep-10, -0x1.d6d3d0d0c47b3p-9, 0x1.226e355e34ab8p-7, \
    -0x1.664f4882c02eap-6, 0x1.ba1ba1ba1b9fep-5, -0x1.1111111111111p-3

#define FA_INV_SQRT_2PI_HI 0x1.9884533d43651p-2
#define FA_INV_SQRT_2PI_LO -0x1.cbc0d30ebfd15p-56
#define FA_SQRT_8_PI_HI 0x1.9884533d43651p+0
#define FA_SQRT_8_PI_LO -0x1.cbc0d30ebfd15p-54
#define FA_2_SQRT_PI_HI 0x1.20dd750429b6dp+0
#define FA_2_SQRT_PI_LO 0x1.1ae3a914fed80p-56
#define FA_SQRT_2_HI 0x1.6a09e667f3bcdp+0
#define FA_SQRT_2_LO -0x1.bdd3413b26456p-54
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

/* erf(s)/s in s^2 on [0, 0.5625], degree 10:
 * relative error 2^-56.2 */
#define FA_ERF_CONSTANT_HI 0x1.20dd750429b6dp+0
#define FA_ERF_CONSTANT_LO 0x1.0ba72caf836ddp-56
#define FA_ERF_POLY 0x1.8a312cb07e6ccp-27, -0x1.564f71bbc0d35p-23, 0x1.b90ecd4aeec12p-20, \
    -0x1.f4c5debf1228ap-17, 0x1.f9a2afa3a8f86p-14, -0x1.c02db1220cfe6p-11, \
    0x1.565bcd03657c0p-8, -0x1.b82ce31257412p-6, 0x1.ce2f21a0424c3p-4, \
    -0x1.812746b0379e0p-2

#define FA_PI_2_HI 0x1.921fb54442d18p+0
#define FA_PI_2_LO 0x1.1a62633145c07p-54
#define FA_ATAN_1_2_HI 0x1.dac670561bb4fp-2
#define FA_ATAN_1_2_LO 0x1.a2b7f222f65e2p-56
#define FA_ATAN_1_HI 0x1.921fb54442d18p-1
#define FA_ATAN_1_LO 0x1.1a62633145c07p-55
#define FA_ATAN_3_2_HI 0x1.f730bd281f69bp-1
#define FA_ATAN_3_2_LO 0x1.007887af0cbbdp-56

/* (sin r - r + r^3/6 - r^5/120 + r^7/5040)/r^9 in r^2 on [0, 0.61685], degree 4:
 * relative error 2^-50.7 */
#define FA_SIN_POLY 0x1.9359df08d0715p-49, -0x1.ae7e42ccf0211p-41, 0x1.612461031b2ffp-33, \
    -0x1.ae64567f4bc2ap-26, 0x1.71de3a556c730p-19

/* (1 - cos r - r^2/2 + r^4/24 - r^6/720)/-r^8 in r^2 on [0, 0.61685], degree 4:
 * relative error 2^-49.7 */
#define FA_COS_POLY 0x1.ac554d9464580p-45, -0x1.93961fcfe2f3bp-37, 0x1.1eed8ebdc3e9dp-29, \
    -0x1.27e4fb777fd10p-22, 0x1.a01a01a01a012p-16

/* (atan t - t)/t^3 in t^2 on [0, 0.191406], degree 10:
 * relative error 2^-51.3 */
#define FA_ATAN_POLY -0x1.1f7e7048b0a6fp-6, 0x1.35dd3ba3a06adp-5, -0x1.9c616e7e61a95p-5, \
    0x1.df0bad09fa62cp-5, -0x1.10ed20cc03917p-4, 0x1.3b1161c0261b4p-4, \
    -0x1.745cff64fb1e8p-4, 0x1.c71c71366bfc2p-4, -0x1.24924923b09bfp-3, \
    0x1.9999999998863p-3, -0x1.5555555555554p-2

/* digits of 2/pi to base 2^24 */
#define FA_TWO_OVER_PI 10680707, 7228996, 1387004, 2578385, 16069853, 12639074, 9804092, 4427841, 16666979, \
    11263675, 12935607, 2387514, 4345298, 14681673, 3074569, 13734428, 16653803, 1880361, \
    10960616, 8533493, 3062596, 8710556, 7349940, 6258241, 3772886, 3769171, 3798172, \
    8675211, 12450088, 3874808, 9961438, 366607, 15675153, 9132554, 7151469, 3571407, \
    2607881, 12013382, 4155038, 6285869, 7677882, 13102053, 15825725, 473591, 9065106, \
    15363067, 6271263, 9264392, 5636912, 4652155, 7056368, 13614112, 10155062, 1944035, \
    9527646, 15080200, 6658437, 6231200, 6832269, 16767104, 5075751, 3212806, 1398474, \
    7579849, 6349435, 12618859, 4703257, 12806093, 14477321, 2786137, 12875403, 9837734

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

#define FA_GELU_TANH_ROOT_HI -0x1.81429f9e97e4dp-1
#define FA_GELU_TANH_ROOT_LO 0x1.3ce60c9e3b279p-55
#define FA_GELU_TANH_ROOT_WIDTH 0x1.0000000000000p-4

/* gelu_tanh'(r + d)/d on [-0.0625, 0.0625], degree 10:
 * relative error 2^-57.8 */
#define FA_GELU_TANH_SLOPE_HI 0x1.b8bacd2c96b91p-2
#define FA_GELU_TANH_SLOPE_LO 0x1.3232ca0739b20p-56
#define FA_GELU_TANH_ROOT_POLY 0x1.043789c53a23dp-13, 0x1.145adaa230030p-12, -0x1.e63f124bd79c5p-11, \
    -0x1.3d8d578267777p-9, 0x1.58c9ed6ff30cap-8, 0x1.427996db7483ap-6, \
    -0x1.104a83edc0cf8p-6, -0x1.d2b773464702dp-4, -0x1.029615edb0778p-6, \
    0x1.8cd1a2b2fff33p-2

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

#define FA_TELU_ROOT_HI -0x1.14302c3c10f30p+0
#define FA_TELU_ROOT_LO -0x1.b8c761c7b1289p-54
#define FA_TELU_ROOT_WIDTH 0x1.0000000000000p-4

/* telu'(r + d)/d on [-0.0625, 0.0625], degree 10:
 * relative error 2^-60.8 */
#define FA_TELU_SLOPE_HI 0x1.68f6b660942b4p-2
#define FA_TELU_SLOPE_LO -0x1.accdac615c81fp-57
#define FA_TELU_ROOT_POLY 0x1.3a9837adc6c13p-12, 0x1.b3ae7d7984a33p-10, 0x1.bdae93333f82bp-9, \
    0x1.6b4782bee86cfp-9, -0x1.70f433d87fc8fp-8, -0x1.a1972d546cc08p-6, \
    -0x1.75ed50eb6a050p-5, -0x1.76ccc7f75c6c1p-6, 0x1.b9cbc0b27eec0p-4, \
    0x1.4d0848bbb42d2p-2

#define FA_SERF_ROOT_HI -0x1.316c60ccb69dbp+0
#define FA_SERF_ROOT_LO 0x1.1d9ecd0f85993p-55
#define FA_SERF_ROOT_WIDTH 0x1.0000000000000p-2

/* serf'(r + d)/d on [-0.25, 0.25], degree 15:
 * relative error 2^-58.0 */
#define FA_SERF_SLOPE_HI 0x1.34bdb29d97b36p-2
#define FA_SERF_SLOPE_LO -0x1.84f42aa0db3fdp-58
#define FA_SERF_ROOT_POLY 0x1.208e6eb029122p-23, 0x1.aeb981b3fd7aep-21, 0x1.8f3b702f88ef9p-20, \
    -0x1.fb1492ecde3cbp-20, -0x1.33ed76def93a3p-16, -0x1.762ba7bec94cep-15, \
    -0x1.428b299075223p-20, 0x1.5c3c308509c44p-12, 0x1.12c414779c35cp-10, \
    0x1.c90510bcd7a12p-11, -0x1.28850b629180dp-8, -0x1.32985cfc85dcbp-6, \
    -0x1.7e4ec0f21ae43p-6, 0x1.857e8a8303fb9p-5, 0x1.da577f6c75892p-3

#define FA_SMISH_ROOT_HI -0x1.64ff378b68101p+0
#define FA_SMISH_ROOT_LO 0x1.9b36cef2903e8p-55
#define FA_SMISH_ROOT_WIDTH 0x1.0000000000000p-4

/* smish'(r + d)/d on [-0.0625, 0.0625], degree 9:
 * relative error 2^-62.4 */
#define FA_SMISH_SLOPE_HI 0x1.738c870456665p-3
#define FA_SMISH_SLOPE_LO 0x1.eb7f0bb19582dp-57
#define FA_SMISH_ROOT_POLY -0x1.95a73201a0517p-16, -0x1.0b4fcdd206a12p-13, -0x1.0af5cfed9253ap-15, \
    0x1.d9724d4c00083p-11, 0x1.bfa985b7cc1f7p-10, -0x1.eb78a4d43377fp-9, \
    -0x1.1fba7dd06c2cdp-6, -0x1.af107708c3ca2p-10, 0x1.ac94462c6bd8cp-4

#define FA_LOGISH_ROOT_HI -0x1.5f592781c9063p+0
#define FA_LOGISH_ROOT_LO 0x1.67550801af0a8p-54
#define FA_LOGISH_ROOT_WIDTH 0x1.0000000000000p-4

/* logish'(r + d)/d on [-0.0625, 0.0625], degree 9:
 * relative error 2^-58.7 */
#define FA_LOGISH_SLOPE_HI 0x1.77a21c898b59fp-3
#define FA_LOGISH_SLOPE_LO 0x1.15386dab8317dp-57
#define FA_LOGISH_ROOT_POLY -0x1.b8049f4662e8ep-17, -0x1.2478d6a788099p-14, 0x1.5fac538f500c2p-19, \
    0x1.53c5c78f4eefdp-11, 0x1.1e70fec65f8f4p-10, -0x1.e2554fa37c70ep-9, \
    -0x1.eb4f4e73487fep-7, 0x1.9d4c9b15c35aap-9, 0x1.bd267d771edb8p-4

#define FA_ELISH_ROOT_HI -0x1.c34366179d427p-1
#define FA_ELISH_ROOT_LO 0x1.9f270661722dbp-56
#define FA_ELISH_ROOT_WIDTH 0x1.0000000000000p-4

/* elish'(r + d)/d on [-0.0625, 0.0625], degree 9:
 * relative error 2^-58.0 */
#define FA_ELISH_SLOPE_HI 0x1.f0ed99bed9b2ep-3
#define FA_ELISH_SLOPE_LO -0x1.cc11fefc5c280p-57
#define FA_ELISH_ROOT_POLY -0x1.f3966b32d2b25p-16, -0x1.6984a08f57481p-17, 0x1.0845b7de622bbp-12, \
    0x1.26be8425d836dp-11, -0x1.67a99e8552b55p-11, -0x1.2c056c0d7a011p-9, \
    0x1.2d6ffd16fe060p-6, 0x1.c8bc89111e3aep-4, 0x1.0789332093269p-2

#define FA_HARD_ELISH_ROOT_HI -0x1.c57b9fc4c79b6p-2
#define FA_HARD_ELISH_ROOT_LO 0x1.1135fc7040bb4p-56
#define FA_HARD_ELISH_ROOT_WIDTH 0x1.0000000000000p-4

/* hard_elish'(r + d)/d on [-0.0625, 0.0625], degree 8:
 * relative error 2^-59.2 */
#define FA_HARD_ELISH_SLOPE_HI 0x1.a46743ed67c3ep-1
#define FA_HARD_ELISH_SLOPE_LO -0x1.7496bb51192bep-57
#define FA_HARD_ELISH_ROOT_POLY 0x1.397be9993b562p-17, 0x1.3f4568e48416ap-14, 0x1.1dd4b1c9cc52ep-11, \
    0x1.b9bfdaa41c4a4p-9, 0x1.1f789ed62426fp-6, 0x1.3089afe73585ep-4, \
    0x1.f37932857a326p-3, 0x1.246743ed67c3ep-1

#endif
