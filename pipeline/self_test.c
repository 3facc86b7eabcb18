/* SPDX-License-Identifier: Apache-2.0 */
#include <keystill/self_test.h>

#include <string.h>
#include <keystill/amplify.h>

#include "kernels/kernels.h"
#include "ldpc/ldpc.h"
#include "pipeline/authenticate.h"
#include "pipeline/sha256.h"
#include "pipeline/status.h"

static ks_status expect(const void *got, const void *wanted, size_t bytes, const char *what) {
    return memcmp(got, wanted, bytes) == 0 ? KS_OK : ks_fail(KS_ERR_INTERNAL, "self-test: %s", what);
}

/* FIPS 180-4: SHA-256 of "abc". */
static ks_status test_sha256(void) {
    static const uint8_t wanted[KS_SHA256_BYTES] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t got[KS_SHA256_BYTES];
    ks_sha256 sha;
    ks_sha256_init(&sha);
    ks_sha256_update(&sha, "abc", 3);
    ks_sha256_final(&sha, got);
    return expect(got, wanted, sizeof got, "SHA-256");
}

/* GCM specification, test case 2. */
static ks_status test_hash(void) {
    static const uint8_t key[16] = {0x66, 0xe9, 0x4b, 0xd4, 0xef, 0x8a, 0x2c, 0x3b,
                                    0x88, 0x4c, 0xfa, 0x59, 0xca, 0x34, 0x2b, 0x2e};
    static const uint8_t data[16] = {0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92,
                                     0xf3, 0x28, 0xc2, 0xb9, 0x71, 0xb2, 0xfe, 0x78};
    static const uint8_t wanted[16] = {0xf3, 0x8c, 0xbb, 0x1a, 0xd6, 0x92, 0x23, 0xdc,
                                       0xc3, 0x45, 0x7a, 0xe5, 0xb6, 0xb0, 0xf8, 0x85};
    uint8_t got[16];
    ks_hash hash;
    ks_hash_init(&hash, key);
    ks_hash_update(&hash, data, sizeof data);
    ks_hash_final(&hash, got);
    return expect(got, wanted, sizeof got, "polynomial hash");
}

/* RFC 8439, appendix A.1, test vector 1: its first half. */
static ks_status test_chacha20(void) {
    static const uint8_t wanted[32] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a,
                                       0xe5, 0x53, 0x86, 0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d,
                                       0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7};
    static const uint32_t state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint8_t got[KS_CHACHA_BLOCK];
    ks_kernels_get()->chacha20(got, state, 1);
    return expect(got, wanted, sizeof wanted, "ChaCha20");
}

static unsigned bit(const uint64_t *words, size_t i) {
    return (unsigned)(words[i / 64] >> i % 64 & 1);
}

static void made_up(uint64_t *words, size_t n, uint64_t x) {
    for (size_t i = 0; i < n; i++)
        words[i] = x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

static ks_status test_toeplitz(void) {
    enum { N = 3000, M = 1100, WORDS = N / 64 + 1, C = N - M, SEED = N - 1 };
    uint64_t key[WORDS], seed[WORDS], got[WORDS] = {0}, wanted[WORDS] = {0};
    ks_toeplitz_plan *plan;
    made_up(key, WORDS, 1);
    made_up(seed, WORDS, 2);
    for (size_t i = 0; i < M; i++) {
        unsigned sum = bit(key, C + i);
        for (size_t j = 0; j < C; j++)
            sum ^= bit(seed, (i + SEED - j) % SEED) & bit(key, j);
        wanted[i / 64] |= (uint64_t)sum << i % 64;
    }
    KS_TRY(ks_toeplitz_plan_create(&plan, N, M, KS_TOEPLITZ_MODIFIED, 1));
    ks_status status = ks_toeplitz_apply(plan, got, key, N, M, seed);
    ks_toeplitz_plan_destroy(plan);
    return status == KS_OK ? expect(got, wanted, sizeof got, "Toeplitz hash") : status;
}

static ks_status decode_one(ks_ldpc_workspace *workspace) {
    enum { LOG2N = KS_LDPC_LOG2N_MIN, WORDS = (1 << LOG2N) / 64, ERRORS = 150 };
    uint64_t frame[WORDS], received[WORDS], mother[WORDS], syndrome[WORDS], got[WORDS];
    uint16_t rate;
    ks_ldpc_result result;
    made_up(frame, WORDS, 3);
    memcpy(received, frame, sizeof frame);
    for (size_t i = 0; i < ERRORS; i++) /* 7919 is odd: no place twice */
        received[i * 7919 % (1 << LOG2N) / 64] ^= UINT64_C(1) << i * 7919 % 64;
    KS_TRY(ks_ldpc_pick(&rate, LOG2N, 0.01, (size_t)1 << LOG2N, KS_LDPC_FAST));
    KS_TRY(ks_ldpc_syndrome(mother, frame, rate, LOG2N));
    KS_TRY(ks_ldpc_merge(syndrome, mother, rate, LOG2N));
    const ks_ldpc_request request = {.received = received,
                                     .syndrome = syndrome,
                                     .rate = rate,
                                     .real_bits = (size_t)1 << LOG2N,
                                     .qber = 0.01};
    KS_TRY(ks_ldpc_decode(workspace, &result, got, &request));
    return expect(got, frame, sizeof got, "decoding");
}

static ks_status test_decoding(void) {
    ks_ldpc_workspace *workspace;
    KS_TRY(ks_ldpc_workspace_create(&workspace, KS_LDPC_LOG2N_MIN));
    ks_status status = decode_one(workspace);
    ks_ldpc_workspace_destroy(workspace);
    return status;
}

ks_status ks_self_test(void) {
    KS_TRY(test_sha256());
    KS_TRY(test_hash());
    KS_TRY(test_chacha20());
    KS_TRY(test_toeplitz());
    return test_decoding();
}
