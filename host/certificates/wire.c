/* SPDX-License-Identifier: Apache-2.0 */
#include "host/certificates/wire.h"

#include <string.h>

#include "pipeline/status.h"

static const uint8_t magic[4] = {'K', 'S', 'B', '1'};

void ks_bootstrap_begin(ks_writer *w, ks_bootstrap_type type, ks_role from) {
    *w = (ks_writer){0};
    ks_put(w, magic, sizeof magic);
    ks_put_u8(w, KS_BOOTSTRAP_VERSION);
    ks_put_u8(w, (uint8_t)type);
    ks_put_u8(w, (uint8_t)from);
    ks_put_u8(w, 0);
}

ks_status ks_bootstrap_header(ks_cursor *c, unsigned *type, ks_role from, const uint8_t *message,
                              size_t bytes) {
    *c = (ks_cursor){.data = message, .bytes = bytes};
    if (bytes < KS_BOOTSTRAP_HEADER || bytes > KS_BOOTSTRAP_MAX)
        return ks_fail(KS_ERR_PROTOCOL, "bootstrap message of %zu bytes: %d to %d expected", bytes,
                       KS_BOOTSTRAP_HEADER, KS_BOOTSTRAP_MAX);
    if (memcmp(message, "KSM1", 4) == 0)
        return ks_fail(KS_ERR_AUTH,
                       "the peer goes on with the pool it has: a new one needs --new-pool at both ends");
    const uint8_t *found = ks_get(c, sizeof magic);
    if (memcmp(found, magic, sizeof magic) != 0)
        return ks_fail(KS_ERR_PROTOCOL,
                       "offset 0: expected the magic KSB1, found %02x %02x %02x %02x: not a Keystill peer",
                       found[0], found[1], found[2], found[3]);
    const unsigned version = ks_get_u8(c);
    if (version != KS_BOOTSTRAP_VERSION)
        return ks_fail(KS_ERR_PROTOCOL, "offset 4: the peer speaks bootstrap version %u, this end %d",
                       version, KS_BOOTSTRAP_VERSION);
    *type = ks_get_u8(c);
    const unsigned role = ks_get_u8(c), zero = ks_get_u8(c);
    if (role > KS_BOB || zero != 0)
        return ks_fail(KS_ERR_PROTOCOL, "offset 6: sender %u, reserved %u: expected 0 or 1, and 0", role,
                       zero);
    if (role != (unsigned)from)
        return ks_fail(KS_ERR_PROTOCOL, "both ends are configured as %s", role == KS_ALICE ? "Alice" : "Bob");
    return KS_OK;
}

/* A length of at most `most` bytes, and so many bytes. */
static ks_status get_blob(ks_blob *out, ks_cursor *c, size_t most, const char *what) {
    const size_t at = c->at;
    const uint32_t bytes = ks_get_u32(c);
    if (!c->failed && (bytes == 0 || bytes > most))
        return ks_fail(KS_ERR_PROTOCOL, "offset %zu: %s of %u bytes, 1 to %zu expected", at, what, bytes,
                       most);
    *out = (ks_blob){ks_get(c, bytes), bytes};
    return c->failed ? ks_fail(KS_ERR_PROTOCOL, "offset %zu: %s is cut short", at, what) : KS_OK;
}

static ks_status get_ml_kem(ks_blob *out, ks_cursor *c, size_t expected) {
    const size_t at = c->at;
    const unsigned has = ks_get_u8(c);
    *out = (ks_blob){NULL, 0};
    if (has > 1)
        return ks_fail(KS_ERR_PROTOCOL, "offset %zu: key agreement %u is unknown", at, has);
    if (has)
        *out = (ks_blob){ks_get(c, expected), expected};
    return KS_OK;
}

ks_status ks_introduction_parse(ks_introduction *out, ks_cursor *c, int is_offer) {
    *out = (ks_introduction){.nonce = ks_get(c, KS_BOOTSTRAP_NONCE), .x25519 = ks_get(c, KS_X25519_BYTES)};
    KS_TRY(get_ml_kem(&out->ml_kem, c, is_offer ? KS_ML_KEM_KEY_BYTES : KS_ML_KEM_CIPHERTEXT_BYTES));
    KS_TRY(get_blob(&out->parameters, c, 4096, "configuration"));
    const size_t at = c->at;
    out->leaves = ks_get_u8(c);
    out->certificates = ks_get_u8(c);
    if (!c->failed && (out->leaves < 1 || out->leaves > KS_SIGNERS || out->certificates < out->leaves ||
                       out->certificates > KS_MOST_CERTIFICATES))
        return ks_fail(KS_ERR_PROTOCOL, "offset %zu: %u certificates, %u of them its own", at,
                       out->certificates, out->leaves);
    for (unsigned i = 0; i < out->certificates; i++)
        KS_TRY(get_blob(&out->certificate[i], c, KS_MOST_CERTIFICATE, "certificate"));
    return ks_cursor_end(c, is_offer ? "OFFER" : "ANSWER");
}

ks_status ks_proof_parse(ks_proof *out, ks_cursor *c) {
    *out = (ks_proof){.signatures = ks_get_u8(c)};
    if (!c->failed && (out->signatures < 1 || out->signatures > KS_SIGNERS))
        return ks_fail(KS_ERR_PROTOCOL, "offset %d: %u signatures", KS_BOOTSTRAP_HEADER, out->signatures);
    for (unsigned i = 0; i < out->signatures; i++)
        KS_TRY(get_blob(&out->signature[i], c, KS_MOST_SIGNATURE, "signature"));
    out->mac = ks_get(c, KS_DIGEST_BYTES);
    return ks_cursor_end(c, "PROOF");
}
