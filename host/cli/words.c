/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/words.h"

#include <string.h>

enum { LONGEST_WORD = 40, FARTHEST = 2 };

/* Levenshtein's distance; words longer than LONGEST_WORD are far from everything. */
static int distance(const char *a, const char *b) {
    size_t rows = strlen(a), columns = strlen(b);
    int row[LONGEST_WORD + 1];
    if (rows > LONGEST_WORD || columns > LONGEST_WORD)
        return LONGEST_WORD;
    for (size_t j = 0; j <= columns; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= rows; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= columns; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[columns];
}

ks_closest ks_closest_start(const char *word) {
    return (ks_closest){.word = word, .distance = FARTHEST + 1};
}

void ks_closest_offer(ks_closest *closest, const char *candidate) {
    int d = distance(closest->word, candidate);
    if (d < closest->distance && (size_t)d < strlen(candidate)) {
        closest->distance = d;
        closest->best = candidate;
    }
}
