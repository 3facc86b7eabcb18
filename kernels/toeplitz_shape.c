/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_toeplitz.h"

static size_t divide_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}

unsigned ks_toeplitz_least_log_row(ks_isa isa) {
    /* a leaf: four vectors of 64 bytes (avx512icl), two of 128, 256 or 512 bits */
    static const unsigned least[KS_ISA_COUNT] = {[KS_ISA_ref] = 8,
                                                 [KS_ISA_generic] = 8,
                                                 [KS_ISA_avx2] = 9,
                                                 [KS_ISA_avx512] = 10,
                                                 [KS_ISA_avx512icl] = 8};
    return least[isa < KS_ISA_COUNT ? isa : KS_ISA_ref];
}

ks_toeplitz_shape ks_toeplitz_shape_of(size_t m, size_t c, unsigned least_log_row) {
    size_t key = divide_up(c, 16), out = divide_up(m, 16), points = key + out;
    ks_toeplitz_shape shape = {.m = m, .c = c, .log_row = least_log_row};
    while (points > (size_t)KS_TOEPLITZ_ROWS_MAX << shape.log_row)
        shape.log_row++;
    size_t row = (size_t)1 << shape.log_row;
    shape.rows = divide_up(points, row);
    shape.key_rows = divide_up(key, row);
    shape.out_rows = divide_up(out, row);
    return shape;
}

size_t ks_toeplitz_prepared_bytes(const ks_toeplitz_shape *shape) {
    return shape->rows * ks_toeplitz_row_bytes(shape);
}

size_t ks_toeplitz_work_bytes(const ks_toeplitz_shape *shape) {
    size_t words = shape->key_rows > shape->out_rows ? shape->key_rows : shape->out_rows;
    return shape->rows * ks_toeplitz_row_bytes(shape) + (words * sizeof(uint16_t) << shape->log_row);
}
