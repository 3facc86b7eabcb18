/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding that goes on from where an earlier try of the frame stopped. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/backend.h>
#include <keystill/devices.h>

#include "ldpc/code.h"
#include "ldpc/splitmix.h"

enum { LOG2N = 14, BITS = 1 << LOG2N, WORDS = BITS / 64, FRAMES = 6, ROOM = 16 };

static const uint64_t plenty = UINT64_C(1) << 40;

/* A code in the middle of its merges, and one with a few pairs more split. */
typedef struct rates {
    uint16_t base, from, to;
    double limit; /* of the exact decoder at `from` */
} rates;

static rates find_rates(const char *name, uint16_t split) {
    rates r = {0};
    while (strcmp(ks_family[r.base].name, name) != 0)
        r.base++;
    const uint16_t merges = ks_family[r.base].pairs / 2;
    r.from = ks_code_rate_find(r.base, merges);
    r.to = ks_code_rate_find(r.base, (uint16_t)(merges - split));
    r.limit = ks_code_limit(r.base, merges, 1);
    return r;
}

typedef struct frame {
    uint64_t alice[WORDS], bob[WORDS], out[WORDS], mother[WORDS], syndrome[WORDS];
    size_t real_bits;
} frame;

/* A frame with exactly `errors` errors and the syndrome of `rate`. */
static void draw(frame *f, uint16_t rate, size_t real_bits, uint32_t errors, uint64_t seed) {
    f->real_bits = real_bits;
    for (size_t i = 0; i < WORDS; i++)
        f->alice[i] = i < real_bits / 64 ? ks_splitmix(&seed) : 0;
    memcpy(f->bob, f->alice, sizeof f->bob);
    while (errors > 0) {
        const uint64_t at = ks_splitmix(&seed) % (real_bits / 64 * 64), bit = UINT64_C(1) << at % 64;
        errors -= ((f->bob[at / 64] ^ f->alice[at / 64]) & bit) == 0;
        f->bob[at / 64] = (f->bob[at / 64] & ~bit) | (~f->alice[at / 64] & bit);
    }
    cr_assert_eq(ks_ldpc_syndrome(f->mother, f->alice, rate, LOG2N), KS_OK);
    cr_assert_eq(ks_ldpc_merge(f->syndrome, f->mother, rate, LOG2N), KS_OK);
}

static void extend(frame *f, uint16_t from, uint16_t to) {
    uint64_t extra[WORDS];
    cr_assert_eq(ks_ldpc_extra(extra, f->mother, from, to, LOG2N), KS_OK);
    cr_assert_eq(ks_ldpc_extend(f->syndrome, extra, from, to, LOG2N), KS_OK);
}

static ks_ldpc_request request_of(const frame *f, uint16_t rate, double q, ks_ldpc_memory **memory,
                                  uint64_t *allowance) {
    return (ks_ldpc_request){.received = f->bob,
                             .syndrome = f->syndrome,
                             .rate = rate,
                             .real_bits = f->real_bits,
                             .qber = q,
                             .decoders = KS_LDPC_FAST_THEN_EXACT,
                             .memory = memory,
                             .allowance = allowance};
}

/* Soft values made of a bit's own part and of its messages: after the split they lack those of the split rows
 * alone, and every other row finds its messages where the lists of the later rate look for them. */
