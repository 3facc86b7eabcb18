/* SPDX-License-Identifier: Apache-2.0 */
/* Soundness by simulation: an adversary fixes how many detections of each photon number there are and how
 * many of them are wrong; intensities follow from the photon number by chance, as the source makes them. The
 * bounds see the counts only and must hold for what is hidden. KS_LONG=1 runs fifty times as many blocks. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/finite_key.h"
#include "tests/conformance/conformance.h"

enum { PHOTONS = 6, BLOCKS = 400 };

static const ks_source two_decoys = {3, {0.5, 0.12, 0.002}, {0.55, 0.3, 0.15}};
static const ks_source one_decoy = {2, {0.5, 0.15}, {0.65, 0.35}};

/* What nobody but the adversary knows. */
typedef struct hidden {
    unsigned detections[PHOTONS], errors[PHOTONS];
} hidden;

static double uniform(uint64_t *random) {
    return (double)(ks_test_random(random) >> 11) * 0x1p-53;
}

static unsigned pick(const ks_source *source, int photons, uint64_t *random) {
    double weight[KS_MAX_INTENSITIES], sum = 0.0;
    for (uint32_t k = 0; k < source->intensities; k++)
        sum += weight[k] = source->probability[k] * exp(-source->mean[k]) * pow(source->mean[k], photons);
    double at = uniform(random) * sum;
    unsigned k = 0;
    while (k + 1 < source->intensities && at >= weight[k])
        at -= weight[k++];
    return k;
}

/* Several strategies: honest loss, blocked single photons, dark counts in plenty, all errors on single
 * photons. */
static hidden attack(unsigned strategy, uint64_t *random) {
    hidden h = {{0}, {0}};
    unsigned scale = 200 + (unsigned)(ks_test_random(random) % 4000);
    for (int n = 0; n < PHOTONS; n++) {
        double share[4] = {n == 0 ? 0.05 : pow(0.4, n - 1), n == 1 ? 0.1 : 0.5, n == 0 ? 2.0 : 0.3,
                           n == 1 ? 1.0 : 0.1};
        double rate[4] = {0.03, 0.02, 0.1, n == 1 ? 0.3 : 0.0};
        h.detections[n] = (unsigned)(scale * share[strategy] * (0.5 + uniform(random)));
        for (unsigned i = 0; i < h.detections[n]; i++)
            h.errors[n] += uniform(random) < (n == 0 ? 0.5 : rate[strategy]);
    }
    return h;
}

static void show(double counts[KS_MAX_INTENSITIES], double errors[KS_MAX_INTENSITIES],
                 const ks_source *source, const hidden *h, uint64_t *random) {
    memset(counts, 0, sizeof(double) * KS_MAX_INTENSITIES);
    memset(errors, 0, sizeof(double) * KS_MAX_INTENSITIES);
    for (int n = 0; n < PHOTONS; n++)
        for (unsigned i = 0; i < h->detections[n]; i++) {
            unsigned k = pick(source, n, random);
            counts[k]++;
            errors[k] += i < h->errors[n];
        }
}

typedef struct violations {
    int vacuum, single, errors, blocks;
} violations;

static violations run(const ks_source *source, double p, ks_concentration concentration, uint64_t seed) {
    violations v = {0};
    uint64_t random = seed;
    v.blocks = getenv("KS_LONG") ? 50 * BLOCKS : BLOCKS;
    for (int i = 0; i < v.blocks; i++) {
        double counts[KS_MAX_INTENSITIES], errors[KS_MAX_INTENSITIES];
        hidden h = attack((unsigned)i % 4, &random);
        show(counts, errors, source, &h, &random);
        int one = source->intensities == 2;
        ks_decoy_bounds b = one ? ks_decoy_one(source, counts, errors, p, concentration)
                                : ks_decoy_two(source, counts, p, concentration, 1);
        v.vacuum += one ? b.vacuum < h.detections[0] : b.vacuum > h.detections[0];
        v.single += b.single > h.detections[1];
        v.errors += ks_decoy_errors(source, errors, p, concentration, 1) < h.errors[1];
    }
    return v;
}

/* A bound rests on at most five statements of failure probability p. */
static void assert_sound(const ks_source *source, ks_concentration concentration, double p) {
    violations v = run(source, p, concentration, 20 + (uint64_t)source->intensities);
    double most = 5.0 * p * v.blocks + 5.0 * sqrt(5.0 * p * v.blocks);
    cr_assert_leq(v.vacuum, most, "vacuum: %d of %d", v.vacuum, v.blocks);
    cr_assert_leq(v.single, most, "single photons: %d of %d", v.single, v.blocks);
    cr_assert_leq(v.errors, most, "errors: %d of %d", v.errors, v.blocks);
}

Test(soundness, two_decoys) {
    assert_sound(&two_decoys, KS_CHERNOFF, 0.05);
    assert_sound(&two_decoys, KS_CHERNOFF, 0.0005);
    assert_sound(&two_decoys, KS_HOEFFDING, 0.0005);
}

Test(soundness, one_decoy) {
    assert_sound(&one_decoy, KS_CHERNOFF, 0.05);
    assert_sound(&one_decoy, KS_CHERNOFF, 0.0005);
}

/* Without deviations the same bounds fail often: the simulation would show a formula that is too bold. */
Test(soundness, the_simulation_has_power) {
    violations two = run(&two_decoys, 0.999, KS_CHERNOFF, 5), one = run(&one_decoy, 0.999, KS_CHERNOFF, 6);
    cr_assert_gt(two.single + two.vacuum, two.blocks / 50, "%d and %d of %d", two.single, two.vacuum,
                 two.blocks);
    cr_assert_gt(two.errors, two.blocks / 50, "%d of %d", two.errors, two.blocks);
    cr_assert_gt(one.vacuum + one.single + one.errors, one.blocks / 200, "%d, %d, %d of %d", one.vacuum,
                 one.single, one.errors, one.blocks);
}

/* The whole sampling step: key and test events are a random split of one population with fixed phase errors.
 */
Test(soundness, sampling) {
    uint64_t random = 9;
    const double p = 0.02;
    int failed = 0, blocks = getenv("KS_LONG") ? 50 * BLOCKS : BLOCKS;
    for (int i = 0; i < blocks; i++) {
        unsigned key = 300 + (unsigned)(ks_test_random(&random) % 2000),
                 test = 200 + (unsigned)(ks_test_random(&random) % 800);
        unsigned wrong = (unsigned)((key + test) * (0.01 + 0.05 * uniform(&random))), left = wrong, seen = 0;
        for (unsigned drawn = 0; drawn < test; drawn++)
            if (uniform(&random) * (key + test - drawn) < left) {
                left--;
                seen++;
            }
        failed += ks_hypergeometric_upper(key, test, seen, p) * key < left;
    }
    cr_assert_leq(failed, p * blocks + 5.0 * sqrt(p * blocks), "%d of %d", failed, blocks);
    cr_assert_gt(failed, p * blocks / 4 - 3, "the bound is used up: %d of %d", failed, blocks);
}
