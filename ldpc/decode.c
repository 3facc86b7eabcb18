/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>
#include <keystill/secret.h>

#include "kernels/kernels.h"
#include "ldpc/code.h"
#include "pipeline/status.h"

struct ks_ldpc_workspace {
    unsigned log2n;
    uint32_t rate, columns; /* what `decoder` was made for; rate UINT32_MAX: nothing yet */
    ks_code_decoder decoder;
    uint64_t *decoded;
    void *state;
    void *exact; /* of the exact decoder; made when it is first needed */
};

static size_t aligned(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* Most memory that any base asks for, of either decoder. */
static ks_status state_bytes(size_t *bytes, size_t *exact_bytes, unsigned log2n) {
    *bytes = *exact_bytes = 0;
    for (uint16_t b = 0; b < ks_family_count; b++) {
        const ks_base_spec *spec = &ks_family[b];
        if (log2n < ks_base_log2n_min(spec))
            continue;
        uint32_t z = (1u << log2n) / spec->columns;
        size_t need = ks_ldpc_state_bytes(spec->columns, spec->rows, ks_base_edges(spec), z);
        if (need > *bytes)
            *bytes = need;
        need = ks_ldpc_exact_bytes(spec->columns, ks_base_edges(spec), z);
        if (need > *exact_bytes)
            *exact_bytes = need;
    }
    return *bytes ? KS_OK : ks_fail(KS_ERR_ARGUMENT, "frames of 2^%u bits are not served", log2n);
}

ks_status ks_ldpc_workspace_create(ks_ldpc_workspace **out, unsigned log2n) {
    *out = NULL;
    if (log2n < KS_LDPC_LOG2N_MIN || log2n > KS_LDPC_LOG2N_MAX || log2n % 2)
        return ks_fail(KS_ERR_ARGUMENT, "frames of 2^%u bits are not served", log2n);
    size_t bytes, exact_bytes, head = aligned(sizeof(ks_ldpc_workspace)), frame = (size_t)1 << (log2n - 3);
    KS_TRY(state_bytes(&bytes, &exact_bytes, log2n));
    void *memory;
    KS_TRY(ks_secret_alloc(&memory, head + frame + bytes, KS_SECRET_BLOCK));
    ks_ldpc_workspace *w = memory;
    w->log2n = log2n;
    w->rate = UINT32_MAX;
    w->decoded = (uint64_t *)(void *)((char *)memory + head);
    w->state = (char *)memory + head + frame;
    *out = w;
    return KS_OK;
}

void ks_ldpc_workspace_destroy(ks_ldpc_workspace *workspace) {
    if (workspace)
        ks_secret_free(workspace->exact);
    ks_secret_free(workspace);
}

static ks_status prepare(ks_ldpc_workspace *w, const ks_ldpc_request *request) {
    const ks_code_rate *r = ks_code_rate_of(request->rate);
    const ks_base_spec *spec = &ks_family[r->base];
    uint32_t z = (1u << w->log2n) / spec->columns, columns = (uint32_t)((request->real_bits + z - 1) / z);
    if (w->rate == request->rate && w->columns == columns)
        return KS_OK;
    const ks_base_graph *graph = ks_code_graph(r->base);
    if (!graph)
        return KS_ERR_MEMORY;
    w->rate = UINT32_MAX;
    ks_code_decoder_make(&w->decoder, spec, graph, r->merges, z, columns);
    w->rate = request->rate;
    w->columns = columns;
    return KS_OK;
}

static double log_likelihood(double q) {
    return log((1 - q) / q);
}

/* The tables are made for KS_BASE_WEIGHT at the threshold; fewer errors make a received bit worth more. */
uint32_t ks_code_weight(uint16_t rate, double qber) {
    const ks_code_rate *r = ks_code_rate_of(rate);
    const ks_base_spec *spec = &ks_family[r->base];
    double threshold = ks_code_threshold(spec, r->merges);
    if (!(qber > 0 && qber < threshold))
        return KS_BASE_WEIGHT;
    double more = round((log_likelihood(qber) - log_likelihood(threshold)) / spec->step);
    return KS_BASE_WEIGHT + (more < 7 ? (uint32_t)more : 7);
}

static size_t count_changes(const uint64_t *a, const uint64_t *b, size_t bits) {
    size_t count = 0, whole = bits / 64;
    for (size_t i = 0; i < whole; i++)
        count += (size_t)__builtin_popcountll(a[i] ^ b[i]);
    if (bits % 64)
        count += (size_t)__builtin_popcountll((a[whole] ^ b[whole]) & ((UINT64_C(1) << bits % 64) - 1));
    return count;
}

/* What the decoder left of the frame. */
static void forget(ks_ldpc_workspace *w, uint16_t rate) {
    const ks_base_spec *spec = &ks_family[ks_code_rate_of(rate)->base];
    const uint32_t z = (1u << w->log2n) / spec->columns;
    ks_wipe(w->decoded, (size_t)1 << (w->log2n - 3));
    ks_wipe(w->state, ks_ldpc_state_bytes(spec->columns, spec->rows, ks_base_edges(spec), z));
}

/* And the exact one. */
static void forget_exact(ks_ldpc_workspace *w, uint16_t rate) {
    const ks_base_spec *spec = &ks_family[ks_code_rate_of(rate)->base];
    const uint32_t z = (1u << w->log2n) / spec->columns;
    ks_wipe(w->exact, ks_ldpc_exact_bytes(spec->columns, ks_base_edges(spec), z));
}

uint32_t ks_code_exact_weight(uint16_t rate, double qber) {
    const ks_code_rate *r = ks_code_rate_of(rate);
    double q = qber > 0 ? qber : ks_code_threshold(&ks_family[r->base], r->merges);
    double weight = round(32 * log2((1 - q) / q));
    return weight < 1 ? 1 : weight < 511 ? (uint32_t)weight : 511;
}

static ks_ldpc_task task_of(const ks_ldpc_workspace *w, const ks_ldpc_request *request) {
    return (ks_ldpc_task){.by_row = &w->decoder.by_row,
                          .row_class = w->decoder.row_class,
                          .remap = &w->decoder.remap,
                          .received = request->received,
                          .syndrome = request->syndrome,
                          .real_bits = (uint32_t)request->real_bits,
                          .weight = ks_code_weight(request->rate, request->qber),
                          .max_passes =
                              request->max_iterations ? request->max_iterations : KS_CODE_DEFAULT_PASSES,
                          .patience = KS_CODE_PATIENCE};
}

static ks_status decode_exactly(ks_ldpc_workspace *w, ks_ldpc_outcome *outcome,
                                const ks_ldpc_request *request) {
    ks_ldpc_memory **memory = request->memory;
    if (!w->exact) {
        size_t ignored, bytes;
        KS_TRY(state_bytes(&ignored, &bytes, w->log2n));
        KS_TRY(ks_secret_alloc(&w->exact, bytes, KS_SECRET_BLOCK));
    }
    ks_ldpc_task task = task_of(w, request);
    task.weight = ks_code_exact_weight(request->rate, request->qber);
    if (memory) {
        task.from = *memory ? &(*memory)->kept : NULL;
        if (!*memory)
            *memory = ks_code_memory_make(request->allowance, task.by_row, request->rate, request->real_bits);
        task.keep = *memory ? &(*memory)->kept : NULL;
    }
    ks_kernels_get()->ldpc_exact(outcome, w->decoded, &task, w->exact);
    forget_exact(w, request->rate);
    if (memory && outcome->converged) {
        ks_ldpc_forget(*memory);
        *memory = NULL;
    }
    return KS_OK;
}

/* Makes the memory one of the request's rate. */
static ks_status split(ks_ldpc_workspace *w, const ks_ldpc_request *request) {
    ks_ldpc_request before = *request;
    KS_TRY(ks_code_memory_check(*request->memory, request->rate, w->log2n, request->real_bits));
    before.rate = (*request->memory)->rate;
    KS_TRY(prepare(w, &before));
    ks_code_memory_split(*request->memory, &w->decoder.by_row, request->rate);
    return KS_OK;
}

ks_status ks_ldpc_decode(ks_ldpc_workspace *workspace, ks_ldpc_result *result, uint64_t *frame_out,
                         const ks_ldpc_request *request) {
    size_t n = (size_t)1 << workspace->log2n;
    const int goes_on = request->memory && *request->memory,
              has_exact = request->decoders != KS_LDPC_FAST_ONLY;
    if (!ks_ldpc_supports(request->rate, workspace->log2n))
        return ks_fail(KS_ERR_ARGUMENT, "rate %u does not serve frames of 2^%u bits", request->rate,
                       workspace->log2n);
    if (request->real_bits == 0 || request->real_bits > n || !(request->qber >= 0 && request->qber <= 0.5))
        return ks_fail(KS_ERR_ARGUMENT, "%zu bits of %zu, error rate %g", request->real_bits, n,
                       request->qber);
    if (goes_on && !has_exact)
        return ks_fail(KS_ERR_ARGUMENT, "only the exact decoder goes on from a memory");
    if (goes_on)
        KS_TRY(split(workspace, request));
    KS_TRY(prepare(workspace, request));
    ks_ldpc_outcome fast = {0}, exact = {0};
    ks_status status = goes_on ? decode_exactly(workspace, &exact, request) : KS_OK;
    if (!exact.converged && request->decoders != KS_LDPC_EXACT_ONLY) {
        const ks_ldpc_task task = task_of(workspace, request);
        ks_kernels_get()->ldpc_decode(&fast, workspace->decoded, &task, workspace->state);
    }
    if (!goes_on && !fast.converged && has_exact)
        status = decode_exactly(workspace, &exact, request);
    if (goes_on && fast.converged) {
        ks_ldpc_forget(*request->memory);
        *request->memory = NULL;
    }
    const int converged = fast.converged || exact.converged;
    *result = (ks_ldpc_result){.converged = converged,
                               .iterations = fast.passes,
                               .exact_iterations = exact.passes,
                               .unsatisfied = converged ? 0 : (has_exact ? exact : fast).unsatisfied};
    if (converged) {
        result->errors = count_changes(workspace->decoded, request->received, request->real_bits);
        memcpy(frame_out, workspace->decoded, n / 8);
    } else if (frame_out != request->received) {
        memcpy(frame_out, request->received, n / 8);
    }
    forget(workspace, request->rate);
    return status;
}
