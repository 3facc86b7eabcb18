/* SPDX-License-Identifier: Apache-2.0 */
/* keystill length FILE|-: key lengths of blocks that JSON objects describe. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"
#include "host/cli/length_json.h"
#include "host/cli/words.h"

static int choose_proof(const ks_proof **proof, const char *name) {
    int count;
    const ks_proof *table = ks_proof_table(&count);
    ks_closest closest = ks_closest_start(name);
    *proof = NULL;
    ks_closest_offer(&closest, "keystill");
    if (strcmp(name, "keystill") == 0)
        return KS_EXIT_OK;
    for (int i = 0; i < count; i++) {
        if (strcmp(name, table[i].name) == 0) {
            *proof = &table[i];
            return KS_EXIT_OK;
        }
        ks_closest_offer(&closest, table[i].name);
    }
    return ks_cli_fail(KS_EXIT_USAGE, "unknown proof '%s'; did you mean '%s'? (--list shows them)", name,
                       closest.best ? closest.best : "keystill");
}

static void print_proofs(void) {
    int count;
    const ks_proof *table = ks_proof_table(&count);
    printf("%-26s %-12s %s\n", "proof", "intensities", "reference");
    printf("%-26s %-12s %s\n", "keystill", "1, 2 or 3", "docs/security.md: the length that links use");
    for (int i = 0; i < count; i++)
        printf("%-26s %-12u %s, for comparison\n", table[i].name, table[i].intensities, table[i].reference);
}

static int print_json(const ks_length_request *request, const ks_length_result *result) {
    json_t *object = ks_length_result_json(request, result);
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(object);
    if (!text)
        return ks_cli_fail(KS_EXIT_FAILED, "no memory for the result");
    puts(text);
    free(text);
    return KS_EXIT_OK;
}

static void print_text(const ks_length_request *request, const ks_length_result *r) {
    printf("secret bits          %llu\n", (unsigned long long)r->bits);
    if (r->exact > KS_LENGTH_VOID)
        printf("formula              %.6f\n", r->exact);
    else
        printf("formula              void: the counts bound nothing\n");
    printf("single photons       key >= %.1f, test >= %.1f, test errors <= %.2f\n", r->single_key,
           r->single_test, r->single_errors);
    printf("phase error          %.8f after detectors, %.8f before\n", r->phase_error, r->sampled);
    if (!request->proof)
        printf("detectors            delta1 %.8g, delta2 %.8g\nstatements           %u, each failing with at "
               "most %.4g\n",
               r->delta1, r->delta2, r->statements, r->statement);
}

static int answer(const ks_proof *proof, const json_t *object, const ks_length_defaults *defaults,
                  unsigned long number) {
    ks_length_request request = {.proof = proof};
    ks_length_result result;
    ks_status status = ks_length_request_read(&request, object, defaults);
    if (status == KS_OK)
        status = ks_length_request_compute(&result, &request);
    if (status != KS_OK)
        return ks_cli_fail(ks_cli_exit_code(status), "object %lu: %s", number, ks_error_detail());
    if (ks_cli_json)
        return print_json(&request, &result);
    if (number > 1)
        putchar('\n');
    print_text(&request, &result);
    return KS_EXIT_OK;
}

/* 1 when something other than white space follows. */
static int more(FILE *input) {
    int c;
    do
        c = getc(input);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
    if (c == EOF)
        return 0;
    ungetc(c, input);
    return 1;
}

static int answer_all(FILE *input, const ks_proof *proof, const ks_length_defaults *defaults) {
    unsigned long number = 0;
    while (more(input)) {
        json_error_t error;
        json_t *object = json_loadf(input, JSON_DISABLE_EOF_CHECK, &error);
        number++;
        if (!object)
            return ks_cli_fail(KS_EXIT_MALFORMED, "object %lu, line %d, byte %d: %s", number, error.line,
                               error.position, error.text);
        int code = answer(proof, object, defaults, number);
        json_decref(object);
        if (code != KS_EXIT_OK)
            return code;
    }
    if (ferror(input))
        return ks_cli_fail(KS_EXIT_FAILED, "read: %s", strerror(errno));
    if (number == 0)
        return ks_cli_fail(KS_EXIT_MALFORMED, "the input holds no object");
    if (fflush(stdout) != 0)
        return ks_cli_fail(errno == EPIPE ? KS_EXIT_CLOSED : KS_EXIT_FAILED, "standard output: %s",
                           strerror(errno));
    return KS_EXIT_OK;
}

int ks_cmd_length(int argc, char **argv) {
    const char *name = "keystill";
    int list = 0, rest;
    ks_length_defaults defaults = {-1.0, -1.0, -1.0, -1};
    const ks_option options[] = {{"proof", 'p', KS_OPTION_TEXT, &name, "NAME",
                                  "formula (default keystill); others for comparison", NULL},
                                 {"list", 'l', KS_OPTION_FLAG, &list, NULL, "list the formulas", NULL},
                                 {"efficiency-mismatch", 0, KS_OPTION_NUMBER, &defaults.efficiency_mismatch,
                                  "D", "detector efficiencies known to eta(1 +- D)", NULL},
                                 {"dark-mismatch", 0, KS_OPTION_NUMBER, &defaults.dark_mismatch, "D",
                                  "dark counts known to d(1 +- D)", NULL},
                                 {"dark-probability", 0, KS_OPTION_NUMBER, &defaults.dark_probability, "P",
                                  "dark counts a gate and detector", NULL},
                                 {"random-swap", 0, KS_OPTION_FLAG, &defaults.random_swap, NULL,
                                  "detectors swap roles at random (--no-random-swap: they do not)", NULL},
                                 {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("length FILE|- [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (list) {
        print_proofs();
        return KS_EXIT_OK;
    }
    const ks_proof *proof;
    if (argc - rest != 1)
        return ks_cli_fail(KS_EXIT_USAGE, "one FILE of JSON objects, or -, is required");
    if ((code = choose_proof(&proof, name)) != KS_EXIT_OK)
        return code;
    int fd = ks_cli_open_input(argv[rest]);
    FILE *input = fd < 0 ? NULL : fdopen(fd, "r");
    if (!input)
        return KS_EXIT_FAILED;
    code = answer_all(input, proof, &defaults);
    fclose(input);
    return code;
}
