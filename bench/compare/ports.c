/* SPDX-License-Identifier: Apache-2.0 */
/* What the ports of a core with AVX-512 and GFNI start: nanoseconds an operation of 512 bits, for
 * bench/amplify_floor.py. No part of Keystill.
 *
 *     gcc -O1 -march=native bench/compare/ports.c -o /tmp/ports && /tmp/ports */
#include <stdio.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static char buffer[4096] __attribute__((aligned(4096)));

#define TIMES_8(op) op("0") op("1") op("2") op("3") op("4") op("5") op("6") op("7")
#define CYCLE(n)    "add $1, %%rax\n" /* one at a time: a cycle each */
#define TERNARY(n)  "vpternlogq $0x78, %%zmm14, %%zmm15, %%zmm" n "\n"
#define XOR(n)      "vpxorq %%zmm14, %%zmm15, %%zmm" n "\n"
#define MULTIPLY(n) "vgf2p8mulb %%zmm14, %%zmm15, %%zmm" n "\n"
#define AFFINE(n)   "vgf2p8affineqb $0, %%zmm14, %%zmm15, %%zmm" n "\n"
#define SHIFT(n)    "vpsllq $1, %%zmm15, %%zmm" n "\n"
#define LOAD(n)     "vmovdqa64 " n "*64(%0), %%zmm" n "\n"
#define STORE(n)    "vmovdqa64 %%zmm15, " n "*64(%0)\n"
#define BOTH(n)     TERNARY(n) TERNARY(n) TERNARY(n) TERNARY(n) STORE(n)

#define MEASURE(op)                                                                                          \
    do {                                                                                                     \
        double best = 1;                                                                                     \
        for (int run = 0; run < 20; run++) {                                                                 \
            const double start = now();                                                                      \
            for (int i = 0; i < 100000; i++)                                                                 \
                __asm__ volatile(TIMES_8(op) TIMES_8(op) TIMES_8(op) : : "r"(buffer) : "rax", "memory");     \
            const double took = now() - start;                                                               \
            best = took < best ? took : best;                                                                \
        }                                                                                                    \
        (void)printf("%-10s %.3f ns\n", #op, best / 2.4e6 * 1e9);                                            \
    } while (0)

int main(void) {
    MEASURE(CYCLE);
    MEASURE(TERNARY);
    MEASURE(XOR);
    MEASURE(MULTIPLY);
    MEASURE(AFFINE);
    MEASURE(SHIFT);
    MEASURE(LOAD);
    MEASURE(STORE);
    MEASURE(BOTH); /* four TERNARY and a STORE */
    return 0;
}
