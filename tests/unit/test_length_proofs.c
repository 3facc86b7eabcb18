/* SPDX-License-Identifier: Apache-2.0 */
/* Published formulas and the product's own against vectors of an independent calculator. A few are in this
 * file; the whole file of vectors is read where KS_DATA names its folder. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/length_json.h"

static const ks_length_defaults ideal = {0.0, 0.0, 0.0, 0};

static int close_to(double got, double want, double tolerance) {
    return fabs(got - want) <= tolerance * fmax(fabs(got), fabs(want));
}

static const ks_proof *find(const char *name) {
    int count;
    const ks_proof *table = ks_proof_table(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static ks_length_result evaluate(const char *proof, const json_t *object) {
    ks_length_request request = {.proof = find(proof)};
    ks_length_result result;
    cr_assert_eq(ks_length_request_read(&request, object, &ideal), KS_OK, "%s: %s", proof, ks_error_detail());
    cr_assert_eq(ks_length_request_compute(&result, &request), KS_OK, "%s: %s", proof, ks_error_detail());
    return result;
}

static double number(const json_t *object, const char *name) {
    cr_assert(json_is_number(json_object_get(object, name)), "no %s", name);
    return json_number_value(json_object_get(object, name));
}

static void compare(const json_t *object, const char *name, double got, double tolerance) {
    cr_assert(close_to(got, number(object, name), tolerance), "%s is %.17g, expected %.17g", name, got,
              number(object, name));
}

/* The vectors' lengths have log2(2/eps_EV) for verification, ours no bits at all. */
static void compare_product(json_t *object) {
    json_t *detail = json_object_get(object, "vleur");
    double eps_ev = json_number_value(json_array_get(json_object_get(object, "vleur_eps"), 2));
    json_object_set_new(object, "verification", json_integer(0));
    ks_length_result r = evaluate("keystill", object);
    compare(object, "l_vleur", r.exact - log2(2.0 / eps_ev), 1e-9);
    compare(detail, "s1", r.single_key, 0.0);
    compare(detail, "v1", r.single_errors, 1e-9);
    compare(detail, "phi", r.phase_error, 1e-9);
    int one_decoy = json_object_get(detail, "s0u") != NULL;
    compare(detail, one_decoy ? "s0u" : "s0", r.vacuum_key, 1e-9);
    compare(detail, one_decoy ? "t1" : "z1", r.single_test, 0.0);
}

static void check_lim(json_t *object) {
    ks_length_result r = evaluate("lim2014", object);
    compare(object, "l", r.exact, 1e-9);
    compare(object, "s0", r.vacuum_key, 1e-9);
    compare(object, "s1", r.single_key, 1e-9);
    compare(object, "z0", r.vacuum_test, 1e-9);
    compare(object, "z1", r.single_test, 1e-9);
    compare(object, "v1", r.single_errors, 1e-9);
    compare(object, "phi", r.phase_error, 1e-9);
    json_object_set_new(object, "counts", json_string("chernoff"));
    compare(object, "l_chernoff", evaluate("lim2014", object).exact, 1e-9);
    compare_product(object);
}

static void check_rusca(json_t *object) {
    ks_length_result r = evaluate("rusca2018", object);
    compare(object, "l", r.exact, 1e-9);
    compare(object, "s0u", r.vacuum_key, 1e-9);
    compare(object, "s1", r.single_key, 1e-9);
    compare(object, "x1", r.single_test, 1e-9);
    compare(object, "v1", r.single_errors, 1e-9);
    compare(object, "phi", r.phase_error, 1e-9);
    compare(object, "l_wiesemann", evaluate("wiesemann-v3", object).exact, 1e-9);
    compare_product(object);
}

static void check_tomamichel(json_t *object) {
    ks_length_result r = evaluate("tomamichel2012", object);
    compare(object, "l", r.exact, 1e-9);
    compare(object, "mu", r.sampled, 1e-9);
}

static void check_tupkary(json_t *object) {
    ks_length_result r = evaluate("tupkary2024", object);
    compare(object, "l", r.exact, 1e-9);
    compare(object, "s1", r.single_key, 1e-9);
    compare(object, "t1", r.single_test, 1e-9);
    compare(object, "v1", r.single_errors, 1e-9);
    compare(object, "phi", r.phase_error, 1e-9);
}

