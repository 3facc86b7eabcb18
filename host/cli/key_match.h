/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the keys of both ends of a link, by identifier: for demonstrations, tests and benchmarks. */
#ifndef KS_HOST_CLI_KEY_MATCH_H
#define KS_HOST_CLI_KEY_MATCH_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/ring.h>

typedef struct ks_key_match ks_key_match;

/* Called with every key that both ends hold alike. */
typedef void ks_key_agreed(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes);

KS_MUST_CHECK ks_status ks_key_match_create(ks_key_match **out, ks_key_agreed *agreed, void *context);
void ks_key_match_destroy(ks_key_match *match); /* wipes */

/* A key that end `side` (0 or 1) has; from any thread. An identifier that one side brings twice counts as
 * differing. */
ks_status ks_key_match_put(ks_key_match *match, int side, const ks_key_id *id, const uint8_t *key,
                           size_t bytes);

typedef struct ks_key_match_result {
    uint64_t agreed, agreed_bytes, differing; /* keys that both ends brought */
    uint64_t only[2];                         /* keys that one end alone brought so far */
} ks_key_match_result;
void ks_key_match_get(ks_key_match *match, ks_key_match_result *out);

#endif
