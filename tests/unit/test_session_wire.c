/* SPDX-License-Identifier: Apache-2.0 */
/* Every byte of every message of a small link changed in turn, both ends in one process. tests/mitm does the
 * same to real processes, and the attacks that leave messages whole. */
#include <criterion/criterion.h>

#include "pipeline/message.h"
#include "tests/unit/link_fixture.h"

enum { MESSAGES = 256, BLOCKS = 2, EVERY = 3 /* a byte of so many, without KS_LONG */ };

typedef struct wire {
    unsigned seen, target;        /* messages of both directions together */
    unsigned forge;               /* type of a message to slip in before the target; 0: a byte is changed */
    uint32_t sent[2][BLOCKS + 1]; /* by an end: messages of a block; of the session */
    size_t byte;
    uint8_t mask;
    /* Of the target, as it was sent. */
    unsigned type, from;
    uint32_t block;
    /* Of an undisturbed run. */
    size_t sizes[MESSAGES];
} wire;

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int flip_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    wire *w = f->tap_context;
    const unsigned number = w->seen++;
    cr_assert_lt(number, MESSAGES);
    if (w->mask == 0)
        w->sizes[number] = *bytes;
    if (number != w->target)
        return 1;
    w->type = (*message)[5];
    w->from = (unsigned)from;
    w->block = u32_at(*message + 20);
    (*message)[w->byte % *bytes] ^= w->mask;
    return 1;
}

/* What is not authenticated can be made up: with the right session, epoch and number, as if `from` had said
 * it. */
static void slip_in(fixture *f, wire *w, int from, const uint8_t *like) {
    uint8_t m[KS_MESSAGE_HEADER + 4] = {0};
    const uint32_t block =
        u32_at(like + 20) < BLOCKS && w->forge == KS_MSG_ABORT ? u32_at(like + 20) : BLOCKS;
    ks_header h;
    cr_assert_eq(ks_header_decode(&h, like, KS_MESSAGE_HEADER + u32_at(like + 32)), KS_OK);
    h.type = (uint8_t)w->forge;
    h.block = block < BLOCKS ? block : (uint32_t)KS_SESSION_LEVEL;
    h.sequence = w->sent[from][block];
    h.acknowledged = 0;
    h.payload = w->forge == KS_MSG_SKIP ? 4 : w->forge == KS_MSG_HOLD ? 1 : w->forge == KS_MSG_ABORT ? 2 : 0;
    ks_header_encode(m, &h);
    m[KS_MESSAGE_HEADER] = 1; /* SKIP block 1; HOLD; ABORT for no gain */
    ks_status status = ks_engine_receive(f->end[1 - from].engine, m, KS_MESSAGE_HEADER + h.payload);
    (void)status; /* an end that has closed takes nothing */
}

static int forge_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    wire *w = f->tap_context;
    const unsigned number = w->seen++;
    const uint32_t block = u32_at(*message + 20) < BLOCKS ? u32_at(*message + 20) : BLOCKS;
    (void)bytes;
    if (number == w->target)
        slip_in(f, w, from, *message);
    w->sent[from][block]++;
    return 1;
}

/* A few thousand detections a block, an epsilon that lets them give a key, too little syndrome at first. */
static fixture *run(wire *w) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    f->parameters.block_slots = 1 << 12;
    f->parameters.epsilon = (ks_epsilon){.acceptance = 1e-2, .amplification = 1e-2};
    f->any_epsilon = 1;
    f->gap = 1;
    f->qber = 0.005;
    f->tap = w->forge ? forge_tap : flip_tap;
    f->tap_context = w;
    w->seen = 0;
    memset(w->sent, 0, sizeof w->sent);
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
    fixture_run(f, BLOCKS << 12);
    fixture_finish(f);
    return f;
}

static void release(fixture *f) {
    fixture_stop(f);
    free(f);
}

static int has_key(const fixture_end *e, const ks_key_id *id) {
    for (int i = 0; i < e->key_count; i++)
        if (memcmp(&e->keys[i].id, id, sizeof *id) == 0)
            return 1;
    return 0;
}

