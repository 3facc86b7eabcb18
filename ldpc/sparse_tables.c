/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/sparse_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/status.h"

enum {
    DEGREES = KS_LDPC_ROW_EDGES_MAX + 1,
    COLUMN_DEGREES = 256, /* larger ones count as this */
    BINS = 128,
    MOST = 46 /* magnitude of a message: below half of a soft value, or decoding turns away at its end */
};
#define HALVE_FIRST  1966 /* u of 0.03 */
#define HALVE_SECOND 262  /* u of 0.004 */
#define MEAN_MOST    60.0

typedef struct ensemble {
    double q, llr, step;
    double edges[COLUMN_DEGREES]; /* share of the edges at columns of this degree */
    double rows[DEGREES];         /* share of the rows of this degree */
} ensemble;

static double tail(double x) { /* of the normal distribution above x */
    return 0.5 * erfc(x * M_SQRT1_2);
}

/* Chance that a message from a column of this degree is above x, given it should be positive (sign 1) or
 * negative (-1), up to the sign: of being right and above x, wrong and beyond x. */
static double above(const ensemble *e, int degree, double mean, double x, int wrong) {
    const double m = degree > 1 ? (degree - 1) * mean : 0, deviation = sqrt(2 * m);
    double sum = 0;
    for (int flipped = 0; flipped < 2; flipped++) {
        const double centre = (flipped ? -e->llr : e->llr) + m, signed_centre = wrong ? -centre : centre;
        const double share = flipped ? e->q : 1 - e->q;
        sum +=
            share * (deviation > 1e-9 ? tail((x - signed_centre) / deviation) : (double)(signed_centre > x));
    }
    return sum;
}

static double error_rate(const ensemble *e, double mean) {
    double sum = 0;
    for (int d = 1; d < COLUMN_DEGREES; d++)
        if (e->edges[d] > 0)
            sum += e->edges[d] * above(e, d, mean, 0, 1);
    return sum;
}

static double unsatisfied(const ensemble *e, double mean) {
    const double agree = 1 - 2 * error_rate(e, mean);
    double sum = 0;
    for (int d = 1; d < DEGREES; d++)
        sum += e->rows[d] * (1 - pow(agree, d)) / 2;
    return sum;
}

