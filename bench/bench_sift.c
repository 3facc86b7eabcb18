/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench sift: detections and states to sifted keys and counts, and the code of slot lists. */
#include <stdlib.h>
#include <string.h>
#include <keystill/event.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "kernels/kernels.h"
#include "pipeline/bits.h"
#include "pipeline/sift.h"
#include "pipeline/slotcode.h"
#include "pipeline/status.h"

enum { KEY_BASIS = 0 };

typedef struct plane_set {
    uint64_t *basis, *bit, *low, *high;
} plane_set;

typedef struct sift_bench {
    size_t n, words;
    ks_detection *detections; /* Bob's */
    ks_state *states;         /* Alice's, of the same slots */
    uint64_t *slots, *slots_back;
    uint8_t *code;
    size_t code_bytes;
    plane_set alice, bob; /* split in the bodies */
    uint64_t *key, *test_bits;
    size_t key_bits, test_count;
    ks_sift_counts counts, expected;
    uint64_t errors[KS_SIFT_INTENSITIES], expected_errors[KS_SIFT_INTENSITIES], expected_ones, limit;
    ks_status status;
} sift_bench;

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int allocate(sift_bench *b) {
    uint64_t **planes[] = {&b->alice.basis, &b->alice.bit, &b->alice.low, &b->alice.high,
                           &b->bob.basis,   &b->bob.bit,   &b->key,       &b->test_bits};
    b->words = ks_bits_words(b->n);
    int good = 1;
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++)
        good &= (*planes[i] = calloc(b->words, 8)) != NULL;
    b->detections = malloc(b->n * sizeof *b->detections);
    b->states = malloc(b->n);
    b->slots = malloc(b->n * 8);
    b->slots_back = malloc(b->n * 8);
    b->code = malloc(ks_slotcode_bound(b->n));
    return good && b->detections && b->states && b->slots && b->slots_back && b->code;
}

