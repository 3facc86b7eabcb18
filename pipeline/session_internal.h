/* SPDX-License-Identifier: Apache-2.0 */
/* The session's inside: blocks, frames, the queue of actions. Shared by the files session*.c, block*.c,
 * alice.c, bob.c. */
#ifndef KS_PIPELINE_SESSION_INTERNAL_H
#define KS_PIPELINE_SESSION_INTERNAL_H

#include <keystill/amplify.h>
#include <keystill/secret.h>
#include <keystill/session.h>

#include "pipeline/message.h"
#include "pipeline/reconcile.h"
#include "pipeline/sift.h"
#include "pipeline/status.h"
#include "pipeline/transcript.h"

/* What one Toeplitz product takes. */
#define KS_BLOCK_DETECTIONS_MAX ((uint64_t)KS_TOEPLITZ_INPUT_MAX)

ks_status ks_parameters_check(const ks_link_parameters *p);

/* A growing packed bit string in secret memory; the words past `bits` are zero up to `capacity`. */
typedef struct ks_plane {
    uint64_t *words;
    uint64_t bits, capacity;
} ks_plane;

ks_status ks_plane_reserve(ks_plane *plane, uint64_t bits);
void ks_plane_release(ks_plane *plane);
/* Appends n bits from packed bytes (LSB first; bits past n are ignored). */
ks_status ks_plane_append_bytes(ks_plane *plane, const uint8_t *bytes, uint64_t n);

/* Where a block stands. Each phase names what the block waits for. */
typedef enum ks_phase {
    KS_PHASE_COLLECT,   /* detections (Bob), announced detections and their states (Alice) */
    KS_PHASE_BASES,     /* Alice: Bob's bases */
    KS_PHASE_PREPARED,  /* Bob: Alice's bases and intensities */
    KS_PHASE_COUNTS,    /* Bob: error counts */
    KS_PHASE_PLAN,      /* Bob: rates */
    KS_PHASE_SYNDROMES, /* Alice: her syndrome jobs. Bob: syndromes and decodings of the round */
    KS_PHASE_FLAGS,     /* Alice: which frames failed, or DECODED */
    KS_PHASE_EXTRA,     /* Bob: further syndrome */
    KS_PHASE_TAGGING,   /* Alice: her verification hash */
    KS_PHASE_VERIFY,    /* Bob: the verification tag, then his hash */
    KS_PHASE_VERDICT,   /* Alice: the verdict */
    KS_PHASE_SEED,      /* Alice: other blocks that the same seed is to serve */
    KS_PHASE_AMPLIFY,   /* Bob: length and seed */
    KS_PHASE_HASHING,   /* both: the Toeplitz job */
    KS_PHASE_TAG_B,     /* Alice: Bob's tag. Bob: a pad to send it */
    KS_PHASE_TAG_A,     /* Bob: Alice's tag (or a pad to check it). Alice: a pad to send it */
    KS_PHASE_ENDED      /* over; freed when its last job is done */
} ks_phase;

typedef struct ks_block ks_block;
typedef struct ks_batch ks_batch;

/* A job in flight with what it works on. */
struct ks_batch {
    ks_job job;
    ks_block *block;
    ks_stage stage;
    uint32_t *frames; /* indices, for frame jobs */
    ks_frame_task *tasks;
};

struct ks_block {
    ks_block *next;
    uint32_t number;
    ks_phase phase;
    uint32_t sent, received; /* messages of this block, each direction */
    ks_transcript transcript;

    uint64_t detections; /* announced */
    uint64_t frontier;   /* announced, relative to the block */
    uint64_t answered;   /* Alice: detections whose states arrived */
    uint64_t based;      /* detections whose bases were announced by the peer */
    int complete;        /* the last chunk is there */
    ks_plane basis, bit; /* own */
    ks_plane peer_basis, intensity[2];
    ks_plane peer_bit;    /* Alice: Bob's bits in the test basis, those alone, in order */
    ks_plane sampled;     /* detections of Bob's key basis whose bits he announces; empty without sampling */
    ks_plane sampled_bit; /* Alice: those bits, in order */

    ks_plane key;          /* sifted, then corrected; padded to whole frames */
    ks_plane received_key; /* Bob: as measured */
    ks_counts counts;
    uint64_t test_errors;

    ks_reconciliation reconciliation;
    uint64_t *mother;     /* Alice: full syndromes, frame after frame */
    uint64_t *syndrome;   /* Bob: syndromes, frame after frame */
    uint32_t arrived;     /* Bob: frames of the round whose syndrome is there */
    uint32_t tried;       /* Bob: frames of the first round that were given to a decoder, or need none */
    uint32_t extra_at;    /* Bob: first frame that this round's EXTRA has not reached */
    uint32_t failed;      /* Bob: frames that failed in the last round */
    double expected_qber; /* Bob: as announced */

