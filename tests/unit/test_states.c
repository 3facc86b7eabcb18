/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <keystill/states.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/philox.h"

static const ks_states_header three = {
    .first_slot = 1000, .slots = 10001, .clock_hz = 1e9, .source = {3, {0.5, 0.1, 0.0002}, {0.7, 0.2, 0.1}}};
static const uint8_t seed_1[32] = {1, 2, 3};

static uint64_t next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    return z ^ z >> 29;
}

/* A whole QST1 image of random states, kept in `plain` too. */
static uint8_t *packed_image(const ks_states_header *header, ks_state *plain, size_t *size) {
    uint64_t random = 5;
    for (uint64_t i = 0; i < header->slots; i++)
        plain[i] = (ks_state)((next(&random) >> 20) % (4 * header->source.intensities));
    uint8_t *image = malloc(KS_STATES_HEADER_MAX + header->slots);
    cr_assert_eq(ks_states_write_header(image, KS_STATES_HEADER_MAX, size, header), KS_OK);
    ks_states_pack(image + *size, plain, header->slots);
    *size += (header->slots + 1) / 2;
    return image;
}

/* Ascending slots in [from, to) with random gaps. */
static size_t ascending(uint64_t *slots, uint64_t from, uint64_t to, uint64_t gap, uint64_t *random) {
    size_t n = 0;
    for (uint64_t slot = from + next(random) % gap; slot < to; slot += 1 + next(random) % gap)
        slots[n++] = slot;
    return n;
}

Test(states, philox_gives_the_known_answers) {
    /* Random123 1.14, tests/kat_vectors, philox4x32 10 */
    uint32_t zero[4] = {0}, zero_out[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    uint32_t pi[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
    uint32_t pi_out[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    ks_philox4x32(zero, 0, 0);
    ks_philox4x32(pi, 0xa4093822, 0x299f31d0);
    cr_assert_arr_eq(zero, zero_out, sizeof zero);
    cr_assert_arr_eq(pi, pi_out, sizeof pi);
}

Test(states, packed_memory_gives_back_what_was_packed) {
    static ks_state plain[10001], got[10001];
    static uint64_t slots[10001];
    size_t size;
    uint64_t random = 7;
    uint8_t *image = packed_image(&three, plain, &size);
    ks_states *states;
    cr_assert_eq(ks_states_from_memory(&states, image, size), KS_OK);
    cr_assert_eq(ks_states_get_header(states)->slots, 10001);
    cr_assert_eq(ks_states_get_header(states)->source.mean[2], 0.0002);
    for (uint64_t gap = 1; gap < 3000; gap = 3 * gap + 1) {
        size_t n = ascending(slots, 1000, 11001, gap, &random);
        cr_assert_eq(ks_states_gather(states, got, slots, n), KS_OK);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(got[i], plain[slots[i] - 1000]);
    }
    cr_assert_eq(ks_states_gather(states, got, slots, 0), KS_OK);
    ks_states_destroy(states);
    free(image);
}

Test(states, gather_refuses_what_the_source_does_not_hold) {
    static ks_state plain[10001], got[4];
    size_t size;
    uint8_t *image = packed_image(&three, plain, &size);
    ks_states *states;
    cr_assert_eq(ks_states_open(&states, image, size), KS_OK);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){999}, 1), KS_ERR_LIMIT);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000, 11001}, 2), KS_ERR_LIMIT);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000, UINT64_MAX}, 2), KS_ERR_LIMIT);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000, 1000}, 2), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000, 99999, 1001}, 3), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000, 11000}, 2), KS_OK);
    ks_states_destroy(states);
    free(image);
}

Test(states, an_impossible_intensity_in_the_data_is_malformed_input) {
    static ks_state plain[10001], got[3];
    size_t size;
    uint8_t *image = packed_image(&three, plain, &size);
    image[size - 2] |= 0xc0; /* slot 10999: intensity 3 of 3 */
    ks_states *states;
    cr_assert_eq(ks_states_from_memory(&states, image, size), KS_OK);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000, 10998, 10999}, 3), KS_ERR_FORMAT);
    cr_assert(strstr(ks_error_detail(), "slot 10999"), "%s", ks_error_detail());
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000, 10998}, 2), KS_OK);
    ks_states_destroy(states);
    free(image);
}

Test(states, every_header_field_is_checked) {
    static ks_state plain[10001];
    size_t size;
    uint8_t *image = packed_image(&three, plain, &size);
    static const int fields[] = {0, 4, 6, 7, 15, 23, 31, 32, 33, 34, 36, 47, 56, 71, 79, 95, 103};
    ks_states *states;
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        uint8_t kept = image[fields[f]];
        image[fields[f]] = (uint8_t)(kept ^ 0xff);
        cr_assert_eq(ks_states_open(&states, image, size), KS_ERR_FORMAT, "offset %d", fields[f]);
        cr_assert_null(states);
        image[fields[f]] = kept;
    }
    for (size_t cut = 0; cut < size; cut += cut < 130 ? 1 : 997)
        cr_assert_eq(ks_states_open(&states, image, cut), KS_ERR_FORMAT, "%zu bytes", cut);
    cr_assert_eq(ks_states_open(&states, image, size), KS_OK);
    ks_states_destroy(states);
    free(image);
}

