/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of states other than streams, and the gather of all of them. */
#include <keystill/states.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <keystill/secret.h>

#include "host/formats/states_object.h"
#include "host/philox.h"
#include "pipeline/status.h"

ks_status ks_states_create(ks_states **out, const ks_states_image *image) {
    *out = NULL;
    KS_TRY(ks_states_image_check(image));
    ks_states *states = calloc(1, sizeof *states);
    if (!states)
        return ks_fail(KS_ERR_MEMORY, "states: %zu bytes", sizeof *states);
    states->image = *image;
    states->has_header = 1;
    states->low = image->header.first_slot;
    states->end = image->header.slots ? image->header.first_slot + image->header.slots : KS_SLOT_MAX + 1;
    states->high = states->end;
    *out = states;
    return KS_OK;
}

void ks_states_destroy(ks_states *states) {
    if (!states)
        return;
    free(states->pattern);
    ks_secret_free(states->ring);
    if (states->mapping)
        munmap(states->mapping, states->mapping_bytes);
    ks_wipe(states, sizeof *states);
    free(states);
}

const ks_states_header *ks_states_get_header(const ks_states *states) {
    return states->has_header ? &states->image.header : NULL;
}

ks_status ks_states_from_memory(ks_states **out, const uint8_t *bytes, size_t size) {
    *out = NULL;
    ks_states_image image;
    KS_TRY(ks_states_image_read(&image, bytes, size));
    if (image.kind != KS_STATES_PACKED)
        return ks_fail(KS_ERR_FORMAT, "states, offset 0: expected QST1, found a pattern or a seed");
    size_t body = size - image.header_bytes;
    if (image.header.slots == 0)
        image.header.slots = 2 * (uint64_t)body;
    if (image.header.slots / 2 + image.header.slots % 2 != body)
        return ks_fail(
            KS_ERR_FORMAT, "states, offset %zu: expected %llu bytes of %llu states, found %zu bytes",
            image.header_bytes, (unsigned long long)(image.header.slots / 2 + image.header.slots % 2),
            (unsigned long long)image.header.slots, body);
    KS_TRY(ks_states_create(out, &image));
    (*out)->packed = bytes + image.header_bytes;
    (*out)->mask = UINT64_MAX;
    (*out)->high = (*out)->end = image.header.first_slot + image.header.slots;
    return KS_OK;
}

ks_status ks_states_from_pattern(ks_states **out, const ks_states_header *header, const ks_state *pattern,
                                 size_t slots) {
    *out = NULL;
    ks_states_image image = {.kind = KS_STATES_PATTERN, .header = *header, .period = slots};
    image.header.test_only = 1;
    KS_TRY(ks_states_create(out, &image));
    for (size_t i = 0; i < slots; i++)
        if (pattern[i] >> KS_STATE_INTENSITY_SHIFT >= header->source.intensities) {
            ks_states_destroy(*out);
            *out = NULL;
            return ks_fail(KS_ERR_ARGUMENT, "pattern, slot %zu: expected one of %u intensities, got state %u",
                           i, header->source.intensities, pattern[i]);
        }
    (*out)->pattern = malloc(slots);
    if (!(*out)->pattern) {
        ks_states_destroy(*out);
        *out = NULL;
        return ks_fail(KS_ERR_MEMORY, "pattern of %zu bytes", slots);
    }
    memcpy((*out)->pattern, pattern, slots);
    return KS_OK;
}

/* All 32 bytes enter the 16 of Philox's key and nonce: the first half is encrypted under each quarter of the
 * second. */
static void derive_key(ks_seeded_states *generator, const uint8_t seed[32]) {
    uint32_t words[4];
    for (int i = 0; i < 4; i++)
        words[i] = ks_load32(seed + 4 * i);
    for (int quarter = 0; quarter < 2; quarter++)
        ks_philox4x32(words, ks_load32(seed + 16 + 8 * quarter), ks_load32(seed + 20 + 8 * quarter));
    memcpy(generator->key, words, sizeof generator->key);
    memcpy(generator->nonce, words + 2, sizeof generator->nonce);
}

