/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol as a state machine without I/O, threads or clocks. In: detections (Bob) or states (Alice),
 * messages of the peer, time, finished jobs, finished durable writes. Out, in order: actions. No call blocks
 * or decodes. One thread at a time. docs/protocol.md describes the messages, docs/security.md the accounting.
 */
#ifndef KEYSTILL_SESSION_H
#define KEYSTILL_SESSION_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/backend.h>
#include <keystill/code.h>
#include <keystill/event.h>
#include <keystill/length.h>
#include <keystill/pool.h>
#include <keystill/random.h>
#include <keystill/ring.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ks_role { KS_ALICE = 0, KS_BOB = 1 } ks_role;

/* How Bob's basis comes about. There is no default: the proof covers active choice only. */
typedef enum ks_basis_choice {
    KS_BASIS_UNSET = 0,
    KS_BASIS_ACTIVE = 1,
    KS_BASIS_PASSIVE = 2
} ks_basis_choice;

typedef enum ks_effort { KS_EFFORT_FAST = 0, KS_EFFORT_BALANCED = 1, KS_EFFORT_EFFICIENT = 2 } ks_effort;

/* What both ends must configure alike (compared in the first message, field by field) ... */
typedef struct ks_link_parameters {
    uint8_t link[16];     /* identifies the link */
    uint64_t block_slots; /* N: pulses of a block, fixed beforehand */
    uint32_t key_basis;   /* 0 or 1: the basis that gives key; the other one is the test basis */
    ks_source source;
    ks_receiver receiver; /* of Bob */
    ks_epsilon epsilon;
    ks_basis_choice basis_choice;
    int accept_passive; /* nonzero: passive choice is accepted by name although the proof does not cover it */
    double qber_limit;  /* a block with a higher error rate in the test basis, or in the key, is aborted */
    uint32_t frame_log2; /* frames of 2^14, 2^16, 2^18 or 2^20 bits; the rest of a block in smaller ones */
    ks_effort effort;
    uint32_t key_bytes; /* size of an application key */
    double
        key_sample; /* share of the key basis that Bob announces to know its error rate beforehand, 0 to 0.5:
                     * taken out of the key; 0, the default, is enough where blocks follow each other */
    uint32_t seed_batch;       /* 1 to 64 blocks share a seed of privacy amplification, drawn when all their
                                  keys are fixed; 1, the default: each has its own. At most blocks_in_flight
                                  of either end have any effect */
    uint64_t block_detections; /* most detections a block may have; memory is bounded by it */
    uint8_t
        code_digest[KS_CODE_DIGEST_BYTES]; /* of the imported code; zeros: the library's family, or, where a
                                            * session is created with a code, to be filled in from that */
} ks_link_parameters;

/* ... and what is local. */
typedef struct ks_session_config {
    ks_role role;
    ks_link_parameters link;
    uint32_t blocks_in_flight; /* 1..64: blocks between their first detection and their last tag */
    uint32_t failures_to_stop; /* consecutive security failures (ks_cause) that end the session; 0: never */
    uint64_t pool_target; /* pads a direction to refill to before keys leave; at most KS_POOL_CAPACITY / 2 */
    uint64_t pool_floor;  /* Bob refuses a key that leaves while the pool holds fewer; at most pool_target of
                             either end */
    double epsilon_life; /* bound on the epsilon accumulated over the life of the pool: no block is begun that
                          * would pass it, and the session ends with KS_ERR_SECURITY; 0: no bound */
    double expected_qber; /* Alice: error rate of the key basis to correct for until blocks have told it; 0:
                           * that of the test basis */
    int live; /* Bob. 0: input waits when blocks pile up; 1: input must not wait, whole blocks are skipped */
    int survive_strangers; /* an error before the session is open ends the connection only: whoever it was may
                            * not have been the peer (ks_session_receive gives the error; the driver waits for
                            * another connection) */
    uint64_t confirm_after_ns; /* Bob: a block is confirmed by a tag of its own when no other went out for so
                                  long */
    ks_random random;
    ks_pool *pool;       /* borrowed; used by this session alone */
    const ks_code *code; /* borrowed: reconcile by this code, of 1024 to 2^20 columns and fewer rows, instead
                          * of the family; frame_log2 and effort have no meaning then. NULL: the family */
} ks_session_config;

/* Fills what has a sensible default (frame size, effort, epsilons, limits); leaves what the proof needs from
 * the laboratory unset, so that ks_session_create refuses it: source, receiver (negative), basis_choice. */
KS_API void ks_session_config_init(ks_session_config *config, ks_role role);

