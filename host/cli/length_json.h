/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks described in JSON, for `keystill length`; field names: docs/security.md. */
#ifndef KS_HOST_CLI_LENGTH_JSON_H
#define KS_HOST_CLI_LENGTH_JSON_H

#include <jansson.h>
#include <keystill/length.h>

#include "pipeline/finite_key_compare.h"

/* What the command line supplies for objects that lack it; negative: not given. */
typedef struct ks_length_defaults {
    double efficiency_mismatch, dark_mismatch, dark_probability;
    int random_swap;
} ks_length_defaults;

typedef struct ks_length_request {
    const ks_proof *proof; /* NULL: the product's formula */
    ks_source source;
    ks_receiver receiver;
    ks_epsilon epsilon;
    ks_counts counts;
    ks_leakage leakage;
    ks_proof_input input; /* for a proof of the table */
} ks_length_request;

/* Fills `request` (its proof stands) from an object. KS_ERR_FORMAT names the field that is missing or wrong.
 */
KS_MUST_CHECK ks_status ks_length_request_read(ks_length_request *request, const json_t *object,
                                               const ks_length_defaults *defaults);
/* KS_ERR_FORMAT for parameters that the formula refuses. */
KS_MUST_CHECK ks_status ks_length_request_compute(ks_length_result *result, const ks_length_request *request);

/* Every intermediate; void values are null. */
json_t *ks_length_result_json(const ks_length_request *request, const ks_length_result *result);

#endif
