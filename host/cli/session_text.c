/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/session_text.h"

#include <math.h>
#include <stdio.h>

const char *ks_scaled(char text[24], double value) {
    static const struct {
        double factor;
        const char *letter;
    } scales[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        if (fabs(value) >= scales[i].factor) {
            snprintf(text, 24, "%.3g %s", value / scales[i].factor, scales[i].letter);
            return text;
        }
    snprintf(text, 24, "%.3g ", value);
    return text;
}

static double number(const json_t *o, const char *name) {
    return json_number_value(json_object_get(o, name));
}

static unsigned long long count(const json_t *o, const char *name) {
    return (unsigned long long)json_integer_value(json_object_get(o, name));
}

static const char *word(const json_t *o, const char *name) {
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static void print_stages(FILE *out, const json_t *report) {
    json_t *stages = json_object_get(report, "stages"), *stage;
    const char *name, *comma = "";
    fprintf(out, "  %-12s", "stages");
    json_object_foreach(stages, name, stage) {
        fprintf(out, "%s %s %.2f s", comma, name, number(stage, "seconds"));
        comma = ",";
    }
    fprintf(out, " (wall time, summed over blocks); the limit is %s\n", word(report, "limiting_stage"));
}

void ks_session_text_print(FILE *out, const json_t *r) {
    char a[24], b[24];
    const double seconds = number(r, "seconds");
    fprintf(out, "%s: %s%s%s\n", word(r, "role"), word(r, "status"), *word(r, "reason") ? ": " : "",
            word(r, "reason"));
    fprintf(out, "  %-12s %llu: %llu with key, %llu aborted, %llu skipped, %llu unfinished\n", "blocks",
            count(r, "blocks"), count(r, "blocks_with_key"), count(r, "blocks_aborted"),
            count(r, "blocks_skipped"), count(r, "blocks_unfinished"));
    fprintf(out, "  %-12s %llu of %spulses; %.2f s of the source in %.2f s, %.2fx real time\n", "detections",
            count(r, "detections"), ks_scaled(a, (double)count(r, "pulses")), number(r, "source_seconds"),
            seconds, number(r, "realtime_factor"));
    fprintf(out, "  %-12s %llu bits (%sb/s)\n", "sifted key", count(r, "sifted_bits"),
            ks_scaled(a, number(r, "sifted_bps")));
    fprintf(out, "  %-12s %.3f %% in the key, %.3f %% in the test basis; phase error at most %.3f %%\n",
            "QBER", 100 * number(r, "qber"), 100 * number(r, "test_qber"), 100 * number(r, "phase_error"));
    fprintf(out, "  %-12s %llu bits, efficiency %.3f; %llu frames, %llu dropped\n", "disclosed",
            count(r, "leak_bits"), number(r, "efficiency"), count(r, "frames"), count(r, "frames_dropped"));
    fprintf(out, "  %-12s %llu bits: %sb/s of the source, %sb/s here", "secret key", count(r, "secret_bits"),
            ks_scaled(a, number(r, "secret_bps")),
            ks_scaled(b, seconds > 0 ? (double)count(r, "secret_bits") / seconds : 0));
    fprintf(out, "; net of authentication %sb/s\n", ks_scaled(a, number(r, "net_bps")));
    fprintf(out, "  %-12s %.2g, over the life of the link %.2g\n", "epsilon", number(r, "epsilon"),
            number(r, "epsilon_life"));
    fprintf(out, "  %-12s %llu, %llu confirmed\n", "keys", count(r, "keys"), count(r, "keys_confirmed"));
    fprintf(out, "  %-12s %llu bits put in, %llu pads used, %llu and %llu left; %llu tags failed\n", "pool",
            count(r, "pool_bits"), count(r, "pads_used"), count(r, "pool_level_alice_to_bob"),
            count(r, "pool_level_bob_to_alice"), count(r, "auth_failures"));
    print_stages(out, r);
    if (json_is_true(json_object_get(r, "test_only")))
        fprintf(out, "  TEST ONLY: states or randomness are reproducible, so these keys are not secret\n");
    if (json_is_true(json_object_get(r, "accepted_passive")))
        fprintf(out, "  NOTE: passive basis choice was accepted although the proof does not cover it\n");
}