Test(ldpc_resume, split_takes_out_what_merged_rows_sent) {
    static ks_code_decoder before, after;
    const rates r = find_rates("s418", 5);
    const ks_base_spec *spec = &ks_family[r.base];
    const uint32_t z = BITS / spec->columns, columns = spec->columns - 3; /* shortened */
    const uint32_t merges[2] = {ks_code_rate_of(r.from)->merges, ks_code_rate_of(r.to)->merges};
    ks_code_decoder_make(&before, spec, ks_code_graph(r.base), merges[0], z, columns);
    ks_code_decoder_make(&after, spec, ks_code_graph(r.base), merges[1], z, columns);
    const uint32_t rows = before.by_row.rows, edges = before.first[rows];
    uint64_t allowance = plenty, seed = 5;
    ks_ldpc_memory *m = ks_code_memory_make(&allowance, &before.by_row, r.from, columns * z);
    cr_assert(m && allowance < plenty);
    int16_t *soft = m->kept.values, *c = soft + BITS, *own = calloc(BITS, sizeof *own);
    /* The message of base edge (column, row of `before`) is told by them. */
    for (size_t i = 0; i < BITS; i++)
        soft[i] = own[i] = (int16_t)(ks_splitmix(&seed) % 2001 - 1000);
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t e = before.first[row]; e < before.first[row + 1]; e++)
            for (uint32_t i = 0; i < z; i++) {
                c[e * z + i] = (int16_t)(7 * row + before.edges[e].node + i);
                soft[before.edges[e].node * z + (i + before.edges[e].shift) % z] =
                    (int16_t)(soft[before.edges[e].node * z + (i + before.edges[e].shift) % z] +
                              c[e * z + i]);
            }
    const size_t pinned = before.edges[before.first[merges[1]]].node * (size_t)z;
    const int16_t before_pin = soft[pinned];
    soft[pinned] = -32768; /* clamps where a positive message is taken out */
    ks_code_memory_split(m, &before.by_row, r.to);
    cr_expect_eq(soft[pinned], -32768);
    soft[pinned] = before_pin;
    cr_assert_eq(m->rate, r.to);
    const uint32_t split = merges[0] - merges[1];
    for (uint32_t row = 0; row < after.by_row.rows; row++) {
        const int is_new = row >= merges[1] && row < merges[1] + 2 * split;
        const uint32_t old = row < merges[1] ? row : row - split;
        for (uint32_t e = after.first[row]; e < after.first[row + 1]; e++)
            for (uint32_t i = 0; i < z; i++) {
                int16_t *s = &soft[after.edges[e].node * z + (i + after.edges[e].shift) % z];
                cr_assert_eq(c[e * z + i], is_new ? 0 : (int16_t)(7 * old + after.edges[e].node + i),
                             "row %u edge %u", row, e);
                if (s != &soft[pinned])
                    *s = (int16_t)(*s - c[e * z + i]);
            }
    }
    for (size_t i = 0; i < BITS; i++)
        if (i != pinned)
            cr_assert_eq(soft[i], own[i], "bit %zu", i);
    cr_assert_eq(after.first[after.by_row.rows], edges);
    free(own);
    ks_ldpc_forget(m);
    cr_assert_eq(allowance, plenty);
}

/* Near the limit, where the first try fails: the second is shorter than one from the received bits, finds the
 * same word and leaves nothing. */
Test(ldpc_resume, goes_on_in_fewer_passes) {
    static frame f;
    const rates r = find_rates("s418", 8);
    ks_ldpc_workspace *workspace;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, LOG2N), KS_OK);
    unsigned passes[2] = {0}, failed = 0;
    for (uint64_t k = 0; k < FRAMES; k++) {
        draw(&f, r.from, k % 2 ? BITS : BITS - 1000,
             (uint32_t)((double)BITS * r.limit * (k % 2 ? 1.01 : 0.98)), k);
        uint64_t allowance = plenty;
        ks_ldpc_memory *memory = NULL;
        ks_ldpc_request request = request_of(&f, r.from, r.limit, &memory, &allowance);
        ks_ldpc_result result, anew;
        cr_assert_eq(ks_ldpc_decode(workspace, &result, f.out, &request), KS_OK);
        cr_assert_eq(memory == NULL, result.converged);
        cr_assert_eq(allowance == plenty, result.converged);
        if (result.converged)
            continue;
        failed++;
        extend(&f, r.from, r.to);
        request.rate = r.to;
        cr_assert_eq(ks_ldpc_decode(workspace, &result, f.out, &request), KS_OK);
        cr_assert(result.converged);
        cr_assert_arr_eq(f.out, f.alice, sizeof f.out);
        cr_assert(memory == NULL && allowance == plenty);
        request.memory = NULL;
        request.decoders = KS_LDPC_EXACT_ONLY;
        cr_assert_eq(ks_ldpc_decode(workspace, &anew, f.out, &request), KS_OK);
        cr_assert(anew.converged);
        passes[0] += result.exact_iterations;
        passes[1] += anew.exact_iterations;
    }
    cr_assert_geq(failed, FRAMES / 2);
    cr_assert_lt(passes[0], passes[1] * 9 / 10, "%u passes, %u anew", passes[0], passes[1]);
    ks_ldpc_workspace_destroy(workspace);
}

/* Without allowance nothing is kept, and a memory of another frame is refused and stays the caller's. */
Test(ldpc_resume, limits_and_refusals) {
    static frame f;
    const rates r = find_rates("s418", 8);
    ks_ldpc_workspace *workspace;
    ks_ldpc_result result;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, LOG2N), KS_OK);
    draw(&f, r.from, BITS, (uint32_t)((double)BITS * r.limit * 1.3), 1);
    uint64_t allowance = 1000;
    ks_ldpc_memory *memory = NULL;
    ks_ldpc_request request = request_of(&f, r.from, r.limit, &memory, &allowance);
    cr_assert_eq(ks_ldpc_decode(workspace, &result, f.out, &request), KS_OK);
    cr_assert(!result.converged && !memory && allowance == 1000);
    request.decoders = KS_LDPC_FAST_ONLY;
    allowance = plenty;
    cr_assert_eq(ks_ldpc_decode(workspace, &result, f.out, &request), KS_OK);
    cr_assert(!result.converged && !memory && allowance == plenty);
    request.decoders = KS_LDPC_FAST_THEN_EXACT;
    request.rate = r.to;
    extend(&f, r.from, r.to);
    cr_assert_eq(ks_ldpc_decode(workspace, &result, f.out, &request), KS_OK);
    cr_assert(!result.converged && memory && allowance < plenty);
    const ks_ldpc_request good = request;
    for (int k = 0; k < 4; k++) {
        request = good;
        if (k == 0)
            request.rate = r.from; /* less syndrome than the memory knows */
        else if (k == 1)
            request.rate = find_rates("s348", 1).to;
        else if (k == 2)
            request.real_bits--;
        else
            request.decoders = KS_LDPC_FAST_ONLY;
        cr_assert_eq(ks_ldpc_decode(workspace, &result, f.out, &request), KS_ERR_ARGUMENT, "case %d", k);
        cr_assert(memory);
    }
    ks_ldpc_forget(memory);
    cr_assert_eq(allowance, plenty);
    ks_ldpc_forget(NULL);
    ks_ldpc_workspace_destroy(workspace);
}

