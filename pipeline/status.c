/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char detail[512];

const char *ks_status_name(ks_status status) {
    switch (status) {
    case KS_OK:
        return "ok";
    case KS_ERR_ARGUMENT:
        return "invalid argument";
    case KS_ERR_MEMORY:
        return "out of memory";
    case KS_ERR_FORMAT:
        return "malformed input";
    case KS_ERR_PROTOCOL:
        return "protocol violation";
    case KS_ERR_AUTH:
        return "authentication failed";
    case KS_ERR_SECURITY:
        return "security abort";
    case KS_ERR_IO:
        return "input or output failed";
    case KS_ERR_FULL:
        return "full";
    case KS_ERR_EMPTY:
        return "empty";
    case KS_ERR_UNAVAILABLE:
        return "unavailable";
    case KS_ERR_STATE:
        return "not allowed in this state";
    case KS_ERR_CLOSED:
        return "closed";
    case KS_ERR_UNSUPPORTED:
        return "unsupported";
    case KS_ERR_LIMIT:
        return "limit exceeded";
    case KS_ERR_INTERRUPTED:
        return "interrupted";
    case KS_ERR_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}

const char *ks_error_detail(void) {
    return detail;
}

ks_status ks_fail(ks_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return status;
}

ks_status ks_fail_in(ks_status status, const char *format, ...) {
    char cause[sizeof detail];
    memcpy(cause, detail, sizeof cause);
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof detail - 3)
        (void)snprintf(detail + used, sizeof detail - (size_t)used, ": %.400s", cause);
    return status;
}

const char *ks_version(void) {
    return KS_VERSION_TEXT;
}
