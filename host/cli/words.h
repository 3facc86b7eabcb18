/* SPDX-License-Identifier: Apache-2.0 */
/* The known word nearest to a mistyped one. */
#ifndef KS_HOST_CLI_WORDS_H
#define KS_HOST_CLI_WORDS_H

typedef struct ks_closest {
    const char *word, *best; /* best: NULL while nothing near was offered */
    int distance;
} ks_closest;

ks_closest ks_closest_start(const char *word);
void ks_closest_offer(ks_closest *closest, const char *candidate);

#endif
