/* SPDX-License-Identifier: Apache-2.0 */
/* The session's receive path under a hostile wire: the input is a list of edits (message, offset, value) on
 * the messages of a whole block between two honest ends, the rest of it a message of its own that is slipped
 * in. Inputs that end with an odd byte are for ends that reconcile by an imported code. Whatever happens, no
 * two different keys may be delivered under one identifier. */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/link_fixture.h"

typedef struct edits {
    const uint8_t *data;
    size_t size;
    unsigned seen;
} edits;

static int edit_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    edits *e = f->tap_context;
    const unsigned number = e->seen++;
    for (size_t i = 0; i + 4 <= e->size && i < 64; i += 4) {
        const uint8_t *edit = e->data + i;
        if (edit[0] == number)
            (*message)[(size_t)(edit[1] | edit[2] << 8) % *bytes] ^= edit[3];
    }
    if (e->size > 65 && e->data[64] == number) {
        ks_status status = ks_engine_receive(f->end[1 - from].engine, e->data + 65, e->size - 65);
        (void)status;
    }
    return 1;
}

static void choose_code(fixture *f, ks_session_config *config) {
    enum { COLUMNS = 2101, ROWS = 701 };
    static ks_code_one ones[3 * COLUMNS];
    static ks_code *code;
    (void)f;
    for (uint32_t i = 0; i < 3 * COLUMNS; i++)
        ones[i] = (ks_code_one){(uint32_t)(fixture_hash(i) % ROWS), i % COLUMNS};
    if (!code && ks_code_create(&code, ROWS, COLUMNS, ones, 3 * COLUMNS) != KS_OK)
        abort();
    config->code = code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fixture *f = malloc(sizeof *f);
    if (!f)
        return 0;
    edits e = {.data = data, .size = size};
    fixture_init(f);
    f->parameters.block_slots = 1 << 16;
    f->gap = 2;
    f->qber = 0.005;
    f->tap = edit_tap;
    f->configure = size && data[size - 1] & 1 ? choose_code : NULL;
    f->tap_context = &e;
    if (fixture_start(f) == KS_OK) {
        fixture_run(f, 1 << 16);
        fixture_finish(f);
        if (!fixture_keys_agree(f))
            abort();
    }
    fixture_stop(f);
    free(f);
    return 0;
}
