/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/reconcile.h"

#include <stdlib.h>

#include "ldpc/ldpc.h"
#include "pipeline/positions.h"
#include "pipeline/status.h"

enum { SMALLEST_FRAME = 14 };

/* Size of the next frame when `rest` key bits remain: the largest size they at least half fill. */
static unsigned frame_size(uint64_t rest, unsigned log2n) {
    while (log2n > SMALLEST_FRAME && rest < UINT64_C(1) << (log2n - 1))
        log2n -= 2;
    return log2n;
}

ks_status ks_reconciliation_layout(ks_reconciliation *r, uint64_t key_bits, unsigned log2n) {
    uint32_t count = 0;
    for (uint64_t rest = key_bits; rest; count++) {
        uint64_t size = UINT64_C(1) << frame_size(rest, log2n);
        rest -= rest < size ? rest : size;
    }
    *r = (ks_reconciliation){.count = count, .pending = count};
    r->frames = calloc(count ? count : 1, sizeof *r->frames);
    if (!r->frames)
        return ks_fail(KS_ERR_MEMORY, "no memory for %u frames", count);
    uint64_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        ks_frame *f = &r->frames[i];
        f->offset = offset;
        f->log2n = (uint8_t)frame_size(key_bits - offset, log2n);
        uint64_t size = UINT64_C(1) << f->log2n, rest = key_bits - offset;
        f->real_bits = (uint32_t)(rest < size ? rest : size);
        offset += f->real_bits;
        r->padded_bits = f->offset + size;
    }
    return KS_OK;
}

ks_status ks_reconciliation_layout_code(ks_reconciliation *r, uint64_t key_bits, const ks_code *code) {
    const uint64_t most = code->columns / 64 * 64, rest = key_bits % most, words = (key_bits + 63) / 64;
    const int in_clear = rest > 0 && rest <= code->rows;
    const uint64_t count = (key_bits + most - 1) / most;
    const uint64_t size = in_clear || !count ? most : (words + count - 1) / count * 64;
    *r = (ks_reconciliation){.code = code, .count = (uint32_t)count, .pending = (uint32_t)count};
    r->frames = calloc(count ? count : 1, sizeof *r->frames);
    if (!r->frames)
        return ks_fail(KS_ERR_MEMORY, "no memory for %u frames", r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        ks_frame *f = &r->frames[i];
        f->offset = i * size;
        f->real_bits = (uint32_t)(key_bits - f->offset < size ? key_bits - f->offset : size);
        f->coded_bits = in_clear && i == r->count - 1 ? 0 : (uint32_t)size;
        r->padded_bits = f->offset + size;
    }
    return KS_OK;
}

ks_status ks_reconciliation_check_code(const ks_reconciliation *r, double qber) {
    const uint32_t bits = r->frames[0].coded_bits;
    if (!bits)
        return ks_fail(KS_ERR_LIMIT, "a key of %u bits is no longer than a syndrome of the code",
                       r->frames[0].real_bits);
    const double needed = bits * ks_entropy_capped(qber);
    if (r->code->rows < needed)
        return ks_fail(
            KS_ERR_LIMIT,
            "the code's syndrome has %u bits, %.2f %% of errors need %.0f at least (an expected QBER or a "
            "key sample may know better)",
            r->code->rows, 100 * qber, needed);
    return KS_OK;
}

ks_frame_task ks_reconciliation_task(const ks_reconciliation *r, const ks_frame *f) {
    return (ks_frame_task){.real_bits = r->code ? f->coded_bits : f->real_bits,
                           .code = r->code,
                           .rate = f->rate,
                           .log2n = f->log2n};
}

ks_status ks_reconciliation_rates(ks_reconciliation *r, double qber, ks_effort effort) {
    for (uint32_t i = 0; i < r->count && !r->code; i++)
        KS_TRY(ks_ldpc_pick(&r->frames[i].rate, r->frames[i].log2n, qber, r->frames[i].real_bits,
                            (ks_ldpc_effort)effort));
    return KS_OK;
}

uint64_t ks_reconciliation_syndrome_bits(const ks_reconciliation *r, const ks_frame *f) {
    if (!r->code)
        return ks_ldpc_syndrome_bits(f->rate, f->log2n);
    return f->coded_bits ? r->code->rows : f->real_bits;
}

size_t ks_reconciliation_syndrome_bytes(const ks_reconciliation *r, const ks_frame *f) {
    return (size_t)(ks_reconciliation_syndrome_bits(r, f) + 7) / 8;
}