typedef enum ks_outcome {
    KS_OUTCOME_KEY,     /* delivered (at Alice: unconfirmed until the peer's next tag) */
    KS_OUTCOME_NOTHING, /* the length formula gave 0, or the imported code cannot serve the block */
    KS_OUTCOME_ABORTED, /* QBER over its limit, verification failed, length refused, limit exceeded */
    KS_OUTCOME_AUTH,    /* a tag did not verify */
    KS_OUTCOME_LOST     /* the connection ended before the block did */
} ks_outcome;

/* Why a block gave no key. Both ends give the same cause. */
typedef enum ks_cause {
    KS_CAUSE_NONE,
    KS_CAUSE_SHORT,      /* nothing: too few detections or too many errors for a key */
    KS_CAUSE_CONNECTION, /* lost: with the connection, or with the session */
    KS_CAUSE_INPUT,      /* lost: the input ended inside the block */
    KS_CAUSE_LIFE,       /* refused: the bound on the accumulated epsilon */
    KS_CAUSE_CODE,       /* refused: the imported code has too little syndrome for the error rate */
    /* The rest are security failures; so many in a row end the session. */
    KS_CAUSE_SIZE,         /* more detections than agreed */
    KS_CAUSE_TEST_QBER,    /* errors of the test basis, or of the sample of the key basis, over the limit */
    KS_CAUSE_KEY_QBER,     /* errors of the key basis over the limit */
    KS_CAUSE_VERIFICATION, /* errors were left after correction */
    KS_CAUSE_LEAKAGE,      /* more was disclosed than the largest leakage class holds */
    KS_CAUSE_LENGTH,       /* Alice asked for more key than Bob computes */
    KS_CAUSE_FLOOR,        /* a key would have left while the authentication pool was below its floor */
    KS_CAUSE_TAG,          /* a tag did not verify */
    KS_CAUSE_COUNT
} ks_cause;
KS_API const char *ks_cause_name(ks_cause cause);

typedef enum ks_stage {
    KS_STAGE_COLLECT,
    KS_STAGE_SIFT,
    KS_STAGE_RECONCILE,
    KS_STAGE_VERIFY,
    KS_STAGE_AMPLIFY,
    KS_STAGE_CONFIRM,
    KS_STAGE_COUNT
} ks_stage;
KS_API const char *ks_stage_name(ks_stage stage);

/* All of a block, when it ends. Nothing in it is secret. */
typedef struct ks_block_report {
    uint32_t epoch, block;
    ks_outcome outcome;
    ks_cause cause;
    ks_status status;
    char reason[160];
    uint64_t slots, detections, sifted_bits, test_bits;
    uint64_t sample_bits, sample_errors; /* of the key basis, announced; not in sifted_bits */
    ks_counts counts;
    uint64_t key_errors;    /* in all; known after correction */
    double qber, test_qber; /* key basis (after correction, without its sample), test basis */
    ks_leakage leakage;
    uint64_t disclosed_bits; /* sent by reconciliation over all frames, dropped ones with their length */
    double efficiency;       /* disclosed_bits / (sifted_bits h(qber)) */
    uint32_t frames, frames_dropped, rounds;
    uint64_t iterations; /* of all decodings */
    ks_length_result length;
    uint64_t seed_bytes;  /* of the seed that came with this block; 0: that of another block serves it */
    uint64_t secret_bits; /* l as used: whole bytes */
    uint64_t pool_bits;   /* of these, put into the authentication pool */
    uint32_t keys;        /* application keys made */
    double epsilon; /* security parameter of the block, charged when it begins, whatever becomes of it */
    uint32_t notes; /* KS_RING_NOTE_* */
    uint64_t stage_ns[KS_STAGE_COUNT];   /* wall time between the ends of the stages, by the driver's clock */
    uint64_t compute_ns[KS_STAGE_COUNT]; /* compute time of the jobs */
} ks_block_report;

typedef struct ks_session_totals {
    uint64_t blocks, blocks_with_key, blocks_aborted, blocks_skipped;
    uint64_t slots, detections, sifted_bits, test_bits, test_errors, key_errors, disclosed_bits, secret_bits,
        pool_bits;
    uint64_t keys, keys_confirmed, frames, frames_dropped;
    uint64_t seed_bytes;
    uint64_t bytes_sent, bytes_received, messages_sent, messages_received;
    uint64_t pads_used; /* of both directions, those skipped included: 128 bits each off secret_bits give the
                           net key */
    uint64_t pool_level[2]; /* pads left, each direction */
    uint64_t auth_failures; /* tags of the peer that did not verify */
    uint64_t stage_ns[KS_STAGE_COUNT], compute_ns[KS_STAGE_COUNT];
    double epsilon;      /* accumulated over the session */
    double epsilon_life; /* and over the life of the pool */
    uint32_t blocks_open, epoch;
    uint32_t failures; /* security failures in a row, up to now */
} ks_session_totals;

