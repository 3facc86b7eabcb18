/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a link in one process, connected by a pair of links: for recorded files and benchmarks. */
#ifndef KS_HOST_CLI_BOTH_ENDS_H
#define KS_HOST_CLI_BOTH_ENDS_H

#include <keystill/pool.h>

#include "host/cli/key_match.h"
#include "host/cli/session_end.h"
#include "host/cli/session_options.h"

typedef struct ks_both_ends {
    ks_session_end alice, bob;
    ks_pool *pool[2]; /* Alice's, Bob's; of a pre-shared key drawn here, gone with the process */
    ks_key_match *match;
    struct ks_key_sink {
        ks_key_match *match;
        int side;
    } sink[2];
    ks_device *device;
} ks_both_ends;

/* Starts both; `session` serves both but for role, pool and source of states, which `states` gives. The
 * reports' names, clocks and the progress of the input are set by the caller beforehand. 0 or an exit code.
 */
int ks_both_ends_start(ks_both_ends *both, const ks_session_config *session, const ks_work_choice *work,
                       ks_state_feed *states, ks_key_agreed *agreed, void *context);
/* Waits for both after the input has ended. */
void ks_both_ends_wait(ks_both_ends *both);
/* 0 when every key of one end is that of the other, otherwise an exit code after saying so. */
int ks_both_ends_compare(ks_both_ends *both, ks_key_match_result *result);
void ks_both_ends_stop(ks_both_ends *both);

#endif