static void check_bbm92(json_t *object) {
    json_object_set_new(object, "eps_sec", json_real(1e-10));
    json_object_set_new(object, "eps_cor", json_real(0x1p-49));
    json_object_set_new(object, "t", json_integer(50));
    compare(object, "t12", evaluate("tomamichel2012", object).exact, 1e-9);
    compare(object, "tl17", evaluate("tomamichel-leverrier2017", object).exact, 1e-9);
    double leak = number(object, "leak");
    json_object_set_new(object, "m", json_integer(llround(number(object, "q") * number(object, "k"))));
    json_object_set_new(object, "leak", json_integer((json_int_t)floor(leak)));
    json_object_set_new(object, "verification", json_integer(50));
    json_object_set_new(object, "eps_at", json_real(0.45e-10));
    json_object_set_new(object, "eps_pa", json_real(1e-11));
    compare(object, "vl_exact", evaluate("keystill", object).exact - (leak - floor(leak)), 1e-9);
}

static void check_sampling(json_t *object) {
    double n = number(object, "n"), k = number(object, "k"), rate = number(object, "lam");
    double got =
        ks_hypergeometric_upper((uint64_t)n, (uint64_t)k, (uint64_t)llround(rate * k), number(object, "p"));
    cr_assert(close_to(got, number(object, "exact") + rate, 1e-12));
    cr_assert(close_to(ks_serfling(n, k, number(object, "p")), number(object, "serfling"), 1e-9));
}

static int check(json_t *object) {
    static const struct {
        const char *name;
        void (*check)(json_t *object);
    } kinds[] = {
        {"lim2014", check_lim},         {"rusca2018", check_rusca}, {"tomamichel2012", check_tomamichel},
        {"tupkary2024", check_tupkary}, {"bbm92", check_bbm92},     {"sampling", check_sampling}};
    const char *name = json_string_value(json_object_get(object, "name"));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (name && strcmp(name, kinds[i].name) == 0) {
            kinds[i].check(object);
            return 1;
        }
    return 0;
}

static const char *const vectors[] = {
    "{\"name\":\"sampling\",\"n\":10000,\"k\":3820,\"lam\":0.0248,\"p\":1e-20,\"serfling\":0.091282394063436,"
    "\"exact\":0.03660000000000001}",
    "{\"name\":\"tomamichel2012\",\"n\":1000000,\"k\":20408,\"Qtol\":0.0173,\"leak\":138599.81528377187,"
    "\"eps_sec\":1e-10,\"eps_cor\":1e-15,\"mu\":0.03493818319394827,\"l\":565453.3433094836}",
    "{\"name\":\"bbm92\",\"n\":100000,\"k\":10000,\"q\":0.03,\"leak\":22549.455508462837,\"t12\":36477."
    "13971499437,"
    "\"tl17\":36717.093241506955,\"vl_exact\":48706.760502324076}",
    "{\"name\":\"lim2014\",\"mus\":[0.55,0.15,0.0002],\"ps\":[0.5,0.35,0.15],\"nX\":[20702878,3976108,15779],"
    "\"nZ\":[644726,123823,491],\"mZ\":[16166,3444,212],\"leak\":4948487,\"eps_sec\":1e-9,\"eps_cor\":1e-15,"
    "\"l\":4975891.259221128,\"l_chernoff\":5970796.887978773,\"l_vleur\":5616333.293308296,"
    "\"vleur\":{\"s0\":58784.19016820518,\"s1\":14376647,\"z1\":424296,\"v1\":17875.507745030707,"
    "\"phi\":0.045083321583954866},\"vleur_eps\":[4.5e-10,1e-10,1e-15],\"s0\":0.0,\"s1\":14192274.077750254,"
    "\"z0\":0.0,\"z1\":394218.9520047065,\"v1\":19822.0,\"phi\":0.05340809532156566}",
    "{\"name\":\"rusca2018\",\"mus\":[0.45,0.17],\"ps\":[0.5,0.5],\"nZ\":[72565947,27434053],\"mZ\":[741456,"
    "290137],"
    "\"nX\":[2259839,854348],\"mX\":[23090,9035],\"leak\":9614121,\"eps_sec\":1e-9,\"eps_cor\":1e-15,"
    "\"l\":45725961.908471175,\"l_wiesemann\":43011856.42306912,\"l_vleur\":45712154.00043606,"
    "\"vleur\":{\"s0u\":1046856.4486948585,\"s1\":63437105,\"t1\":1919375,\"v1\":32125.0,"
    "\"phi\":0.017618962908222246},\"vleur_eps\":[4.5e-10,1e-10,1e-15],\"s0u\":1099905.6461716199,"
    "\"s1\":63430710.81743504,\"x1\":1918953.1871940019,\"v1\":32125.0,\"phi\":0.017565921281746957}",
    "{\"name\":\"tupkary2024\",\"mus\":[0.9,0.1,0.0],\"ps\":[0.3333333333333333,0.3333333333333333,0."
    "3333333333333333],"
    "\"nK\":[50017526.20935838,5699794.884087931,158333.25417297095],"
    "\"nT\":[52650027.58879829,5999784.088513612,166666.58333996942],"
    "\"mT\":[147230.53079975257,90434.97274790517,83333.29166906298],\"leak\":3168193.334507666,\"eps\":1e-"
    "12,"
    "\"delta1\":0.07921560789028348,\"delta2\":0.03921566706862345,\"l\":9988510.67278092,"
    "\"s1\":23306032.269348804,\"t1\":24544287.295714073,\"v1\":104613.24550497276,\"phi\":0."
    "08970239071990342}",
};

