/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/health.h"

#include "pipeline/status.h"

static ks_status test_byte(ks_health *h, uint8_t byte) {
    h->repetitions = h->bytes && byte == h->last ? h->repetitions + 1 : 1;
    h->last = byte;
    h->bytes++;
    if (h->window == 0) {
        h->first = byte;
        h->seen = 0;
    }
    h->seen += byte == h->first;
    h->window = (h->window + 1) % KS_HEALTH_WINDOW;
    if (h->repetitions >= KS_HEALTH_REPETITIONS)
        return ks_fail(KS_ERR_SECURITY, "health test of the source of randomness: %u equal bytes in a row",
                       h->repetitions);
    if (h->seen >= KS_HEALTH_PROPORTION)
        return ks_fail(KS_ERR_SECURITY, "health test of the source of randomness: one byte %u times in %u",
                       h->seen, h->window ? h->window : KS_HEALTH_WINDOW);
    return KS_OK;
}

ks_status ks_health_test(ks_health *health, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        KS_TRY(test_byte(health, bytes[i]));
    return KS_OK;
}
