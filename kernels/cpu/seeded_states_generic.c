/* SPDX-License-Identifier: Apache-2.0 */
#define SEEDED_STATES ks_seeded_states_generic
#define LANES         2
#define MUL32(a, b)   (WORD(a) * WORD(b))
#include "kernels/cpu/seeded_states.inc"
