/* SPDX-License-Identifier: Apache-2.0 */
/* Setting the error detail of the calling thread. Exported from the shared library for libkeystill-host
 * alone. */
#ifndef KS_PIPELINE_STATUS_H
#define KS_PIPELINE_STATUS_H

#include <keystill/status.h>

/* Records the root cause and returns `status`. Never pass secrets. */
KS_API ks_status ks_fail(ks_status status, const char *format, ...) KS_PRINTF(2, 3);
/* Puts context in front of the recorded cause: "context: cause". */
KS_API ks_status ks_fail_in(ks_status status, const char *format, ...) KS_PRINTF(2, 3);

/* Leaves the function when `call` fails, passing its status on. */
#define KS_TRY(call)                                                                                         \
    do {                                                                                                     \
        ks_status ks_try_status = (call);                                                                    \
        if (ks_try_status != KS_OK)                                                                          \
            return ks_try_status;                                                                            \
    } while (0)

#endif
