/* SPDX-License-Identifier: Apache-2.0 */
/* Syndromes and their algebra: the mother syndrome has a block of z bits for each row of the base; a rate
 * with m merges has the sums of rows 2i and 2i + 1 for i < m, then the rows from 2m on. */
#include <string.h>

#include "kernels/kernels.h"
#include "ldpc/code.h"
#include "pipeline/status.h"

static uint32_t words_of(const ks_base_spec *spec, unsigned log2n) {
    return (1u << log2n) / spec->columns / 64;
}

static ks_status check_rate(const ks_code_rate **out, uint16_t rate, unsigned log2n) {
    *out = ks_code_rate_of(rate);
    if (!ks_ldpc_supports(rate, log2n))
        return ks_fail(KS_ERR_ARGUMENT, "rate %u does not serve frames of 2^%u bits", rate, log2n);
    return KS_OK;
}

static ks_status check_step(const ks_code_rate **from_rate, const ks_code_rate **to_rate, uint16_t from,
                            uint16_t to, unsigned log2n) {
    KS_TRY(check_rate(from_rate, from, log2n));
    KS_TRY(check_rate(to_rate, to, log2n));
    if ((*from_rate)->base != (*to_rate)->base || (*from_rate)->merges < (*to_rate)->merges)
        return ks_fail(KS_ERR_ARGUMENT, "rate %u does not follow rate %u", to, from);
    return KS_OK;
}

ks_status ks_ldpc_syndrome(uint64_t *mother, const uint64_t *frame, uint16_t rate, unsigned log2n) {
    const ks_code_rate *r;
    KS_TRY(check_rate(&r, rate, log2n));
    const ks_base_graph *graph = ks_code_graph(r->base);
    if (!graph)
        return KS_ERR_MEMORY;
    const ks_base_spec *spec = &ks_family[r->base];
    uint32_t z = (1u << log2n) / spec->columns;
    ks_ldpc_lists by_column = {spec->columns, spec->rows, z, graph->first, graph->edge};
    ks_kernels_get()->ldpc_syndrome(mother, frame, &by_column);
    return KS_OK;
}

ks_status ks_ldpc_merge(uint64_t *out, const uint64_t *mother, uint16_t rate, unsigned log2n) {
    const ks_code_rate *r;
    KS_TRY(check_rate(&r, rate, log2n));
    size_t w = words_of(&ks_family[r->base], log2n), merged = r->merges;
    for (size_t i = 0; i < merged; i++)
        for (size_t k = 0; k < w; k++)
            out[i * w + k] = mother[2 * i * w + k] ^ mother[(2 * i + 1) * w + k];
    memcpy(out + merged * w, mother + 2 * merged * w, (ks_family[r->base].rows - 2 * merged) * w * 8);
    return KS_OK;
}

ks_status ks_ldpc_extra(uint64_t *out, const uint64_t *mother, uint16_t from, uint16_t to, unsigned log2n) {
    const ks_code_rate *f, *t;
    KS_TRY(check_step(&f, &t, from, to, log2n));
    size_t w = words_of(&ks_family[f->base], log2n);
    for (size_t i = t->merges; i < f->merges; i++)
        memcpy(out + (i - t->merges) * w, mother + 2 * i * w, w * 8);
    return KS_OK;
}

ks_status ks_ldpc_extend(uint64_t *syndrome, const uint64_t *extra, uint16_t from, uint16_t to,
                         unsigned log2n) {
    const ks_code_rate *f, *t;
    KS_TRY(check_step(&f, &t, from, to, log2n));
    const ks_base_spec *spec = &ks_family[f->base];
    size_t w = words_of(spec, log2n), old = f->merges, new = t->merges;
    memmove(syndrome + (2 * old - new) * w, syndrome + old * w, (spec->rows - 2 * old) * w * 8);
    /* Pair i stands at i and splits to new + 2(i - new); from the last pair down nothing is overwritten too
     * early. */
    for (size_t i = old; i-- > new;) {
        uint64_t *sum = syndrome + i * w, *even = syndrome + (2 * i - new) * w, *odd = even + w;
        const uint64_t *sent = extra + (i - new) * w;
        for (size_t k = 0; k < w; k++) {
            uint64_t both = sum[k];
            odd[k] = both ^ sent[k];
            even[k] = sent[k];
        }
    }
    return KS_OK;
}
