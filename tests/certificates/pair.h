/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of a bootstrap in memory, with a tap on the wire. */
#ifndef KS_TESTS_CERTIFICATES_PAIR_H
#define KS_TESTS_CERTIFICATES_PAIR_H

#include <keystill/bootstrap.h>
#include <keystill/entropy.h>

#include "tests/certificates/maker.h"

static inline void pair_parameters(ks_link_parameters *out) {
    ks_session_config config;
    ks_session_config_init(&config, KS_ALICE);
    *out = config.link;
    memcpy(out->link, "roof", 4);
}

typedef struct pair pair;
/* May change message number `number` (0: OFFER) of `from`; 0 loses it. */
typedef int pair_tap(pair *p, int from, unsigned number, uint8_t *message, size_t *bytes);

struct pair {
    ks_bootstrap *end[2];
    ks_status status[2];
    char detail[2][256];
    uint8_t psk[2][KS_PSK_BYTES];
    int has_psk[2];
    pair_tap *tap;
    void *context;
    unsigned sent[2];
};

static inline void pair_create(pair *p, int role, const ks_identity *identity,
                               const ks_link_parameters *parameters) {
    const ks_random random = ks_random_system();
    p->status[role] =
        ks_bootstrap_create(&p->end[role], identity, role ? KS_BOB : KS_ALICE, parameters, &random);
    maker_need(p->status[role] == KS_OK, ks_error_detail());
}

static inline void pair_deliver(pair *p, int to, const uint8_t *message, size_t bytes) {
    const uint8_t *psk;
    const ks_status status = ks_bootstrap_receive(p->end[to], message, bytes);
    if (p->status[to] == KS_OK && status != KS_OK) {
        p->status[to] = status;
        snprintf(p->detail[to], sizeof p->detail[to], "%s", ks_error_detail());
    }
    if (ks_bootstrap_secret(p->end[to], &psk) == KS_OK) {
        memcpy(p->psk[to], psk, KS_PSK_BYTES);
        p->has_psk[to] = 1;
        maker_need(ks_bootstrap_stored(p->end[to]) == KS_OK, ks_error_detail());
    }
}

/* Carries messages until none is left. */
static inline void pair_run(pair *p) {
    static uint8_t copy[300000];
    for (int moved = 1; moved;) {
        moved = 0;
        for (int from = 0; from < 2; from++) {
            const uint8_t *message;
            size_t bytes;
            while (ks_bootstrap_next(p->end[from], &message, &bytes) == KS_OK) {
                moved = 1;
                memcpy(copy, message, bytes);
                if (!p->tap || p->tap(p, from, p->sent[from], copy, &bytes))
                    pair_deliver(p, 1 - from, copy, bytes);
                p->sent[from]++;
            }
        }
    }
}

static inline void pair_destroy(pair *p) {
    ks_bootstrap_destroy(p->end[0]);
    ks_bootstrap_destroy(p->end[1]);
}

#endif
