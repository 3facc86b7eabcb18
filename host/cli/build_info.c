/* SPDX-License-Identifier: Apache-2.0 */
/* What this program was made from; build_commit.h is written at every build (cmake/commit.cmake). */
#include "build_commit.h"
#include "host/cli/cli.h"

const char *ks_cli_commit(void) {
    return KS_BUILD_COMMIT;
}

const char *ks_cli_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}