typedef enum ks_action_kind {
    KS_ACTION_NONE = 0,
    KS_ACTION_SEND,   /* message: data, bytes; copied or sent before the next call of ks_session_next */
    KS_ACTION_JOB,    /* submit job; when it is done call ks_session_job_done */
    KS_ACTION_STORE,  /* carry out ks_pool_next_write ... ks_pool_write_done, then ks_session_stored */
    KS_ACTION_STATES, /* Alice: gather the states of slots[count], answer with ks_session_states(request, ...)
                       */
    KS_ACTION_FORGET, /* Alice: states of slots below `slot` are no longer needed */
    KS_ACTION_KEY,    /* one application key: id, epoch, block, data, bytes; unconfirmed */
    KS_ACTION_CONFIRM, /* keys of (epoch, block) may be delivered */
    KS_ACTION_DISCARD, /* keys of (epoch, block) must be wiped */
    KS_ACTION_REPORT,  /* report: valid until the next call of ks_session_next */
    KS_ACTION_CLOSED /* nothing will follow: status and ks_session_reason say why; KS_OK: closed in good order
                      */
} ks_action_kind;

typedef struct ks_action {
    ks_action_kind kind;
    const uint8_t *data;
    size_t bytes;
    ks_job *job;
    const uint64_t *slots;
    size_t count;
    uint64_t request, slot;
    ks_key_id id;
    uint32_t epoch, block;
    const ks_block_report *report;
    ks_status status;
} ks_action;

typedef struct ks_session ks_session;

/* KS_ERR_ARGUMENT with the offending field named when something is out of range or was left unset. */
KS_API KS_MUST_CHECK ks_status ks_session_create(ks_session **out, const ks_session_config *config);
KS_API void ks_session_destroy(ks_session *session); /* wipes; open blocks are lost; jobs must be done */

/* A connection to the peer exists: the session introduces itself. Also after a reconnection: blocks in flight
 * end as KS_OUTCOME_LOST on both sides, a new epoch begins. */
KS_API KS_MUST_CHECK ks_status ks_session_connected(ks_session *session);
KS_API void ks_session_disconnected(ks_session *session);

/* One whole message of the peer, untrusted. Errors end the session (KS_ERR_PROTOCOL) after the actions that
 * are queued. */
KS_API KS_MUST_CHECK ks_status ks_session_receive(ks_session *session, const uint8_t *message, size_t bytes);

/* Bob: detections strictly increasing in slot; `frontier`: no later call brings a slot below it. *taken < n
 * when blocks pile up (not live): bring the rest again later. KS_ERR_STATE until the peer has answered. */
KS_API KS_MUST_CHECK ks_status ks_session_detections(ks_session *session, const ks_detection *detections,
                                                     size_t n, uint64_t frontier, size_t *taken);
/* Alice: the answer to KS_ACTION_STATES. */
KS_API KS_MUST_CHECK ks_status ks_session_states(ks_session *session, uint64_t request,
                                                 const ks_state *states, size_t n);

KS_API void ks_session_job_done(ks_session *session, ks_job *job);
/* Errors as of ks_session_receive: a message of the peer may have waited for the write. */
KS_API KS_MUST_CHECK ks_status ks_session_stored(ks_session *session);
/* Monotonic time of the driver, for time-outs and for the times of reports. */
KS_API void ks_session_tick(ks_session *session, uint64_t now_ns);
/* The driver has no room for more keys (1) or has again (0): no further block is begun; Alice tells Bob. */
KS_API void ks_session_hold(ks_session *session, int hold);
/* Bob: input has ended (a last incomplete block is given up). Either side: finish what is in flight, confirm,
 * close. */
KS_API void ks_session_finish(ks_session *session);

KS_API KS_MUST_CHECK ks_status ks_session_next(ks_session *session, ks_action *action);
KS_API void ks_session_get_totals(const ks_session *session, ks_session_totals *totals);
KS_API const char *ks_session_reason(const ks_session *session);
KS_API int ks_session_established(const ks_session *session);
/* 1 while the peer owes an answer: its greeting, its part of a block whose detections are all announced, or
 * the end after Alice's FINISH. 0 while the next move is ours, or a block is being collected. */
KS_API int ks_session_awaits(const ks_session *session);
/* KS_RING_NOTE_*: what must be said about the keys, the peer's notes included once it has greeted. */
KS_API uint32_t ks_session_notes(const ks_session *session);

#ifdef __cplusplus
}
#endif
#endif
