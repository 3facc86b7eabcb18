/* SPDX-License-Identifier: Apache-2.0 */
/* Files of codes: the first byte chooses the reader. What is read is written, read again and must be equal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <keystill/secret.h>

#include "host/formats/codes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void matrix(ks_code_format format, const uint8_t *data, size_t size) {
    ks_matrix *m, *again;
    if (ks_code_read(&m, format, data, size) != KS_OK)
        return;
    for (int f = KS_CODE_PCHK; f <= KS_CODE_ALIST_ROWS; f++) {
        ks_bytes out = {0};
        /* Padding multiplies: a file of a few kilobytes may ask for gigabytes. */
        if (ks_code_write(&out, (ks_code_format)f, m, 0, 0) != KS_OK ||
            ks_code_read(&again, (ks_code_format)f, out.data, out.bytes) != KS_OK ||
            !ks_matrix_equal(m, again))
            abort();
        ks_matrix_destroy(again);
        ks_bytes_release(&out);
    }
    ks_matrix_destroy(m);
}

static void generator(const uint8_t *data, size_t size) {
    ks_generator *g;
    if (ks_generator_read(&g, data, size) != KS_OK)
        return;
    ks_matrix *m;
    ks_bytes out = {0};
    ks_generator_write(&out, g);
    if (out.bytes > size)
        abort();
    ks_bytes_release(&out);
    if (ks_matrix_create(&m, g->rows, g->columns, NULL, 0) == KS_OK) {
        (void)!ks_generator_check(g, m);
        ks_matrix_destroy(m);
    }
    ks_generator_destroy(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    const unsigned which = data[0] % 8;
    data++;
    size--;
    if (which < KS_CODE_FORMATS) {
        matrix((ks_code_format)which, data, size);
    } else if (which == 4) {
        generator(data, size);
    } else if (which == 5) {
        ks_row_pair *pairs;
        size_t count;
        if (ks_pairs_read(&pairs, &count, data, size) == KS_OK)
            free(pairs);
    } else {
        uint64_t *words;
        size_t count;
        const size_t length = 1 + data[0] % 130u;
        ks_bytes out = {0};
        if (ks_words_read(&words, &count, length, which == 7, data + 1, size - 1) == KS_OK) {
            ks_words_write(&out, words, count, length, which == 7);
            ks_bytes_release(&out);
            ks_secret_free(words);
        }
    }
    return 0;
}
