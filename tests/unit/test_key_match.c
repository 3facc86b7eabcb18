/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "host/cli/key_match.h"

static ks_key_id id_of(unsigned i) {
    ks_key_id id = {{(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 5}};
    return id;
}

static void count(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes) {
    (void)id;
    (void)key;
    *(size_t *)context += bytes;
}

Test(key_match, any_order_and_many_keys) {
    ks_key_match *match;
    ks_key_match_result result;
    size_t bytes = 0;
    cr_assert_eq(ks_key_match_create(&match, count, &bytes), KS_OK);
    for (unsigned i = 0; i < 5000; i++) {
        ks_key_id id = id_of(i);
        uint8_t key[8] = {(uint8_t)(i * 3)};
        cr_assert_eq(ks_key_match_put(match, 0, &id, key, 8), KS_OK);
    }
    for (unsigned i = 5000; i-- > 1;) {
        ks_key_id id = id_of(i);
        uint8_t key[8] = {(uint8_t)(i * 3)};
        cr_assert_eq(ks_key_match_put(match, 1, &id, key, 8), KS_OK);
    }
    ks_key_match_get(match, &result);
    cr_assert_eq(result.agreed, 4999);
    cr_assert_eq(result.agreed_bytes, 4999 * 8);
    cr_assert_eq(bytes, 4999 * 8);
    cr_assert_eq(result.differing, 0);
    cr_assert_eq(result.only[0], 1);
    cr_assert_eq(result.only[1], 0);
    ks_key_match_destroy(match);
}

Test(key_match, what_differs_is_found) {
    ks_key_match *match;
    ks_key_match_result result;
    const uint8_t key[4] = {1, 2, 3, 4}, other[4] = {1, 2, 3, 5};
    cr_assert_eq(ks_key_match_create(&match, NULL, NULL), KS_OK);
    for (unsigned i = 0; i < 3; i++) {
        ks_key_id id = id_of(i);
        cr_assert_eq(ks_key_match_put(match, 0, &id, key, 4), KS_OK);
        cr_assert_eq(ks_key_match_put(match, i == 2 ? 0 : 1, &id, i ? key : other, i == 1 ? 3 : 4), KS_OK);
    }
    ks_key_match_get(match, &result);
    cr_assert_eq(result.agreed, 0);
    cr_assert_eq(result.differing, 3, "another bit, another length, the same side twice");
    ks_key_match_destroy(match);
}
