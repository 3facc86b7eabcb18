/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's attacks against the key length: whatever Eve does, the bits that the formula gives,
 * together with what reconciliation told, are fewer than the sifted bits that she does not know. What she
 * knows is in the simulator's truth. */
#include <math.h>
#include <stdio.h>

#include "host/simulator/attack.h"
#include "tests/unit/simulator_recording.h"
#include <keystill/length.h>
#include <keystill/reader.h>

/* What both ends would count of a block, and what Eve knows of its sifted key. */
typedef struct outcome {
    ks_counts counts;
    uint64_t detections, doubles, sifted, key_errors, test;
    double unknown; /* bits of the sifted key that Eve does not know */
    double qber;
    uint64_t leaked, length;
} outcome;

/* 20 dB of loss, two decoys (or one), blocks of about 200000 sifted bits. */
static ks_sim_config link_of(unsigned intensities, uint64_t seed) {
    ks_sim_config config;
    ks_sim_defaults(&config);
    config.source = intensities == 3 ? (ks_source){3, {0.5, 0.1, 0.001}, {0.7, 0.2, 0.1}}
                                     : (ks_source){2, {0.5, 0.12}, {0.7, 0.3}};
    config.alice_test_basis = config.bob_test_basis = 0.3;
    config.extra_db = 13;
    config.receiver_db = 2;
    config.misalignment[0] = config.misalignment[1] = 0.01;
    for (int d = 0; d < KS_SIM_DETECTORS; d++) {
        config.detector[d].efficiency = 0.6;
        config.detector[d].dark_hz = 100;
    }
    config.slot_events = 1;
    config.slots = 60000000;
    for (int i = 0; i < 8; i++)
        config.seed[i] = (uint8_t)(seed >> (8 * i));
    return config;
}

/* One detection as sifting sees it. */
static void count(outcome *o, const ks_event *event, const ks_sim_truth *truth, ks_state alice) {
    const ks_detection d = ks_event_to_detection(event);
    const unsigned basis = (d & KS_DETECTION_BASIS) != 0, bit = d & KS_DETECTION_BIT;
    const unsigned k = alice >> KS_STATE_INTENSITY_SHIFT;
    o->doubles += (d & KS_DETECTION_DOUBLE) != 0;
    o->detections++;
    if ((unsigned)(alice >> 1 & 1) != basis)
        return;
    const unsigned wrong = bit != (unsigned)(alice & 1);
    if (basis) {
        o->counts.test[k]++;
        o->counts.test_errors[k] += wrong;
        o->test++;
        return;
    }
    o->counts.key[k]++;
    o->counts.key_errors[k] += wrong;
    o->sifted++;
    o->key_errors += wrong;
    o->unknown += 1 - (double)truth->known;
}

static double entropy(double p) {
    return p > 0 && p < 1 ? -p * log2(p) - (1 - p) * log2(1 - p) : 0;
}

static void count_all(outcome *o, const ks_sim_config *config) {
    recording r = record(config);
    for (size_t at = 0; at < r.count; at += 1024) {
        ks_state alice[1024];
        uint64_t slots[1024];
        const size_t n = r.count - at < 1024 ? r.count - at : 1024;
        for (size_t i = 0; i < n; i++)
            slots[i] = r.truth[at + i].slot;
        cr_assert_eq(ks_states_gather(r.states, alice, slots, n), KS_OK);
        for (size_t i = 0; i < n; i++)
            count(o, &r.events[at + i], &r.truth[at + i], alice[i]);
    }
    forget(&r);
}

/* The key length as the ends compute it, for what an efficient reconciliation tells. */
static outcome attacked(const ks_sim_config *config, const ks_source *claimed) {
    outcome o = {.sifted = 0};
    count_all(&o, config);
    const ks_epsilon epsilon = {.acceptance = 4e-11, .amplification = 1e-11};
    const double shifted = config->attack == KS_SIM_TIME_SHIFT ? config->strength : 0;
    const ks_receiver receiver = {.efficiency_mismatch = fmin(shifted / (2 - shifted), 0.9999),
                                  .dark_probability = 1e-6};
    o.qber = o.sifted ? (double)o.key_errors / (double)o.sifted : 0;
    o.leaked = (uint64_t)(1.1 * (double)o.sifted * entropy(fmin(o.qber, 0.5)));
    const ks_leakage leakage = {.reconciliation = o.leaked, .penalty = 40, .verification = 129};
    ks_length_result length;
    if (claimed->intensities == 1)
        for (int k = 1; k < KS_MAX_INTENSITIES; k++) {
            o.counts.key[0] += o.counts.key[k];
            o.counts.test[0] += o.counts.test[k];
            o.counts.test_errors[0] += o.counts.test_errors[k];
            o.counts.key[k] = o.counts.test[k] = o.counts.test_errors[k] = 0;
        }
    cr_assert_eq(ks_length_compute(&length, claimed, &receiver, &epsilon, &o.counts, &leakage), KS_OK, "%s",
                 ks_error_detail());
    o.length = length.bits;
    return o;
}

static int below_bound(const outcome *o) {
    return o->length == 0 || (double)(o->length + o->leaked) <= o->unknown;
}

