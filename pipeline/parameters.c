/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters both ends share: wire form, comparison, checks. One list of fields serves all three. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/message.h"
#include "pipeline/finite_key.h"
#include "pipeline/session_internal.h"
#include "pipeline/status.h"

/* INTEGER(name, lvalue, type) and REAL(name, lvalue), in wire order. */
#define FIELDS(INTEGER, REAL)                                                                                \
    INTEGER("block pulses", block_slots, uint64_t)                                                           \
    INTEGER("key basis", key_basis, uint32_t)                                                                \
    INTEGER("number of intensities", source.intensities, uint32_t)                                           \
    REAL("intensity 1", source.mean[0])                                                                      \
    REAL("intensity 2", source.mean[1])                                                                      \
    REAL("intensity 3", source.mean[2])                                                                      \
    REAL("probability of intensity 1", source.probability[0])                                                \
    REAL("probability of intensity 2", source.probability[1])                                                \
    REAL("probability of intensity 3", source.probability[2])                                                \
    REAL("efficiency mismatch", receiver.efficiency_mismatch)                                                \
    REAL("dark count mismatch", receiver.dark_mismatch)                                                      \
    REAL("dark count probability", receiver.dark_probability)                                                \
    INTEGER("random detector swap", receiver.random_swap, int)                                               \
    REAL("epsilon of acceptance", epsilon.acceptance)                                                        \
    REAL("epsilon of amplification", epsilon.amplification)                                                  \
    INTEGER("basis choice", basis_choice, ks_basis_choice)                                                   \
    INTEGER("acceptance of passive choice", accept_passive, int)                                             \
    REAL("QBER limit", qber_limit)                                                                           \
    INTEGER("frame size", frame_log2, uint32_t)                                                              \
    INTEGER("reconciliation effort", effort, ks_effort)                                                      \
    INTEGER("key bytes", key_bytes, uint32_t)                                                                \
    INTEGER("blocks of a seed", seed_batch, uint32_t)                                                        \
    REAL("key-basis sample", key_sample)                                                                     \
    INTEGER("block detections", block_detections, uint64_t)

void ks_put_parameters(ks_writer *w, const ks_link_parameters *p) {
    ks_put(w, p->link, sizeof p->link);
#define INTEGER(name, field, type) ks_put_u64(w, (uint64_t)p->field);
#define REAL(name, field)          ks_put_double(w, p->field);
    FIELDS(INTEGER, REAL)
#undef INTEGER
#undef REAL
    ks_put(w, p->code_digest, sizeof p->code_digest);
}

void ks_get_parameters(ks_cursor *c, ks_link_parameters *p) {
    memset(p, 0, sizeof *p);
    const uint8_t *link = ks_get(c, sizeof p->link);
    if (link)
        memcpy(p->link, link, sizeof p->link);
#define INTEGER(name, field, type) p->field = (type)ks_get_u64(c);
#define REAL(name, field)          p->field = ks_get_double(c);
    FIELDS(INTEGER, REAL)
#undef INTEGER
#undef REAL
    const uint8_t *code = ks_get(c, sizeof p->code_digest);
    if (code)
        memcpy(p->code_digest, code, sizeof p->code_digest);
}

/* The first bytes are enough to tell codes apart for people. */
typedef struct code_text {
    char text[40];
} code_text;

static code_text text_of_code(const uint8_t digest[KS_CODE_DIGEST_BYTES]) {
    static const uint8_t none[KS_CODE_DIGEST_BYTES];
    code_text t = {"that of the family"};
    if (memcmp(digest, none, sizeof none) != 0)
        (void)snprintf(t.text, sizeof t.text, "%02x%02x%02x%02x%02x%02x%02x%02x...", digest[0], digest[1],
                       digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]);
    return t;
}

