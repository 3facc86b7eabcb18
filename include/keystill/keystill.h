/* SPDX-License-Identifier: Apache-2.0 */
/* All of libkeystill. What needs libkeystill-host is in headers of its own: entropy.h, link.h, reader.h,
 * ring_host.h, states.h and others that say so. */
#ifndef KEYSTILL_KEYSTILL_H
#define KEYSTILL_KEYSTILL_H

#include <keystill/amplify.h>
#include <keystill/audit.h>
#include <keystill/backend.h>
#include <keystill/engine.h>
#include <keystill/event.h>
#include <keystill/frontend.h>
#include <keystill/length.h>
#include <keystill/pool.h>
#include <keystill/random.h>
#include <keystill/ring.h>
#include <keystill/secret.h>
#include <keystill/self_test.h>
#include <keystill/session.h>
#include <keystill/status.h>

#endif
