/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of `keystill link` share and how they are called. */
#ifndef KS_HOST_CLI_LINK_DEMO_H
#define KS_HOST_CLI_LINK_DEMO_H

#include "host/cli/children.h"
#include "host/cli/link_options.h"

enum { KS_DEMO_ALICE, KS_DEMO_BOB, KS_DEMO_SIMULATE, KS_DEMO_CHILDREN };

typedef struct ks_link_demo {
    ks_link_options link;
    const char *format;
    const char *audit; /* NULL: none */
    const char *code;  /* file; NULL: the library's codes */
    uint64_t block, threads;
    const char *backend;
    ks_sim_config config;
    char directory[128], pool[2][160], states[160], address[32];
    char ring[2][64]; /* of KS_DEMO_ALICE, KS_DEMO_BOB */
    ks_child child[KS_DEMO_CHILDREN];
} ks_link_demo;

/* A temporary directory with the pools of both ends, names of rings, a free port. 0, or an exit code after
 * saying why. */
int ks_link_demo_prepare(ks_link_demo *demo);
/* Starts the simulator into Bob, then Alice. */
int ks_link_demo_start(ks_link_demo *demo);
/* Removes rings and files; the processes must have ended. */
void ks_link_demo_remove(ks_link_demo *demo);

#endif
