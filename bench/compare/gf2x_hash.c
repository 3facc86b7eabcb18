/* SPDX-License-Identifier: Apache-2.0 */
/* Times gf2x on the product behind a modified Toeplitz hash from n to n / 2 bits: output bit i is coefficient
 * c - 1 + i of key times seed, c = n / 2 and n - 1 bits. Built and run by bench/gf2x.sh, no part of Keystill.
 *
 * usage: gf2x_hash SECONDS N...
 * One JSON row for each N, way (gf2x_mul, or the middle product by the ternary transform at its best depth)
 * and seed. */
#include <gf2x.h>
#include <gf2x/gf2x-fft.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct hash {
    size_t n, c, m, bits; /* bits: of the seed */
    unsigned long *key, *seed, *out;
    gf2x_ternary_fft_info_t info;
    gf2x_ternary_fft_ptr key_transform, seed_transform, product, temp1, temp2;
} hash;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *get(size_t bytes) {
    void *memory = calloc(1, bytes + 64);
    if (!memory) {
        fprintf(stderr, "gf2x_hash: no memory\n");
        exit(1);
    }
    return memory;
}

static void must(int code) {
    if (code) {
        fprintf(stderr, "gf2x_hash: gf2x failed with %d\n", code);
        exit(1);
    }
}

static void fill(unsigned long *words, size_t bits, uint64_t state) {
    for (size_t i = 0; i < bits / 64 + 1; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        words[i] = state ^ state >> 29;
    }
    if (bits % 64)
        words[bits / 64] &= (1UL << bits % 64) - 1;
}

static int bit(const unsigned long *words, size_t i) {
    return (int)(words[i / 64] >> i % 64 & 1);
}

/* 24 output bits against the sum that defines them; they begin at bit `first` of out. */
static int agrees(const hash *h, size_t first) {
    uint64_t state = 1;
    for (int k = 0; k < 24; k++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const size_t i = k == 0 ? 0 : k == 1 ? h->m - 1 : (size_t)(state >> 20) % h->m;
        int sum = 0;
        for (size_t j = 0; j < h->c; j++)
            if (h->c - 1 + i - j < h->bits)
                sum ^= bit(h->key, j) & bit(h->seed, h->c - 1 + i - j);
        if (sum != bit(h->out, first + i))
            return 0;
    }
    return 1;
}

static void by_mul(hash *h) {
    must(gf2x_mul(h->out, h->key, (h->c + 63) / 64, h->seed, (h->bits + 63) / 64));
}

static void by_transform_cached(hash *h) {
    must(gf2x_ternary_fft_dft(h->info, h->key_transform, h->key, h->c, h->temp1));
    must(gf2x_ternary_fft_compose(h->info, h->product, h->key_transform, h->seed_transform, h->temp2));
    must(gf2x_ternary_fft_ift(h->info, h->out, h->m, h->product, h->temp1));
}

static void by_transform_fresh(hash *h) {
    must(gf2x_ternary_fft_dft(h->info, h->seed_transform, h->seed, h->bits, h->temp1));
    by_transform_cached(h);
}

static double best_of(void (*body)(hash *), hash *h, double seconds) {
    double best = 1e30, end = now() + seconds;
    body(h);
    for (int runs = 0; runs < 3 || now() < end; runs++) {
        double start = now();
        body(h);
        double took = now() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void row(const hash *h, const char *way, const char *seed, double seconds, int good) {
    if (!good) {
        fprintf(stderr, "gf2x_hash: %s at %zu bits is wrong\n", way, h->n);
        exit(1);
    }
    printf("{\"bench\":\"gf2x\",\"way\":\"%s\",\"input_bits\":%zu,\"output_bits\":%zu,\"form\":\"modified\","
           "\"seed\":\"%s\","
           "\"throughput_mbps\":%.6g,\"seconds\":%.6g,\"verified\":true}\n",
           way, h->n, h->m, seed, (double)h->n / seconds * 1e-6, seconds);
    fflush(stdout);
}

/* One depth of the ternary transform; 0 when gf2x does not take it or its result is wrong. */
static int at_depth(hash *h, long depth, double seconds, double *fresh, double *cached) {
    size_t sizes[3];
    if (gf2x_ternary_fft_info_init_mp(h->info, h->c, h->bits) != 0)
        return 0;
    if (gf2x_ternary_fft_info_adjust(h->info, GF2X_FFT_ADJUST_DEPTH, depth) != 0) {
        gf2x_ternary_fft_info_clear(h->info);
        return 0;
    }
    gf2x_ternary_fft_info_get_alloc_sizes(h->info, sizes);
    h->key_transform = get(sizes[0]);
    h->seed_transform = get(sizes[0]);
    h->product = get(sizes[0]);
    h->temp1 = get(sizes[1]);
    h->temp2 = get(sizes[2]);
    *fresh = best_of(by_transform_fresh, h, seconds);
    *cached = best_of(by_transform_cached, h, seconds);
    const int good = agrees(h, 0);
    free(h->key_transform);
    free(h->seed_transform);
    free(h->product);
    free(h->temp1);
    free(h->temp2);
    gf2x_ternary_fft_info_clear(h->info);
    return good;
}

static void time_size(size_t n, double seconds) {
    hash h = {.n = n, .c = n - n / 2, .m = n / 2, .bits = n - 1};
    double best[2] = {1e30, 1e30};
    h.key = get(h.c / 8 + 8);
    h.seed = get(h.bits / 8 + 8);
    h.out = get((h.c + h.bits) / 8 + 24);
    fill(h.key, h.c, 1);
    fill(h.seed, h.bits, 2);
    const double mul = best_of(by_mul, &h, seconds);
    row(&h, "gf2x_mul", "fresh", mul, agrees(&h, h.c - 1));
    for (long depth = 81; depth <= 19683; depth *= 3) {
        double fresh, cached;
        if (!at_depth(&h, depth, seconds / 4, &fresh, &cached))
            continue;
        best[0] = fresh < best[0] ? fresh : best[0];
        best[1] = cached < best[1] ? cached : best[1];
    }
    row(&h, "ternary middle product", "fresh", best[0], best[0] < 1e30);
    row(&h, "ternary middle product", "cached", best[1], best[1] < 1e30);
    free(h.key);
    free(h.seed);
    free(h.out);
}

int main(int argc, char **argv) {
    for (int i = 2; i < argc; i++)
        time_size(strtoull(argv[i], NULL, 0), atof(argv[1]));
    return argc < 3 ? 2 : 0;
}
