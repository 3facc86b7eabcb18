/* SPDX-License-Identifier: Apache-2.0 */
/* keystill psk new|show|pool|distil: pre-shared keys and the authentication pools made from them. */
#include <stdio.h>
#include <string.h>
#include <keystill/entropy.h>
#include <keystill/ring_host.h>
#include <keystill/secret.h>
#include <keystill/storage.h>

#include "host/cli/cli.h"
#include "host/cli/words.h"

static const ks_option no_options[] = {{0}};

static void print_fingerprint(const uint8_t fingerprint[16]) {
    char text[33];
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", fingerprint[i]);
    printf(ks_cli_json ? "{\"fingerprint\":\"%s\"}\n" : "%s\n", text);
}

/* Reads the key into locked memory, which the caller frees. */
static int read_psk(uint8_t **psk, const char *path) {
    ks_status status = ks_secret_alloc((void **)psk, KS_PSK_BYTES, KS_SECRET_STRICT);
    if (status == KS_OK)
        status = ks_psk_read(*psk, path);
    if (status == KS_OK)
        return KS_EXIT_OK;
    ks_secret_free(*psk);
    *psk = NULL;
    return ks_cli_fail(ks_cli_exit_code(status), "%s", ks_error_detail());
}

static int fingerprint_of(uint8_t fingerprint[16], const char *path) {
    uint8_t *psk;
    int code = read_psk(&psk, path);
    if (code != KS_EXIT_OK)
        return code;
    ks_status status = ks_pool_psk_fingerprint(fingerprint, psk, KS_PSK_BYTES);
    ks_secret_free(psk);
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, path);
}

static int show_psk(const char *path) {
    uint8_t fingerprint[16];
    int code = fingerprint_of(fingerprint, path);
    if (code == KS_EXIT_OK)
        print_fingerprint(fingerprint);
    return code;
}

