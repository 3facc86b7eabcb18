/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench NAME ...: runs one benchmark of bench/list.def. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "host/cli/words.h"

typedef struct benchmark {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} benchmark;

static const benchmark benchmarks[] = {
#define KS_BENCH(name, summary) {#name, summary, ks_bench_##name},
#include "bench/list.def"
#undef KS_BENCH
    {NULL, NULL, NULL}};

static void print_list(FILE *to) {
    fprintf(to, "Usage: keystill bench NAME [options]\n\nBenchmarks:\n");
    for (const benchmark *b = benchmarks; b->name; b++)
        fprintf(to, "  %-14s %s\n", b->name, b->summary);
    fprintf(to, "\n`keystill bench NAME --help` lists its options. One JSON object a row with --json. A row "
                "whose result\n"
                "was not checked against the reference is refused.\n");
}

int ks_cmd_bench(int argc, char **argv) {
    static char command[64];
    if (argc < 2) {
        print_list(stderr);
        return KS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_list(stdout);
        return KS_EXIT_OK;
    }
    ks_closest closest = ks_closest_start(argv[1]);
    for (const benchmark *b = benchmarks; b->name; b++) {
        if (strcmp(b->name, argv[1]) == 0) {
            snprintf(command, sizeof command, "bench %s", b->name);
            ks_cli_set_command(command);
            return b->run(argc - 1, argv + 1);
        }
        ks_closest_offer(&closest, b->name);
    }
    if (closest.best)
        return ks_cli_fail(KS_EXIT_USAGE, "unknown benchmark '%s'; did you mean '%s'?", argv[1],
                           closest.best);
    return ks_cli_fail(KS_EXIT_USAGE, "unknown benchmark '%s'; `keystill bench --help` lists them", argv[1]);
}