/* How many keys of a block of the undisturbed run an end delivered; both delivered them block after block. */
static int keys_of_block(const fixture *honest, const fixture *f, int role, uint32_t block) {
    const fixture_end *good = &honest->end[KS_BOB];
    int found = 0, first = 0;
    for (uint32_t b = 0; b < block; b++)
        first += (int)good->reports[b].keys;
    for (int i = first; i < first + (int)good->reports[block].keys; i++)
        found += has_key(&f->end[role], &good->keys[i].id);
    return found;
}

static int is_of_a_block(const wire *w) {
    return w->block < BLOCKS && w->type >= KS_MSG_DETECTIONS && w->type <= KS_MSG_TAG_A;
}

static void judge(const wire *w, const fixture *honest, const fixture *f) {
    const char *name = ks_message_type_name(w->type);
    cr_expect(fixture_keys_agree(f), "%s, byte %zu: keys differ", name, w->byte);
    for (int i = 0; i < f->end[KS_ALICE].key_count; i++)
        cr_expect(has_key(&f->end[KS_BOB], &f->end[KS_ALICE].keys[i].id),
                  "%s, byte %zu: Alice delivers what Bob has not", name, w->byte);
    for (int role = 0; role < 2; role++) {
        if (is_of_a_block(w))
            cr_expect_eq(keys_of_block(honest, f, role, w->block), 0,
                         "%s of block %u, byte %zu: %s delivers its keys", name, w->block, w->byte,
                         role ? "Bob" : "Alice");
        if (w->type == KS_MSG_HELLO || w->type == KS_MSG_START)
            cr_expect_eq(f->end[role].key_count, 0, "%s, byte %zu: keys under a changed greeting", name,
                         w->byte);
    }
}

Test(session_wire, a_changed_byte_costs_its_block, .timeout = 3600) {
    wire w = {.target = MESSAGES};
    fixture *honest = run(&w);
    cr_assert(fixture_keys_identical(honest), "%s", honest->end[1].reports[0].reason);
    const unsigned messages = w.seen, step = getenv("KS_LONG") ? 1 : EVERY;
    cr_assert_gt(messages, 30);
    uint64_t seed = 7;
    unsigned cases = 0;
    for (w.target = 0; w.target < messages; w.target++)
        for (w.byte = w.target % step; w.byte < w.sizes[w.target] + step; w.byte += step) {
            seed = fixture_hash(seed);
            if (w.byte >= w.sizes[w.target]) /* the last one in any case */
                w.byte = w.sizes[w.target] - 1;
            w.mask = (uint8_t)(1u << (seed & 7));
            w.from = w.type = 0;
            fixture *f = run(&w);
            cr_assert_neq(w.type, 0, "message %u did not come", w.target);
            judge(&w, honest, f);
            cases++;
            release(f);
            if (w.byte == w.sizes[w.target] - 1)
                break;
        }
    release(honest);
    cr_log_info("%u messages, %u changes", messages, cases);
}

Test(session_wire, made_up_words_cost_no_more_than_the_session) {
    static const unsigned types[] = {KS_MSG_READY,  KS_MSG_SKIP,  KS_MSG_HOLD,
                                     KS_MSG_FINISH, KS_MSG_CLOSE, KS_MSG_ABORT};
    wire none = {.target = MESSAGES};
    release(run(&none));
    unsigned sessions_ended = 0;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (unsigned target = 0; target < none.seen; target++) {
            wire w = {.target = target, .forge = types[t]};
            fixture *f = run(&w);
            cr_expect(fixture_keys_agree(f), "%s before message %u: keys differ",
                      ks_message_type_name(types[t]), target);
            for (int i = 0; i < f->end[KS_ALICE].key_count; i++)
                cr_expect(has_key(&f->end[KS_BOB], &f->end[KS_ALICE].keys[i].id),
                          "%s before message %u: Alice delivers what Bob has not",
                          ks_message_type_name(types[t]), target);
            sessions_ended += f->end[0].end != KS_OK || f->end[1].end != KS_OK;
            release(f);
        }
    cr_expect_gt(sessions_ended, 0);
}
