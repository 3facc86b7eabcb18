/* SPDX-License-Identifier: Apache-2.0 */
/* Self-test of what keys depend on. */
#ifndef KEYSTILL_SELF_TEST_H
#define KEYSTILL_SELF_TEST_H

#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Known answers of the parts as they run here, with the instruction set in force: SHA-256, the polynomial
 * hash, ChaCha20, a Toeplitz hash against its definition, a decoding. Milliseconds. KS_ERR_INTERNAL names
 * what failed: no key may be made. */
KS_API KS_MUST_CHECK ks_status ks_self_test(void);

#ifdef __cplusplus
}
#endif
#endif