Test(states, headers_outside_their_ranges_are_refused) {
    uint8_t out[KS_STATES_HEADER_MAX];
    size_t size;
    ks_states_header bad[] = {three, three, three, three, three, three, three, three};
    bad[0].clock_hz = NAN;
    bad[1].clock_hz = -1;
    bad[2].source.intensities = 4;
    bad[3].source.intensities = 0;
    bad[4].source.probability[0] = 0.8;
    bad[5].source.mean[1] = 0.5;
    bad[6].source.mean[2] = INFINITY;
    bad[7].slots = KS_SLOT_MAX;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(ks_states_write_header(out, sizeof out, &size, &bad[i]), KS_ERR_ARGUMENT, "case %zu", i);
    ks_states *states;
    cr_assert_eq(ks_states_from_seed(&states, &three, seed_1, 1.5), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_states_from_pattern(&states, &three, out, 0), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_states_from_pattern(&states, &three, (ks_state[]){0, 12}, 2), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_states_write_header(out, 111, &size, &three), KS_ERR_FULL);
    cr_assert_eq(ks_states_write_header(out, 112, &size, &three), KS_OK);
}

Test(states, a_pattern_repeats_from_the_first_slot) {
    ks_state pattern[17], got[200];
    uint64_t slots[200], random = 3;
    for (int i = 0; i < 17; i++)
        pattern[i] = (ks_state)(next(&random) % 12);
    ks_states_header header = three;
    header.slots = 0;
    uint8_t image[KS_STATES_HEADER_MAX + 9];
    size_t size;
    cr_assert_eq(ks_states_write_pattern(image, sizeof image, &size, &header, pattern, 17), KS_OK);
    cr_assert_eq(size, sizeof image);
    ks_states *states;
    cr_assert_eq(ks_states_open(&states, image, size), KS_OK);
    cr_assert(ks_states_get_header(states)->test_only);
    for (uint64_t gap = 1; gap < 100; gap += 7) {
        size_t n = ascending(slots, 1000, 1150, gap, &random);
        slots[n++] = KS_SLOT_MAX;
        cr_assert_eq(ks_states_gather(states, got, slots, n), KS_OK);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(got[i], pattern[(slots[i] - 1000) % 17]);
    }
    ks_states_destroy(states);
    cr_assert_eq(ks_states_open(&states, image, size - 1), KS_ERR_FORMAT);
    image[KS_STATES_HEADER_MAX] |= 0x0c;
    cr_assert_eq(ks_states_open(&states, image, size), KS_ERR_FORMAT);
}

Test(states, a_seed_is_random_access_and_survives_its_file) {
    static ks_state all[5000], some[5000];
    static uint64_t slots[5000];
    uint8_t image[KS_STATES_SEED_MAX];
    size_t size;
    ks_states *direct, *read;
    cr_assert_eq(ks_states_from_seed(&direct, &three, seed_1, 0.1), KS_OK);
    cr_assert_eq(ks_states_write_seed(image, sizeof image, &size, &three, seed_1, 0.1), KS_OK);
    cr_assert_eq(ks_states_open(&read, image, size), KS_OK);
    for (size_t i = 0; i < 5000; i++)
        slots[i] = 1000 + i;
    cr_assert_eq(ks_states_gather(direct, all, slots, 5000), KS_OK);
    uint64_t random = 1;
    size_t n = ascending(slots, 1000, 6000, 30, &random);
    cr_assert_eq(ks_states_gather(read, some, slots, n), KS_OK);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(some[i], all[slots[i] - 1000]);
    ks_states_destroy(direct);
    ks_states_destroy(read);
    cr_assert_eq(ks_states_open(&read, image, size - 1), KS_ERR_FORMAT);
}

/* Each of the 12 states is seen within 5.5 sigma of n p: false alarm below 12 * 4e-8 per seed, and the seed
 * is fixed. */
Test(states, a_seed_draws_with_the_configured_probabilities) {
    enum { N = 1 << 20 };
    ks_states_header header = three;
    header.slots = 0;
    ks_states *states;
    uint64_t *slots = malloc(N * sizeof *slots);
    ks_state *got = malloc(N);
    cr_assert_eq(ks_states_from_seed(&states, &header, seed_1, 0.125), KS_OK);
    for (uint64_t i = 0; i < N; i++)
        slots[i] = 1000 + i * 12345 % (1 << 20) + (i << 20);
    cr_assert_eq(ks_states_gather(states, got, slots, N), KS_OK);
    double seen[16] = {0};
    for (int i = 0; i < N; i++)
        seen[got[i]]++;
    for (int s = 0; s < 16; s++) {
        double p = s < 12 ? header.source.probability[s >> 2] * (s & 2 ? 0.125 : 0.875) / 2 : 0;
        cr_assert_leq(fabs(seen[s] - N * p), 5.5 * sqrt(N * p * (1 - p)), "state %d: %g of %g", s, seen[s],
                      N * p);
    }
    ks_states_destroy(states);
    free(got);
    free(slots);
}

