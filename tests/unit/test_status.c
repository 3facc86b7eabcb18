/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <keystill/secret.h>
#include <keystill/status.h>
#include <stdint.h>
#include <string.h>

#include "pipeline/status.h"

Test(status, detail_keeps_the_root_cause) {
    cr_assert_eq(ks_fail(KS_ERR_FORMAT, "byte %d", 7), KS_ERR_FORMAT);
    cr_assert_eq(ks_fail_in(KS_ERR_FORMAT, "file %s", "x"), KS_ERR_FORMAT);
    cr_assert_str_eq(ks_error_detail(), "file x: byte 7");
}

Test(status, every_status_has_a_name) {
    for (int i = KS_OK; i <= KS_ERR_INTERNAL; i++)
        cr_assert_neq(strcmp(ks_status_name((ks_status)i), "unknown status"), 0, "status %d", i);
}

Test(secret, memory_is_zeroed_and_sizes_are_checked) {
    uint8_t *memory = NULL;
    cr_assert_eq(ks_secret_alloc((void **)&memory, 10000, KS_SECRET_BLOCK), KS_OK);
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(memory[i], 0);
    memset(memory, 0xff, 10000);
    ks_wipe(memory, 10000);
    cr_assert_eq(memory[9999], 0);
    ks_secret_free(memory);
    ks_secret_free(NULL);
    cr_assert_eq(ks_secret_alloc((void **)&memory, 0, KS_SECRET_BLOCK), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_secret_alloc((void **)&memory, SIZE_MAX - 8, KS_SECRET_BLOCK), KS_ERR_ARGUMENT);
}