/* Words of all the syndrome that a frame may come to. */
static size_t mother_words(const ks_reconciliation *r, const ks_frame *f) {
    const uint64_t bits =
        r->code ? ks_reconciliation_syndrome_bits(r, f) : ks_ldpc_mother_bits(f->rate, f->log2n);
    return (size_t)(bits + 63) / 64;
}

void ks_reconciliation_fix_classes(ks_reconciliation *r) {
    r->first_bits = r->count;
    r->words = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        ks_frame *f = &r->frames[i];
        f->words_at = r->words;
        r->words += mother_words(r, f);
        r->first_bits += ks_reconciliation_syndrome_bits(r, f);
    }
    /* The classes reach to 1.25 times the first round, and to one whole increment of the largest frame at
     * least. */
    uint64_t reach = r->first_bits / 4;
    for (uint32_t i = 0; i < r->count; i++)
        if (reach < ks_reconciliation_syndrome_bits(r, &r->frames[i]) / 2)
            reach = ks_reconciliation_syndrome_bits(r, &r->frames[i]) / 2;
    const uint64_t steps = (UINT64_C(1) << KS_CLASS_BITS) - 1;
    r->class_step = (reach + steps - 1) / steps;
}

uint64_t ks_reconciliation_disclosed(const ks_reconciliation *r) {
    uint64_t bits = r->flag_bits + r->named_bits;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->frames[i].state != KS_FRAME_DROPPED)
            bits += ks_reconciliation_syndrome_bits(r, &r->frames[i]);
    return bits;
}

uint64_t ks_reconciliation_largest(const ks_reconciliation *r) {
    return r->first_bits + r->class_step * ((UINT64_C(1) << KS_CLASS_BITS) - 1);
}

uint64_t ks_reconciliation_charge(const ks_reconciliation *r) {
    uint64_t sent = ks_reconciliation_disclosed(r), class_bits = r->first_bits;
    while (class_bits < sent)
        class_bits += r->class_step;
    return class_bits + KS_CLASS_BITS;
}

ks_status ks_reconciliation_next(const ks_reconciliation *r, const ks_frame *f, uint16_t *rate) {
    const uint64_t largest = ks_reconciliation_largest(r);
    const uint64_t wanted = ks_reconciliation_syndrome_bits(r, f) / 50; /* an increment worth a round trip */
    /* Every further round costs a flag a pending frame: keep room for this one and the next. */
    const uint64_t used = ks_reconciliation_disclosed(r) + 2 * (uint64_t)r->pending;
    uint16_t to = f->rate;
    uint64_t extra = 0;
    while (extra < wanted && !r->code && ks_ldpc_next(&to, to) == KS_OK)
        extra = ks_ldpc_extra_bits(f->rate, to, f->log2n);
    if (extra == 0)
        return ks_fail(KS_ERR_LIMIT, "the code has no further syndrome");
    if (used + extra > largest)
        return ks_fail(KS_ERR_LIMIT, "the largest leakage class is reached");
    *rate = to;
    return KS_OK;
}

int ks_reconciliation_is_exhausted(const ks_reconciliation *r, const ks_frame *f) {
    uint16_t next;
    return !r->code && ks_ldpc_next(&next, f->rate) != KS_OK;
}

static uint64_t naming_bits(const ks_frame *f) {
    return 8 * ks_positions_bytes(f->log2n) + ks_positions_count(f->log2n);
}

int ks_reconciliation_may_name(const ks_reconciliation *r, const ks_frame *f) {
    const uint64_t used = ks_reconciliation_disclosed(r) + 2 * (uint64_t)r->pending;
    return ks_reconciliation_is_exhausted(r, f) && f->namings < KS_NAMINGS_MAX &&
           f->real_bits >= (UINT32_C(1) << f->log2n) / 4 &&
           used + naming_bits(f) <= ks_reconciliation_largest(r);
}

void ks_reconciliation_name(ks_reconciliation *r, ks_frame *f) {
    r->named_bits += naming_bits(f);
    f->namings++;
}

void ks_reconciliation_release(ks_reconciliation *r) {
    for (uint32_t i = 0; r->frames && i < r->count; i++) {
        free(r->frames[i].positions);
        ks_ldpc_forget(r->frames[i].memory);
    }
    free(r->frames);
    *r = (ks_reconciliation){0};
}