Test(proofs, vectors_of_this_file) {
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        json_t *object = json_loads(vectors[i], 0, NULL);
        cr_assert(object, "vector %zu", i);
        cr_assert(check(object));
        json_decref(object);
    }
}

Test(proofs, vectors_of_the_data_folder) {
    const char *folder = getenv("KS_DATA");
    char path[512], *line = NULL;
    snprintf(path, sizeof path, "%s/finitekey_vectors.jsonl", folder ? folder : "");
    FILE *file = folder ? fopen(path, "r") : NULL;
    if (!file)
        cr_skip_test("no file of vectors");
    size_t room = 0;
    int checked = 0;
    while (getline(&line, &room, file) > 0) {
        json_t *object = json_loads(line, 0, NULL);
        cr_assert(object, "%s", line);
        checked += check(object);
        json_decref(object);
    }
    free(line);
    fclose(file);
    cr_assert_geq(checked, 20);
}

Test(proofs, input_outside_of_a_formula_is_refused) {
    ks_length_result r;
    ks_proof_input in = {.source = {3, {0.5, 0.1, 2e-4}, {0.6, 0.3, 0.1}},
                         .key = {1e6, 1e5, 100},
                         .test = {1e5, 1e4, 10},
                         .test_errors = {100, 10, 1},
                         .leak = 1000,
                         .secrecy = 1e-9,
                         .correctness = 1e-15};
    cr_assert_eq(ks_proof_compute(&r, find("lim2014"), &in), KS_OK);
    cr_assert_eq(ks_proof_compute(&r, find("rusca2018"), &in), KS_ERR_ARGUMENT);
    ks_proof_input bad = in;
    bad.secrecy = 0.0;
    cr_assert_eq(ks_proof_compute(&r, find("lim2014"), &bad), KS_ERR_ARGUMENT);
    bad = in;
    bad.key[1] = -1.0;
    cr_assert_eq(ks_proof_compute(&r, find("lim2014"), &bad), KS_ERR_ARGUMENT);
    bad = in;
    memset(bad.test, 0, sizeof bad.test);
    cr_assert_eq(ks_proof_compute(&r, find("lim2014"), &bad), KS_ERR_ARGUMENT);
    bad = in;
    bad.leak = NAN;
    cr_assert_eq(ks_proof_compute(&r, find("lim2014"), &bad), KS_ERR_ARGUMENT);
    cr_assert_null(find("keystill"), "the product's formula is not one of the published ones");
}