/* Cumulative probabilities of (intensity, basis) in units of 2^-31, intensity-major as in the state's bits.
 */
static void derive_thresholds(ks_seeded_states *generator, const ks_source *source, double test_basis) {
    const uint32_t one = UINT32_C(1) << 31;
    double sum = 0;
    for (unsigned category = 0; category < 5; category++) {
        generator->threshold[category] = one;
        if (category + 1 >= 2 * source->intensities)
            continue;
        sum += source->probability[category / 2] * (category & 1 ? test_basis : 1 - test_basis);
        if (sum < 1)
            generator->threshold[category] = (uint32_t)(sum * one + 0.5);
    }
}

void ks_seeded_states_derive(ks_seeded_states *generator, const uint8_t seed[32], const ks_source *source,
                             double test_basis) {
    derive_key(generator, seed);
    derive_thresholds(generator, source, test_basis);
}

ks_status ks_states_from_seed(ks_states **out, const ks_states_header *header, const uint8_t seed[32],
                              double test_basis) {
    *out = NULL;
    ks_states_image image = {.kind = KS_STATES_SEEDED, .header = *header, .test_basis = test_basis};
    image.header.test_only = 1;
    KS_TRY(ks_states_create(out, &image));
    ks_seeded_states_derive(&(*out)->generator, seed, &header->source, test_basis);
    return KS_OK;
}

static ks_status open_pattern(ks_states **out, const ks_states_image *image, const uint8_t *body,
                              size_t size) {
    if (image->period / 2 + image->period % 2 != size)
        return ks_fail(KS_ERR_FORMAT, "states, offset %zu: expected %llu bytes of a pattern, found %zu",
                       image->header_bytes, (unsigned long long)(image->period / 2 + image->period % 2),
                       size);
    size_t period = (size_t)image->period;
    ks_state *pattern = malloc(period);
    if (!pattern)
        return ks_fail(KS_ERR_MEMORY, "pattern of %zu bytes", period);
    for (size_t i = 0; i < period; i++)
        pattern[i] = body[i / 2] >> (i % 2 * 4) & 15;
    ks_status status = ks_states_from_pattern(out, &image->header, pattern, period);
    free(pattern);
    return status == KS_ERR_ARGUMENT ? ks_fail_in(KS_ERR_FORMAT, "states") : status;
}

ks_status ks_states_open(ks_states **out, const uint8_t *bytes, size_t size) {
    *out = NULL;
    ks_states_image image;
    KS_TRY(ks_states_image_read(&image, bytes, size));
    const uint8_t *body = bytes + image.header_bytes;
    size_t left = size - image.header_bytes;
    if (image.kind == KS_STATES_PACKED)
        return ks_states_from_memory(out, bytes, size);
    if (image.kind == KS_STATES_PATTERN)
        return open_pattern(out, &image, body, left);
    if (left != 32)
        return ks_fail(KS_ERR_FORMAT, "states, offset %zu: expected a seed of 32 bytes, found %zu",
                       image.header_bytes, left);
    return ks_states_from_seed(out, &image.header, body, image.test_basis);
}

static int strictly_increasing(const uint64_t *slots, size_t n) {
    unsigned bad = 0;
    for (size_t i = 1; i < n; i++)
        bad |= slots[i] <= slots[i - 1];
    return !bad;
}

static ks_status check_range(const ks_states *states, const uint64_t *slots, size_t n) {
    if (!strictly_increasing(slots, n))
        return ks_fail(KS_ERR_ARGUMENT, "slots of a gather must be strictly increasing");
    uint64_t first = slots[0], last = slots[n - 1];
    if (first < states->low || last >= states->end)
        return ks_fail(KS_ERR_LIMIT, "states of slots %llu to %llu asked for, the source holds %llu to %llu",
                       (unsigned long long)first, (unsigned long long)last, (unsigned long long)states->low,
                       (unsigned long long)(states->end - 1));
    if (last >= states->high)
        return ks_fail(KS_ERR_EMPTY, "state of slot %llu has not arrived", (unsigned long long)last);
    return KS_OK;
}

