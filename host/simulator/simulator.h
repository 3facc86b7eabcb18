/* SPDX-License-Identifier: Apache-2.0 */
/* A decoy-state BB84 link as physics makes it: source, channel, receiver, detectors, two clocks, marker
 * channel. In: Alice's states. Out: Bob's events in time order. No I/O. docs/simulator.md has the model.
 *
 * Cost is per click, not per pulse: candidate slots are reached by geometric skips and thinned by Alice's
 * state. Results depend on the configuration and the seed alone, not on the capacities of calls nor on the
 * number of threads. */
#ifndef KS_HOST_SIMULATOR_SIMULATOR_H
#define KS_HOST_SIMULATOR_SIMULATOR_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>
#include <keystill/frontend.h>
#include <keystill/states.h>
#include <keystill/status.h>

enum { KS_SIM_DETECTORS = 4, KS_SIM_PIXELS = 32 };

typedef struct ks_sim_detector {
    double efficiency; /* 0 to 1 */
    double dark_hz;    /* dark counts a second while open */
    double skew_ps;    /* added to the time of its clicks */
    double dead_ps; /* of a pixel after each of its clicks; clicks inside it are lost and do not prolong it */
    double pixels;  /* independent elements that share the light, 1 to KS_SIM_PIXELS, a whole number */
    double afterpulse[2]; /* chance of a trap's release after a click, before dead time takes its share */
    double afterpulse_tau_ps[2]; /* its mean delay */
    double jitter_ps;            /* standard deviation */
    double tail;                 /* share of clicks with an additional exponential delay */
    double tail_ps;              /* its mean */
} ks_sim_detector;

typedef enum ks_sim_attack {
    KS_SIM_NO_ATTACK = 0,
    KS_SIM_INTERCEPT,  /* intercept and resend */
    KS_SIM_SPLIT,      /* photon-number splitting */
    KS_SIM_BASIS_LOSS, /* Bob's test basis loses light */
    KS_SIM_BRIGHT,     /* resends bright light, which clicks twice in the wrong basis */
    KS_SIM_TIME_SHIFT, /* one detector is made less efficient, in each slot another one */
    KS_SIM_ATTACKS
} ks_sim_attack;

typedef struct ks_sim_config {
    /* Alice */
    double clock_hz;
    ks_source source;
    double alice_test_basis; /* probability of basis 1 */
    double pulse_ps;         /* standard deviation of a pulse's shape */
    /* channel */
    double distance_km, fibre_db_km, extra_db;
    double intercepted;   /* chance that Eve measures a slot in a random basis and sends her result on */
    ks_sim_attack attack; /* and its strength, 0 to 1: share of slots; of the loss; of the efficiency taken */
    double strength;
    double rotation_deg_s;         /* polarisation turns: misalignment grows as sin^2 */
    double fade_db, fade_period_s; /* additional loss between 0 and fade_db, a raised cosine; 0: none */
    double misalignment[2];        /* a basis: chance that a photon goes to the wrong detector */
    double background_hz; /* photons a second at the receiver's detectors, all of them together, before
                             efficiency */
    /* Bob */
    int passive;           /* 0: two detectors behind a basis switch; 1: four detectors behind a splitter */
    double bob_test_basis; /* probability of basis 1 */
    double receiver_db;    /* loss between fibre and detectors */
    ks_sim_detector detector[KS_SIM_DETECTORS]; /* active: [bit]; passive: [2 basis + bit] */
    double gate_ps;       /* detectors are open this long around each pulse; 0: always */
    int common_dead_time; /* a click makes all detectors dead */
    /* time */
    double delay_ps_km;     /* of the fibre */
    double clock_offset_ps; /* Bob's clock when Alice's says 0 */
    double drift_ppm;       /* Bob's clock is this much fast */
    double walk_ppb;        /* random walk of the drift: standard deviation after one second */
    uint64_t marker_slots;  /* a marker every so many slots, at slot 0 for the first time; 0: none */
    double marker_jitter_ps;
    double marker_missed; /* chance that a marker other than the first is missed */
    double marker_spurious_hz;
    int pps; /* a pulse every second of Alice's clock, at slot 0 for the first time */
    /* output */
    uint8_t detector_lane[KS_SIM_DETECTORS]; /* lane of [2 basis + bit] */
    uint8_t marker_lane, pps_lane;
    ks_unit unit;    /* of event times */
    int slot_events; /* 1: times count slots, clicks of one slot are one event, no markers */
    /* run */
    uint64_t slots; /* 0: without end */
    uint8_t seed[32];
    unsigned threads; /* besides the caller's; 0: none */
    /* advice for Bob's front end */
    double accept_gate_ps, accept_dead_ps;
} ks_sim_config;

