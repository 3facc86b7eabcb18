/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/length_json.h"

#include <math.h>
#include <string.h>

#include "pipeline/status.h"

/* Counts per intensity by role. Neutral names serve every formula; papers with one decoy call the key basis
 * Z, those with two X. */
typedef struct count_names {
    const char *key, *key_errors, *test, *test_errors;
} count_names;

static const count_names neutral_names = {"nK", "mK", "nT", "mT"};
static const count_names paper_names[KS_MAX_INTENSITIES + 1] = {
    [2] = {"nZ", "mZ", "nX", "mX"}, [3] = {"nX", "mX", "nZ", "mZ"}};

static const json_t *field(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

static ks_status read_number(double *out, const json_t *object, const char *name) {
    const json_t *value = field(object, name);
    if (!value)
        return ks_fail(KS_ERR_FORMAT, "field \"%s\" is missing", name);
    if (!json_is_number(value))
        return ks_fail(KS_ERR_FORMAT, "field \"%s\" is no number", name);
    *out = json_number_value(value);
    return KS_OK;
}

/* `fallback` negative: the field is required. */
static ks_status read_or(double *out, const json_t *object, const char *name, double fallback) {
    if (!field(object, name) && fallback >= 0.0) {
        *out = fallback;
        return KS_OK;
    }
    return read_number(out, object, name);
}

static ks_status whole(uint64_t *out, double value, const char *name) {
    if (!(value >= 0.0 && value <= 9007199254740992.0 && value == floor(value)))
        return ks_fail(KS_ERR_FORMAT, "field \"%s\" holds %g: a whole number from 0 to 2^53 expected", name,
                       value);
    *out = (uint64_t)value;
    return KS_OK;
}

static ks_status read_whole(uint64_t *out, const json_t *object, const char *name, double fallback) {
    double value = 0.0;
    KS_TRY(read_or(&value, object, name, fallback));
    return whole(out, value, name);
}

static ks_status read_array(double *out, const json_t *object, const char *name, uint32_t length) {
    const json_t *array = field(object, name);
    if (!array)
        return ks_fail(KS_ERR_FORMAT, "field \"%s\" is missing", name);
    if (!json_is_array(array) || json_array_size(array) != length)
        return ks_fail(KS_ERR_FORMAT, "field \"%s\" must be an array of %u numbers", name, length);
    for (uint32_t i = 0; i < length; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_number(value))
            return ks_fail(KS_ERR_FORMAT, "field \"%s\": element %u is no number", name, i);
        out[i] = json_number_value(value);
    }
    return KS_OK;
}

/* Single photons: no "mus". */
static ks_status read_source(ks_source *source, const json_t *object) {
    const json_t *mus = field(object, "mus");
    *source = (ks_source){.intensities = 1, .mean = {1.0}, .probability = {1.0}};
    if (!mus)
        return KS_OK;
    if (!json_is_array(mus) || json_array_size(mus) < 2 || json_array_size(mus) > KS_MAX_INTENSITIES)
        return ks_fail(KS_ERR_FORMAT, "field \"mus\" must be an array of 2 or %d mean photon numbers",
                       KS_MAX_INTENSITIES);
    source->intensities = (uint32_t)json_array_size(mus);
    KS_TRY(read_array(source->mean, object, "mus", source->intensities));
    return read_array(source->probability, object, "ps", source->intensities);
}

/* One photon: n, k and, where the formula wants them, m. */
static ks_status read_plain_counts(ks_length_request *r, const json_t *object) {
    KS_TRY(read_number(&r->input.key[0], object, "n"));
    KS_TRY(read_number(&r->input.test[0], object, "k"));
    return r->proof ? KS_OK : read_number(&r->input.test_errors[0], object, "m");
}

static ks_status read_counts(ks_length_request *r, const json_t *object) {
    uint32_t length = r->source.intensities;
    if (length == 1)
        return read_plain_counts(r, object);
    const count_names *names = field(object, neutral_names.key) ? &neutral_names : &paper_names[length];
    KS_TRY(read_array(r->input.key, object, names->key, length));
    KS_TRY(read_array(r->input.test, object, names->test, length));
    KS_TRY(read_array(r->input.test_errors, object, names->test_errors, length));
    return length == 2 ? read_array(r->input.key_errors, object, names->key_errors, length) : KS_OK;
}

static ks_status round_counts(ks_length_request *r) {
    for (int i = 0; i < KS_MAX_INTENSITIES; i++) {
        KS_TRY(whole(&r->counts.key[i], r->input.key[i], "counts of the key basis"));
        KS_TRY(whole(&r->counts.key_errors[i], r->input.key_errors[i], "errors of the key basis"));
        KS_TRY(whole(&r->counts.test[i], r->input.test[i], "counts of the test basis"));
        KS_TRY(whole(&r->counts.test_errors[i], r->input.test_errors[i], "errors of the test basis"));
    }
    return KS_OK;
}

static ks_status read_epsilon(ks_epsilon *epsilon, const json_t *object) {
    double all[3];
    if (!field(object, "eps_at") && field(object, "vleur_eps")) {
        KS_TRY(read_array(all, object, "vleur_eps", 3));
        *epsilon = (ks_epsilon){all[0], all[1]};
        return KS_OK;
    }
    KS_TRY(read_number(&epsilon->acceptance, object, "eps_at"));
    return read_number(&epsilon->amplification, object, "eps_pa");
}