static ks_status gather_packed(const ks_states *states, ks_state *out, const uint64_t *slots, size_t n) {
    const uint64_t first = states->image.header.first_slot, mask = states->mask;
    for (size_t i = 0; i < n; i++) {
        uint64_t index = slots[i] - first;
        out[i] = (ks_state)(states->packed[index >> 1 & mask] >> ((index & 1) * 4) & 15);
    }
    ks_state most = 0;
    for (size_t i = 0; i < n; i++)
        most = out[i] > most ? out[i] : most;
    if (most >> KS_STATE_INTENSITY_SHIFT < states->image.header.source.intensities)
        return KS_OK;
    size_t bad = 0;
    while (out[bad] != most)
        bad++;
    return ks_fail(KS_ERR_FORMAT, "states, slot %llu: expected one of %u intensities, found index %d",
                   (unsigned long long)slots[bad], states->image.header.source.intensities,
                   most >> KS_STATE_INTENSITY_SHIFT);
}

static void gather_pattern(const ks_states *states, ks_state *out, const uint64_t *slots, size_t n) {
    const uint64_t period = states->image.period;
    uint64_t slot = states->image.header.first_slot, phase = 0;
    for (size_t i = 0; i < n; i++) {
        phase += slots[i] - slot; /* below 2^57: both terms are below 2^56 */
        slot = slots[i];
        if (phase >= period)
            phase = phase - period < period ? phase - period : phase % period;
        out[i] = states->pattern[phase];
    }
}

ks_status ks_states_gather(ks_states *states, ks_state *out, const uint64_t *slots, size_t n) {
    if (n == 0)
        return KS_OK;
    if (!states->has_header)
        return ks_fail(KS_ERR_EMPTY, "the header of the states has not arrived");
    KS_TRY(check_range(states, slots, n));
    switch (states->image.kind) {
    case KS_STATES_PATTERN:
        gather_pattern(states, out, slots, n);
        return KS_OK;
    case KS_STATES_SEEDED:
        ks_kernels_get()->seeded_states(out, slots, n, &states->generator);
        return KS_OK;
    case KS_STATES_PACKED:
        break;
    }
    return gather_packed(states, out, slots, n);
}

ks_status ks_states_write_header(uint8_t *out, size_t capacity, size_t *size,
                                 const ks_states_header *header) {
    ks_states_image image = {.kind = KS_STATES_PACKED, .header = *header};
    return ks_states_image_write(out, capacity, size, &image);
}

ks_status ks_states_write_pattern(uint8_t *out, size_t capacity, size_t *size, const ks_states_header *header,
                                  const ks_state *pattern, size_t slots) {
    ks_states_image image = {.kind = KS_STATES_PATTERN, .header = *header, .period = slots};
    image.header.test_only = 1;
    KS_TRY(ks_states_image_write(out, capacity, size, &image));
    size_t bytes = slots / 2 + slots % 2;
    if (capacity - *size < bytes)
        return ks_fail(KS_ERR_FULL, "pattern needs %zu bytes, there are %zu", bytes, capacity - *size);
    ks_states_pack(out + *size, pattern, slots);
    *size += bytes;
    return KS_OK;
}

ks_status ks_states_write_seed(uint8_t *out, size_t capacity, size_t *size, const ks_states_header *header,
                               const uint8_t seed[32], double test_basis) {
    ks_states_image image = {.kind = KS_STATES_SEEDED, .header = *header, .test_basis = test_basis};
    image.header.test_only = 1;
    KS_TRY(ks_states_image_write(out, capacity, size, &image));
    if (capacity - *size < 32)
        return ks_fail(KS_ERR_FULL, "seed needs 32 bytes, there are %zu", capacity - *size);
    memcpy(out + *size, seed, 32);
    *size += 32;
    return KS_OK;
}

void ks_states_pack(uint8_t *out, const ks_state *states, size_t n) {
    for (size_t i = 0; i < n / 2; i++)
        out[i] = (uint8_t)((states[2 * i] & 15) | states[2 * i + 1] << 4);
    if (n % 2)
        out[n / 2] = states[n - 1] & 15;
}
