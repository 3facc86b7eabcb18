/* SPDX-License-Identifier: Apache-2.0 */
/* keystill codes list|show|measure|import|export|decode: the LDPC codes of reconciliation. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "host/cli/code_files.h"
#include "host/cli/words.h"
#include "ldpc/code.h"

int ks_find_code(uint16_t *rate, const char *name) {
    size_t length = strcspn(name, "-");
    ks_closest closest = ks_closest_start(name);
    for (uint16_t b = 0; b < ks_family_count; b++) {
        const ks_base_spec *spec = &ks_family[b];
        ks_closest_offer(&closest, spec->name);
        if (strlen(spec->name) != length || strncmp(spec->name, name, length) != 0)
            continue;
        char *end = NULL;
        unsigned long merges = name[length] ? strtoul(name + length + 1, &end, 10) : spec->pairs / 2u;
        if (merges > spec->pairs || (end && (*end || end == name + length + 1))) {
            ks_cli_fail(KS_EXIT_USAGE, "code %s has merges 0 to %u, not '%s'", spec->name, spec->pairs,
                        name + length + 1);
            return -1;
        }
        *rate = ks_code_rate_find(b, (uint16_t)merges);
        return 0;
    }
    ks_cli_fail(KS_EXIT_USAGE, closest.best ? "unknown code '%s'; did you mean '%s'?" : "unknown code '%s'",
                name, closest.best);
    return -1;
}

static double efficiency(double leak, double q) {
    return leak / (-q * log2(q) - (1 - q) * log2(1 - q));
}

static void list_row(const ks_base_spec *spec) {
    uint32_t edges = ks_base_edges(spec);
    double least = (double)ks_code_rows(spec, spec->pairs) / spec->columns,
           most = (double)spec->rows / spec->columns;
    double low = spec->threshold[KS_BASE_MARKS - 1], high = spec->threshold[0], middle = spec->threshold[2];
    double f = efficiency((double)ks_code_rows(spec, spec->pairs / 2u) / spec->columns, middle);
    if (ks_cli_json)
        printf("{\"code\":\"%s\",\"columns\":%u,\"rows\":%u,\"merges\":%u,\"edges_per_bit\":%.3f,\"leak_"
               "least\":%.5f,"
               "\"leak_most\":%.5f,\"threshold_least\":%.5f,\"threshold_most\":%.5f,\"threshold_efficiency\":"
               "%.4f,\"no_word_of_weight\":%u,\"frame_bits_least\":%u}\n",
               spec->name, spec->columns, spec->rows, spec->pairs, (double)edges / spec->columns, least, most,
               low, high, f, ks_mended[spec - ks_family].words.clear, 1u << ks_base_log2n_min(spec));
    else
        printf("%-6s %7u %5u %7u %6.2f  %.4f .. %.4f  %.4f .. %.4f  %.3f  2^%u\n", spec->name, spec->columns,
               spec->rows, spec->pairs, (double)edges / spec->columns, least, most, low, high, f,
               ks_base_log2n_min(spec));
}

static int list(int argc, char **argv) {
    const ks_option options[] = {{0}};
    int rest, code = ks_cli_parse("codes list", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected '%s'", argv[rest]);
    if (!ks_cli_json)
        printf(
            "code   columns  rows  merges  edges  leak              threshold         f      frames from\n");
    for (unsigned b = 0; b < ks_family_count; b++)
        list_row(&ks_family[b]);
    return KS_EXIT_OK;
}

static int print_exponents(uint16_t rate, unsigned log2n) {
    static ks_code_decoder decoder;
    const ks_code_rate *r = ks_code_rate_of(rate);
    const ks_base_spec *spec = &ks_family[r->base];
    const ks_base_graph *graph = ks_code_graph(r->base);
    if (!graph)
        return ks_cli_fail_status(KS_ERR_MEMORY, "codes show");
    uint32_t z = (1u << log2n) / spec->columns;
    ks_code_decoder_make(&decoder, spec, graph, r->merges, z, spec->columns);
    printf("# %u rows, %u columns, z %u; row: column/shift ...: check i of the row holds bit (i + shift) mod "
           "z\n",
           decoder.by_row.rows, spec->columns, z);
    for (uint32_t row = 0; row < decoder.by_row.rows; row++) {
        printf("%u:", row);
        for (uint32_t e = decoder.first[row]; e < decoder.first[row + 1]; e++)
            printf(" %u/%u", decoder.edges[e].node, decoder.edges[e].shift);
        putchar('\n');
    }
    return KS_EXIT_OK;
}

static void print_code(uint16_t rate) {
    const ks_code_rate *r = ks_code_rate_of(rate);
    const ks_base_spec *spec = &ks_family[r->base];
    ks_ldpc_rate info;
    if (ks_ldpc_rate_info(&info, rate) != KS_OK)
        return;
    printf("code       %s-%u, rate %u of %u\n", spec->name, r->merges, rate, ks_ldpc_rate_count());
    printf("base       %u rows, %u columns, %u edges, seed %" PRIu64 ", digest %016" PRIx64 "\n", spec->rows,
           spec->columns, info.edges, spec->seed, ks_mended[r->base].digest);
    printf("merges     %u of %u pairs: leak %.5f\n", r->merges, spec->pairs, info.leak);
    printf("threshold  %.5f, leak / h %.4f (density evolution of the fast decoder, n without end)\n",
           info.threshold, efficiency(info.leak, info.threshold));
    static const char *const decoders[2] = {"fast decoder", "exact decoder"};
    for (int exact = 0; exact < 2; exact++) {
        double limit = ks_code_limit(r->base, r->merges, exact);
        printf("limit      %.5f, leak / h %.4f (half the frames of 2^18 bits decode, %s)\n", limit,
               efficiency(info.leak, limit), decoders[exact]);
    }
    const ks_base_mended *mended = &ks_mended[r->base];
    printf("words      none of weight %u or less", mended->words.clear);
    if (mended->words.lowest > 0)
        printf(", one of weight %u", mended->words.lowest);
    printf(" (all pairs merged, n = 2^%u; %" PRIu64 " steps of search, %u shifts changed)\n",
           ks_base_log2n_min(spec), mended->steps, mended->count);
    printf("columns   ");
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        printf(" %u of degree %u%s", d->count, d->degree, d[1].count ? "," : "\n");
}

static int show(int argc, char **argv) {
    int exponents = 0, rest;
    uint64_t log2n = 18;
    const ks_option options[] = {
        {"exponents", 0, KS_OPTION_FLAG, &exponents, NULL, "the quasi-cyclic matrix itself, a line a row",
         NULL},
        {"log2n", 0, KS_OPTION_U64, &log2n, "K", "for frames of 2^K bits (default 18)", NULL},
        {0}};
    int code = ks_cli_parse("codes show [options] CODE[-MERGES]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (argc - rest != 1)
        return ks_cli_fail(KS_EXIT_USAGE, "expected one CODE; `keystill codes list` lists them");
    uint16_t rate;
    if (ks_find_code(&rate, argv[rest]) != 0)
        return KS_EXIT_USAGE;
    if (log2n > KS_LDPC_LOG2N_MAX || !ks_ldpc_supports(rate, (unsigned)log2n))
        return ks_cli_fail(KS_EXIT_USAGE, "%s does not serve frames of 2^%" PRIu64 " bits", argv[rest],
                           log2n);
    if (exponents)
        return print_exponents(rate, (unsigned)log2n);
    print_code(rate);
    return KS_EXIT_OK;
}

/* bench ldpc at a rate named by its code. */
static int measure(int argc, char **argv) {
    if (argc < 2 || argv[1][0] == '-')
        return ks_cli_fail(KS_EXIT_USAGE, "expected: codes measure CODE[-MERGES] [options of `bench ldpc`]");
    if (ks_code_is_file(argv[1]))
        return ks_codes_measure_file(argc, argv);
    uint16_t rate;
    if (ks_find_code(&rate, argv[1]) != 0)
        return KS_EXIT_USAGE;
    char number[16], option[] = "--rate";
    char **words = calloc((size_t)argc + 2, sizeof *words);
    if (!words)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    snprintf(number, sizeof number, "%u", rate);
    words[0] = argv[0];
    words[1] = option;
    words[2] = number;
    memcpy(words + 3, argv + 2, (size_t)(argc - 2) * sizeof *words);
    int code = ks_bench_ldpc(argc + 1, words);
    free(words);
    return code;
}