static ks_status read_receiver(ks_receiver *receiver, const json_t *object,
                               const ks_length_defaults *defaults) {
    KS_TRY(read_or(&receiver->efficiency_mismatch, object, "efficiency_mismatch",
                   defaults->efficiency_mismatch));
    KS_TRY(read_or(&receiver->dark_mismatch, object, "dark_mismatch", defaults->dark_mismatch));
    KS_TRY(read_or(&receiver->dark_probability, object, "dark_probability", defaults->dark_probability));
    const json_t *swap = field(object, "random_swap");
    if (!swap && defaults->random_swap < 0)
        return ks_fail(KS_ERR_FORMAT, "field \"random_swap\" is missing");
    if (swap && !json_is_boolean(swap))
        return ks_fail(KS_ERR_FORMAT, "field \"random_swap\" is neither true nor false");
    receiver->random_swap = swap ? json_is_true(swap) : defaults->random_swap;
    return KS_OK;
}

static ks_status read_product(ks_length_request *r, const json_t *object,
                              const ks_length_defaults *defaults) {
    KS_TRY(round_counts(r));
    KS_TRY(read_epsilon(&r->epsilon, object));
    KS_TRY(read_receiver(&r->receiver, object, defaults));
    KS_TRY(read_whole(&r->leakage.reconciliation, object, "leak", -1.0));
    KS_TRY(read_whole(&r->leakage.penalty, object, "penalty", 0.0));
    KS_TRY(read_whole(&r->leakage.verification, object, "verification", 129.0));
    return read_whole(&r->leakage.dropped, object, "dropped", 0.0);
}

static ks_status read_published(ks_proof_input *in, const json_t *object, const char *proof) {
    const json_t *counts = field(object, "counts");
    KS_TRY(read_number(&in->leak, object, "leak"));
    if (strcmp(proof, "tupkary2024") == 0) {
        KS_TRY(read_number(&in->secrecy, object, "eps"));
        KS_TRY(read_or(&in->delta1, object, "delta1", 0.0));
        return read_or(&in->delta2, object, "delta2", 0.0);
    }
    KS_TRY(read_number(&in->secrecy, object, "eps_sec"));
    if (in->source.intensities == 1)
        KS_TRY(read_number(&in->tolerance, object, field(object, "Qtol") ? "Qtol" : "q"));
    if (strcmp(proof, "tomamichel-leverrier2017") == 0)
        return read_number(&in->tag_bits, object, "t");
    in->counts = counts && json_is_string(counts) && strcmp(json_string_value(counts), "chernoff") == 0
                     ? KS_CHERNOFF
                     : KS_HOEFFDING;
    return read_number(&in->correctness, object, "eps_cor");
}

ks_status ks_length_request_read(ks_length_request *request, const json_t *object,
                                 const ks_length_defaults *defaults) {
    *request = (ks_length_request){.proof = request->proof};
    if (!json_is_object(object))
        return ks_fail(KS_ERR_FORMAT, "an object with the counts of a block is expected");
    KS_TRY(read_source(&request->source, object));
    request->input.source = request->source;
    if (request->proof && request->proof->intensities != request->source.intensities)
        return ks_fail(KS_ERR_FORMAT, "%s is for %u intensities, the block has %u", request->proof->name,
                       request->proof->intensities, request->source.intensities);
    KS_TRY(read_counts(request, object));
    return request->proof ? read_published(&request->input, object, request->proof->name)
                          : read_product(request, object, defaults);
}

ks_status ks_length_request_compute(ks_length_result *result, const ks_length_request *request) {
    const ks_length_request *r = request;
    ks_status status =
        r->proof ? ks_proof_compute(result, r->proof, &r->input)
                 : ks_length_compute(result, &r->source, &r->receiver, &r->epsilon, &r->counts, &r->leakage);
    return status == KS_ERR_ARGUMENT ? KS_ERR_FORMAT : status;
}

/* JSON has no word for what is not finite; void lengths are not given either. */
static void set_real(json_t *object, const char *name, double value) {
    int given = isfinite(value) && value > KS_LENGTH_VOID;
    json_object_set_new(object, name, given ? json_real(value) : json_null());
}

static void set_whole(json_t *object, const char *name, uint64_t value) {
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

json_t *ks_length_result_json(const ks_length_request *request, const ks_length_result *result) {
    json_t *out = json_object();
    json_object_set_new(out, "proof", json_string(request->proof ? request->proof->name : "keystill"));
    set_whole(out, "bits", result->bits);
    set_whole(out, "limit", result->limit);
    set_real(out, "l", result->exact);
    set_real(out, "s0", result->vacuum_key);
    set_real(out, "s1", result->single_key);
    set_real(out, "t0", result->vacuum_test);
    set_real(out, "t1", result->single_test);
    set_real(out, "v1", result->single_errors);
    set_real(out, "sampled", result->sampled);
    set_real(out, "phi", result->phase_error);
    set_real(out, "delta1", result->delta1);
    set_real(out, "delta2", result->delta2);
    if (request->proof)
        return out;
    set_real(out, "statement", result->statement);
    set_whole(out, "statements", result->statements);
    set_real(out, "epsilon_without_verification", ks_epsilon_total(&request->epsilon, -INFINITY));
    return out;
}