/* unsatisfied() falls with the mean. */
static double mean_for(const ensemble *e, double u) {
    double low = 0, high = MEAN_MOST;
    for (int i = 0; i < 40; i++) {
        const double middle = (low + high) / 2;
        if (unsatisfied(e, middle) > u)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* right[k], wrong[k]: chance of a message of magnitude k steps or more. */
static void spread(double right[BINS], double wrong[BINS], const ensemble *e, double mean) {
    for (int k = 0; k < BINS; k++) {
        right[k] = wrong[k] = 0;
        for (int d = 1; d < COLUMN_DEGREES; d++)
            if (e->edges[d] > 0) {
                const double x = k ? (k - 0.5) * e->step : 0;
                right[k] += e->edges[d] * above(e, d, mean, x, 0);
                wrong[k] += e->edges[d] * above(e, d, mean, x, 1);
            }
    }
}

static void fill_table(uint8_t *table, const double *right, const double *wrong, const ensemble *e,
                       int degree) {
    for (int m = 0; m < KS_LDPC_TABLE; m++) {
        const double all = right[m] + wrong[m], own = tanh(m * e->step / 2);
        const double others = all > 1e-9 ? (right[m] - wrong[m]) / all : own;
        const double product = degree > 2 ? own * pow(others, degree - 2) : own;
        const double out = degree < 2 ? MOST : round(2 * atanh(product < 0 ? 0 : product) / e->step);
        table[m] = (uint8_t)(out < MOST ? out : MOST);
    }
}

static ks_status measure(ensemble *e, const ks_matrix *m, double q) {
    uint32_t *degree = calloc(m->columns, sizeof *degree);
    if (!degree)
        return ks_fail(KS_ERR_MEMORY, "no memory for the degrees of %u columns", m->columns);
    *e = (ensemble){.q = q, .llr = log((1 - q) / q)};
    e->step = e->llr / KS_SPARSE_WEIGHT;
    for (uint32_t i = 0; i < m->ones; i++)
        degree[m->column[i]]++;
    for (uint32_t c = 0; c < m->columns; c++)
        e->edges[degree[c] < COLUMN_DEGREES ? degree[c] : COLUMN_DEGREES - 1] += (double)degree[c] / m->ones;
    for (uint32_t r = 0; r < m->rows; r++)
        e->rows[m->first[r + 1] - m->first[r]] += 1.0 / m->rows;
    free(degree);
    return KS_OK;
}

/* Numbers the degrees that occur; returns how many. */
static uint32_t number_classes(uint8_t class_of[DEGREES], const ensemble *e) {
    uint32_t classes = 0;
    for (int d = 0; d < DEGREES; d++)
        if (e->rows[d] > 0)
            class_of[d] = (uint8_t)classes++;
    return classes;
}

/* Level 0: nothing known but the channel. Then shares of unsatisfied checks, in even steps, at last by
 * halves. */
static void fill_levels(ks_sparse_tables *t, const ensemble *e, const uint8_t class_of[DEGREES]) {
    const double most = unsatisfied(e, 0);
    double right[BINS], wrong[BINS], u = most;
    for (uint32_t l = 0; l < KS_SPARSE_LEVELS; l++) {
        /* Checks are counted while the messages grow better: a pass has left behind what it counted. The
         * eighth was chosen by trial on regular and irregular codes; without it many frames stand still. */
        const double counted = u * 65536 * 9 / 8;
        const uint32_t limit = counted < 65535 ? (uint32_t)counted : 65535;
        if (l > 0 && limit >= t->limits[l - 1])
            break;
        spread(right, wrong, e, l ? mean_for(e, u) : 0);
        for (int d = 0; d < DEGREES; d++)
            if (e->rows[d] > 0)
                fill_table(t->tables + (l * t->remap.classes + class_of[d]) * KS_LDPC_TABLE, right, wrong, e,
                           d);
        t->limits[l] = (uint16_t)limit;
        t->remap.levels = l + 1;
        u = u > most / 8 ? u - most / 32 : u / 2;
    }
}

ks_status ks_sparse_tables_create(ks_sparse_tables **out, const ks_matrix *matrix, double qber) {
    *out = NULL;
    ensemble *e = malloc(sizeof *e);
    ks_sparse_tables *t = calloc(1, sizeof *t);
    uint8_t class_of[DEGREES] = {0};
    ks_status status = e && t ? measure(e, matrix, qber) : ks_fail(KS_ERR_MEMORY, "no memory for tables");
    if (status == KS_OK) {
        t->remap = (ks_sparse_remap){.classes = number_classes(class_of, e),
                                     .limits = t->limits,
                                     .halve_below = {HALVE_FIRST, HALVE_SECOND}};
        t->row_class = malloc(matrix->rows);
        t->tables = malloc((size_t)KS_SPARSE_LEVELS * t->remap.classes * KS_LDPC_TABLE);
        t->remap.tables = t->tables;
        if (!t->row_class || !t->tables)
            status = ks_fail(KS_ERR_MEMORY, "no memory for tables");
    }
    if (status == KS_OK) {
        for (uint32_t r = 0; r < matrix->rows; r++)
            t->row_class[r] = class_of[matrix->first[r + 1] - matrix->first[r]];
        fill_levels(t, e, class_of);
        *out = t;
    } else {
        ks_sparse_tables_destroy(t);
    }
    free(e);
    return status;
}

void ks_sparse_tables_destroy(ks_sparse_tables *tables) {
    if (!tables)
        return;
    free(tables->row_class);
    free(tables->tables);
    free(tables);
}
