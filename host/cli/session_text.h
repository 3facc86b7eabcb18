/* SPDX-License-Identifier: Apache-2.0 */
/* The report of an end for people. */
#ifndef KS_HOST_CLI_SESSION_TEXT_H
#define KS_HOST_CLI_SESSION_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* Prints a report (the JSON object of an end, "event": "report"). */
void ks_session_text_print(FILE *out, const json_t *report);

/* 1500000 -> "1.5 M"; for people. */
const char *ks_scaled(char text[24], double value);

#endif
