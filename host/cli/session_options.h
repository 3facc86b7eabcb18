/* SPDX-License-Identifier: Apache-2.0 */
/* Options that describe a link: what both ends must state alike, and what an end adds for itself. */
#ifndef KS_HOST_CLI_SESSION_OPTIONS_H
#define KS_HOST_CLI_SESSION_OPTIONS_H

#include <stdint.h>
#include <keystill/backend.h>
#include <keystill/session.h>

#include "host/cli/cli.h"

/* Raw values of the options; what was not given keeps the value of ks_link_choice_init. */
typedef struct ks_link_choice {
    const char *link, *intensities, *basis_choice, *effort, *key_basis, *code;
    uint64_t block, frame_bits, key_bits, block_detections, seed_batch;
    double efficiency_mismatch, dark_mismatch, dark_probability, epsilon_acceptance, epsilon_amplification,
        qber_limit, key_sample;
    int random_swap, accept_passive;
} ks_link_choice;

#define KS_LINK_CHOICE_OPTIONS(c)                                                                              \
    {"link", 0, KS_OPTION_TEXT, &(c).link, "NAME", "name of the link, at most 16 bytes (default: link)",       \
     NULL},                                                                                                    \
        {"block", 'n', KS_OPTION_U64, &(c).block, "N", "pulses of a block, fixed beforehand (100M)", NULL},    \
        {"key-basis", 0, KS_OPTION_TEXT, &(c).key_basis, "Z|X", "basis that gives key (Z: lanes H V)", NULL},  \
        {"intensities",                                                                                        \
         0,                                                                                                    \
         KS_OPTION_TEXT,                                                                                       \
         &(c).intensities,                                                                                     \
         "LIST",                                                                                               \
         "MEAN:PROBABILITY,... falling; `single` for single photons or pairs",                                 \
         NULL},                                                                                                \
        {"basis-choice",                                                                                       \
         0,                                                                                                    \
         KS_OPTION_TEXT,                                                                                       \
         &(c).basis_choice,                                                                                    \
         "HOW",                                                                                                \
         "Bob's basis: active or passive (mandatory)",                                                         \
         NULL},                                                                                                \
        {"accept-passive",                                                                                     \
         0,                                                                                                    \
         KS_OPTION_FLAG,                                                                                       \
         &(c).accept_passive,                                                                                  \
         NULL,                                                                                                 \
         "accept passive choice, which the proof does not cover; keys are marked",                             \
         NULL},                                                                                                \
        {"efficiency-mismatch",                                                                                \
         0,                                                                                                    \
         KS_OPTION_NUMBER,                                                                                     \
         &(c).efficiency_mismatch,                                                                             \
         "D",                                                                                                  \
         "detector efficiencies are eta (1 +- D) (mandatory)",                                                 \
         NULL},                                                                                                \
        {"dark-mismatch",                                                                                      \
         0,                                                                                                    \
         KS_OPTION_NUMBER,                                                                                     \
         &(c).dark_mismatch,                                                                                   \
         "D",                                                                                                  \
         "dark count probabilities are d (1 +- D) (mandatory)",                                                \
         NULL},                                                                                                \
        {"dark-probability",                                                                                   \
         0,                                                                                                    \
         KS_OPTION_NUMBER,                                                                                     \
         &(c).dark_probability,                                                                                \
         "P",                                                                                                  \
         "dark count probability per gate and detector (mandatory)",                                           \
         NULL},                                                                                                \
        {"random-swap", 0, KS_OPTION_FLAG, &(c).random_swap, NULL, "Bob's two detectors swap roles at random", \
         NULL},                                                                                                \
        {"eps-acceptance",                                                                                     \
         0,                                                                                                    \
         KS_OPTION_NUMBER,                                                                                     \
         &(c).epsilon_acceptance,                                                                              \
         "E",                                                                                                  \
         "eps_AT of a block (4e-11)",                                                                          \
         NULL},                                                                                                \
        {"eps-amplification",         0,   KS_OPTION_NUMBER, &(c).epsilon_amplification, "E",                  \
         "eps_PA of a block (1e-11)", NULL},                                                                   \
        {"qber-limit",                                                                                         \
         0,                                                                                                    \
         KS_OPTION_NUMBER,                                                                                     \
         &(c).qber_limit,                                                                                      \
         "Q",                                                                                                  \
         "abort a block above this error rate (0.11)",                                                         \
         NULL},                                                                                                \
        {"key-sample",                                                                                         \
         0,                                                                                                    \
         KS_OPTION_NUMBER,                                                                                     \
         &(c).key_sample,                                                                                      \
         "F",                                                                                                  \
         "share of the key basis announced to estimate its errors, lost to the key (0)",                       \
         NULL},                                                                                                \
        {"seed-batch",  0,                                                                                     \
         KS_OPTION_U64, &(c).seed_batch,                                                                       \
         "N",           "blocks that share a seed of privacy amplification (1)",                               \
         NULL},                                                                                                \
        {"frame-bits",  0,                                                                                     \
         KS_OPTION_U64, &(c).frame_bits,                                                                       \
         "N",           "reconciliation frame: 16Ki 64Ki 256Ki 1Mi (256Ki)",                                   \
         NULL},                                                                                                \
        {"effort",    0,     KS_OPTION_TEXT,                                                                   \
         &(c).effort, "HOW", "reconciliation: fast balanced efficient (balanced)",                             \
         NULL},                                                                                                \
        {"code",    0,      KS_OPTION_TEXT,                                                                    \
         &(c).code, "FILE", "reconcile by the matrix of a pchk, alist or qc file, at both ends",               \
         NULL},                                                                                                \
        {"key-bits", 0, KS_OPTION_U64, &(c).key_bits, "N", "bits of an application key (256)", NULL}, {        \
        "block-detections", 0, KS_OPTION_U64, &(c).block_detections, "N",                                      \
            "most detections of a block (64Mi)", NULL                                                          \
    }