static outcome run(const char *attack, unsigned intensities, uint64_t seed) {
    ks_sim_config config = link_of(intensities, seed);
    if (attack)
        cr_assert_eq(ks_sim_attack_parse(&config, attack), 0);
    const outcome o = attacked(&config, &config.source);
    cr_log_info("%-16s %u intensities: sifted %llu, unknown %.0f, QBER %.4f, double clicks %llu, key %llu",
                attack ? attack : "none", intensities, (unsigned long long)o.sifted, o.unknown, o.qber,
                (unsigned long long)o.doubles, (unsigned long long)o.length);
    cr_expect(below_bound(&o),
              "%s, %u intensities: a key of %llu bits after %llu told, %.0f are unknown to Eve",
              attack ? attack : "none", intensities, (unsigned long long)o.length,
              (unsigned long long)o.leaked, o.unknown);
    return o;
}

static const char *const strong[] = {"intercept", "intercept:0.5", "pns",       "pns:0.5",
                                     "bright",    "bright:0.5",    "time-shift"};
static const char *const weak[] = {"intercept:0.02",  "intercept:0.1", "pns:0.02",       "pns:0.1",
                                   "bright:0.02",     "bright:0.1",    "basis-loss:0.3", "basis-loss:0.9",
                                   "time-shift:0.02", "time-shift:0.2"};

Test(attacks, strong_ones_leave_no_key) {
    for (size_t i = 0; i < sizeof strong / sizeof *strong; i++)
        cr_expect_eq(run(strong[i], 3, 1).length, 0, "%s", strong[i]);
}

Test(attacks, weak_ones_cost_more_than_they_tell) {
    const outcome honest = run(NULL, 3, 1);
    cr_assert_gt(honest.length, honest.sifted / 10, "a link without Eve gives a key");
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        const outcome o = run(weak[i], 3, 1);
        cr_expect_lt(o.length, honest.length, "%s", weak[i]);
    }
}

/* What makes the others see the splitting: it is the decoys. A source of weak pulses that is claimed to emit
 * single photons lets Eve know all of a key; so the bound of this file can be broken. */
Test(attacks, without_decoys_the_splitting_is_not_seen) {
    ks_sim_config config = link_of(3, 1);
    cr_assert_eq(ks_sim_attack_parse(&config, "pns"), 0);
    const ks_source claimed = {.intensities = 1, .mean = {1}, .probability = {1}};
    const outcome o = attacked(&config, &claimed);
    cr_expect_gt(o.length, 0);
    cr_expect(!below_bound(&o));
}

/* The counts of each attack are those of its model. */
Test(attacks, do_what_they_are_said_to_do) {
    const outcome none = run(NULL, 3, 2), intercept = run("intercept", 3, 2), split = run("pns", 3, 2),
                  bright = run("bright", 3, 2), loss = run("basis-loss:0.5", 3, 2),
                  shift = run("time-shift:0.5", 3, 2);
    const double n = (double)none.sifted;
    /* Half of the bits are known, half of the others wrong. */
    cr_expect_float_eq(intercept.unknown / (double)intercept.sifted, 0.5, 0.01);
    cr_expect_float_eq(intercept.qber, 0.25 + 0.01 * 0.5, 0.005);
    /* The expected number of detections, of which all but dark counts are known, without errors of her own.
     */
    cr_expect_float_eq((double)split.sifted / n, 1, 0.02);
    cr_expect_lt(split.unknown / (double)split.sifted, 0.01);
    cr_expect_float_eq(split.qber, none.qber, 0.003);
    /* Half of her pulses meet Bob in the other basis and click twice: half of these are wrong. */
    cr_expect_float_eq(bright.unknown / (double)bright.sifted, 0.5, 0.01);
    cr_expect_float_eq(bright.qber, 0.25, 0.01);
    cr_expect_float_eq((double)bright.doubles / (double)bright.detections, 0.5, 0.01);
    cr_expect_float_eq((double)loss.test / (double)none.test, 0.5, 0.02);
    cr_expect_float_eq((double)loss.sifted / n, 1, 0.02);
    cr_expect_float_eq((double)shift.sifted / n, 0.75, 0.02);
    cr_expect_float_eq(shift.unknown / (double)shift.sifted, entropy(1.0 / 3), 0.01);
}

Test(attacks, are_refused_when_they_make_no_sense) {
    static const char *const wrong[] = {"",       "nobody",  "pns:", "pns:x", "pns:1.5",
                                        "pns:-1", "pns:nan", ":1",   "pn"};
    ks_sim_config config = link_of(3, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_eq(ks_sim_attack_parse(&config, wrong[i]), -1, "'%s'", wrong[i]);
    cr_assert_eq(ks_sim_attack_parse(&config, "bright:0.5"), 0);
    config.passive = 1;
    cr_expect_eq(ks_sim_check(&config), KS_ERR_ARGUMENT);
    config.passive = 0;
    config.intercepted = 0.1;
    cr_expect_eq(ks_sim_check(&config), KS_ERR_ARGUMENT);
    config.intercepted = 0;
    cr_expect_eq(ks_sim_check(&config), KS_OK);
}

/* With KS_LONG: every attack from weak to full, both kinds of decoys, several links. */
Test(attacks, every_strength, .timeout = 3600) {
    if (!getenv("KS_LONG"))
        cr_skip_test("KS_LONG is not set");
    for (unsigned intensities = 2; intensities <= 3; intensities++)
        for (unsigned attack = KS_SIM_INTERCEPT; attack < KS_SIM_ATTACKS; attack++)
            for (int strength = 1; strength <= 64; strength += strength < 16 ? 1 : 4) {
                char text[32];
                snprintf(text, sizeof text, "%s:%.4f", ks_sim_attack_name(attack), strength / 64.0);
                (void)run(text, intensities, (uint64_t)(100 * intensities) + (uint64_t)strength);
            }
}
