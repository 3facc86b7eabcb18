#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of ldpc_exact.

    python3 kernels/generate/ldpc_exact.py > kernels/ldpc_exact_tables.h
    python3 kernels/generate/ldpc_exact.py halves > kernels/cpu/ldpc_exact_halves.h

phi(x) = -ln tanh(x / 2) turns log-likelihood ratios into terms that add over the edges of a check, and is its own inverse.
Magnitudes are in units of 1/32, phi in units of 2^-22."""
import sys
from math import log, tanh

UNIT, SCALE, MAGNITUDES, KEYS, MOST = 32, 1 << 22, 448, 385, 1 << 24


def phi(x):
    return -log(tanh(x / 2))


def middle(key):
    """The middle of the sums that share a key: 4 bits behind the leading one."""
    if key == 0:
        return 0
    exponent, mantissa = divmod(key - 1, 16)
    width = 2.0 ** exponent / 16
    low = 2.0 ** exponent + mantissa * width
    return low if width <= 1 else low + (width - 1) / 2


def inverse(key):
    total = middle(key) / SCALE
    most = (MAGNITUDES - 1) / UNIT
    return min(most, phi(total)) if total > phi(most) / 2 else most


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
PHI = [min(MOST, round(phi((m or 0.5) / UNIT) * SCALE)) for m in range(MAGNITUDES)]
INVERSE = [round(inverse(k) * UNIT) for k in range(KEYS)]

print(f"""/* SPDX-License-Identifier: Apache-2.0 */
/* {WHAT}, made by kernels/generate/ldpc_exact.py. */
#ifndef {GUARD}
#define {GUARD}

#include <stdint.h>

/* clang-format off */""")
if HALVES:
    FIRST, COUNT = 1, 384
    assert all(p < 1 << 16 for p in PHI[192:])
    assert INVERSE[0] == INVERSE[1] and KEYS == FIRST + COUNT
    show("phi_low", "uint16_t", "Low and high 16 bits of ks_ldpc_phi; from 192 on the high ones are zero.",
         [p & 0xFFFF for p in PHI])
    show("phi_high", "uint16_t", "", [p >> 16 for p in PHI[:192]])
    show("inverse_halves", "uint16_t", "ks_ldpc_phi_inverse from key 1 on; key 0 has the value of key 1.",
         INVERSE[FIRST:FIRST + COUNT])
else:
    show("ks_ldpc_phi", "int32_t", "-ln tanh(m / 64) in units of 2^-22, at most 2^24; for m = 0 that of m = 1/2.", PHI)
    print()
    show("ks_ldpc_phi_inverse", "int32_t",
         "Its inverse in units of 1/32, by key: 0 for 0, then 16 keys between powers of two.", INVERSE)
print("""/* clang-format on */

#endif""")