    uint8_t hash_key[16], tag[16], peer_tag[16];
    uint64_t length; /* l, bits */
    uint32_t refill; /* bytes of it for the pool */
    ks_plane seed;
    uint64_t seed_bytes, seed_expected; /* Bob: arrived, of how many */
    int seed_allowed;                   /* Bob: was verified when the latest seed began */
    uint64_t verdict;                   /* Alice: number of its verdict */
    ks_plane secret;
    int hashed;             /* the Toeplitz job is done */
    int tag_verified;       /* Alice: TAG_B */
    uint32_t announcements; /* Bob: how many had gone out with TAG_B */

    ks_writer waiting_tag; /* a TAG message that waits for the pad that checks it */
    uint64_t waiting_index;

    unsigned jobs;
    int ended;
    uint64_t stage_started;
    ks_stage stage;
    ks_block_report report;
};

typedef struct ks_node {
    struct ks_node *next;
    ks_action action;
    uint8_t *data; /* owned; wiped */
    size_t bytes;
    uint64_t *slots;
    ks_block_report *report;
} ks_node;

/* A block whose keys Alice holds unconfirmed, or whose confirmation Bob still has to announce. */
typedef struct ks_pending {
    struct ks_pending *next;
    uint32_t epoch, block, keys;
    uint8_t *refill; /* secret memory; NULL when none */
    uint32_t refill_bytes;
    int recovered;      /* Bob: known from the pool's file alone; its part for the pool is lost */
    uint32_t announced; /* Bob: number of the announcement of this connection that named it; 0: none yet */
} ks_pending;

typedef struct ks_request {
    struct ks_request *next;
    uint64_t id;
    ks_block *block; /* NULL when it ended meanwhile */
    size_t count;
    uint64_t first, frontier; /* absolute: its slots lie in [first, frontier) */
} ks_request;

typedef enum ks_state_of_session {
    KS_SESSION_IDLE,
    KS_SESSION_GREETING, /* HELLO is out */
    KS_SESSION_STARTING, /* the peer's HELLO is in: START goes out and is waited for */
    KS_SESSION_STORING,  /* both STARTs done: what was agreed becomes durable */
    KS_SESSION_READYING,
    KS_SESSION_OPEN,
    KS_SESSION_CLOSED
} ks_state_of_session;

/* Where a pool stands, as HELLO says: next pad and end of each direction. */
typedef struct ks_pool_claim {
    uint64_t position[2], end[2];
} ks_pool_claim;

struct ks_session {
    ks_session_config config;
    ks_state_of_session state;
    ks_direction out, in; /* directions of our and of the peer's messages */
    uint64_t now;

    uint8_t nonce[16];
    ks_writer hello[2]; /* of Alice, of Bob: whole messages, part of every tag */
    int hello_received, start_sent, start_verified, ready_received;
    uint32_t peer_next_block; /* Alice: her blocks below are over, be it in an epoch that Bob has forgotten */
    ks_pool_claim claim;      /* of the peer */
    uint64_t start_pad[2];    /* the pads of both STARTs */
    size_t peer_waits_at;     /* where in the peer's HELLO the blocks stand that he waits to hear of */
    uint64_t id;
    uint32_t epoch;
    uint32_t in_flight;
    uint32_t sent, received; /* session-level messages */
    uint32_t notes;

    ks_block *blocks; /* ascending by number */
    uint32_t open_blocks;
    int64_t last_block; /* highest number ever begun or skipped */
    ks_request *requests, **requests_tail;
    uint64_t next_request;

    /* Bob's input */
    ks_block *collecting;
    uint64_t *chunk; /* slots relative to the block, not yet announced */
    size_t chunk_count;
    uint64_t input_frontier;
    int64_t skip_below; /* blocks below are not begun */

    int hold, peer_hold, finishing, peer_finishing, finish_sent, close_received;
    ks_writer waiting_message; /* a CONFIRM (at Alice) or START whose pad is not durable yet */
    uint64_t waiting_index;
    int store_due; /* an action STORE is out */
    ks_pending *pending, **pending_tail;
    uint32_t announcements;
    int repeat; /* Bob: an announcement may have been lost */
    uint64_t last_tag_at;
    int pad_ready; /* the pad of the next tag has been taken */
    uint64_t pad_index;
    uint8_t pad[KS_PAD_BYTES];
    uint32_t failures;                      /* in a row */
    int tag_failed;                         /* just now */
    int life_over;                          /* the bound on the accumulated epsilon has been met */
    uint64_t first_pad[2];                  /* positions when the session began */
    uint8_t hash_key[2][KS_HASH_KEY_BYTES]; /* of this epoch's tags, drawn from the pool after START */
    int hash_keys;                          /* how many are drawn */

