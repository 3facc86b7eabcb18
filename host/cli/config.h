/* SPDX-License-Identifier: Apache-2.0 */
/* The INI file of --config. */
#ifndef KS_HOST_CLI_CONFIG_H
#define KS_HOST_CLI_CONFIG_H

/* Called for every entry that concerns the command; `place` is "FILE:LINE" for messages. Returns 0, or an
 * exit code that ends the reading. */
typedef int ks_config_entry(void *context, const char *place, const char *name, const char *value);

/* Reads FILE and hands out the entries before the first section and those of section `command`. Sections of
 * other commands are passed over; a section that names no command, a line that is no entry, or one too long
 * is refused. 0 or an exit code, the reason having been printed. */
int ks_config_read(const char *path, const char *command, ks_config_entry *entry, void *context);

#endif
