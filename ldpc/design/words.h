/* SPDX-License-Identifier: Apache-2.0 */
/* Search for codewords of low weight in a quasi-cyclic code.
 *
 * A word grows bit by bit: of its unsatisfied checks the one with fewest bits to offer must meet another bit
 * of the word, and each of them is tried. A bit of a column of degree d meets d checks, so that u unsatisfied
 * checks ask for u / 3 bits more at least when only columns of degree 2 and 3 (*light* ones) may come: words
 * of low weight live there. Within its class, light columns and at most one heavier, the search is complete
 * up to the weight asked for. Rotating a word by a bit in each column gives another, so that words that hold
 * bit 0 of a column stand for all that meet it. */
#ifndef KS_LDPC_DESIGN_WORDS_H
#define KS_LDPC_DESIGN_WORDS_H

#include <stdint.h>
#include <keystill/status.h>

#include "ldpc/base.h"

enum { KS_WORD_LIGHT = 3, KS_WORD_MAX = 32 };

typedef struct ks_word {
    uint32_t weight;
    uint32_t bits[KS_WORD_MAX]; /* column * z + bit */
} ks_word;

typedef struct ks_words ks_words;

/* For the base with `merges` of its pairs merged, at lift z (64 or 128). Free with ks_words_destroy. */
KS_MUST_CHECK ks_status ks_words_create(ks_words **out, const ks_base_spec *spec, uint32_t merges,
                                        uint32_t z);
void ks_words_destroy(ks_words *words);
/* Takes the shifts of a graph; its rows and degrees must be the same every time. */
void ks_words_load(ks_words *words, const ks_base_graph *graph);

/* 1: a word of at most `weight` (<= KS_WORD_MAX) bits with bit 0 of `column` and light columns beside; of
 * these, when `later` is 1, none that comes before it in the order of ks_words_any. 0: there is none. -1: not
 * found in `*visits` steps, which are counted down. */
int ks_words_through(ks_words *words, ks_word *found, uint32_t column, uint32_t weight, int later,
                     uint64_t *visits);
/* The same for any column: each once, heavy columns first. `*from`, 0 at first, is the place in that order to
 * begin at, and where a word was found. */
int ks_words_any(ks_words *words, ks_word *found, uint32_t *from, uint32_t weight, uint64_t *visits);
/* Weight after weight up to `most`, as far as `visits` steps go. */
void ks_words_lowest(ks_words *words, ks_base_words *result, ks_word *found, uint32_t most, uint64_t visits);

#endif