ks_status ks_parameters_match(const ks_link_parameters *ours, const ks_link_parameters *theirs) {
    if (memcmp(ours->link, theirs->link, sizeof ours->link) != 0)
        return ks_fail(KS_ERR_PROTOCOL, "the peer is configured for another link");
#define INTEGER(name, field, type)                                                                           \
    if (ours->field != theirs->field)                                                                        \
        return ks_fail(KS_ERR_PROTOCOL, "configurations differ: %s is %lld here, %lld at the peer", name,    \
                       (long long)ours->field, (long long)theirs->field);
#define REAL(name, field)                                                                                    \
    if (!(ours->field <= theirs->field && ours->field >= theirs->field))                                     \
        return ks_fail(KS_ERR_PROTOCOL, "configurations differ: %s is %g here, %g at the peer", name,        \
                       ours->field, theirs->field);
    FIELDS(INTEGER, REAL)
#undef INTEGER
#undef REAL
    if (memcmp(ours->code_digest, theirs->code_digest, sizeof ours->code_digest) != 0)
        return ks_fail(KS_ERR_PROTOCOL, "configurations differ: code is %s here, %s at the peer",
                       text_of_code(ours->code_digest).text, text_of_code(theirs->code_digest).text);
    return KS_OK;
}

static int within(double v, double low, double high) {
    return v >= low && v <= high;
}

ks_status ks_parameters_check(const ks_link_parameters *p) {
    if (p->block_slots < 1000 || p->block_slots > (UINT64_C(1) << 44))
        return ks_fail(KS_ERR_ARGUMENT, "block of %llu pulses: 1000 to 2^44",
                       (unsigned long long)p->block_slots);
    if (p->key_basis > 1)
        return ks_fail(KS_ERR_ARGUMENT, "key basis is %u: 0 or 1", p->key_basis);
    KS_TRY(ks_source_check(&p->source));
    if (!within(p->receiver.efficiency_mismatch, 0, 0.5) || !within(p->receiver.dark_mismatch, 0, 0.999) ||
        !within(p->receiver.dark_probability, 0, 0.1))
        return ks_fail(KS_ERR_ARGUMENT,
                       "detector mismatch is mandatory: efficiency mismatch in [0, 0.5], dark count mismatch "
                       "in [0, 1), dark "
                       "count probability in [0, 0.1] (now %g, %g, %g)",
                       p->receiver.efficiency_mismatch, p->receiver.dark_mismatch,
                       p->receiver.dark_probability);
    if (!within(p->epsilon.acceptance, 1e-30, 1e-2) || !within(p->epsilon.amplification, 1e-30, 1e-2))
        return ks_fail(KS_ERR_ARGUMENT, "epsilons must be in [1e-30, 1e-2]");
    if (p->basis_choice != KS_BASIS_ACTIVE && p->basis_choice != KS_BASIS_PASSIVE)
        return ks_fail(KS_ERR_ARGUMENT, "basis choice is mandatory: active or passive");
    if (!within(p->qber_limit, 1e-6, 0.25))
        return ks_fail(KS_ERR_ARGUMENT, "QBER limit is %g: in (0, 0.25]", p->qber_limit);
    if (!within(p->key_sample, 0, 0.5))
        return ks_fail(KS_ERR_ARGUMENT, "key-basis sample is %g: a share in [0, 0.5]", p->key_sample);
    if (p->frame_log2 < 14 || p->frame_log2 > 20 || p->frame_log2 % 2)
        return ks_fail(KS_ERR_ARGUMENT, "frames of 2^%u bits: 14, 16, 18 or 20", p->frame_log2);
    if (p->effort > KS_EFFORT_EFFICIENT)
        return ks_fail(KS_ERR_ARGUMENT, "reconciliation effort: fast, balanced or efficient");
    if (p->key_bytes < 1 || p->key_bytes > 4096)
        return ks_fail(KS_ERR_ARGUMENT, "application keys of %u bytes: 1 to 4096", p->key_bytes);
    if (p->seed_batch < 1 || p->seed_batch > 64)
        return ks_fail(KS_ERR_ARGUMENT, "a seed for %u blocks: 1 to 64", p->seed_batch);
    if (p->block_detections < 1000 || p->block_detections > KS_BLOCK_DETECTIONS_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "block detections: 1000 to 10^9");
    return KS_OK;
}
