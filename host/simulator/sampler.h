/* SPDX-License-Identifier: Apache-2.0 */
/* Random variates of the simulator: xoshiro256++ (Blackman, Vigna, "Scrambled linear pseudorandom number
 * generators", ACM TOMS 47, 36, 2021) and the ziggurat of Marsaglia and Tsang (J. Stat. Softw. 5(8), 2000)
 * with 256 layers. */
#ifndef KS_HOST_SIMULATOR_SAMPLER_H
#define KS_HOST_SIMULATOR_SAMPLER_H

#include <stdint.h>
#include <string.h>

typedef struct ks_sampler {
    uint64_t s[4];
} ks_sampler;

enum { KS_ZIGGURAT_LAYERS = 256 };

/* Variates are cut off here, so that events can be put in order with a bounded buffer: chances 4e-18 and
 * 1e-15. */
#define KS_EXPONENTIAL_MOST 40.0
#define KS_NORMAL_MOST      8.0

/* Right ends of the layers, the lowest (with the tail's area) first, and the density there. */
typedef struct ks_ziggurat {
    double x[KS_ZIGGURAT_LAYERS + 1];
    double f[KS_ZIGGURAT_LAYERS + 1];
} ks_ziggurat;

typedef struct ks_ziggurats {
    ks_ziggurat exponential, normal;
} ks_ziggurats;

void ks_ziggurats_init(ks_ziggurats *tables);

/* Independent streams of one seed: what they are for, and a number. */
typedef enum ks_stream {
    KS_STREAM_SIGNAL = 1, /* photons of segment `index` */
    KS_STREAM_NOISE,      /* dark and background counts of segment `index` */
    KS_STREAM_MARKERS,    /* marker channel of segment `index` */
    KS_STREAM_RELEASE,    /* afterpulses, in the order of clicks */
    KS_STREAM_CLOCK,      /* random walk of the clock */
    KS_STREAM_ALICE,      /* seed of Alice's states */
    KS_STREAM_BOB,        /* seed of Bob's bases */
    KS_STREAM_EVE         /* seed of Eve's choices */
} ks_stream;

/* 256 bits of the stream (seed, stream, index) by Philox. */
void ks_stream_seed(uint64_t out[4], const uint8_t seed[32], ks_stream stream, uint64_t index);

static inline ks_sampler ks_sampler_make(const uint8_t seed[32], ks_stream stream, uint64_t index) {
    ks_sampler sampler;
    ks_stream_seed(sampler.s, seed, stream, index);
    return sampler;
}

static inline uint64_t ks_sampler_word(ks_sampler *sampler) {
    uint64_t *s = sampler->s, sum = s[0] + s[3], t = s[1] << 17;
    uint64_t word = (sum << 23 | sum >> 41) + s[0];
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return word;
}

static inline double ks_unit_from_word(uint64_t word) {
    return (double)(int64_t)(word >> 11) * 0x1p-53;
}

/* Uniform in [0, 1). */
static inline double ks_sampler_uniform(ks_sampler *sampler) {
    return ks_unit_from_word(ks_sampler_word(sampler));
}

/* The rare paths: layer edge and tail. The normal one is without sign. */
double ks_sampler_exponential_edge(ks_sampler *sampler, const ks_ziggurats *tables, uint64_t word);
double ks_sampler_normal_edge(ks_sampler *sampler, const ks_ziggurats *tables, uint64_t word);

/* Exponential of mean 1. The copy keeps a caller's local sampler in registers: its address never escapes. */
static inline double ks_sampler_exponential(ks_sampler *sampler, const ks_ziggurats *tables) {
    uint64_t word = ks_sampler_word(sampler);
    double x = ks_unit_from_word(word) * tables->exponential.x[word & 255];
    if (__builtin_expect(x >= tables->exponential.x[(word & 255) + 1], 0)) {
        ks_sampler copy = *sampler;
        x = ks_sampler_exponential_edge(&copy, tables, word);
        *sampler = copy;
    }
    return x;
}

/* x >= 0, negated when the lowest bit of `sign` is set; no branch, which a coin would mislead. */
static inline double ks_with_sign(double x, uint64_t sign) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits |= sign << 63;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Normal of mean 0 and variance 1. */
static inline double ks_sampler_normal(ks_sampler *sampler, const ks_ziggurats *tables) {
    uint64_t word = ks_sampler_word(sampler);
    double x = ks_unit_from_word(word) * tables->normal.x[word & 255];
    if (__builtin_expect(x >= tables->normal.x[(word & 255) + 1], 0)) {
        ks_sampler copy = *sampler;
        x = ks_sampler_normal_edge(&copy, tables, word);
        *sampler = copy;
    }
    return ks_with_sign(x, word >> 8);
}

#endif
