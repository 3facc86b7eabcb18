/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/simulate_output.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 16, STATES_PIECE = 1 << 16 /* slots, an even number */ };

static int write_piece(const ks_cli_output *output, const void *data, size_t bytes) {
    if (ks_cli_write_all(output->fd, data, bytes) == 0)
        return 0;
    if (ks_cli_interrupted())
        return KS_EXIT_INTERRUPTED;
    if (errno == EPIPE)
        return ks_cli_fail(KS_EXIT_CLOSED, "%s: the reader is gone", output->path);
    return ks_cli_fail(KS_EXIT_FAILED, "cannot write %s: %s", output->path, strerror(errno));
}

static int close_output(ks_cli_output *output, int keep, int result) {
    if (ks_cli_close_output(output, keep && !result) != 0 && !result)
        result = KS_EXIT_FAILED;
    return result;
}

int ks_write_image(const char *path, const uint8_t *image, size_t bytes) {
    ks_cli_output output;
    if (ks_cli_open_output(&output, path) < 0)
        return KS_EXIT_FAILED;
    return close_output(&output, 1, write_piece(&output, image, bytes));
}

int ks_event_file_open(ks_event_file *file, const char *path, ks_format format, const ks_sim_config *config) {
    ks_writer_options options = {.format = format, .unit = config->unit};
    if (format == KS_FORMAT_SLOTS) {
        uint64_t hz = (uint64_t)config->clock_hz;
        options.unit = (double)hz == config->clock_hz ? (ks_unit){1, hz} : (ks_unit){0, 0};
    }
    ks_status status = ks_writer_create(&file->writer, &options);
    if (status != KS_OK)
        return ks_cli_fail_status(status, ks_format_name(format));
    if (ks_cli_open_output(&file->output, path) < 0) {
        ks_writer_destroy(file->writer);
        file->writer = NULL;
        return KS_EXIT_FAILED;
    }
    return 0;
}

int ks_event_file_put(ks_event_file *file, const ks_event *events, size_t n) {
    static uint8_t bytes[PIECE];
    size_t taken = 0, count = 0;
    for (size_t at = 0; file->writer && at < n; at += taken) {
        ks_status status =
            ks_writer_put(file->writer, events + at, n - at, &taken, bytes, sizeof bytes, &count);
        int result = write_piece(&file->output, bytes, count);
        if (result)
            return result;
        if (status != KS_OK)
            return ks_cli_fail_status(status, file->output.path);
    }
    return 0;
}

static int finish_events(ks_event_file *file) {
    static uint8_t bytes[PIECE];
    size_t count = 1;
    int result = 0;
    while (!result && count) {
        ks_status status = ks_writer_finish(file->writer, bytes, sizeof bytes, &count);
        if (status != KS_OK)
            return ks_cli_fail_status(status, file->output.path);
        result = write_piece(&file->output, bytes, count);
    }
    uint64_t offset;
    uint8_t patch[8];
    ks_writer_patch(file->writer, &offset, patch, &count);
    if (!result && count && file->output.part &&
        pwrite(file->output.fd, patch, count, (off_t)offset) != (ssize_t)count)
        result = ks_cli_fail(KS_EXIT_FAILED, "cannot write %s: %s", file->output.path, strerror(errno));
    return result;
}

int ks_event_file_close(ks_event_file *file, int keep) {
    if (!file->writer)
        return 0;
    int result = keep ? finish_events(file) : 0;
    ks_writer_destroy(file->writer);
    file->writer = NULL;
    return close_output(&file->output, keep, result);
}

int ks_state_file_open(ks_state_file *file, const char *path, const ks_states_header *header) {
    uint8_t bytes[KS_STATES_HEADER_MAX];
    size_t size;
    ks_status status = ks_states_write_header(bytes, sizeof bytes, &size, header);
    if (status != KS_OK)
        return ks_cli_fail_status(status, path);
    if (ks_cli_open_output(&file->output, path) < 0)
        return KS_EXIT_FAILED;
    file->is_open = 1;
    file->end = header->slots;
    return write_piece(&file->output, bytes, size);
}

int ks_state_file_put(ks_state_file *file, ks_states *states, uint64_t below_slot) {
    static uint64_t slots[STATES_PIECE];
    static ks_state plain[STATES_PIECE];
    static uint8_t packed[STATES_PIECE / 2];
    uint64_t end = below_slot < file->end ? below_slot & ~UINT64_C(1) : file->end;
    while (file->is_open && file->next < end) {
        uint64_t left = end - file->next;
        size_t n = left < STATES_PIECE ? (size_t)left : STATES_PIECE;
        for (size_t i = 0; i < n; i++)
            slots[i] = file->next + i;
        ks_status status = ks_states_gather(states, plain, slots, n);
        if (status != KS_OK)
            return ks_cli_fail_status(status, file->output.path);
        ks_states_pack(packed, plain, n);
        int result = write_piece(&file->output, packed, (n + 1) / 2);
        if (result)
            return result;
        file->next += n;
    }
    return 0;
}

int ks_state_file_close(ks_state_file *file, int keep) {
    if (!file->is_open)
        return 0;
    file->is_open = 0;
    return close_output(&file->output, keep, 0);
}

int ks_truth_file_open(ks_truth_file *file, const char *path) {
    if (ks_cli_open_output(&file->output, path) < 0)
        return KS_EXIT_FAILED;
    file->stream = fdopen(dup(file->output.fd), "w");
    if (!file->stream)
        return ks_cli_fail(KS_EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
    fprintf(file->stream, "time,lane,slot,origin,known\n");
    return 0;
}

int ks_truth_file_put(ks_truth_file *file, const ks_event *events, const ks_sim_truth *truth, size_t n) {
    static const char *const origins[KS_SIM_ORIGINS] = {
        "photon", "dark", "background", "afterpulse", "marker", "spurious-marker", "pps"};
    for (size_t i = 0; file->stream && i < n; i++)
        fprintf(file->stream, "%lld,%d,%llu,%s,%.4g\n", (long long)events[i].time,
                __builtin_ctz(events[i].lanes), (unsigned long long)truth[i].slot, origins[truth[i].origin],
                (double)truth[i].known);
    if (!file->stream || !ferror(file->stream))
        return 0;
    return ks_cli_fail(errno == EPIPE ? KS_EXIT_CLOSED : KS_EXIT_FAILED, "cannot write %s: %s",
                       file->output.path, strerror(errno));
}

int ks_truth_file_close(ks_truth_file *file, int keep) {
    if (!file->stream)
        return 0;
    int result = 0;
    if (fclose(file->stream) != 0 && keep)
        result = ks_cli_fail(KS_EXIT_FAILED, "cannot write %s: %s", file->output.path, strerror(errno));
    file->stream = NULL;
    return close_output(&file->output, keep, result);
}
