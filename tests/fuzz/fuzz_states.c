/* SPDX-License-Identifier: Apache-2.0 */
/* State images from memory and from a stream cut at places that the input chooses. */
#include <keystill/states.h>
#include <stddef.h>
#include <stdint.h>

static void gather_around(ks_states *states) {
    const ks_states_header *header = ks_states_get_header(states);
    ks_state out[4];
    if (!header)
        return;
    uint64_t first = header->first_slot;
    (void)!ks_states_gather(states, out, (uint64_t[]){first, first + 1, first + 77, first + 100000}, 4);
    (void)!ks_states_gather(states, out, (uint64_t[]){first + 2}, 1);
    (void)!ks_states_gather(states, out, (uint64_t[]){0, KS_SLOT_MAX, UINT64_MAX}, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ks_states *states = NULL;
    if (ks_states_open(&states, data, size) == KS_OK) {
        gather_around(states);
        ks_states_destroy(states);
    }
    if (ks_states_from_stream(&states, 64) != KS_OK)
        return 0;
    size_t step = size ? 1 + data[size - 1] % 70u : 1;
    for (size_t at = 0, taken = 0; at < size; at += taken) {
        if (ks_states_feed(states, data + at, step < size - at ? step : size - at, &taken) != KS_OK)
            break;
        gather_around(states);
        if (taken == 0 && ks_states_get_header(states))
            ks_states_forget(states, ks_states_get_header(states)->first_slot + 2 * at);
        if (taken == 0 && at > 4096)
            break;
    }
    (void)!ks_states_end(states);
    gather_around(states);
    ks_states_destroy(states);
    return 0;
}
