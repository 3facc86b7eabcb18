/* SPDX-License-Identifier: Apache-2.0 */
/* Sifting on packed planes, the same at both ends. A plane has one bit a detection, in slot order
 * (pipeline/bits.h). Pure functions; outputs do not overlap inputs. Counts are recounted here from the
 * planes, never taken from the peer. */
#ifndef KS_PIPELINE_SIFT_H
#define KS_PIPELINE_SIFT_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

/* Intensity indices are two bits; an index that the source does not have (a lying peer's) is counted like any
 * other, so that the caller sees it and refuses. */
enum { KS_SIFT_INTENSITIES = 4 };

typedef struct ks_sift_input {
    size_t n;                    /* detections */
    const uint64_t *basis, *bit; /* of this end */
    const uint64_t *peer_basis;
    const uint64_t *intensity_low,
        *intensity_high;     /* bits of Alice's intensity index; both NULL: index 0 throughout */
    unsigned key_basis;      /* 0 or 1; the other is the test basis */
    const uint64_t *sampled; /* key-basis detections of Bob whose bits he announced: no part of the key. NULL:
                                none */
} ks_sift_input;

/* Detections where both ends had the key basis (key) or the test basis (test), by intensity. */
typedef struct ks_sift_counts {
    uint64_t key[KS_SIFT_INTENSITIES], test[KS_SIFT_INTENSITIES];
    uint64_t sampled; /* where both ends had the key basis and Bob announced his bit; not in `key` */
} ks_sift_counts;

/* This end's sifted key: its bits where both ends had the key basis, in slot order. `key` has room for n
 * bits. */
void ks_sift_key(uint64_t *key, size_t *key_bits, ks_sift_counts *counts, const ks_sift_input *in);

/* What this end may announce in the clear: its bits where its own basis is the test basis. Returns how many;
 * `out` has room for n bits. */
size_t ks_sift_test_bits(uint64_t *out, const uint64_t *basis, const uint64_t *bit, size_t n,
                         unsigned key_basis);

/* Errors by intensity where both ends had the test basis. peer_bits is what the peer's ks_sift_test_bits
 * gave: one bit for each detection where peer_basis is the test basis; another number of bits is
 * KS_ERR_PROTOCOL. */
KS_MUST_CHECK ks_status ks_sift_test_errors(uint64_t errors[KS_SIFT_INTENSITIES], const ks_sift_input *in,
                                            const uint64_t *peer_bits, size_t peer_bit_count);

/* Alice: errors of the announced sample, where both ends had the key basis. peer_bits: one bit for each set
 * bit of in->sampled, in order; another number of bits, or a sample outside of the peer's key basis, is
 * KS_ERR_PROTOCOL. */
KS_MUST_CHECK ks_status ks_sift_sample_errors(uint64_t *errors, const ks_sift_input *in,
                                              const uint64_t *peer_bits, size_t peer_bit_count);

/* Errors by intensity in the key basis, once the key is corrected: positions where the two keys of key_bits
 * bits differ. key_bits must be what ks_sift_key gave, else KS_ERR_ARGUMENT. */
KS_MUST_CHECK ks_status ks_sift_key_errors(uint64_t errors[KS_SIFT_INTENSITIES], const ks_sift_input *in,
                                           const uint64_t *key, const uint64_t *corrected, size_t key_bits);

#endif
