/* SPDX-License-Identifier: Apache-2.0 */
/* Slot lists from a hostile peer: refused, or strictly increasing within the limit and then encodable again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/slotcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { MOST = 4096 };
    static uint64_t slots[MOST], again[MOST];
    static uint8_t code[8 * MOST + 16];
    if (size < 10)
        return 0;
    uint64_t base = data[0], limit;
    memcpy(&limit, data + 2, 8);
    limit = base + (limit >> 8);
    size_t n = data[1] % 128u * 17u;
    if (limit > UINT64_C(1) << 56 || ks_slotcode_decode(slots, n, data + 10, size - 10, base, limit) != KS_OK)
        return 0;
    uint64_t next = base;
    for (size_t i = 0; i < n; i++) {
        if (slots[i] < next || slots[i] >= limit)
            abort();
        next = slots[i] + 1;
    }
    size_t bytes;
    if (ks_slotcode_encode(code, sizeof code, &bytes, slots, n, base) != KS_OK ||
        ks_slotcode_decode(again, n, code, bytes, base, limit) != KS_OK || memcmp(slots, again, n * 8) != 0)
        abort();
    return 0;
}
