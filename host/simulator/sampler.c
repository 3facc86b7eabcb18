/* SPDX-License-Identifier: Apache-2.0 */
#include "host/simulator/sampler.h"

#include <math.h>

#include "host/philox.h"

/* Start of the tail and area of a layer for 256 layers (Marsaglia and Tsang, section 2). */
static const double EXPONENTIAL_TAIL = 7.69711747013104972, EXPONENTIAL_AREA = 3.949659822581572e-3;
static const double NORMAL_TAIL = 3.6541528853610088, NORMAL_AREA = 4.92867323399e-3;

static double exponential_density(double x) {
    return exp(-x);
}
static double exponential_inverse(double f) {
    return -log(f);
}
static double normal_density(double x) {
    return exp(-0.5 * x * x);
}
static double normal_inverse(double f) {
    return sqrt(-2 * log(f));
}

static void fill(ks_ziggurat *table, double tail, double area, double (*density)(double),
                 double (*inverse)(double)) {
    table->x[0] = area / density(tail);
    table->x[1] = tail;
    for (int i = 1; i < KS_ZIGGURAT_LAYERS - 1; i++)
        table->x[i + 1] = inverse(area / table->x[i] + density(table->x[i]));
    table->x[KS_ZIGGURAT_LAYERS] = 0;
    for (int i = 0; i <= KS_ZIGGURAT_LAYERS; i++)
        table->f[i] = density(table->x[i]);
}

void ks_ziggurats_init(ks_ziggurats *tables) {
    fill(&tables->exponential, EXPONENTIAL_TAIL, EXPONENTIAL_AREA, exponential_density, exponential_inverse);
    fill(&tables->normal, NORMAL_TAIL, NORMAL_AREA, normal_density, normal_inverse);
}

static int below_density(ks_sampler *sampler, const ks_ziggurat *table, unsigned layer, double density) {
    double y = table->f[layer] + ks_sampler_uniform(sampler) * (table->f[layer + 1] - table->f[layer]);
    return y < density;
}

double ks_sampler_exponential_edge(ks_sampler *sampler, const ks_ziggurats *tables, uint64_t word) {
    unsigned layer = word & 255;
    if (layer == 0)
        return fmin(EXPONENTIAL_TAIL + ks_sampler_exponential(sampler, tables), KS_EXPONENTIAL_MOST);
    double x = ks_unit_from_word(word) * tables->exponential.x[layer];
    return below_density(sampler, &tables->exponential, layer, exponential_density(x))
               ? x
               : ks_sampler_exponential(sampler, tables);
}

static double normal_tail(ks_sampler *sampler) {
    double x, y;
    do {
        x = -log(1 - ks_sampler_uniform(sampler)) / NORMAL_TAIL;
        y = -log(1 - ks_sampler_uniform(sampler));
    } while (2 * y < x * x);
    return fmin(NORMAL_TAIL + x, KS_NORMAL_MOST);
}

double ks_sampler_normal_edge(ks_sampler *sampler, const ks_ziggurats *tables, uint64_t word) {
    unsigned layer = word & 255;
    if (layer == 0)
        return normal_tail(sampler);
    double x = ks_unit_from_word(word) * tables->normal.x[layer];
    return below_density(sampler, &tables->normal, layer, normal_density(x))
               ? x
               : fabs(ks_sampler_normal(sampler, tables));
}

void ks_stream_seed(uint64_t out[4], const uint8_t seed[32], ks_stream stream, uint64_t index) {
    uint32_t half[2][4];
    for (int i = 0; i < 8; i++)
        half[i / 4][i % 4] = ks_load32(seed + 4 * i);
    for (uint32_t block = 0; block < 2; block++) {
        uint32_t words[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, block};
        for (int i = 0; i < 2; i++) {
            ks_philox4x32(words, half[i][0], half[i][1]);
            for (int w = 0; w < 4; w++)
                words[w] ^= half[i][(w + 2) % 4];
        }
        ks_philox4x32(words, half[1][2], half[1][3]);
        out[2 * block] = words[0] | (uint64_t)words[1] << 32;
        out[2 * block + 1] = words[2] | (uint64_t)words[3] << 32;
    }
    out[0] |= out[0] == 0; /* the all-zero state does not move */
}
