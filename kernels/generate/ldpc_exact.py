#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of ldpc_exact.

    python3 kernels/generate/ldpc_exact.py > kernels/ldpc_exact_tables.h
    python3 kernels/generate/ldpc_exact.py halves > kernels/cpu/ldpc_exact_halves.h

phi(x) = -ln tanh(x / 2) turns log-likelihood ratios into terms that add over the edges of a check, and is its own inverse.
Magnitudes are in units of ln 2 / 32, phi in units of 2^-22. Far out phi(x) = 2 exp(-x), which halves every 32 units: from OCTAVE
on the table of phi repeats its 32 entries, shifted, and below NEAR the inverse is 32 times a binary logarithm, both within a
tenth of a unit of magnitude; vectors compute those parts instead of looking them up."""
import sys
from math import log, log2, tanh

UNIT, SCALE, MAGNITUDES, MOST = 32 / log(2), 1 << 22, 640, 1 << 24
OCTAVE = 128  # the first of the 32 magnitudes that repeat
NEAR = 18     # sums from 2^18 on, five octaves and a half of phi from 0 on, have a table of their own: 16 keys an octave
KEYS = 32 * 24 + 1


def phi(x):
    return -log(tanh(x / 2))


def entry(magnitude):
    times = max(0, magnitude - OCTAVE) // 32
    return min(MOST, round(phi((magnitude - 32 * times or 0.5) / UNIT) * SCALE)) >> times


def middle(exponent, part, parts):
    """The middle of the whole numbers of a part of an octave."""
    low, width = 2.0 ** exponent * (1 + part / parts), 2.0 ** exponent / parts
    return low if width <= 1 else low + (width - 1) / 2


def logarithm(part):
    """32 log2(1 + (part + 1/2) / 32), to be taken from the octave's beginning."""
    return round(32 * log2(1 + (part + 0.5) / 32))


def inverse(key):
    if key == 0:
        return MAGNITUDES - 1
    exponent, part = divmod(key - 1, 32)
    if exponent >= NEAR:
        return round(phi(middle(exponent, part // 2, 16) / SCALE) * UNIT)
    return min(MAGNITUDES - 1, 32 * (23 - exponent) - logarithm(part))


def show(name, kind, comment, values):
    if comment:
        print(f"/* {comment} */")
    print(f"static const {kind} {name}[{len(values)}] = {{")
    line = "   "
    for v in values:
        text = f" {v},"
        if len(line) + len(text) > 110:
            print(line)
            line = "   "
        line += text
    print(line)
    print("};")


HALVES = sys.argv[1:] == ["halves"]
WHAT = "The tables of kernels/ldpc_exact_tables.h in halves" if HALVES else "Tables of ldpc_exact"
GUARD = "KS_KERNELS_CPU_LDPC_EXACT_HALVES_H" if HALVES else "KS_KERNELS_LDPC_EXACT_TABLES_H"
PHI = [entry(m) for m in range(MAGNITUDES)]
INVERSE = [inverse(k) for k in range(KEYS)]

print(f"""/* SPDX-License-Identifier: Apache-2.0 */
/* {WHAT}, made by kernels/generate/ldpc_exact.py. */
#ifndef {GUARD}
#define {GUARD}

#include <stdint.h>

/* clang-format off */""")
if HALVES:
    show("phi_low", "uint16_t", "Low and high 16 bits of the entries of ldpc_phi up to the octave that repeats.",
         [p & 0xFFFF for p in PHI[:OCTAVE + 32]])
    show("phi_high", "uint16_t", "", [p >> 16 for p in PHI[:OCTAVE + 32]])
    NEAR_KEYS = [INVERSE[32 * NEAR + 1 + 2 * k] for k in range(16 * (24 - NEAR))]
    show("inverse_near", "uint16_t", f"ks_ldpc_phi_inverse of sums from 2^{NEAR} on, 16 an octave; behind the end nothing is read.",
         NEAR_KEYS + [0] * (128 - len(NEAR_KEYS)))
    show("inverse_bend", "uint16_t", "How far 32 log2(1 + x / 32) lies above x.", [logarithm(x) - x for x in range(32)])
else:
    show("ks_ldpc_phi", "int32_t",
         "-ln tanh(m ln 2 / 64) in units of 2^-22, at most 2^24; for m = 0 that of m = 1/2.", PHI)
    print()
    show("ks_ldpc_phi_inverse", "int32_t",
         "Its inverse in units of ln 2 / 32, by key: 0 for 0, then 32 keys between powers of two.", INVERSE)
print("""/* clang-format on */

#endif""")
