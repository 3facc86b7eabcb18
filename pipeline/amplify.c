/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of Toeplitz hashing: sizes, workspace, choice of the method. */
#include <keystill/amplify.h>
#include <keystill/secret.h>

#include <stdlib.h>

#include "kernels/kernels.h"
#include "kernels/toeplitz_bits.h"
#include "pipeline/status.h"

struct ks_toeplitz_plan {
    size_t n_max, m_max;
    ks_toeplitz_form form;
    const ks_kernels *kernels;
    size_t n, m, c; /* of the prepared seed; n = 0: none */
    uint64_t *band; /* the prepared seed: see band_build */
    uint64_t *key;  /* the c bits that T multiplies, tail zero */
    uint64_t *product;
};

static size_t columns(size_t n, size_t m, ks_toeplitz_form form) {
    return form == KS_TOEPLITZ_MODIFIED ? n - m : n;
}

size_t ks_toeplitz_seed_bits(size_t n, size_t m, ks_toeplitz_form form) {
    if (m < 1 || m > n || n > KS_TOEPLITZ_INPUT_MAX)
        return 0;
    return columns(n, m, form) + m - 1;
}

void ks_toeplitz_plan_destroy(ks_toeplitz_plan *plan) {
    if (!plan)
        return;
    ks_secret_free(plan->band);
    ks_secret_free(plan->key);
    ks_secret_free(plan->product);
    free(plan);
}

static ks_status workspace(ks_toeplitz_plan *plan) {
    size_t words = plan->n_max / 64 + plan->m_max / 64 + 3 + KS_TOEPLITZ_BAND_PAD;
    KS_TRY(ks_secret_alloc((void **)&plan->band, words * 8, KS_SECRET_BLOCK));
    KS_TRY(ks_secret_alloc((void **)&plan->key, ks_toeplitz_words(plan->n_max) * 8, KS_SECRET_BLOCK));
    return ks_secret_alloc((void **)&plan->product, ks_toeplitz_words(plan->m_max) * 8, KS_SECRET_BLOCK);
}

ks_status ks_toeplitz_plan_create(ks_toeplitz_plan **out, size_t n_max, size_t m_max, ks_toeplitz_form form,
                                  unsigned threads) {
    *out = NULL;
    if (m_max < 1 || m_max > n_max || n_max > KS_TOEPLITZ_INPUT_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "no hash from %zu to %zu bits", n_max, m_max);
    if (form != KS_TOEPLITZ_MODIFIED && form != KS_TOEPLITZ_STANDARD)
        return ks_fail(KS_ERR_ARGUMENT, "Toeplitz form %d is not known", (int)form);
    if (threads < 1 || threads > KS_TOEPLITZ_THREADS_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "%u threads: 1 .. %u", threads, KS_TOEPLITZ_THREADS_MAX);
    ks_toeplitz_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return ks_fail(KS_ERR_MEMORY, "no memory for a plan");
    plan->n_max = n_max;
    plan->m_max = m_max;
    plan->form = form;
    plan->kernels = ks_kernels_get();
    ks_status status = workspace(plan);
    if (status != KS_OK) {
        ks_toeplitz_plan_destroy(plan);
        return status;
    }
    *out = plan;
    return KS_OK;
}

/* The band of toeplitz_direct, K = words(c): bit 64 K + d = t[d] = s[d mod S], -(c - 1) <= d < m, zero
 * outside. Its upper part is s[0..m-1], its lower part ends with s[S-1] just below. */
static void band_build(uint64_t *band, const uint64_t *seed, size_t c, size_t m) {
    size_t bits = c + m - 1, key_words = ks_toeplitz_words(c), out_words = ks_toeplitz_words(m);
    for (size_t w = 0; w < out_words; w++)
        band[key_words + w] = ks_bits_fetch(seed, m, 64 * w);
    size_t left = bits - m;
    for (size_t w = key_words; w-- > 0;) {
        if (left >= 64) {
            left -= 64;
            band[w] = ks_bits_fetch(seed, bits, m + left);
        } else {
            band[w] = left ? ks_bits_fetch(seed, m + left, m) << (64 - left) : 0;
            left = 0;
        }
    }
}

ks_status ks_toeplitz_prepare(ks_toeplitz_plan *plan, const uint64_t *seed, size_t n, size_t m) {
    plan->n = 0;
    if (m < 1 || m > n || n > plan->n_max || m > plan->m_max)
        return ks_fail(KS_ERR_ARGUMENT, "hash from %zu to %zu bits; the plan covers %zu to %zu", n, m,
                       plan->n_max, plan->m_max);
    plan->n = n;
    plan->m = m;
    plan->c = columns(n, m, plan->form);
    if (plan->c)
        band_build(plan->band, seed, plan->c, m);
    return KS_OK;
}

/* out = T key in its first m bits. */
static void multiply(ks_toeplitz_plan *plan, uint64_t *out, const uint64_t *key) {
    size_t key_words = ks_toeplitz_words(plan->c), out_words = ks_toeplitz_words(plan->m);
    for (size_t w = 0; w < key_words; w++)
        plan->key[w] = ks_bits_fetch(key, plan->c, 64 * w);
    plan->kernels->toeplitz_direct(out, out_words, plan->key, key_words, plan->band);
}

ks_status ks_toeplitz_apply_prepared(ks_toeplitz_plan *plan, uint64_t *out, const uint64_t *key) {
    if (plan->n == 0)
        return ks_fail(KS_ERR_STATE, "no seed is prepared");
    size_t words = ks_toeplitz_words(plan->m);
    if (plan->c)
        multiply(plan, plan->product, key);
    for (size_t w = 0; w < words; w++) {
        uint64_t value = plan->c ? plan->product[w] : 0;
        if (plan->form == KS_TOEPLITZ_MODIFIED)
            value ^= ks_bits_fetch(key, plan->n, plan->n - plan->m + 64 * w);
        out[w] = value;
    }
    if (plan->m % 64)
        out[words - 1] &= ((uint64_t)1 << plan->m % 64) - 1;
    return KS_OK;
}

ks_status ks_toeplitz_apply(ks_toeplitz_plan *plan, uint64_t *out, const uint64_t *key, size_t n, size_t m,
                            const uint64_t *seed) {
    KS_TRY(ks_toeplitz_prepare(plan, seed, n, m));
    return ks_toeplitz_apply_prepared(plan, out, key);
}
