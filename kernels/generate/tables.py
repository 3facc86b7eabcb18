# SPDX-License-Identifier: Apache-2.0
"""Writes the constants of the Toeplitz transforms.

    python3 kernels/generate/tables.py bytes > kernels/cpu/toeplitz_bytes_tables.h
    python3 kernels/generate/tables.py planes > kernels/cpu/toeplitz_planes_tables.h

An element of GF(2^32) is four bytes, the coefficients of 1, y_3, y_4, y_3 y_4 of the tower. "bytes": GF(256) in the
representation that the GF2P8MULB instruction multiplies, polynomials modulo x^8 + x^4 + x^3 + x + 1. "planes": GF(256) as the
tower itself, for bit-sliced products.
"""
import sys

import tower


def root_of_aes_polynomial():
    for g in range(2, 256):
        p = [1]
        for _ in range(8):
            p.append(tower.multiply(p[-1], g, 3))
        if p[8] ^ p[4] ^ p[3] ^ p[1] ^ p[0] == 0:
            return p[:8]


KIND = sys.argv[1]
FROM_BYTE = root_of_aes_polynomial() if KIND == "bytes" else [1 << i for i in range(8)]  # columns: byte -> tower
TO_BYTE = tower.invert(FROM_BYTE)


def apply(columns, v):
    out = 0
    for i, c in enumerate(columns):
        if v >> i & 1:
            out ^= c
    return out


def to_bytes(v):
    return [apply(TO_BYTE, v >> 8 * i & 255) for i in range(4)]


def from_bytes(b):
    return sum(apply(FROM_BYTE, x) << 8 * i for i, x in enumerate(b))


TAU16 = tower.tower_constant(3)  # y_3^2 + y_3
TAU32 = tower.tower_constant(4)  # y_4^2 + y_4


def derived16(c):
    c0, c1 = c & 255, c >> 8
    return [c0, tower.multiply(c1, TAU16, 3), c0 ^ c1]


def derived(c):
    """The nine factors of a Karatsuba product by the constant c."""
    c0, c1 = c & 0xFFFF, c >> 16
    parts = derived16(c0) + derived16(tower.multiply(c1, TAU32, 4)) + derived16(c0 ^ c1)
    return [apply(TO_BYTE, x) for x in parts]


def matrix(columns):
    """GF2P8AFFINEQB operand: byte 7 - i holds row i."""
    rows = tower.transpose(columns, 8)
    return sum(rows[i] << 8 * (7 - i) for i in range(8))


def block(columns, out_byte, in_byte):
    """The 8 x 8 part of a map given by columns."""
    return matrix([c >> 8 * out_byte & 255 for c in columns[8 * in_byte:8 * in_byte + 8]])


def array(kind, name, values, fmt, per_line, comment):
    print("\n/* %s */" % comment)
    print("static const %s = {" % (kind % name))
    for i in range(0, len(values), per_line):
        print("    " + " ".join((fmt % v) + "," for v in values[i:i + per_line]))
    print("};")


def main():
    basis = tower.cantor_basis(28)
    z, (key, seed, leave) = tower.choose_generator()
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by kernels/generate/tables.py %s; do not edit. */" % KIND)
    print("#ifndef KS_KERNELS_CPU_TOEPLITZ_%s_TABLES_H" % KIND.upper())
    print("#define KS_KERNELS_CPU_TOEPLITZ_%s_TABLES_H\n" % KIND.upper())
    print("#include <stdint.h>\n\n/* clang-format off */\nenum { CANTOR = 28 };")
    array("uint32_t %s[CANTOR]", "cantor", [sum(x << 8 * i for i, x in enumerate(to_bytes(v))) for v in basis],
          "0x%08x", 8, "Cantor basis v_0, v_1, ...")
    for name, factor in (("times_tau", TAU16), ("times_tau_squared", tower.multiply(TAU16, TAU16, 3))):
        array("uint8_t %s[256]", name, [apply(TO_BYTE, tower.multiply(apply(FROM_BYTE, x), factor, 3)) for x in range(256)],
              "0x%02x", 16, "product of a byte by tau%s, tau = y_3^2 + y_3" % ("" if factor == TAU16 else "^2"))
    # bit order inside the bytes of key, seed and output is plain; inside the field it is AES
    def to_field(columns):
        return [sum(x << 8 * i for i, x in enumerate(to_bytes(c))) for c in columns]
    array("uint64_t %s[4 * 2]", "key_entry", [block(to_field(key), o, i) for o in range(4) for i in range(2)],
          "0x%016x", 4, "[field byte][key byte]: 16 key bits into the field")
    array("uint64_t %s[4 * 4]", "seed_entry", [block(to_field(seed), o, i) for o in range(4) for i in range(4)],
          "0x%016x", 4, "[field byte][window byte]: 32 seed bits into the field, dual to exit and key")
    field_exit = [apply(leave, from_bytes([1 << b if i == j else 0 for j in range(4)])) for i in range(4) for b in range(8)]
    array("uint64_t %s[2 * 4]", "output_exit", [block(field_exit, o, i) for o in range(2) for i in range(4)],
          "0x%016x", 4, "[output byte][field byte]: field into 16 output bits")
    if KIND == "bytes":
        steps, total = [], [0] * 128
        for j in range(19):
            entry = [x for layer in range(8) for x in derived(basis[j + 8 - layer])]
            total = [a ^ b for a, b in zip(total, entry + [0] * 56)]
            steps += total
        array("uint8_t %s[19 * 128]", "leaf_steps", steps, "0x%02x", 16,
              "from leaf B to leaf B + 1, j trailing ones in B: change of the nine factors of layers 0 .. 7, 128 bytes a j")
    print("\n#endif")


main()
