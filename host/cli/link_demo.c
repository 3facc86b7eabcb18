/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/link_demo.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <keystill/entropy.h>
#include <keystill/ring_host.h>
#include <keystill/secret.h>
#include <keystill/storage.h>

#include "host/simulator/presets.h"

enum { STATES_PATIENCE_MS = 20000, RING_SLOTS = 1 << 16 };

/* ---- files, names, a port */

static int make_directory(ks_link_demo *d) {
    const char *base = getenv("TMPDIR");
    snprintf(d->directory, sizeof d->directory, "%.80s/keystill-link-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(d->directory)) {
        d->directory[0] = '\0';
        return ks_cli_fail(KS_EXIT_FAILED, "cannot make a temporary directory: %s", strerror(errno));
    }
    snprintf(d->pool[KS_DEMO_ALICE], sizeof d->pool[0], "%s/alice.pool", d->directory);
    snprintf(d->pool[KS_DEMO_BOB], sizeof d->pool[0], "%s/bob.pool", d->directory);
    snprintf(d->states, sizeof d->states, "%s/states", d->directory);
    snprintf(d->ring[KS_DEMO_ALICE], sizeof d->ring[0], "link-%d-alice", (int)getpid());
    snprintf(d->ring[KS_DEMO_BOB], sizeof d->ring[0], "link-%d-bob", (int)getpid());
    return 0;
}

/* Both pools from a pre-shared key that is never written. */
static int make_pools(const ks_link_demo *d) {
    const ks_random random = ks_random_system();
    uint8_t *psk = NULL;
    ks_status status = ks_secret_alloc((void **)&psk, KS_PSK_BYTES, KS_SECRET_STRICT);
    if (status == KS_OK)
        status = random.fill(random.context, psk, KS_PSK_BYTES);
    for (int side = 0; side < 2 && status == KS_OK; side++)
        status = ks_pool_file_create(d->pool[side], psk);
    ks_secret_free(psk);
    return status == KS_OK ? 0 : ks_cli_fail_status(status, "authentication pools");
}

/* An address of this machine that is free now. */
static int choose_address(ks_link_demo *d) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = fd < 0 || bind(fd, (struct sockaddr *)&address, length) ||
                 getsockname(fd, (struct sockaddr *)&address, &length);
    if (fd >= 0)
        close(fd);
    snprintf(d->address, sizeof d->address, "tcp:127.0.0.1:%d", ntohs(address.sin_port));
    return failed ? ks_cli_fail(KS_EXIT_FAILED, "no free port: %s", strerror(errno)) : 0;
}

int ks_link_demo_prepare(ks_link_demo *d) {
    int result = make_directory(d);
    if (!result)
        result = make_pools(d);
    return result ? result : choose_address(d);
}

static void remove_directory(const char *directory) {
    DIR *d = opendir(directory);
    const struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    if (rmdir(directory) != 0)
        (void)ks_cli_fail(KS_EXIT_FAILED, "cannot remove %s: %s", directory, strerror(errno));
}

void ks_link_demo_remove(ks_link_demo *d) {
    if (!d->directory[0])
        return;
    for (int side = 0; side < 2; side++) {
        ks_status status = ks_ring_map_remove(d->ring[side]);
        if (status != KS_OK && status != KS_ERR_EMPTY)
            (void)ks_cli_fail_status(status, d->ring[side]);
    }
    remove_directory(d->directory);
    d->directory[0] = '\0';
}

/* ---- calling the simulator: the preset and what was given besides */

static void add_simulator(ks_link_demo *d) {
    ks_child *c = &d->child[KS_DEMO_SIMULATE];
    const ks_link_options *o = &d->link;
    const ks_sim_field *field;
    ks_child_init(c, "simulate");
    ks_child_addf(c, "--preset=%s", o->preset);
    /* A little more than was asked for: the last block ends with a detection behind it. */
    ks_child_addf(c, "--pulses=%llu",
                  (unsigned long long)(d->config.slots + d->config.slots / 100 + 4 * d->config.marker_slots));
    ks_child_addf(c, "--seed=%llu", (unsigned long long)o->seed);
    ks_child_addf(c, "--sim-threads=%llu", (unsigned long long)o->threads);
    if (o->mu)
        ks_child_addf(c, "--mu=%s", o->mu);
    if (o->probability)
        ks_child_addf(c, "--probability=%s", o->probability);
    if (o->attack)
        ks_child_addf(c, "--attack=%s", o->attack);
    if (!isnan(o->misalignment))
        ks_child_addf(c, "--misalignment=%.17g", o->misalignment);
    for (size_t i = 0; (field = ks_sim_field_at(i)) != NULL && i < KS_SIM_FIELDS; i++) {
        if (o->flag[i] >= 0)
            ks_child_addf(c, "--%s%s", o->flag[i] ? "" : "no-", field->name);
        if (!isnan(o->number[i]))
            ks_child_addf(c, "--%s=%.17g", field->name, o->number[i]);
    }
    ks_child_addf(c, "--format=%s", d->format);
    ks_child_addf(c, "--states-seed=%s", d->states);
    ks_child_add(c, "--events=-");
    ks_child_add(c, "--quiet");
}

/* ---- calling the ends */