    uint64_t verdicts;    /* Alice: how many keys were verified */
    ks_plane seed;        /* Bob: the latest one, while it may serve further blocks */
    uint32_t seed_bearer; /* the block that it came with */
    uint32_t seed_uses;   /* blocks that it was announced for; 0: none has come yet */
    int seed_whole;
    ks_cause seed_refused; /* why its bearer was refused; then it never comes */

    uint64_t kept_left;              /* Bob: bytes of decoders' memories that may still be made */
    uint64_t rate_errors, rate_bits; /* announced key-basis errors of recent blocks */

    ks_node *first, **tail, *current;
    ks_session_totals totals;
    ks_status end;
    char reason[200];
};

/* ---- session.c */
/* Ends the session: queued actions still go out, then CLOSED. Returns `status`. */
ks_status ks_session_end(ks_session *s, ks_status status);
ks_node *ks_session_queue(ks_session *s,
                          ks_action_kind kind); /* NULL: out of memory, the session has ended */
/* Messages: begin gives a writer with room for the header, end fills it in, enters it into the transcript and
 * queues it. */
void ks_message_begin(ks_writer *w);
ks_status ks_message_end(ks_session *s, ks_block *block, ks_message_type type, ks_writer *w);
/* Parts of ks_message_end: fills in the header of a payload that will still grow by `more` bytes; hands over
 * to the queue. */
ks_status ks_message_seal(ks_session *s, ks_block *b, ks_message_type type, ks_writer *w, size_t more);
ks_status ks_message_queue(ks_session *s, ks_writer *w);
/* Tag messages, after ks_tag_prepare: appends pad index and tag to the payload. */
ks_status ks_message_end_tagged(ks_session *s, ks_block *block, ks_message_type type, ks_writer *w);
/* ---- tags.c */
/* A message with a tag has arrived (block NULL: CONFIRM): it is checked now, or when the pad for it is
 * durably burnt. Tags are checked in the order of their pads. */
ks_status ks_tag_arrived(ks_session *s, ks_block *b, const uint8_t *message, size_t bytes);
ks_status ks_tags_check(ks_session *s);
/* Keeps a tag message until its pad is burnt; *index of the pad it names. */
ks_status ks_tag_keep(ks_writer *waiting, uint64_t *index, const uint8_t *message, size_t bytes);
/* Burns the pad and compares; block NULL: a message of the session. KS_ERR_EMPTY: the pad is not durably
 * burnt yet, nothing has changed. */
ks_status ks_tag_check(ks_session *s, ks_block *b, const uint8_t *message, size_t bytes, uint64_t index);
/* Bob: names the confirmed blocks that Alice has not heard of. Both: their part for the pool goes in. */
ks_status ks_put_confirmations(ks_session *s, ks_writer *w);
ks_status ks_get_confirmations(ks_session *s, ks_cursor *c);
ks_status ks_refill_latest(ks_session *s);
int ks_confirmations_due(const ks_session *s);
/* Bob: the tag of Alice on block b proves that she heard all announcements up to that block's. */
void ks_confirmations_heard(ks_session *s, uint32_t announcements);
ks_status ks_pending_add(ks_session *s, uint32_t block, uint32_t keys, const uint8_t *refill, uint32_t bytes);
/* Takes the pad of the next tag of our direction. KS_ERR_EMPTY: not durably burnt yet; the store is asked
 * for. */
ks_status ks_tag_prepare(ks_session *s);
ks_status ks_start_transcript(ks_session *s, ks_transcript *t, const char *purpose, uint32_t block);
void ks_request_store(ks_session *s);
enum { KS_REFILL_MAX = 65536 };

/* ---- session_greet.c */
ks_status ks_greeting_send(ks_session *s);
ks_status ks_greeting_receive(ks_session *s, const ks_header *h, ks_cursor *c);
/* ---- session_start.c */
/* Does what can be done now: START goes out when its pad is burnt, the peer's is checked when its pad is;
 * what was agreed is stored; READY goes out when that is durable; the session opens when the peer's has come
 * too.
 */
ks_status ks_start_go_on(ks_session *s);
ks_status ks_start_receive(ks_session *s, const uint8_t *message, size_t bytes);
/* Bob: forgets confirmations that Alice does not wait for, by her HELLO, and finds those that she waits for
 * and he has forgotten. */
ks_status ks_confirmations_restrict(ks_session *s, const ks_cursor *waits);