Test(states, bases_of_probability_zero_and_one_are_exact) {
    ks_states_header header = three;
    header.source.intensities = 1;
    header.source.probability[0] = 1;
    static ks_state got[10001];
    static uint64_t slots[10001];
    for (size_t i = 0; i < 10001; i++)
        slots[i] = 1000 + i;
    for (int basis = 0; basis < 2; basis++) {
        ks_states *states;
        cr_assert_eq(ks_states_from_seed(&states, &header, seed_1, basis), KS_OK);
        cr_assert_eq(ks_states_gather(states, got, slots, 10001), KS_OK);
        for (size_t i = 0; i < 10001; i++)
            cr_assert_eq(got[i] >> 1, basis);
        ks_states_destroy(states);
    }
}

Test(states, a_stream_in_pieces_gives_the_same_as_memory) {
    enum { SLOTS = 300001 };
    static ks_state plain[SLOTS], got[SLOTS];
    static uint64_t slots[SLOTS];
    ks_states_header header = three;
    header.slots = SLOTS;
    size_t size, at = 0, taken;
    uint8_t *image = packed_image(&header, plain, &size);
    ks_states *states;
    uint64_t random = 11, gathered = 1000;
    cr_assert_eq(ks_states_from_stream(&states, 200000), KS_OK);
    cr_assert_null(ks_states_get_header(states));
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000}, 1), KS_ERR_EMPTY);
    while (at < size) {
        size_t piece = 1 + next(&random) % (at < 300 ? 30 : 60000);
        piece = piece < size - at ? piece : size - at;
        cr_assert_eq(ks_states_feed(states, image + at, piece, &taken), KS_OK);
        at += taken;
        if (at < 120)
            continue;
        uint64_t high = 1000 + 2 * (at - 112);
        high = high < 1000 + SLOTS ? high : 1000 + SLOTS;
        size_t n = ascending(slots, gathered, high, 40, &random);
        cr_assert_eq(ks_states_gather(states, got, slots, n), KS_OK);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(got[i], plain[slots[i] - 1000], "slot %llu", (unsigned long long)slots[i]);
        if (high < 1000 + SLOTS)
            cr_assert_eq(ks_states_gather(states, got, &high, 1), KS_ERR_EMPTY);
        if (taken < piece || next(&random) % 4 == 0) {
            gathered = high - next(&random) % 50 % (high - gathered + 1);
            ks_states_forget(states, gathered);
            uint64_t gone = gathered - 1;
            cr_assert_eq(ks_states_gather(states, got, &gone, 1), KS_ERR_LIMIT);
        }
    }
    cr_assert_eq(ks_states_end(states), KS_OK);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1000 + SLOTS}, 1), KS_ERR_LIMIT);
    cr_assert_eq(ks_states_feed(states, image, 1, &taken), KS_ERR_STATE);
    ks_states_destroy(states);
    free(image);
}

Test(states, a_stream_keeps_no_more_than_its_window) {
    static ks_state plain[10001], got[1];
    size_t size, taken;
    uint8_t *image = packed_image(&three, plain, &size);
    ks_states *states;
    cr_assert_eq(ks_states_from_stream(&states, 100), KS_OK);
    cr_assert_eq(ks_states_feed(states, image, size, &taken), KS_OK);
    cr_assert_eq(taken, 112 + 50);
    ks_states_forget(states, 1500); /* states that have not come yet are forgotten too */
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1499}, 1), KS_ERR_LIMIT);
    cr_assert_eq(ks_states_feed(states, image + 162, size - 162, &taken), KS_OK);
    cr_assert_eq(taken, 250 - 50 + 50);
    cr_assert_eq(ks_states_gather(states, got, (uint64_t[]){1501}, 1), KS_OK);
    cr_assert_eq(got[0], plain[501]);
    ks_states_destroy(states);
    free(image);
}

Test(states, a_stream_that_lies_about_its_length_is_malformed) {
    static ks_state plain[10001];
    size_t size, taken;
    uint8_t *image = packed_image(&three, plain, &size);
    ks_states *states;
    cr_assert_eq(ks_states_from_stream(&states, 1 << 20), KS_OK);
    cr_assert_eq(ks_states_feed(states, image, size - 1, &taken), KS_OK);
    cr_assert_eq(ks_states_end(states), KS_ERR_FORMAT);
    ks_states_destroy(states);
    cr_assert_eq(ks_states_from_stream(&states, 1 << 20), KS_OK);
    cr_assert_eq(ks_states_feed(states, image, size, &taken), KS_OK);
    cr_assert_eq(ks_states_feed(states, image, 1, &taken), KS_ERR_FORMAT);
    ks_states_destroy(states);
    cr_assert_eq(ks_states_from_stream(&states, 1), KS_ERR_ARGUMENT);
    free(image);
}
