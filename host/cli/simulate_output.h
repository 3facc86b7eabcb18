/* SPDX-License-Identifier: Apache-2.0 */
/* Files that `keystill simulate` writes: Bob's events, Alice's states, the truth. */
#ifndef KS_HOST_CLI_SIMULATE_OUTPUT_H
#define KS_HOST_CLI_SIMULATE_OUTPUT_H

#include "host/cli/cli.h"
#include "host/formats/writer.h"
#include "host/simulator/simulator.h"

typedef struct ks_event_file {
    ks_cli_output output;
    ks_writer *writer; /* NULL when no events are wanted */
} ks_event_file;

/* Functions return 0 or an exit code after saying why. */

int ks_event_file_open(ks_event_file *file, const char *path, ks_format format, const ks_sim_config *config);
int ks_event_file_put(ks_event_file *file, const ks_event *events, size_t n);
/* Ends and names the file, or removes it when `keep` is 0. */
int ks_event_file_close(ks_event_file *file, int keep);

typedef struct ks_state_file {
    ks_cli_output output;
    int is_open;
    uint64_t next, end; /* slots */
} ks_state_file;

/* Packed states of the header's slots; ks_state_file_put writes those below `below_slot` in whole bytes. */
int ks_state_file_open(ks_state_file *file, const char *path, const ks_states_header *header);
int ks_state_file_put(ks_state_file *file, ks_states *states, uint64_t below_slot);
int ks_state_file_close(ks_state_file *file, int keep);

/* A whole small file at once. */
int ks_write_image(const char *path, const uint8_t *image, size_t bytes);

/* Lines "time,lane,slot,origin" with a heading. */
typedef struct ks_truth_file {
    ks_cli_output output;
    FILE *stream; /* NULL when no truth is wanted */
} ks_truth_file;

int ks_truth_file_open(ks_truth_file *file, const char *path);
int ks_truth_file_put(ks_truth_file *file, const ks_event *events, const ks_sim_truth *truth, size_t n);
int ks_truth_file_close(ks_truth_file *file, int keep);

#endif
