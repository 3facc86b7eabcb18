/* SPDX-License-Identifier: Apache-2.0 */
/* Strictly increasing slot indices in few bits: Golomb-Rice code of the gaps, about log2(mean gap) + 1.5 bits
 * a slot. The byte form is docs/alignment.md, section "Slot lists on the wire". */
#ifndef KS_PIPELINE_SLOTCODE_H
#define KS_PIPELINE_SLOTCODE_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

/* No encoding of n slots is longer than this; 0 when that would not fit size_t. */
size_t ks_slotcode_bound(size_t n);

/* Encodes slots[0..n), strictly increasing, slots[0] >= base, all <= KS_SLOT_MAX. KS_ERR_ARGUMENT when they
 * are not or `capacity` is too small (ks_slotcode_bound(n) always suffices). n = 0 encodes to no bytes. */
KS_MUST_CHECK ks_status ks_slotcode_encode(uint8_t *out, size_t capacity, size_t *bytes,
                                           const uint64_t *slots, size_t n, uint64_t base);

/* Decodes exactly n slots from exactly `bytes` bytes, both announced by the peer; every slot lies in [base,
 * limit), strictly increasing. Anything else, unused bytes or unused set bits included: KS_ERR_PROTOCOL, the
 * detail naming the byte. */
KS_MUST_CHECK ks_status ks_slotcode_decode(uint64_t *slots, size_t n, const uint8_t *in, size_t bytes,
                                           uint64_t base, uint64_t limit);

#endif