static void release(sift_bench *b) {
    void *all[] = {b->alice.basis, b->alice.bit,  b->alice.low, b->alice.high, b->bob.basis,
                   b->bob.bit,     b->key,        b->test_bits, b->states,     b->detections,
                   b->slots,       b->slots_back, b->code};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* One click in `gap` slots on average, one test basis in eight at each end, 3 % errors, three intensities;
 * counted here one by one: the reference. */
static void generate(sift_bench *b, uint64_t gap, uint64_t seed) {
    uint64_t slot = 0;
    for (size_t i = 0; i < b->n; i++) {
        uint64_t r = next_random(&seed);
        slot += 1 + (r >> 32) % (2 * gap - 1);
        unsigned alice_basis = (r & 7) == 0, bob_basis = (r >> 3 & 7) == 0, bit = r >> 6 & 1;
        unsigned intensity = (unsigned)(r >> 8 & 15) < 12 ? 0 : 1 + (r >> 7 & 1);
        unsigned bob_bit = bit ^ ((r >> 16 & 1023) < 31);
        b->states[i] = (ks_state)(bit | alice_basis << 1 | intensity << KS_STATE_INTENSITY_SHIFT);
        b->detections[i] = ks_detection_make(slot, bob_basis, bob_bit, 0);
        if (alice_basis != bob_basis)
            continue;
        if (bob_basis == KEY_BASIS) {
            b->expected.key[intensity]++;
            b->expected_ones += bob_bit;
        } else {
            b->expected.test[intensity]++;
            b->expected_errors[intensity] += bit != bob_bit;
        }
    }
    b->limit = slot + 1;
}

/* ---- bodies ---- */

static void bob_splits(sift_bench *b) {
    ks_kernels_get()->detections_split(b->slots, b->bob.basis, b->bob.bit, b->detections, b->n);
}

static void alice_splits(sift_bench *b) {
    ks_kernels_get()->states_split(b->alice.basis, b->alice.bit, b->alice.low, b->alice.high, b->states,
                                   b->n);
}

/* Bob: his detections, Alice's announced planes. */
static void run_bob(void *context) {
    sift_bench *b = context;
    bob_splits(b);
    const ks_sift_input in = {.n = b->n,
                              .basis = b->bob.basis,
                              .bit = b->bob.bit,
                              .peer_basis = b->alice.basis,
                              .intensity_low = b->alice.low,
                              .intensity_high = b->alice.high,
                              .key_basis = KEY_BASIS};
    b->test_count = ks_sift_test_bits(b->test_bits, b->bob.basis, b->bob.bit, b->n, KEY_BASIS);
    ks_sift_key(b->key, &b->key_bits, &b->counts, &in);
}

/* Alice: the states of the listed slots, Bob's announced plane of bases and test bits. */
static void run_alice(void *context) {
    sift_bench *b = context;
    alice_splits(b);
    const ks_sift_input in = {.n = b->n,
                              .basis = b->alice.basis,
                              .bit = b->alice.bit,
                              .peer_basis = b->bob.basis,
                              .intensity_low = b->alice.low,
                              .intensity_high = b->alice.high,
                              .key_basis = KEY_BASIS};
    ks_sift_key(b->key, &b->key_bits, &b->counts, &in);
    b->status = ks_sift_test_errors(b->errors, &in, b->test_bits, b->test_count);
}

static void run_encode(void *context) {
    sift_bench *b = context;
    b->status = ks_slotcode_encode(b->code, ks_slotcode_bound(b->n), &b->code_bytes, b->slots, b->n, 0);
}

static void run_decode(void *context) {
    sift_bench *b = context;
    b->status = ks_slotcode_decode(b->slots_back, b->n, b->code, b->code_bytes, 0, b->limit);
}

/* ---- checks ---- */

static int counts_agree(const sift_bench *b) {
    return memcmp(&b->counts, &b->expected, sizeof b->counts) == 0;
}

static int check_bob(sift_bench *b) {
    return counts_agree(b) && ks_bits_count(b->key, b->key_bits) == b->expected_ones;
}

static int check_alice(sift_bench *b) {
    return counts_agree(b) && memcmp(b->errors, b->expected_errors, sizeof b->errors) == 0;
}

static int check_slots(sift_bench *b) {
    run_decode(b);
    return b->status == KS_OK && memcmp(b->slots, b->slots_back, b->n * 8) == 0;
}

typedef struct part {
    const char *name;
    void (*body)(void *context);
    int (*check)(sift_bench *b);
} part;

/* Each leaves what the next needs; the encoding is checked by the decoding of what it wrote, once before it
 * is timed. */
static const part parts[] = {{"bob", run_bob, check_bob},
                             {"alice", run_alice, check_alice},
                             {"encode-slots", run_encode, check_slots},
                             {"decode-slots", run_decode, check_slots}};

static int measure(sift_bench *b, const part *part, double seconds) {
    ks_bench_times times = ks_bench_time(part->body, b, 3, seconds);
    if (b->status != KS_OK)
        return ks_cli_fail_status(b->status, part->name);
    int verified = part->check(b);
    ks_bench_row row;
    ks_bench_row_begin(&row, "sift", "cpu", NULL, 1);
    ks_bench_row_text(&row, "part", part->name);
    ks_bench_row_u64(&row, "detections", b->n);
    if (part->body == run_encode || part->body == run_decode)
        ks_bench_row_number(&row, "bits_per_slot", 8.0 * (double)b->code_bytes / (double)b->n);
    ks_bench_row_rate(&row, "detections_per_second", times, (double)b->n, 1);
    return ks_bench_row_end(&row, times.best, verified);
}

int ks_bench_sift(int argc, char **argv) {
    uint64_t detections = 1000000, seed = 1, gap = 100;
    double seconds = 1;
    int rest;
    const ks_option options[] = {
        {"detections", 'n', KS_OPTION_U64, &detections, "N", "detections a block (default 1M)", NULL},
        {"gap", 'g', KS_OPTION_U64, &gap, "G", "mean slots between detections (default 100)", NULL},
        {"seconds", 's', KS_OPTION_NUMBER, &seconds, "S", "time a row (default 1)", NULL},
        {"seed", 0, KS_OPTION_U64, &seed, "S", "seed of the block", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("bench sift [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (detections < 1000 || detections > 100000000 || gap < 1 || gap > 1000000000)
        return ks_cli_fail(KS_EXIT_USAGE,
                           "--detections must lie within 1000 and 100M, --gap within 1 and 1G");
    sift_bench b = {.n = detections};
    code = KS_EXIT_OK;
    if (!allocate(&b)) {
        code = ks_cli_fail(KS_EXIT_FAILED, "no memory for %zu detections", b.n);
    } else {
        generate(&b, gap, seed);
        alice_splits(&b);
        for (size_t i = 0; i < sizeof parts / sizeof *parts && code == KS_EXIT_OK; i++)
            code = measure(&b, &parts[i], seconds);
    }
    release(&b);
    return code;
}