typedef enum ks_sim_origin {
    KS_SIM_PHOTON = 0,
    KS_SIM_DARK,
    KS_SIM_BACKGROUND,
    KS_SIM_AFTERPULSE,
    KS_SIM_MARKER,
    KS_SIM_SPURIOUS, /* marker */
    KS_SIM_PPS,
    KS_SIM_ORIGINS
} ks_sim_origin;

/* Where an event comes from. Of clicks merged into one event, the first. */
typedef struct ks_sim_truth {
    uint64_t slot;
    uint32_t origin; /* ks_sim_origin */
    float known;     /* bits that Eve knows of Alice's bit when both chose the same basis, 0 to 1 */
} ks_sim_truth;

typedef struct ks_sim_stats {
    uint64_t slots;      /* simulated so far */
    uint64_t events;     /* handed out */
    uint64_t candidates; /* slots looked at */
    uint64_t origin[KS_SIM_ORIGINS];
    uint64_t lane[KS_LANES];
    uint64_t dead; /* clicks lost to dead time */
    uint64_t markers_missed;
} ks_sim_stats;

typedef struct ks_simulator ks_simulator;

/* Fills in what a configuration can do without: two ideal detectors, no noise, 1 ps, lanes 1 to 4 for
 * detectors, 5 for markers, 6 for PPS, Bob's clock 1 ms ahead. */
void ks_sim_defaults(ks_sim_config *config);
/* KS_ERR_ARGUMENT names the field that is outside its range. */
KS_MUST_CHECK ks_status ks_sim_check(const ks_sim_config *config);
/* The states that the configuration's seed gives Alice. */
KS_MUST_CHECK ks_status ks_sim_alice_states(ks_states **out, const ks_sim_config *config);
/* The same as arguments of ks_states_write_seed. */
void ks_sim_alice_seed(ks_states_header *header, uint8_t seed[32], const ks_sim_config *config);

/* `states` is borrowed; clicks follow its states, their intensities those of its header. */
KS_MUST_CHECK ks_status ks_simulator_create(ks_simulator **out, const ks_sim_config *config,
                                            ks_states *states);
void ks_simulator_destroy(ks_simulator *simulator);
/* The next events in time order; *count 0: the end. `truth` may be NULL. */
KS_MUST_CHECK ks_status ks_simulator_run(ks_simulator *simulator, ks_event *events, ks_sim_truth *truth,
                                         size_t capacity, size_t *count);
void ks_simulator_get_stats(const ks_simulator *simulator, ks_sim_stats *stats);

/* What to expect without dead time, in Bob's accept gate, of attacks only intercept and resend:
 * [basis][intensity], both having chosen that basis.
 */
typedef struct ks_sim_expectation {
    double gain[2][KS_MAX_INTENSITIES];  /* chance of a detection, given that both chose the basis */
    double error[2][KS_MAX_INTENSITIES]; /* chance that it is wrong; double clicks count half */
    double qber[2];                      /* over all intensities, first order in afterpulses */
    double sifted_hz[2];                 /* detections a second with that basis on both sides */
    double clicks_hz;                    /* all detectors together */
} ks_sim_expectation;
KS_MUST_CHECK ks_status ks_sim_expect(ks_sim_expectation *out, const ks_sim_config *config);

/* The front end that reads this link's events; `random` is the caller's affair. */
void ks_sim_frontend_config(ks_frontend_config *out, const ks_sim_config *config);

#endif
