/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "pipeline/authenticate.h"
#include "tests/conformance/conformance.h"

static void from_hex(uint8_t *out, const char *hex) {
    for (size_t i = 0; hex[2 * i]; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

static void assert_hex(const uint8_t got[16], const char *hex) {
    uint8_t want[16];
    from_hex(want, hex);
    cr_assert_arr_eq(got, want, 16);
}

/* GCM specification (McGrew, Viega 2004), test case 2: the hash before the mask is added. */
Test(authenticate, ghash_of_one_block) {
    uint8_t key[16], data[16], out[16];
    from_hex(key, "66e94bd4ef8a2c3b884cfa59ca342b2e");
    from_hex(data, "0388dace60b6a392f328c2b971b2fe78");
    ks_hash hash;
    ks_hash_init(&hash, key);
    ks_hash_update(&hash, data, 16);
    ks_hash_final(&hash, out);
    assert_hex(out, "f38cbb1ad69223dcc3457ae5b6b0f885");
}

/* Test case 4 of the same: 20 bytes of associated data, 60 of ciphertext. */
Test(authenticate, ghash_with_associated_data) {
    uint8_t key[16], aad[20], text[60], out[16];
    from_hex(key, "b83b533708bf535d0aa6e52980d53b78");
    from_hex(aad, "feedfacedeadbeeffeedfacedeadbeefabaddad2");
    from_hex(text, "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
                   "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091");
    ks_hash a, b;
    ks_hash_init(&a, key);
    ks_hash_init(&b, key);
    ks_hash_update(&a, aad, sizeof aad);
    ks_hash_update(&b, text, 7);
    ks_hash_update(&b, text + 7, sizeof text - 7);
    ks_hash_pair(out, &a, &b);
    assert_hex(out, "698e57f70e6ecc7fd9463b7260a9ae5f");
}

Test(authenticate, every_instruction_set_agrees_on_the_known_answer) {
    uint8_t key[16], block[16];
    from_hex(key, "66e94bd4ef8a2c3b884cfa59ca342b2e");
    from_hex(block, "0388dace60b6a392f328c2b971b2fe78");
    for (int isa = 0; isa <= (int)ks_isa_detect(); isa++) {
        uint8_t state[16] = {0}, lengths[16] = {[15] = 128};
        ks_kernels_at((ks_isa)isa)->poly_hash(state, key, block, 1);
        ks_kernels_at((ks_isa)isa)->poly_hash(state, key, lengths, 1);
        assert_hex(state, "f38cbb1ad69223dcc3457ae5b6b0f885");
    }
}

static void random_bytes(uint8_t *out, size_t n, uint64_t *random) {
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)ks_test_random(random);
}

Test(authenticate, cutting_the_data_changes_nothing) {
    uint64_t random = 7;
    uint8_t key[16], data[1000], whole[16], cut[16];
    random_bytes(key, 16, &random);
    random_bytes(data, sizeof data, &random);
    for (size_t n = 0; n <= sizeof data; n += 1 + n / 7) {
        ks_hash a, b;
        ks_hash_init(&a, key);
        ks_hash_update(&a, data, n);
        ks_hash_final(&a, whole);
        ks_hash_init(&b, key);
        for (size_t at = 0; at < n;) {
            size_t part = ks_test_random(&random) % 40;
            part = part < n - at ? part : n - at;
            ks_hash_update(&b, data + at, part);
            at += part;
        }
        ks_hash_final(&b, cut);
        cr_assert_arr_eq(whole, cut, 16, "%zu bytes", n);
    }
}

Test(authenticate, combine_is_concatenation) {
    uint64_t random = 8;
    uint8_t key[16], data[90 * 16], out[16], a_value[16], b_value[16], all_value[16];
    random_bytes(key, 16, &random);
    random_bytes(data, sizeof data, &random);
    for (size_t split = 0; split <= 90; split += 5) {
        ks_hash a, b, all;
        ks_hash_init(&a, key);
        ks_hash_init(&b, key);
        ks_hash_init(&all, key);
        ks_hash_update(&a, data, 16 * split);
        ks_hash_update(&b, data + 16 * split, sizeof data - 16 * split);
        ks_hash_update(&all, data, sizeof data);
        ks_hash_value(&a, a_value);
        ks_hash_value(&b, b_value);
        ks_hash_value(&all, all_value);
        ks_hash_combine(out, key, a_value, b_value, ks_hash_blocks(&b));
        cr_assert_arr_eq(out, all_value, 16, "split %zu", split);
    }
}

Test(authenticate, padding_fills_the_block_only) {
    uint8_t key[16] = {0x80}, value[16];
    ks_hash hash;
    ks_hash_init(&hash, key);
    ks_hash_update(&hash, "abc", 3);
    ks_hash_pad(&hash);
    ks_hash_pad(&hash);
    cr_assert_eq(ks_hash_blocks(&hash), 1);
    ks_hash_value(&hash, value); /* the key is 1: the value is the sum of the blocks */
    cr_assert_arr_eq(value, ((uint8_t[16]){'a', 'b', 'c'}), 16);
}

Test(authenticate, verification_tag_hashes_exactly_n_bits) {
    uint64_t random = 9, words[5], copy[5];
    uint8_t key[16], tag[16], other[16];
    random_bytes(key, 16, &random);
    for (int i = 0; i < 5; i++)
        words[i] = ks_test_random(&random);
    for (size_t n = 0; n <= 320; n++) {
        ks_verification_tag(tag, key, words, n);
        for (size_t i = 0; i < 320; i++) {
            memcpy(copy, words, sizeof copy);
            copy[i / 64] ^= UINT64_C(1) << i % 64;
            ks_verification_tag(other, key, copy, n);
            cr_assert_eq(memcmp(tag, other, 16) == 0, i >= n, "n = %zu, bit %zu", n, i);
        }
    }
}

Test(authenticate, verification_tag_is_the_documented_polynomial) {
    uint64_t words[3] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
                         UINT64_C(0x1716151413121110)};
    uint8_t key[16], tag[16], bytes[32] = {0}, want[16];
    from_hex(key, "b83b533708bf535d0aa6e52980d53b78");
    for (uint8_t i = 0; i < 24; i++)
        bytes[i] = i;
    ks_hash hash;
    ks_hash_init(&hash, key);
    ks_hash_update(&hash, bytes, 32);
    ks_hash_value(&hash, want);
    ks_verification_tag(tag, key, words, 192);
    cr_assert_arr_eq(tag, want, 16);
}

Test(authenticate, epsilon) {
    cr_assert_float_eq(ks_hash_log2_epsilon(1), -128.0, 1e-12);
    cr_assert_float_eq(ks_hash_log2_epsilon(1 << 13), -115.0, 1e-12);
    cr_assert_float_eq(ks_verification_log2_epsilon(10000000), -111.746, 1e-3);
    cr_assert_float_eq(ks_verification_log2_epsilon(129), -127.0, 1e-12);
}

Test(authenticate, tag_is_hash_xor_pad) {
    uint8_t hash[16] = {1, 2, 3}, pad[16] = {7, 7, 7}, out[16];
    ks_tag_seal(out, hash, pad);
    cr_assert_arr_eq(out, ((uint8_t[16]){6, 5, 4}), 16);
}
