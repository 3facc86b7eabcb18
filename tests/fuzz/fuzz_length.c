/* SPDX-License-Identifier: Apache-2.0 */
/* links: host/cli/length_json.c -ljansson */
/* JSON objects of `keystill length`, through every formula; the first byte chooses it. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "host/cli/length_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const ks_length_defaults defaults = {0.01, 0.01, 1e-6, 0};
    if (size == 0)
        return 0;
    int count;
    const ks_proof *table = ks_proof_table(&count);
    int chosen = data[0] % (count + 1);
    ks_length_request request = {.proof = chosen < count ? &table[chosen] : NULL};
    ks_length_result result;
    json_t *object = json_loadb((const char *)data + 1, size - 1, 0, NULL);
    if (object && ks_length_request_read(&request, object, &defaults) == KS_OK &&
        ks_length_request_compute(&result, &request) == KS_OK) {
        if ((double)result.bits > result.exact && result.bits != 0)
            abort();
        json_decref(ks_length_result_json(&request, &result));
    }
    json_decref(object);
    return 0;
}
