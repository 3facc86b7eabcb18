/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/session_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/code_files.h"
#include "host/cli/values.h"

enum { LONGEST_TIMEOUT = 1000000, SHORTEST_SILENCE = 2 /* s; signs of life come more often */ };

void ks_link_choice_init(ks_link_choice *choice) {
    *choice = (ks_link_choice){.link = "link",
                               .efficiency_mismatch = NAN,
                               .dark_mismatch = NAN,
                               .dark_probability = NAN,
                               .epsilon_acceptance = NAN,
                               .epsilon_amplification = NAN,
                               .qber_limit = NAN};
}

/* Copies up to one of `stops` or the end and moves *text there; -1 when it does not fit. */
static int take_until(const char **text, const char *stops, char item[32]) {
    size_t length = strcspn(*text, stops);
    if (length >= 32)
        return -1;
    memcpy(item, *text, length);
    item[length] = '\0';
    *text += length;
    return 0;
}

int ks_parse_intensities(ks_source *out, const char *text) {
    ks_source source = {.intensities = 0};
    char item[32];
    if (strcmp(text, "single") == 0) {
        *out = (ks_source){.intensities = 1, .probability = {1.0}};
        return 0;
    }
    for (;; text++) {
        const uint32_t i = source.intensities++;
        if (i == KS_MAX_INTENSITIES || take_until(&text, ":,", item) || *text != ':' ||
            ks_parse_number(&source.mean[i], item))
            return -1;
        text++;
        if (take_until(&text, ",", item) || ks_parse_number(&source.probability[i], item))
            return -1;
        if (!*text)
            break;
    }
    *out = source;
    return 0;
}