static const struct action {
    const char *name, *command;
    int (*run)(int argc, char **argv);
} actions[] = {{"list", "codes list", list},
               {"show", "codes show", show},
               {"measure", "codes measure", measure},
               {"import", "codes import", ks_codes_import},
               {"export", "codes export", ks_codes_export},
               {"decode", "codes decode", ks_codes_decode}};

static void print_help(FILE *to) {
    fprintf(to, "Usage: keystill codes list\n"
                "       keystill codes show [--log2n K] [--exponents] CODE[-MERGES]\n"
                "       keystill codes measure CODE[-MERGES] [options of `keystill bench ldpc`]\n"
                "       keystill codes import [options] FILE\n"
                "       keystill codes export [options] CODE[-MERGES]|FILE\n"
                "       keystill codes decode --code CODE|FILE --bsc P --received FILE [options]\n"
                "       keystill codes measure FILE --qber Q [options]\n");
}

int ks_cmd_codes(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return KS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return KS_EXIT_OK;
    }
    if (argv[1][0] == '-')
        return ks_cli_fail(KS_EXIT_USAGE, "unknown option '%s'; an action comes first, see --help", argv[1]);
    ks_closest closest = ks_closest_start(argv[1]);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(argv[1], actions[i].name) == 0) {
            ks_cli_set_command(actions[i].command);
            return actions[i].run(argc - 1, argv + 1);
        }
        ks_closest_offer(&closest, actions[i].name);
    }
    if (closest.best)
        return ks_cli_fail(KS_EXIT_USAGE, "unknown action '%s'; did you mean '%s'?", argv[1], closest.best);
    return ks_cli_fail(KS_EXIT_USAGE, "unknown action '%s'; see --help", argv[1]);
}