void ks_link_choice_init(ks_link_choice *choice);
/* Puts the choices over the defaults in *out; 0, or an exit code after saying why. */
int ks_link_choice_apply(ks_link_parameters *out, const ks_link_choice *choice);
/* Reads the code of --code, if one is asked for, into *code and the configuration; to be destroyed after the
 * session. 0, or an exit code after saying why. */
int ks_link_choice_load_code(ks_code **code, ks_session_config *out, const ks_link_choice *choice);
/* "0.5:0.7,0.1:0.3" or "single". 0, or -1 for a malformed list. */
int ks_parse_intensities(ks_source *out, const char *text);

/* Work of the protocol in this process. */
typedef struct ks_work_choice {
    const char *backend;
    uint64_t threads, blocks_in_flight, pool_target, pool_floor, max_failures;
    double expected_qber, epsilon_life;
} ks_work_choice;

#define KS_WORK_CHOICE_OPTIONS(c)                                                                            \
    {"threads", 't', KS_OPTION_U64, &(c).threads, "N", "threads for computing (one a core)", NULL},          \
        {"backend",    0,      KS_OPTION_TEXT,                                                               \
         &(c).backend, "LIST", "compute on: auto cpu opencl[:N] cuda[:N], several with commas (auto)",       \
         NULL},                                                                                              \
        {"blocks-in-flight",                                                                                 \
         0,                                                                                                  \
         KS_OPTION_U64,                                                                                      \
         &(c).blocks_in_flight,                                                                              \
         "N",                                                                                                \
         "blocks worked on at a time (4)",                                                                   \
         NULL},                                                                                              \
        {"expected-qber",                                                                                    \
         0,                                                                                                  \
         KS_OPTION_NUMBER,                                                                                   \
         &(c).expected_qber,                                                                                 \
         "Q",                                                                                                \
         "of the key, for Alice's first blocks (as the test basis)",                                         \
         NULL},                                                                                              \
        {"max-failures",                                                                                     \
         0,                                                                                                  \
         KS_OPTION_U64,                                                                                      \
         &(c).max_failures,                                                                                  \
         "N",                                                                                                \
         "stop after so many security failures in a row; 0: never (8)",                                      \
         NULL},                                                                                              \
        {"epsilon-life",                                                                                     \
         0,                                                                                                  \
         KS_OPTION_NUMBER,                                                                                   \
         &(c).epsilon_life,                                                                                  \
         "E",                                                                                                \
         "stop before the link's blocks add up to this epsilon; 0: never (1e-3)",                            \
         NULL},                                                                                              \
        {"pool-floor",  0,                                                                                   \
         KS_OPTION_U64, &(c).pool_floor,                                                                     \
         "N",           "Bob: no key leaves while the authentication pool has fewer pads (16)",              \
         NULL},                                                                                              \
    {                                                                                                        \
        "pool-target", 0, KS_OPTION_U64, &(c).pool_target, "N",                                              \
            "pads a direction kept in the authentication pool (64)", NULL                                    \
    }

void ks_work_choice_init(ks_work_choice *choice);
/* Opens what --backend names; 0, or an exit code after saying why. */
int ks_work_open_device(ks_device **out, const ks_work_choice *choice);
int ks_work_choice_apply(ks_session_config *out, const ks_work_choice *choice);

/* The connection to the other end. */
typedef struct ks_peer_choice {
    const char *listen, *connect;
    int tls;
    const struct ks_identity *identity; /* for TLS; of ks_keys_open */
    double connect_timeout, peer_timeout, answer_timeout, reconnect;
} ks_peer_choice;

#define KS_PEER_CHOICE_OPTIONS(c)                                                                            \
    {"listen", 0, KS_OPTION_TEXT, &(c).listen, "ADDRESS", "wait for the peer: tcp:HOST:PORT or unix:PATH",   \
     NULL},                                                                                                  \
        {"connect", 0, KS_OPTION_TEXT, &(c).connect, "ADDRESS", "connect to the peer", NULL},                \
        {"tls", 0, KS_OPTION_FLAG, &(c).tls, NULL, "TLS 1.3 around the connection, by the certificates",     \
         NULL},                                                                                              \
        {"connect-timeout",                                                                                  \
         0,                                                                                                  \
         KS_OPTION_NUMBER,                                                                                   \
         &(c).connect_timeout,                                                                               \
         "S",                                                                                                \
         "wait so long for the peer at the start; 0: for ever (60)",                                         \
         NULL},                                                                                              \
        {"peer-timeout",                                                                                     \
         0,                                                                                                  \
         KS_OPTION_NUMBER,                                                                                   \
         &(c).peer_timeout,                                                                                  \
         "S",                                                                                                \
         "a silent peer is dead after (30)",                                                                 \
         NULL},                                                                                              \
        {"answer-timeout",                                                                                   \
         0,                                                                                                  \
         KS_OPTION_NUMBER,                                                                                   \
         &(c).answer_timeout,                                                                                \
         "S",                                                                                                \
         "a peer that owes an answer for so long is gone; 0: never (300)",                                   \
         NULL},                                                                                              \
    {                                                                                                        \
        "reconnect", 0, KS_OPTION_NUMBER, &(c).reconnect, "S",                                               \
            "after a lost connection wait so long for the peer; 0: give up (0)", NULL                        \
    }

void ks_peer_choice_init(ks_peer_choice *choice);
int ks_peer_choice_check(const ks_peer_choice *choice);

#endif