/* Index of `word` in a list that ends with NULL, -1 when it is not there. */
static int find_word(const char *const *words, const char *word) {
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static int apply_words(ks_link_parameters *out, const ks_link_choice *c) {
    static const char *const bases[] = {"Z", "X", NULL};
    static const char *const choices[] = {"active", "passive", NULL};
    static const char *const efforts[] = {"fast", "balanced", "efficient", NULL};
    int basis = c->key_basis ? find_word(bases, c->key_basis) : (int)out->key_basis;
    int how = c->basis_choice ? find_word(choices, c->basis_choice) + 1 : KS_BASIS_UNSET;
    int effort = c->effort ? find_word(efforts, c->effort) : (int)out->effort;
    if (basis < 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--key-basis expects Z or X, not '%s'", c->key_basis);
    if (c->basis_choice && how == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--basis-choice expects active or passive, not '%s'",
                           c->basis_choice);
    if (effort < 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--effort expects fast, balanced or efficient, not '%s'",
                           c->effort);
    out->key_basis = (uint32_t)basis;
    out->basis_choice = (ks_basis_choice)how;
    out->effort = (ks_effort)effort;
    return 0;
}

static int apply_sizes(ks_link_parameters *out, const ks_link_choice *c) {
    if (c->block)
        out->block_slots = c->block;
    if (c->block_detections)
        out->block_detections = c->block_detections;
    if (c->seed_batch > 64)
        return ks_cli_fail(KS_EXIT_USAGE, "--seed-batch expects 1 to 64");
    if (c->seed_batch)
        out->seed_batch = (uint32_t)c->seed_batch;
    if (c->key_bits % 8 || c->key_bits > 8 * 4096)
        return ks_cli_fail(KS_EXIT_USAGE, "--key-bits expects a multiple of 8 up to 32768");
    if (c->key_bits)
        out->key_bytes = (uint32_t)(c->key_bits / 8);
    if (c->frame_bits & (c->frame_bits - 1) || c->frame_bits > UINT64_C(1) << 20)
        return ks_cli_fail(KS_EXIT_USAGE, "--frame-bits expects 16Ki, 64Ki, 256Ki or 1Mi");
    if (c->frame_bits)
        out->frame_log2 = (uint32_t)__builtin_ctzll(c->frame_bits);
    return 0;
}

static int require(double value, const char *option) {
    if (!isnan(value))
        return 0;
    return ks_cli_fail(KS_EXIT_USAGE,
                       "--%s is mandatory: the proof needs it, and only the laboratory knows it", option);
}

int ks_link_choice_apply(ks_link_parameters *out, const ks_link_choice *c) {
    size_t length = strlen(c->link);
    int result;
    if (length == 0 || length > sizeof out->link)
        return ks_cli_fail(KS_EXIT_USAGE, "--link expects a name of 1 to 16 bytes");
    memset(out->link, 0, sizeof out->link);
    memcpy(out->link, c->link, length);
    if (c->intensities && ks_parse_intensities(&out->source, c->intensities))
        return ks_cli_fail(KS_EXIT_USAGE,
                           "--intensities expects MEAN:PROBABILITY,... (at most %d) or single, not '%s'",
                           KS_MAX_INTENSITIES, c->intensities);
    if (!c->basis_choice)
        return ks_cli_fail(KS_EXIT_USAGE, "--basis-choice is mandatory: active or passive");
    if ((result = apply_words(out, c)) || (result = apply_sizes(out, c)) ||
        (result = require(c->efficiency_mismatch, "efficiency-mismatch")) ||
        (result = require(c->dark_mismatch, "dark-mismatch")) ||
        (result = require(c->dark_probability, "dark-probability")))
        return result;
    out->receiver = (ks_receiver){.efficiency_mismatch = c->efficiency_mismatch,
                                  .dark_mismatch = c->dark_mismatch,
                                  .dark_probability = c->dark_probability,
                                  .random_swap = c->random_swap};
    out->accept_passive = c->accept_passive;
    if (!isnan(c->epsilon_acceptance))
        out->epsilon.acceptance = c->epsilon_acceptance;
    if (!isnan(c->epsilon_amplification))
        out->epsilon.amplification = c->epsilon_amplification;
    out->key_sample = c->key_sample;
    if (!isnan(c->qber_limit))
        out->qber_limit = c->qber_limit;
    return 0;
}

int ks_link_choice_load_code(ks_code **code, ks_session_config *out, const ks_link_choice *c) {
    *code = NULL;
    if (!c->code)
        return 0;
    ks_bytes file;
    int result = ks_read_whole(&file, c->code);
    if (result)
        return result;
    ks_status status = ks_code_parse(code, file.data, file.bytes);
    ks_bytes_release(&file);
    if (status != KS_OK)
        return ks_cli_fail_status(status, c->code);
    out->code = *code;
    memcpy(out->link.code_digest, (*code)->digest, sizeof out->link.code_digest);
    return 0;
}

void ks_work_choice_init(ks_work_choice *choice) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *choice = (ks_work_choice){.threads = cores > 0 ? (uint64_t)cores : 1,
                               .pool_floor = UINT64_MAX,
                               .max_failures = UINT64_MAX,
                               .epsilon_life = NAN};
}

int ks_work_choice_apply(ks_session_config *out, const ks_work_choice *c) {
    if (c->threads < 1 || c->threads > 256)
        return ks_cli_fail(KS_EXIT_USAGE, "--threads expects 1 to 256");
    if (c->blocks_in_flight > 64)
        return ks_cli_fail(KS_EXIT_USAGE, "--blocks-in-flight expects 1 to 64");
    if (c->blocks_in_flight)
        out->blocks_in_flight = (uint32_t)c->blocks_in_flight;
    if (c->pool_target)
        out->pool_target = c->pool_target;
    if (c->pool_floor != UINT64_MAX)
        out->pool_floor = c->pool_floor;
    else if (out->pool_floor > out->pool_target)
        out->pool_floor = out->pool_target;
    if (c->max_failures != UINT64_MAX)
        out->failures_to_stop = c->max_failures > UINT32_MAX ? UINT32_MAX : (uint32_t)c->max_failures;
    if (!isnan(c->epsilon_life))
        out->epsilon_life = c->epsilon_life;
    out->expected_qber = c->expected_qber;
    return 0;
}

void ks_peer_choice_init(ks_peer_choice *choice) {
    *choice = (ks_peer_choice){.connect_timeout = 60, .peer_timeout = 30, .answer_timeout = 300};
}

static int timeout_ok(double seconds) {
    return seconds >= 0 && seconds <= LONGEST_TIMEOUT;
}

int ks_peer_choice_check(const ks_peer_choice *c) {
    if (!c->listen == !c->connect)
        return ks_cli_fail(KS_EXIT_USAGE, "give either --listen ADDRESS or --connect ADDRESS");
    if (!timeout_ok(c->connect_timeout) || !timeout_ok(c->peer_timeout) || !timeout_ok(c->reconnect) ||
        !timeout_ok(c->answer_timeout) || c->peer_timeout < SHORTEST_SILENCE)
        return ks_cli_fail(KS_EXIT_USAGE, "time-outs are seconds from 0 to %d, --peer-timeout from %d",
                           LONGEST_TIMEOUT, SHORTEST_SILENCE);
    return 0;
}
