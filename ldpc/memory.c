/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a failed decoding between two rounds. */
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "ldpc/code.h"
#include "pipeline/status.h"

enum { HEAD = 64 };
_Static_assert(sizeof(ks_ldpc_memory) <= HEAD, "values stay aligned");

static int take(uint64_t *allowance, uint64_t bytes) {
    uint64_t left = __atomic_load_n(allowance, __ATOMIC_RELAXED);
    while (left >= bytes)
        if (__atomic_compare_exchange_n(allowance, &left, left - bytes, 1, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return 1;
    return 0;
}

ks_ldpc_memory *ks_code_memory_make(uint64_t *allowance, const ks_ldpc_lists *by_row, uint16_t rate,
                                    size_t real_bits) {
    const size_t values = ((size_t)by_row->columns + by_row->first[by_row->rows]) * by_row->z,
                 bytes = HEAD + values * sizeof(int16_t);
    void *memory;
    if (!take(allowance, bytes))
        return NULL;
    if (ks_secret_alloc(&memory, bytes, KS_SECRET_BLOCK) != KS_OK) {
        (void)__atomic_add_fetch(allowance, bytes, __ATOMIC_RELAXED);
        return NULL;
    }
    ks_ldpc_memory *m = memory;
    *m = (ks_ldpc_memory){.allowance = allowance,
                          .bytes = bytes,
                          .real_bits = real_bits,
                          .log2n = (uint8_t)__builtin_ctz(by_row->columns * by_row->z),
                          .rate = rate,
                          .kept.values = (int16_t *)(void *)((char *)memory + HEAD)};
    return m;
}

void ks_ldpc_forget(ks_ldpc_memory *memory) {
    if (!memory)
        return;
    (void)__atomic_add_fetch(memory->allowance, memory->bytes, __ATOMIC_RELAXED);
    ks_secret_free(memory);
}

ks_status ks_code_memory_check(const ks_ldpc_memory *memory, uint16_t rate, unsigned log2n,
                               size_t real_bits) {
    if (memory->rate != rate && ks_ldpc_extra_bits(memory->rate, rate, log2n) == 0)
        return ks_fail(KS_ERR_ARGUMENT, "a memory of rate %u cannot go to rate %u", memory->rate, rate);
    if (memory->real_bits != real_bits || memory->log2n != log2n)
        return ks_fail(KS_ERR_ARGUMENT, "the memory is of a frame of another length");
    return KS_OK;
}

/* Takes an edge's messages out of the soft values. */
static void undo_edge(int16_t *soft, int16_t *c, uint32_t z, uint32_t shift) {
    for (uint32_t i = 0; i < z; i++) {
        int16_t *s = soft + ((i + shift) & (z - 1));
        const int v = *s - c[i];
        *s = (int16_t)(v < -32768 ? -32768 : v > 32767 ? 32767 : v);
        c[i] = 0;
    }
}

void ks_code_memory_split(ks_ldpc_memory *memory, const ks_ldpc_lists *by_row, uint16_t to) {
    const uint32_t z = by_row->z;
    const uint16_t old = ks_code_rate_of(memory->rate)->merges, new = ks_code_rate_of(to)->merges;
    for (uint32_t e = by_row->first[new]; e < by_row->first[old]; e++) {
        const ks_ldpc_edge *edge = &by_row->edges[e];
        undo_edge(memory->kept.values + (size_t)edge->node * z,
                  memory->kept.values + ((size_t)by_row->columns + e) * z, z, edge->shift);
    }
    memory->rate = to;
}

ks_status ks_ldpc_least_reliable(uint32_t *positions, size_t count, const ks_ldpc_memory *memory) {
    enum { MAGNITUDES = 32769 };
    const int16_t *soft = memory->kept.values;
    const size_t bits = memory->real_bits;
    uint32_t *with; /* bits of each magnitude */
    if (count == 0 || count > bits)
        return ks_fail(KS_ERR_ARGUMENT, "%zu positions of %zu", count, bits);
    KS_TRY(ks_secret_alloc((void **)&with, MAGNITUDES * sizeof *with, KS_SECRET_BLOCK));
    for (size_t i = 0; i < bits; i++)
        with[abs(soft[i])]++;
    size_t below = 0;
    int last = 0;
    while (below + with[last] < count)
        below += with[last++];
    for (size_t i = 0, found = 0, equal = count - below; found < count; i++) {
        const int magnitude = abs(soft[i]);
        if (magnitude > last || (magnitude == last && equal == 0))
            continue;
        equal -= magnitude == last;
        positions[found++] = (uint32_t)i;
    }
    ks_secret_free(with);
    return KS_OK;
}

static void know(ks_ldpc_memory *memory, const ks_ldpc_lists *by_row, uint32_t at, int bit) {
    const uint32_t z = by_row->z;
    memory->kept.values[at] = bit ? -32767 : 32767;
    for (uint32_t e = 0; e < by_row->first[by_row->rows]; e++)
        if (by_row->edges[e].node == at / z)
            memory->kept
                .values[((size_t)by_row->columns + e) * z + ((at - by_row->edges[e].shift) & (z - 1))] = 0;
}

ks_status ks_ldpc_know(ks_ldpc_memory *memory, const uint32_t *positions, size_t count,
                       const uint64_t *frame) {
    const ks_code_rate *rate = ks_code_rate_of(memory->rate);
    const ks_base_spec *spec = &ks_family[rate->base];
    const uint32_t z = (1u << memory->log2n) / spec->columns;
    const ks_base_graph *graph = ks_code_graph(rate->base);
    ks_code_decoder *code = graph ? malloc(sizeof *code) : NULL;
    if (!code)
        return ks_fail(KS_ERR_MEMORY, "no memory for a code");
    ks_code_decoder_make(code, spec, graph, rate->merges, z, (uint32_t)((memory->real_bits + z - 1) / z));
    for (size_t k = 0; k < count; k++)
        know(memory, &code->by_row, positions[k], (int)(frame[positions[k] / 64] >> positions[k] % 64 & 1));
    free(code);
    return KS_OK;
}