static int psk_new(int argc, char **argv) {
    int rest, code = ks_cli_parse("psk new FILE", no_options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (argc - rest != 1)
        return ks_cli_fail(KS_EXIT_USAGE, "one FILE to make is required");
    ks_random random = ks_random_system();
    ks_status status = ks_psk_create(argv[rest], &random);
    if (status != KS_OK)
        return ks_cli_fail(ks_cli_exit_code(status), "%s", ks_error_detail());
    ks_cli_say(1, "%s: %d random bytes, mode 600. Carry one copy to the other end by a way nobody else sees.",
               argv[rest], KS_PSK_BYTES);
    return show_psk(argv[rest]);
}

static int psk_show(int argc, char **argv) {
    int rest, code = ks_cli_parse("psk show FILE", no_options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (argc - rest != 1)
        return ks_cli_fail(KS_EXIT_USAGE, "one FILE is required");
    return show_psk(argv[rest]);
}

static int psk_pool(int argc, char **argv) {
    int rest, code = ks_cli_parse("psk pool PSK POOL", no_options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (argc - rest != 2)
        return ks_cli_fail(KS_EXIT_USAGE, "two files are required: the pre-shared key and the pool to make");
    uint8_t fingerprint[16];
    code = fingerprint_of(fingerprint, argv[rest]);
    if (code != KS_EXIT_OK)
        return code;
    ks_status status = ks_psk_spend(argv[rest], argv[rest + 1]);
    if (status != KS_OK)
        return ks_cli_fail(ks_cli_exit_code(status), "%s", ks_error_detail());
    ks_cli_say(1, "%s: pool made, and %s erased: a second pool from it would use the same pads again.",
               argv[rest + 1], argv[rest]);
    print_fingerprint(fingerprint);
    return KS_EXIT_OK;
}

/* ---- a pre-shared key out of distilled ones */

/* A source of randomness that gives keys of a ring, in their order. */
typedef struct distilled {
    ks_ring *ring;
    size_t key_bytes;
    uint64_t taken;
} distilled;

static ks_status fill_distilled(void *context, uint8_t *out, size_t bytes) {
    distilled *d = context;
    uint8_t key[4096];
    ks_key_id id;
    ks_status status = KS_OK;
    for (size_t at = 0; at < bytes && status == KS_OK; d->taken++) {
        const size_t room = bytes - at < d->key_bytes ? bytes - at : d->key_bytes;
        status = ks_ring_take(d->ring, &id, key, sizeof key);
        if (status == KS_OK)
            memcpy(out + at, key, room);
        at += room;
    }
    ks_wipe(key, sizeof key);
    return status;
}

static int distil_into(const char *path, ks_ring_map *map, const char *name) {
    ks_ring_status about;
    ks_ring_map_get_status(map, &about);
    distilled source = {.ring = ks_ring_map_ring(map), .key_bytes = about.key_bytes};
    const uint64_t needed = (KS_PSK_BYTES + about.key_bytes - 1) / about.key_bytes;
    if (about.notes & KS_RING_NOTE_TEST)
        ks_cli_say(1, "WARNING: test-only randomness: the keys of ring %s are NOT SECRET", name);
    if (about.confirmed < needed)
        return ks_cli_fail(KS_EXIT_FAILED, "ring %s holds %llu keys, %llu are needed", name,
                           (unsigned long long)about.confirmed, (unsigned long long)needed);
    const ks_random random = {.fill = fill_distilled, .context = &source};
    ks_status status = ks_psk_create(path, &random);
    if (status != KS_OK)
        return ks_cli_fail(ks_cli_exit_code(status), "%s (%llu keys were taken from the ring)",
                           ks_error_detail(), (unsigned long long)source.taken);
    ks_cli_say(
        1,
        "%s: a pre-shared key of %llu distilled keys. The other end has the same when this fingerprint is "
        "the same there.",
        path, (unsigned long long)source.taken);
    return show_psk(path);
}

static int psk_distil(int argc, char **argv) {
    const char *name = NULL;
    const ks_option options[] = {{"ring", 'r', KS_OPTION_TEXT, &name, "NAME", "key ring to take from", NULL},
                                 {0}};
    int rest, code = ks_cli_parse("psk distil --ring NAME FILE", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (!name || argc - rest != 1)
        return ks_cli_fail(KS_EXIT_USAGE, "--ring NAME and one FILE to make are required");
    ks_ring_map *map;
    ks_status status = ks_ring_map_open(&map, name);
    if (status != KS_OK)
        return status == KS_ERR_ARGUMENT ? ks_cli_fail(KS_EXIT_USAGE, "--ring: %s", ks_error_detail())
                                         : ks_cli_fail_status(status, "--ring");
    code = distil_into(argv[rest], map, name);
    ks_ring_map_close(map);
    return code;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} actions[] = {{"new", psk_new}, {"show", psk_show}, {"pool", psk_pool}, {"distil", psk_distil}};

static const char help[] =
    "Usage: keystill psk ACTION\n\n"
    "  psk new FILE       write a new pre-shared key of 4096 random bytes; never replaces a file\n"
    "  psk show FILE      print its fingerprint, which is no secret\n"
    "  psk distil --ring NAME FILE\n"
    "                     write a pre-shared key out of the next distilled keys of a ring, at both ends the "
    "same\n"
    "  psk pool PSK POOL  make the authentication pool that `alice` and `bob` use, and erase the key\n";

int ks_cmd_psk(int argc, char **argv) {
    if (argc < 2) {
        fputs(help, stderr);
        return KS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(help, stdout);
        return KS_EXIT_OK;
    }
    static char command[32];
    ks_closest closest = ks_closest_start(argv[1]);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(argv[1], actions[i].name) == 0) {
            snprintf(command, sizeof command, "psk %s", actions[i].name);
            ks_cli_set_command(command);
            return actions[i].run(argc - 1, argv + 1);
        }
        ks_closest_offer(&closest, actions[i].name);
    }
    if (argv[1][0] == '-')
        return ks_cli_fail(KS_EXIT_USAGE, "unknown option %s", argv[1]);
    return ks_cli_fail(KS_EXIT_USAGE, "unknown action '%s'%s%s (new, show, pool, distil)", argv[1],
                       closest.best ? "; nearest: " : "", closest.best ? closest.best : "");
}