/* ---- session_limits.c */
ks_outcome ks_cause_outcome(ks_cause cause);
ks_status ks_cause_status(ks_cause cause);
/* A security failure: counts it; 1 when there were too many in a row. */
int ks_failure_is_last(ks_session *s);
/* What a block may cost at most: charged when it begins. */
double ks_life_of_block(const ks_session *s);
void ks_life_charge(ks_session *s, double epsilon);
ks_status ks_life_fail(double spent, double bound);
/* 1 when one more block would pass the bound on the accumulated epsilon; no further one is begun then. */
int ks_life_is_over(ks_session *s);
/* KS_ERR_EMPTY while storage does not know of all charges: no key may come of them; the store is asked for.
 */
ks_status ks_life_durable(ks_session *s);
/* Pads that the pool will hold, by the thinner direction, when all that is under way has come in. */
uint64_t ks_pool_planned_level(const ks_session *s);

/* ---- block.c */
ks_block *ks_block_open(ks_session *s, uint32_t number);
ks_block *ks_block_find(ks_session *s, uint32_t number);
void ks_block_stage(ks_session *s, ks_block *b, ks_stage stage);
/* Ends a block with its report; the peer is told with ABORT when `tell`. */
void ks_block_end(ks_session *s, ks_block *b, ks_cause cause, int tell, const char *format, ...)
    KS_PRINTF(5, 6);
void ks_block_reap(ks_session *s); /* frees ended blocks without jobs */
void ks_block_lose_all(ks_session *s, const char *why);
ks_batch *ks_batch_new(ks_block *b, ks_op op, ks_stage stage, size_t frames);
void ks_batch_submit(ks_session *s, ks_batch *batch);
void ks_batch_free(ks_batch *batch);
/* Both ends, once bases, intensities and counts are known: sifted key, sizes, whether to go on. */
ks_status ks_block_sift(ks_session *s, ks_block *b);
ks_sift_input ks_block_sift_input(const ks_session *s, const ks_block *b);
/* Judges error counts; ends the block and returns 0 when it is over. */
int ks_block_judge(ks_session *s, ks_block *b);
/* Both ends: verification has passed with so many errors corrected. 0: the block has ended over the QBER
 * limit. */
int ks_block_verified(ks_session *s, ks_block *b, uint64_t errors);
ks_status ks_block_length(ks_session *s, ks_block *b, ks_length_result *result);
/* Both ends: the verification tag of the whole key under b->hash_key, into b->tag. */
ks_status ks_block_hash(ks_session *s, ks_block *b);
/* Both ends: the Toeplitz job once the seed is whole. */
ks_status ks_block_amplify(ks_session *s, ks_block *b);
/* Cuts the secret into keys, unconfirmed. */
ks_status ks_block_deliver(ks_session *s, ks_block *b);
ks_status ks_unexpected(const ks_block *b, const ks_header *h);
double ks_session_qber(const ks_session *s, const ks_block *b);

/* ---- session_seed.c */
/* Alice: the key of the block is fixed and verified, its length is known. */
void ks_seed_wait(ks_session *s, ks_block *b);
/* Alice: draws and sends a seed when enough blocks wait for one, or when no other open block can join them.
 */
ks_status ks_seed_deal(ks_session *s);
/* Bob: AMPLIFY and SEED have arrived. */
ks_status ks_seed_amplify(ks_session *s, ks_block *b, ks_cursor *c);
ks_status ks_seed_receive(ks_session *s, ks_block *b, ks_cursor *c);
/* Both: forgets the latest seed. */
void ks_seed_forget(ks_session *s);

/* ---- alice.c, bob.c: a message of the block has arrived (cursor at its payload) */
ks_status ks_alice_message(ks_session *s, ks_block *b, const ks_header *h, ks_cursor *c);
/* Lets go of states below `slot`, but for those that requests still wait for. */
ks_status ks_alice_forget(ks_session *s, uint64_t slot);
ks_status ks_alice_open(ks_session *s, uint32_t number, ks_block **out);
ks_status ks_alice_batch_done(ks_session *s, ks_batch *batch);
ks_status ks_alice_states(ks_session *s, ks_request *request, const ks_state *states);
ks_status ks_alice_tag(ks_session *s, ks_block *b); /* sends TAG_A when all is there, a pad included */
ks_status ks_bob_message(ks_session *s, ks_block *b, const ks_header *h, ks_cursor *c);
ks_status ks_bob_batch_done(ks_session *s, ks_batch *batch);
ks_status ks_bob_detections(ks_session *s, const ks_detection *d, size_t n, uint64_t frontier, size_t *taken);
ks_status ks_bob_tag(ks_session *s, ks_block *b); /* sends TAG_B when all is there, a pad included */
ks_status ks_alice_tag_verified(ks_session *s, ks_block *b, ks_cursor *c);
ks_status ks_bob_tag_verified(ks_session *s, ks_block *b, ks_cursor *c);
ks_status ks_bob_confirm(ks_session *s); /* a confirmation of its own, and the end, when due */

#endif
