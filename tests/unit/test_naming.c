/* SPDX-License-Identifier: Apache-2.0 */
/* Disclosure of the least reliable bits: which they are, how they are named, what they save, and a peer that
 * names or answers what is not due. What it costs is counted in test_session_leakage. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "ldpc/code.h"
#include "ldpc/splitmix.h"
#include "pipeline/message.h"
#include "pipeline/positions.h"
#include "tests/unit/link_fixture.h"

enum { LOG2N = 14, BITS = 1 << LOG2N, WORDS = BITS / 64, COUNT = BITS / 512, BYTES = COUNT * 11 / 8 };

static int compare(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void draw_positions(uint32_t positions[COUNT], int kind, uint64_t *seed) {
    for (uint32_t k = 0; k < COUNT; k++) /* in one run at either end, or anywhere: one a range */
        positions[k] = kind == 0   ? k
                       : kind == 1 ? BITS - COUNT + k
                                   : (uint32_t)(k * 512 + ks_splitmix(seed) % 512);
    if (kind == 3)
        for (uint32_t k = 0; k < COUNT; k++)
            positions[k] = (uint32_t)(ks_splitmix(seed) % 300) * COUNT + k;
    qsort(positions, COUNT, sizeof *positions, compare);
}

Test(naming, positions_come_back) {
    uint64_t seed = 3, frame[WORDS], other[WORDS];
    uint32_t positions[COUNT], back[COUNT];
    uint8_t bytes[BYTES], bits[COUNT / 8];
    cr_assert_eq(ks_positions_count(LOG2N), COUNT);
    cr_assert_eq(ks_positions_bytes(LOG2N), BYTES);
    for (int round = 0; round < 40; round++) {
        draw_positions(positions, round % 4, &seed);
        ks_positions_write(bytes, positions, LOG2N);
        cr_assert_eq(ks_positions_read(back, bytes, LOG2N, positions[COUNT - 1] + 1), KS_OK, "%s",
                     ks_error_detail());
        cr_assert_arr_eq(back, positions, sizeof back);
        cr_assert_eq(ks_positions_read(back, bytes, LOG2N, positions[COUNT - 1]), KS_ERR_PROTOCOL);
        for (size_t i = 0; i < WORDS; i++) {
            frame[i] = ks_splitmix(&seed);
            other[i] = ~frame[i];
        }
        ks_positions_take(bits, frame, positions, COUNT);
        ks_positions_put(other, bits, positions, COUNT);
        size_t equal = 0;
        for (size_t i = 0; i < WORDS; i++)
            equal += (size_t)__builtin_popcountll(~(frame[i] ^ other[i]));
        cr_assert_eq(equal, COUNT);
        for (size_t k = 0; k < COUNT; k++)
            cr_assert_eq((frame[positions[k] / 64] ^ other[positions[k] / 64]) >> positions[k] % 64 & 1, 0);
    }
}

/* A changed encoding is refused or is the one encoding of other positions that ascend. */
Test(naming, every_changed_bit_is_refused_or_names_others) {
    uint64_t seed = 4;
    uint32_t positions[COUNT], back[COUNT];
    uint8_t bytes[BYTES], again[BYTES];
    unsigned refused = 0;
    for (int round = 0; round < 4; round++)
        for (size_t bit = 0; bit < 8 * BYTES; bit++) {
            draw_positions(positions, round, &seed);
            ks_positions_write(bytes, positions, LOG2N);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (ks_positions_read(back, bytes, LOG2N, BITS) != KS_OK) {
                refused++;
                continue;
            }
            ks_positions_write(again, back, LOG2N);
            cr_assert_arr_eq(again, bytes, BYTES);
            cr_assert_neq(memcmp(back, positions, sizeof back), 0);
            for (size_t k = 1; k < COUNT; k++)
                cr_assert_lt(back[k - 1], back[k]);
        }
    cr_assert_gt(refused, 4 * 2 * COUNT - 1, "one position more or less is refused, at least");
}

/* ---- decoding */

static uint64_t alice[WORDS], bob[WORDS], decoded[WORDS], mother[WORDS];

static ks_ldpc_request draw_frame(uint16_t rate, double q, size_t real_bits, uint64_t seed) {
    for (size_t i = 0; i < WORDS; i++)
        alice[i] = i < real_bits / 64 ? ks_splitmix(&seed) : 0;
    memcpy(bob, alice, sizeof bob);
    for (uint32_t errors = (uint32_t)(q * (double)real_bits); errors > 0;) {
        const uint64_t at = ks_splitmix(&seed) % real_bits, bit = UINT64_C(1) << at % 64;
        errors -= ((bob[at / 64] ^ alice[at / 64]) & bit) == 0;
        bob[at / 64] = (bob[at / 64] & ~bit) | (~alice[at / 64] & bit);
    }
    cr_assert_eq(ks_ldpc_syndrome(mother, alice, rate, LOG2N), KS_OK);
    return (ks_ldpc_request){.received = bob,
                             .syndrome = mother,
                             .rate = rate,
                             .real_bits = real_bits,
                             .qber = q,
                             .decoders = KS_LDPC_FAST_THEN_EXACT};
}

/* Over the limit with all syndrome known: eight disclosures save the frames, and each names the bits of least
 * magnitude, equal ones by position, and not the same again. */
