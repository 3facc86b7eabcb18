/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/both_ends.h"

#include <keystill/entropy.h>
#include <keystill/link.h>
#include <keystill/secret.h>

#include "host/cli/cli.h"

enum { PADS_A_WRITE = 8 };

static void take_key(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes) {
    struct ks_key_sink *sink = context;
    if (ks_key_match_put(sink->match, sink->side, id, key, bytes) != KS_OK)
        ks_cli_say(0, "out of memory: a key was not compared");
}

static ks_status make_pools(ks_pool *pool[2]) {
    uint8_t *psk = NULL, *image = NULL;
    size_t bytes = 0;
    const ks_random random = ks_random_system();
    ks_status status = ks_secret_alloc((void **)&psk, KS_PSK_BYTES, KS_SECRET_BLOCK);
    if (status == KS_OK)
        status = random.fill(random.context, psk, KS_PSK_BYTES);
    if (status == KS_OK)
        status = ks_pool_image_from_psk(NULL, &bytes, psk, KS_PSK_BYTES);
    if (status == KS_OK)
        status = ks_secret_alloc((void **)&image, bytes, KS_SECRET_BLOCK);
    if (status == KS_OK)
        status = ks_pool_image_from_psk(image, &bytes, psk, KS_PSK_BYTES);
    for (int side = 0; side < 2 && status == KS_OK; side++)
        status = ks_pool_open(&pool[side], image, bytes, PADS_A_WRITE);
    ks_secret_free(psk);
    ks_secret_free(image);
    return status;
}

static int start_end(ks_both_ends *both, int side, const ks_session_config *session) {
    ks_session_end *end = side ? &both->bob : &both->alice;
    ks_session_config config = *session;
    config.role = side ? KS_BOB : KS_ALICE;
    config.pool = both->pool[side];
    both->sink[side] = (struct ks_key_sink){both->match, side};
    end->on_key = take_key;
    end->key_context = &both->sink[side];
    return ks_session_end_start(end, &config, both->device);
}

int ks_both_ends_start(ks_both_ends *both, const ks_session_config *session, const ks_work_choice *work,
                       ks_state_feed *states, ks_key_agreed *agreed, void *context) {
    ks_link_options options;
    ks_link_options_init(&options);
    ks_status status = make_pools(both->pool);
    if (status == KS_OK)
        status = ks_key_match_create(&both->match, agreed, context);
    if (status == KS_OK)
        status = ks_link_pair(&both->alice.carrier.ready, &both->bob.carrier.ready, &options);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "start");
    int result = ks_work_open_device(&both->device, work);
    if (result)
        return result;
    both->alice.states = states;
    result = start_end(both, KS_ALICE, session);
    return result ? result : start_end(both, KS_BOB, session);
}

void ks_both_ends_wait(ks_both_ends *both) {
    ks_session_end_wait(&both->bob, 1);
    ks_session_end_wait(&both->alice, 0);
    int closed;
    char reason[256];
    if (ks_engine_status(both->alice.engine, &closed) == KS_OK) /* Bob's end is in the report */
        return;
    ks_engine_reason(both->alice.engine, reason, sizeof reason);
    ks_cli_say(0, "alice: %s", reason);
}

int ks_both_ends_compare(ks_both_ends *both, ks_key_match_result *result) {
    ks_key_match_get(both->match, result);
    if (result->differing == 0 && result->only[0] == 0 && result->only[1] == 0)
        return 0;
    return ks_cli_fail(KS_EXIT_FAILED,
                       "the keys of the two ends differ: %llu differ, %llu only at Alice, %llu only at Bob",
                       (unsigned long long)result->differing, (unsigned long long)result->only[0],
                       (unsigned long long)result->only[1]);
}

void ks_both_ends_stop(ks_both_ends *both) {
    ks_session_end_destroy(&both->alice);
    ks_session_end_destroy(&both->bob);
    ks_link_close(both->alice.carrier.ready, 0); /* when a carrier never started */
    ks_link_close(both->bob.carrier.ready, 0);
    ks_device_close(both->device);
    ks_key_match_destroy(both->match);
    for (int side = 0; side < 2; side++)
        if (both->pool[side])
            ks_pool_close(both->pool[side]);
}
