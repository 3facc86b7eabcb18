/* SPDX-License-Identifier: Apache-2.0 */
#include "host/formats/states_image.h"

#include <math.h>
#include <string.h>

#include "pipeline/status.h"

enum {
    AT_VERSION = 4,
    AT_BITS = 6,
    AT_BASES = 7,
    AT_FIRST_SLOT = 8,
    AT_SLOTS = 16,
    AT_CLOCK = 24,
    AT_INTENSITIES = 32,
    AT_FLAGS = 33,
    AT_HEADER_BYTES = 34,
    AT_RESERVED = 36,
    AT_TEST_BASIS = 40,
    AT_PERIOD = 48,
    AT_RESERVED_2 = 56,
    AT_TABLE = KS_STATES_FIXED_BYTES,
    TABLE_ROW = 16,
    VERSION = 1,
    FLAG_TEST_ONLY = 1
};

/* Upper limit of plausible pulse rates; keeps slot arithmetic far from overflow. */
static const double CLOCK_MAX_HZ = 1e12;

static const char magics[][5] = {"QST1", "QSP1", "QSS1"};

static uint64_t get(const uint8_t *bytes, int width) {
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static void put(uint8_t *bytes, int width, uint64_t value) {
    for (int i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static double get_double(const uint8_t *bytes) {
    uint64_t bits = get(bytes, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void put_double(uint8_t *bytes, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(bytes, 8, bits);
}

static ks_status check_intensities(const ks_source *source) {
    double sum = 0;
    for (uint32_t k = 0; k < source->intensities; k++) {
        double mean = source->mean[k], probability = source->probability[k];
        if (!(mean >= 0 && mean <= 1e6))
            return ks_fail(KS_ERR_ARGUMENT,
                           "intensity %u: expected a mean photon number of 0 or more, got %g", k, mean);
        if (k > 0 && !(mean < source->mean[k - 1]))
            return ks_fail(KS_ERR_ARGUMENT, "intensity %u: expected a mean below that before it, got %g", k,
                           mean);
        if (!(probability > 0 && probability <= 1))
            return ks_fail(KS_ERR_ARGUMENT, "intensity %u: expected a probability in (0, 1], got %g", k,
                           probability);
        sum += probability;
    }
    if (fabs(sum - 1) > 1e-9)
        return ks_fail(KS_ERR_ARGUMENT,
                       "intensities: expected probabilities that sum to 1, got a sum of %.12g", sum);
    return KS_OK;
}

ks_status ks_states_image_check(const ks_states_image *image) {
    const ks_states_header *header = &image->header;
    if (header->source.intensities < 1 || header->source.intensities > KS_MAX_INTENSITIES)
        return ks_fail(KS_ERR_ARGUMENT, "expected 1 to %d intensities, got %u", KS_MAX_INTENSITIES,
                       header->source.intensities);
    if (header->first_slot > KS_SLOT_MAX || header->slots > KS_SLOT_MAX - header->first_slot + 1)
        return ks_fail(KS_ERR_ARGUMENT, "slots: expected them to end at 2^56, got first %llu, number %llu",
                       (unsigned long long)header->first_slot, (unsigned long long)header->slots);
    if (!(header->clock_hz > 0 && header->clock_hz <= CLOCK_MAX_HZ))
        return ks_fail(KS_ERR_ARGUMENT, "clock: expected more than 0 and at most 1e12 Hz, got %g",
                       header->clock_hz);
    if (!(image->test_basis >= 0 && image->test_basis <= 1))
        return ks_fail(KS_ERR_ARGUMENT, "probability of the test basis: expected 0 to 1, got %g",
                       image->test_basis);
    if (image->kind == KS_STATES_PATTERN && (image->period < 1 || image->period > KS_SLOT_MAX))
        return ks_fail(KS_ERR_ARGUMENT, "pattern: expected 1 to 2^56 slots, got %llu",
                       (unsigned long long)image->period);
    return check_intensities(&header->source);
}

static ks_status expect(const uint8_t *bytes, int at, int width, uint64_t expected, const char *what) {
    uint64_t found = get(bytes + at, width);
    if (found == expected)
        return KS_OK;
    return ks_fail(KS_ERR_FORMAT, "states, offset %d: expected %s %llu, found %llu", at, what,
                   (unsigned long long)expected, (unsigned long long)found);
}

static ks_status read_kind(ks_states_kind *kind, const uint8_t *bytes) {
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (memcmp(bytes, magics[i], 4) == 0) {
            *kind = (ks_states_kind)i;
            return KS_OK;
        }
    return ks_fail(KS_ERR_FORMAT,
                   "states, offset 0: expected QST1, QSP1 or QSS1, found bytes %02x %02x %02x %02x", bytes[0],
                   bytes[1], bytes[2], bytes[3]);
}

ks_status ks_states_image_read_fixed(ks_states_image *image, const uint8_t *bytes) {
    *image = (ks_states_image){0};
    KS_TRY(read_kind(&image->kind, bytes));
    KS_TRY(expect(bytes, AT_VERSION, 2, VERSION, "version"));
    KS_TRY(expect(bytes, AT_BITS, 1, 4, "bits per state"));
    KS_TRY(expect(bytes, AT_BASES, 1, 2, "bases"));
    uint64_t intensities = get(bytes + AT_INTENSITIES, 1), flags = get(bytes + AT_FLAGS, 1);
    if (intensities < 1 || intensities > KS_MAX_INTENSITIES)
        return ks_fail(KS_ERR_FORMAT, "states, offset %d: expected 1 to %d intensities, found %llu",
                       AT_INTENSITIES, KS_MAX_INTENSITIES, (unsigned long long)intensities);
    if (flags & ~(uint64_t)FLAG_TEST_ONLY)
        return ks_fail(KS_ERR_FORMAT, "states, offset %d: expected flags 0 or 1, found %llu", AT_FLAGS,
                       (unsigned long long)flags);
    image->header_bytes = KS_STATES_FIXED_BYTES + TABLE_ROW * (size_t)intensities;
    KS_TRY(expect(bytes, AT_HEADER_BYTES, 2, image->header_bytes, "header bytes"));
    KS_TRY(expect(bytes, AT_RESERVED, 4, 0, "reserved bytes"));
    KS_TRY(expect(bytes, AT_RESERVED_2, 8, 0, "reserved bytes"));
    image->header.first_slot = get(bytes + AT_FIRST_SLOT, 8);
    image->header.slots = get(bytes + AT_SLOTS, 8);
    image->header.clock_hz = get_double(bytes + AT_CLOCK);
    image->header.source.intensities = (uint32_t)intensities;
    image->header.test_only = (int)(flags & FLAG_TEST_ONLY);
    image->test_basis = get_double(bytes + AT_TEST_BASIS);
    image->period = get(bytes + AT_PERIOD, 8);
    return KS_OK;
}

ks_status ks_states_image_read_table(ks_states_image *image, const uint8_t *bytes) {
    for (uint32_t k = 0; k < image->header.source.intensities; k++) {
        image->header.source.mean[k] = get_double(bytes + AT_TABLE + TABLE_ROW * k);
        image->header.source.probability[k] = get_double(bytes + AT_TABLE + TABLE_ROW * k + 8);
    }
    return ks_states_image_check(image) == KS_OK ? KS_OK : ks_fail_in(KS_ERR_FORMAT, "states, header");
}

ks_status ks_states_image_read(ks_states_image *image, const uint8_t *bytes, size_t size) {
    if (size < KS_STATES_FIXED_BYTES)
        return ks_fail(KS_ERR_FORMAT, "states: expected a header of at least %d bytes, found %zu",
                       KS_STATES_FIXED_BYTES, size);
    KS_TRY(ks_states_image_read_fixed(image, bytes));
    if (size < image->header_bytes)
        return ks_fail(KS_ERR_FORMAT, "states: expected a header of %zu bytes, found %zu",
                       image->header_bytes, size);
    return ks_states_image_read_table(image, bytes);
}

ks_status ks_states_image_write(uint8_t *out, size_t capacity, size_t *size, const ks_states_image *image) {
    *size = 0;
    KS_TRY(ks_states_image_check(image));
    const ks_states_header *header = &image->header;
    size_t bytes = KS_STATES_FIXED_BYTES + TABLE_ROW * (size_t)header->source.intensities;
    if (capacity < bytes)
        return ks_fail(KS_ERR_FULL, "states: the header needs %zu bytes, there are %zu", bytes, capacity);
    memset(out, 0, bytes);
    memcpy(out, magics[image->kind], 4);
    put(out + AT_VERSION, 2, VERSION);
    put(out + AT_BITS, 1, 4);
    put(out + AT_BASES, 1, 2);
    put(out + AT_FIRST_SLOT, 8, header->first_slot);
    put(out + AT_SLOTS, 8, header->slots);
    put_double(out + AT_CLOCK, header->clock_hz);
    put(out + AT_INTENSITIES, 1, header->source.intensities);
    put(out + AT_FLAGS, 1, header->test_only ? FLAG_TEST_ONLY : 0);
    put(out + AT_HEADER_BYTES, 2, bytes);
    put_double(out + AT_TEST_BASIS, image->test_basis);
    put(out + AT_PERIOD, 8, image->period);
    for (uint32_t k = 0; k < header->source.intensities; k++) {
        put_double(out + AT_TABLE + TABLE_ROW * k, header->source.mean[k]);
        put_double(out + AT_TABLE + TABLE_ROW * k + 8, header->source.probability[k]);
    }
    *size = bytes;
    return KS_OK;
}
