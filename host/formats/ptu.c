/* SPDX-License-Identifier: Apache-2.0 */
/* Header of PicoQuant's unified TTTR file (PTU): 8 bytes of magic, 8 of version, then tags of 48 bytes { char
 * name[32]; i32 index; u32 type; i64 value }, some followed by `value` bytes, up to "Header_End". Behind it
 * 32-bit records. */
#include <string.h>

#include "host/formats/picoquant.h"
#include "pipeline/status.h"

enum { MAGIC_BYTES = 16, TAG_BYTES = 48, NAME_BYTES = 32, DEVICE_BYTES = 63 };
enum { STEP_MAGIC, STEP_TAG, STEP_DEVICE };
#define HEADER_LIMIT UINT64_C(16777216) /* an endless header is an attack, not a measurement */

/* Tag types of which a payload follows the tag. */
static int has_payload(uint32_t type) {
    return type == 0x2001FFFF || type == 0x4001FFFF || type == 0x4002FFFF || type == 0xFFFFFFFF;
}

static int is_known_type(uint32_t type) {
    static const uint32_t scalars[] = {0xFFFF0008, 0x00000008, 0x10000008, 0x11000008,
                                       0x12000008, 0x20000008, 0x21000008};
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
        if (scalars[i] == type)
            return 1;
    return has_payload(type);
}

static ks_status begin(ks_reader *reader) {
    reader->info.kind = KS_TIME_TAGS;
    reader->ptu.step = STEP_MAGIC;
    reader->ptu.record_type = -1;
    return KS_OK;
}

static ks_status finish_header(ks_reader *reader) {
    unsigned long long at = (unsigned long long)reader->offset;
    if (reader->ptu.record_type < 0)
        return ks_fail(KS_ERR_FORMAT,
                       "byte %llu: expected TTResultFormat_TTTRRecType in the header, found its end", at);
    const ks_picoquant_type *type = ks_picoquant_find(reader->ptu.record_type);
    if (!type)
        return ks_fail(KS_ERR_FORMAT, "byte %llu: expected a known record type, found 0x%08llx", at,
                       (unsigned long long)reader->ptu.record_type);
    ks_picoquant_use(reader, type);
    if (ks_unit_from_seconds(&reader->info.unit, reader->ptu.global_resolution) != KS_OK)
        return ks_fail_in(KS_ERR_FORMAT, "byte %llu: expected MeasDesc_GlobalResolution in seconds, found",
                          at);
    if (type->t3 && ks_unit_from_seconds(&reader->info.fine_unit, reader->ptu.resolution) != KS_OK)
        return ks_fail_in(KS_ERR_FORMAT, "byte %llu: expected MeasDesc_Resolution in seconds, found", at);
    if (reader->ptu.records > 0)
        reader->limit = reader->info.expected_records = (uint64_t)reader->ptu.records;
    if (!reader->info.device[0])
        strcpy(reader->info.device, type->device);
    reader->need = 0;
    return KS_OK;
}

static double as_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void store_number(ks_reader *reader, const char *name, uint32_t type, uint64_t value) {
    int is_integer = type == 0x10000008, is_real = type == 0x20000008;
    if (is_integer && strcmp(name, "TTResultFormat_TTTRRecType") == 0)
        reader->ptu.record_type = (int64_t)value;
    else if (is_integer && strcmp(name, "TTResult_NumberOfRecords") == 0)
        reader->ptu.records = (int64_t)value;
    else if (is_real && strcmp(name, "MeasDesc_GlobalResolution") == 0)
        reader->ptu.global_resolution = as_double(value);
    else if (is_real && strcmp(name, "MeasDesc_Resolution") == 0)
        reader->ptu.resolution = as_double(value);
}

static ks_status take_tag(ks_reader *reader, const uint8_t *tag) {
    char name[NAME_BYTES + 1] = {0};
    memcpy(name, tag, NAME_BYTES);
    uint32_t type = ks_load32(tag + NAME_BYTES + 4);
    uint64_t value = ks_load64(tag + NAME_BYTES + 8);
    if (!is_known_type(type))
        return ks_reader_refuse(reader, "a PTU tag of a known type", tag, NAME_BYTES + 4, 4);
    if (strcmp(name, "Header_End") == 0)
        return finish_header(reader);
    reader->need = TAG_BYTES;
    if (!has_payload(type)) {
        store_number(reader, name, type, value);
        return KS_OK;
    }
    if (value > HEADER_LIMIT || reader->offset + value > HEADER_LIMIT)
        return ks_reader_refuse(reader, "a PTU tag payload inside a header of at most 16 MiB", tag,
                                NAME_BYTES + 8, 8);
    reader->skip = value;
    if (type == 0x4001FFFF && strcmp(name, "HW_Type") == 0 && value > 0) {
        reader->ptu.step = STEP_DEVICE;
        reader->need = value < DEVICE_BYTES ? (size_t)value : DEVICE_BYTES;
        reader->ptu.behind_device = value - reader->need;
        reader->skip = 0;
    }
    return KS_OK;
}

static void store_device(ks_reader *reader, const uint8_t *text, size_t n) {
    for (size_t i = 0; i < n && text[i]; i++)
        reader->info.device[i] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
}

static ks_status chunk(ks_reader *reader, const uint8_t *bytes) {
    if (reader->offset > HEADER_LIMIT)
        return ks_reader_refuse(reader, "Header_End within 16 MiB", bytes, 0, 16);
    switch (reader->ptu.step) {
    case STEP_MAGIC:
        if (memcmp(bytes, "PQTTTR\0", 8) != 0)
            return ks_reader_refuse(reader, "a PTU file (PQTTTR)", bytes, 0, 8);
        reader->ptu.step = STEP_TAG;
        reader->need = TAG_BYTES;
        return KS_OK;
    case STEP_DEVICE:
        memset(reader->info.device, 0, sizeof reader->info.device);
        store_device(reader, bytes, reader->need);
        reader->ptu.step = STEP_TAG;
        reader->need = TAG_BYTES;
        reader->skip = reader->ptu.behind_device;
        return KS_OK;
    default:
        return take_tag(reader, bytes);
    }
}

const ks_decoder ks_decoder_ptu = {.header = MAGIC_BYTES,
                                   .record = 4,
                                   .what = "TTTR record of a legal channel",
                                   .begin = begin,
                                   .chunk = chunk,
                                   .one = ks_picoquant_one,
                                   .masks = ks_picoquant_masks,
                                   .kernel = ks_picoquant_kernel};
