/* SPDX-License-Identifier: Apache-2.0 */
/* The generator of random bits: known answers, health tests, error state, forks. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <keystill/entropy.h>
#include <keystill/random.h>

#include "kernels/kernels.h"
#include "pipeline/health.h"
#include "tests/unit/sha256.h"

static void assert_hex(const uint8_t *got, size_t bytes, const char *hex) {
    char text[257];
    cr_assert_lt(bytes, 129);
    for (size_t i = 0; i < bytes; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", got[i]);
    cr_assert_str_eq(text, hex);
}

/* RFC 8439, 2.3.2 and appendix A.1, test vector 1. */
Test(drbg, chacha20_of_rfc_8439) {
    uint32_t state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint8_t out[64];
    for (int isa = KS_ISA_ref; isa <= (int)ks_isa_detect(); isa++) {
        memset(state + 4, 0, 48);
        ks_kernels_at((ks_isa)isa)->chacha20(out, state, 1);
        assert_hex(out, 64,
                   "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
                   "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
        for (uint32_t i = 0; i < 8; i++)
            state[4 + i] = 0x03020100 + 0x04040404 * i;
        state[12] = 1;
        state[13] = 0x09000000;
        state[14] = 0x4a000000;
        state[15] = 0;
        ks_kernels_at((ks_isa)isa)->chacha20(out, state, 1);
        assert_hex(out, 64,
                   "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
                   "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
    }
}

/* A source that counts; `stuck_after`, `biased_after`, `fails_after`: bytes until it goes bad. */
typedef struct counting {
    uint64_t given, stuck_after, biased_after, fails_after;
} counting;

static ks_status give(void *context, uint8_t *out, size_t bytes) {
    counting *c = context;
    for (size_t i = 0; i < bytes; i++, c->given++) {
        if (c->given >= c->fails_after)
            return KS_ERR_IO;
        out[i] = (uint8_t)(c->given * 73 + 11);
        if (c->given >= c->stuck_after)
            out[i] = 0x5a;
        else if (c->given >= c->biased_after && c->given % 4 == 0)
            out[i] = 0x77;
    }
    return KS_OK;
}

static const counting good = {
    .stuck_after = UINT64_MAX, .biased_after = UINT64_MAX, .fails_after = UINT64_MAX};

static ks_drbg *make(counting *source) {
    const ks_random random = {.fill = give, .context = source};
    ks_drbg *drbg;
    cr_assert_eq(ks_drbg_create(&drbg, &random), KS_OK, "%s", ks_error_detail());
    return drbg;
}

/* Computed with `openssl enc -chacha20` from the description in docs/randomness.md. */
Test(drbg, known_answers) {
    counting source = good;
    ks_drbg *drbg = make(&source);
    ks_random r = ks_drbg_random(drbg);
    static uint8_t out[(1 << 20) + 70];
    cr_assert_eq(r.fill(r.context, out, 16), KS_OK);
    assert_hex(out, 16, "8f52698eefbc465c3fabd72b6b8ae709");
    cr_assert_eq(r.fill(r.context, out, 100), KS_OK);
    assert_hex(
        out, 100,
        "54e9b033864d89b0998a5533f03ca3b44db75f9a3d30b2c07354a664288a0cac9f3f6302c4dbc7e8d96a310375bf0625"
        "97c029a76275a95a45d487a826f13e72ed1afeafa281e82e3a26b4a5e889d0a5cea558e52c34f37647fd97389ae50080"
        "e85c3b78");
    cr_assert_eq(r.fill(r.context, out, sizeof out), KS_OK);
    char hex[65];
    sha256_hex(hex, out, sizeof out);
    cr_assert_str_eq(hex, "bc3e607a616d69b7c033ba132c486f1a91142e79ee1e81edf86773534ae61cb4");
    cr_assert_eq(source.given, KS_HEALTH_START + 32 * 5);
    ks_drbg_destroy(drbg);
}

/* The cutoffs are what SP 800-90B says for 4 bits a byte and 2^-40. */
Test(drbg, cutoffs) {
    cr_assert_eq(KS_HEALTH_REPETITIONS, 1 + 40 / 4);
    long double p = 1.0L / 16, tail = 0;
    for (int k = KS_HEALTH_WINDOW; k >= KS_HEALTH_PROPORTION; k--)
        tail += expl(lgammal(KS_HEALTH_WINDOW + 1) - lgammal(k + 1) - lgammal(KS_HEALTH_WINDOW - k + 1) +
                     k * logl(p) + (KS_HEALTH_WINDOW - k) * logl(1 - p));
    int k = KS_HEALTH_PROPORTION - 1;
    long double more =
        tail + expl(lgammal(KS_HEALTH_WINDOW + 1) - lgammal(k + 1) - lgammal(KS_HEALTH_WINDOW - k + 1) +
                    k * logl(p) + (KS_HEALTH_WINDOW - k) * logl(1 - p));
    cr_assert_leq(tail, exp2l(-40));
    cr_assert_gt(more, exp2l(-40));
}

Test(drbg, health_tests_fire_where_they_must) {
    ks_health h = {0};
    uint8_t bytes[KS_HEALTH_WINDOW];
    memset(bytes, 9, sizeof bytes);
    cr_assert_eq(ks_health_test(&h, bytes, KS_HEALTH_REPETITIONS - 1), KS_OK);
    cr_assert_eq(ks_health_test(&h, bytes, 1), KS_ERR_SECURITY);
    h = (ks_health){0};
    for (int i = 0; i < KS_HEALTH_WINDOW; i++)
        bytes[i] = (uint8_t)(i % 6 == 0 ? 200 : i % 199); /* 86 of 512 */
    cr_assert_eq(ks_health_test(&h, bytes, 6 * (KS_HEALTH_PROPORTION - 1)), KS_OK);
    cr_assert_eq(ks_health_test(&h, bytes + 6 * (KS_HEALTH_PROPORTION - 1), 1), KS_ERR_SECURITY);
}

Test(drbg, an_unhealthy_source_gives_nothing_for_ever) {
    for (int kind = 0; kind < 3; kind++) {
        counting source = good;
        const uint64_t at = KS_HEALTH_START + 3 * 32;
        *(kind == 0 ? &source.stuck_after : kind == 1 ? &source.biased_after : &source.fails_after) = at;
        ks_drbg *drbg = make(&source);
        ks_random r = ks_drbg_random(drbg);
        uint8_t out[64] = {1};
        ks_status status = KS_OK;
        for (int i = 0; i < 40 && status == KS_OK; i++)
            status = r.fill(r.context, out, sizeof out);
        cr_assert_eq(status, kind == 2 ? KS_ERR_IO : KS_ERR_SECURITY, "kind %d: %d", kind, (int)status);
        for (size_t i = 0; i < sizeof out; i++)
            cr_assert_eq(out[i], 0);
        source = good; /* well again: too late */
        cr_assert_eq(r.fill(r.context, out, sizeof out), KS_ERR_SECURITY);
        ks_drbg_destroy(drbg);
    }
}

Test(drbg, a_source_unhealthy_at_the_start_is_refused) {
    counting source = good;
    source.stuck_after = 100;
    const ks_random random = {.fill = give, .context = &source};
    ks_drbg *drbg;
    cr_assert_eq(ks_drbg_create(&drbg, &random), KS_ERR_SECURITY);
    cr_assert_null(drbg);
    cr_assert_eq(ks_drbg_create(&drbg, NULL), KS_ERR_ARGUMENT);
}

Test(drbg, test_only_shows_through) {
    uint64_t seed = 1;
    const ks_random seeded = ks_random_seeded(&seed), system = ks_random_system();
    ks_drbg *drbg;
    cr_assert_eq(ks_drbg_create(&drbg, &seeded), KS_OK);
    cr_assert(ks_drbg_random(drbg).test_only);
    cr_assert_not(system.test_only);
    ks_drbg_destroy(drbg);
}

/* The same source on both sides of a fork: what the child draws must differ all the same where the source
 * does, and the child must not hold the parent's state. */
Test(drbg, parent_and_child_draw_different_bits) {
    const ks_random r = ks_random_system();
    uint8_t ours[32], theirs[32] = {0};
    int ends[2];
    cr_assert_eq(r.fill(r.context, ours, sizeof ours), KS_OK);
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        ks_status status = r.fill(r.context, theirs, sizeof theirs);
        ssize_t done = write(ends[1], theirs, sizeof theirs);
        _exit(status == KS_OK && done == sizeof theirs ? 0 : 1);
    }
    int status = 1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(read(ends[0], theirs, sizeof theirs), sizeof theirs);
    cr_assert_eq(r.fill(r.context, ours, sizeof ours), KS_OK);
    cr_assert_arr_neq(ours, theirs, sizeof ours);
}

/* A child starts again from the source: with a source whose copy gives the same bytes in both, parent and
 * child have drawn different amounts of it. */
Test(drbg, a_child_seeds_anew) {
    counting source = good;
    ks_drbg *drbg = make(&source);
    ks_random r = ks_drbg_random(drbg);
    uint8_t out[32];
    cr_assert_eq(r.fill(r.context, out, sizeof out), KS_OK);
    const uint64_t before = source.given;
    pid_t child = fork();
    if (child == 0) {
        ks_status status = r.fill(r.context, out, sizeof out);
        _exit(status == KS_OK && source.given == before + KS_HEALTH_START + 64 ? 0 : 1);
    }
    int status = 1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    ks_drbg_destroy(drbg);
}