/* ---- devices */

typedef struct trial {
    ks_frame_task tasks[FRAMES];
    uint64_t bits[FRAMES][WORDS];
    uint32_t iterations[2][FRAMES];
    uint8_t converged[2][FRAMES];
    uint64_t allowance;
} trial;

static void decode_on(ks_device *device, trial *t) {
    ks_job job = {.op = KS_OP_DECODE, .as.frames = {t->tasks, FRAMES}};
    cr_assert_eq(ks_device_submit(device, &job), KS_OK);
    ks_device_wait(device, &job);
    cr_assert_eq(job.status, KS_OK, "%s", device->name);
}

/* Two rounds; memories of the second are of two earlier rates, and some frames have none. */
static void try_device(ks_device *device, trial *t, const frame *frames, const rates *r,
                       const rates *middle) {
    memset(t, 0, sizeof *t);
    t->allowance = plenty;
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < FRAMES; k++) {
            const uint16_t rate = round ? r->to : k % 2 ? middle->to : r->from;
            static uint64_t syndromes[FRAMES][WORDS];
            cr_assert_eq(ks_ldpc_merge(syndromes[k], frames[k].mother, rate, LOG2N), KS_OK);
            if (!round)
                memcpy(t->bits[k], frames[k].bob, sizeof t->bits[k]);
            t->tasks[k] = (ks_frame_task){.frame = t->bits[k],
                                          .syndrome = syndromes[k],
                                          .real_bits = frames[k].real_bits,
                                          .qber = r->limit,
                                          .rate = rate,
                                          .log2n = LOG2N,
                                          .exact = 1,
                                          .iterations = round ? 0 : 30,
                                          .memory = t->tasks[k].memory,
                                          .allowance = k == 3 ? NULL : &t->allowance};
        }
        decode_on(device, t);
        for (int k = 0; k < FRAMES; k++) {
            t->iterations[round][k] = t->tasks[k].iterations;
            t->converged[round][k] = t->tasks[k].converged;
            cr_assert_eq(t->tasks[k].memory != NULL, !t->tasks[k].converged && k != 3, "%s", device->name);
        }
    }
    for (int k = 0; k < FRAMES; k++)
        ks_ldpc_forget(t->tasks[k].memory);
    cr_assert_eq(t->allowance, plenty, "%s", device->name);
}

/* Every device goes on alike: bits, passes, failures. */
Test(ldpc_resume, every_device_goes_on_alike) {
    static frame frames[FRAMES];
    static trial want, got;
    const rates r = find_rates("s418", 8), middle = find_rates("s418", 3);
    for (uint64_t k = 0; k < FRAMES; k++)
        draw(&frames[k], r.from, k < 4 ? BITS : BITS - 1000,
             (uint32_t)((double)BITS * r.limit *
                        (k == 2   ? 0.9
                         : k == 5 ? 1.3
                                  : 1.0)),
             77 + k);
    ks_device_entry entries[ROOM];
    size_t count;
    cr_assert_eq(ks_devices_list(entries, ROOM, &count, NULL), KS_OK);
    for (size_t i = 0; i < count && i < ROOM; i++) {
        ks_device *device;
        if (!entries[i].usable)
            continue;
        cr_assert_eq(ks_devices_open(&device, entries[i].backend, entries[i].index, NULL), KS_OK, "%s",
                     ks_error_detail());
        try_device(device, i ? &got : &want, frames, &r, &middle);
        if (i) {
            cr_expect_arr_eq(got.bits, want.bits, sizeof got.bits, "%s", device->name);
            cr_expect_arr_eq(got.iterations, want.iterations, sizeof got.iterations, "%s", device->name);
            cr_expect_arr_eq(got.converged, want.converged, sizeof got.converged, "%s", device->name);
        }
        ks_device_close(device);
    }
    int late = 0;
    for (int k = 0; k < FRAMES; k++)
        late += !want.converged[0][k] && want.converged[1][k];
    cr_assert_geq(late, 2);
    cr_assert(!want.converged[1][5]);
}