/* What both ends state alike. Efficiencies and dark counts of simulated detectors are equal. */
static void add_common(const ks_link_demo *d, ks_child *c, int side) {
    const ks_sim_config *sim = &d->config;
    char list[128];
    int used = 0;
    for (uint32_t i = 0; i < sim->source.intensities; i++)
        used += snprintf(list + used, sizeof list - (size_t)used, "%s%.17g:%.17g", i ? "," : "",
                         sim->source.mean[i], sim->source.probability[i]);
    ks_child_addf(c, "--intensities=%s", sim->source.intensities == 1 ? "single" : list);
    ks_child_addf(c, "--block=%llu", (unsigned long long)d->block);
    ks_child_addf(c, "--basis-choice=%s", sim->passive ? "passive" : "active");
    if (sim->passive)
        ks_child_add(c, "--accept-passive");
    ks_child_add(c, "--efficiency-mismatch=0");
    ks_child_add(c, "--dark-mismatch=0");
    ks_child_addf(c, "--dark-probability=%.17g", sim->detector[0].dark_hz / sim->clock_hz);
    ks_child_addf(c, "--pool=%s", d->pool[side]);
    ks_child_addf(c, "--ring=%s", d->ring[side]);
    ks_child_addf(c, "--ring-slots=%d", RING_SLOTS);
    if (d->audit)
        ks_child_addf(c, "--audit=%s.%s", d->audit, side == KS_DEMO_ALICE ? "alice" : "bob");
    if (d->code)
        ks_child_addf(c, "--code=%s", d->code);
    if (d->threads)
        ks_child_addf(c, "--threads=%llu", (unsigned long long)d->threads);
    if (d->backend)
        ks_child_addf(c, "--backend=%s", d->backend);
    ks_child_add(c, "--json");
    ks_child_add(c, "--quiet");
}

static void add_lanes(ks_child *c, const ks_sim_config *sim, const ks_frontend_config *f) {
    static const char *const names[] = {"H", "V", "D", "A"};
    char lanes[160] = "", delays[160] = "";
    int n = 0, m = 0;
    for (int d = 0; d < KS_SIM_DETECTORS; d++) {
        const char *comma = d ? "," : "";
        n += snprintf(lanes + n, sizeof lanes - (size_t)n, "%s%s=%d", comma, names[d], sim->detector_lane[d]);
        m += snprintf(delays + m, sizeof delays - (size_t)m, "%s%s=%lld", comma, names[d],
                      (long long)f->lanes[sim->detector_lane[d]].delay_ps);
    }
    if (sim->marker_slots)
        n += snprintf(lanes + n, sizeof lanes - (size_t)n, ",MARKER=%d", sim->marker_lane);
    if (sim->pps)
        snprintf(lanes + n, sizeof lanes - (size_t)n, ",PPS=%d", sim->pps_lane);
    ks_child_addf(c, "--lanes=%s", lanes);
    ks_child_addf(c, "--delays=%s", delays);
}

static void add_bob(ks_link_demo *d) {
    ks_child *c = &d->child[KS_DEMO_BOB];
    ks_frontend_config f;
    ks_sim_frontend_config(&f, &d->config);
    ks_child_init(c, "bob");
    ks_child_add(c, "--events=-");
    ks_child_addf(c, "--format=%s", d->format);
    ks_child_addf(c, "--tick=%.6f", 1e12 * (double)f.unit.numerator / (double)f.unit.denominator);
    if (strcmp(d->format, "slots") != 0)
        add_lanes(c, &d->config, &f);
    else
        ks_child_add(c, "--lanes=H=0,V=1,D=2,A=3");
    ks_child_addf(c, "--clock=%.17g", f.clock_hz);
    ks_child_addf(c, "--clock-tolerance=%.17g", 1e6 * f.clock_tolerance);
    ks_child_addf(c, "--markers=%llu", (unsigned long long)f.marker_slots);
    ks_child_addf(c, "--gate=%.17g", f.gate_ps);
    ks_child_addf(c, "--dead-time=%.17g", f.dead_time_ps);
    ks_child_addf(c, "--listen=%s", d->address);
    add_common(d, c, KS_DEMO_BOB);
}

static void add_alice(ks_link_demo *d) {
    ks_child *c = &d->child[KS_DEMO_ALICE];
    ks_child_init(c, "alice");
    ks_child_addf(c, "--states=%s", d->states);
    ks_child_addf(c, "--connect=%s", d->address);
    /* What a laboratory knows of its own link; without it the first blocks would be corrected for the error
     * rate of the test basis. */
    ks_sim_expectation expected;
    if (ks_sim_expect(&expected, &d->config) == KS_OK && expected.qber[0] > 0)
        ks_child_addf(c, "--expected-qber=%.6g", expected.qber[0]);
    add_common(d, c, KS_DEMO_ALICE);
}

/* The simulator gives the file of states its name when it is whole. */
static int wait_for_states(ks_link_demo *d) {
    for (int ms = 0; ms < STATES_PATIENCE_MS; ms += 10) {
        if (access(d->states, R_OK) == 0)
            return 0;
        if (ks_cli_interrupted())
            return KS_EXIT_INTERRUPTED;
        if (ks_child_ended(&d->child[KS_DEMO_SIMULATE], 0) && access(d->states, R_OK) != 0)
            return ks_cli_fail(d->child[KS_DEMO_SIMULATE].exit_code, "the simulator failed");
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    return ks_cli_fail(KS_EXIT_FAILED, "the simulator wrote no states");
}

int ks_link_demo_start(ks_link_demo *d) {
    int tags[2];
    add_simulator(d);
    add_bob(d);
    add_alice(d);
    if (pipe2(tags, O_CLOEXEC))
        return ks_cli_fail(KS_EXIT_FAILED, "pipe: %s", strerror(errno));
    (void)fcntl(tags[1], F_SETPIPE_SZ, 1 << 20);
    int result = ks_child_start(&d->child[KS_DEMO_SIMULATE], -1, tags[1]);
    if (result) {
        close(tags[0]);
        return result;
    }
    if ((result = ks_child_start(&d->child[KS_DEMO_BOB], tags[0], -1)) || (result = wait_for_states(d)))
        return result;
    return ks_child_start(&d->child[KS_DEMO_ALICE], -1, -1);
}
