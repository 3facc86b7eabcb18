/* SPDX-License-Identifier: Apache-2.0 */
/* PicoQuant record types, shared by the PTU header, the raw streams and the writer. */
#ifndef KS_HOST_FORMATS_PICOQUANT_H
#define KS_HOST_FORMATS_PICOQUANT_H

#include <stdint.h>

#include "host/formats/core.h"

/* "PQTTTR Record Types" of PicoQuant's Time-Tagged File Format Demos; the overflow period in ticks of T2,
 * syncs of T3. */
typedef struct ks_picoquant_type {
    uint32_t code;
    uint8_t picoharp; /* layout: 1 PicoHarp, 0 HydraHarp */
    uint8_t t3;
    uint8_t counted; /* overflow records carry the number of periods */
    uint32_t period;
    const char *device;
} ks_picoquant_type;

const ks_picoquant_type *ks_picoquant_find(int64_t code);

/* Installs the record layout in the reader's rules. */
void ks_picoquant_use(ks_reader *reader, const ks_picoquant_type *type);

void ks_picoquant_masks(ks_reader *reader);
ks_record_class ks_picoquant_one(ks_reader *reader, ks_record *out, const uint8_t *record, size_t bytes);
ks_tag_decode_fn *ks_picoquant_kernel(const ks_reader *reader);

#endif