Test(naming, frames_without_more_syndrome_are_saved) {
    uint16_t base = 0;
    while (strcmp(ks_family[base].name, "s348") != 0)
        base++;
    const uint16_t rate = ks_code_rate_find(base, 0);
    ks_ldpc_workspace *workspace;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, LOG2N), KS_OK);
    unsigned failed = 0, saved = 0;
    for (uint64_t f = 0; f < 8; f++) {
        ks_ldpc_memory *memory = NULL;
        uint64_t allowance = UINT64_MAX;
        uint32_t positions[COUNT];
        ks_ldpc_request request =
            draw_frame(rate, 1.02 * ks_code_limit(base, 0, 1), f % 2 ? BITS : BITS - 512, f);
        ks_ldpc_result result;
        request.memory = &memory;
        request.allowance = &allowance;
        cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_OK);
        failed += !result.converged;
        for (int k = 0; k < 8 && !result.converged; k++) {
            cr_assert_eq(ks_ldpc_least_reliable(positions, COUNT, memory), KS_OK);
            const int16_t *soft = memory->kept.values;
            int most = 0;
            uint32_t last = 0, named = 0;
            for (size_t i = 0; i < COUNT; i++) {
                most = abs(soft[positions[i]]) > most ? abs(soft[positions[i]]) : most;
                cr_assert(positions[i] < request.real_bits && (i == 0 || positions[i - 1] < positions[i]));
            }
            for (size_t i = 0; i < COUNT; i++)
                last = abs(soft[positions[i]]) == most ? positions[i] : last;
            for (uint32_t i = 0; i < request.real_bits; i++) {
                const int is_named = named < COUNT && positions[named] == i;
                named += (uint32_t)is_named;
                cr_assert(is_named || abs(soft[i]) > most || (abs(soft[i]) == most && i > last));
            }
            cr_assert_eq(ks_ldpc_know(memory, positions, COUNT, alice), KS_OK);
            for (size_t i = 0; i < COUNT; i++)
                cr_assert_eq(soft[positions[i]],
                             alice[positions[i] / 64] >> positions[i] % 64 & 1 ? -32767 : 32767);
            cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_OK);
        }
        saved += result.converged && memcmp(decoded, alice, sizeof alice) == 0;
        ks_ldpc_forget(memory);
        cr_assert_eq(allowance, UINT64_MAX);
    }
    cr_assert(failed >= 4 && saved == 8, "%u of 8 failed, %u were saved", failed, saved);
    uint32_t none;
    ks_ldpc_memory *memory = NULL;
    uint64_t allowance = UINT64_MAX;
    ks_ldpc_request request = draw_frame(rate, 0.2, BITS, 1);
    ks_ldpc_result result;
    request.memory = &memory;
    request.allowance = &allowance;
    cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_OK);
    cr_assert(memory);
    cr_assert_eq(ks_ldpc_least_reliable(&none, 0, memory), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ldpc_least_reliable(&none, BITS + 1, memory), KS_ERR_ARGUMENT);
    ks_ldpc_forget(memory);
    ks_ldpc_workspace_destroy(workspace);
}

/* ---- a peer out of line */

typedef enum trick { NONE, KIND, EXTRA_POSITION, CUT, NOT_NAMED, TRICKS } trick;

typedef struct attack {
    trick trick;
    int named, happened;
} attack;

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int trick_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    attack *a = f->tap_context;
    uint8_t *m = *message, *p = m + KS_MESSAGE_HEADER;
    (void)from;
    if (m[5] == KS_MSG_EXTRA && a->trick == NOT_NAMED && p[8] == 1 && !a->happened) {
        p[8] = 3;
        a->happened = 1;
    }
    if (m[5] != KS_MSG_FLAGS)
        return 1;
    const size_t at = 8 + (u32_at(p + 4) + 7) / 8;
    if (KS_MESSAGE_HEADER + at >= *bytes || p[at] != 1)
        return 1;
    a->named++;
    if (a->happened || a->trick == NONE || a->trick == NOT_NAMED)
        return 1;
    a->happened = 1;
    if (a->trick == KIND) {
        p[at] = 2;
    } else if (a->trick == EXTRA_POSITION) {
        memset(p + at + 1 + BYTES - 8, 0xFF, 8);
    } else {
        *bytes -= 1;
        m[32] = (uint8_t)(m[32] - 1);
    }
    return 1;
}

/* Errors that rise from block to block until frames run out of syndrome. */
Test(naming, what_is_not_due_ends_the_session) {
    static const char *const reasons[TRICKS] = {"", "are not due", "position", "cut short", "EXTRA"};
    for (trick t = NONE; t < TRICKS; t++) {
        attack a = {.trick = t};
        fixture *f = calloc(1, sizeof *f);
        cr_assert_not_null(f);
        fixture_init(f);
        f->parameters.block_slots = 1 << 21;
        f->parameters.frame_log2 = LOG2N;
        f->tap = trick_tap;
        f->tap_context = &a;
        cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
        static const double qber[] = {0.015, 0.0175, 0.0240, 0.0280};
        for (uint64_t b = 0; b < 4; b++) {
            f->qber = qber[b];
            fixture_run(f, (b + 1) << 21);
        }
        fixture_finish(f);
        cr_expect(fixture_keys_agree(f));
        if (t == NONE) {
            cr_expect_gt(a.named, 1);
            cr_expect(fixture_keys_identical(f));
            cr_expect_eq(f->end[0].end, KS_OK);
        } else {
            const int role = t == NOT_NAMED ? KS_BOB : KS_ALICE;
            char reason[256];
            ks_engine_reason(f->end[role].engine, reason, sizeof reason);
            cr_expect(a.happened);
            cr_expect_eq(f->end[role].end, KS_ERR_PROTOCOL, "trick %d: %s", (int)t, reason);
            cr_expect(strstr(reason, reasons[t]), "trick %d: %s", (int)t, reason);
        }
        fixture_stop(f);
        free(f);
    }
}
