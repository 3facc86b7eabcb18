# SPDX-License-Identifier: Apache-2.0
"""Writes the constants of the GPU's Toeplitz transforms: factors of the Cantor basis, linear maps as sums of planes.

    python3 kernels/generate/gpu_tables.py > kernels/gpu/toeplitz_tables.inc
"""
import tower

TAU16 = tower.tower_constant(3)  # y_3^2 + y_3
TAU32 = tower.tower_constant(4)  # y_4^2 + y_4
LANE_BITS = 5


def derived16(c):
    c0, c1 = c & 255, c >> 8
    return c0 | tower.multiply(c1, TAU16, 3) << 8 | (c0 ^ c1) << 16


def derived(c):
    """The nine byte factors of a Karatsuba product by the constant c, three to a word."""
    c0, c1 = c & 0xFFFF, c >> 16
    return [derived16(c0), derived16(tower.multiply(c1, TAU32, 4)), derived16(c0 ^ c1)]


def lane_mask(bit):
    return sum(1 << lane for lane in range(32) if lane >> bit & 1)


def lane_position(index_bit):
    """Where the transposition of sixteen words of two 16-bit halves leaves an index bit."""
    return index_bit - 1 if index_bit else LANE_BITS - 1


def lane_pattern(basis, layer):
    """Planes of the part of layer's constants that varies from lane to lane, once lane bit b holds index bit b + 1."""
    planes = [0] * 8
    for b in range(layer, LANE_BITS):
        for i in range(8):
            if basis[b + 1 - layer] >> i & 1:
                planes[i] ^= lane_mask(lane_position(b))
    return planes


def array(name, size, values, per_line, comment):
    print("\n/* %s */" % comment)
    print("KS_CONSTANT ks_u32 %s[%s] = {" % (name, size))
    for i in range(0, len(values), per_line):
        print("    " + " ".join("0x%08x," % v for v in values[i:i + per_line]))
    print("};")


def linear(name, columns, rows, comment):
    print("\n/* %s */" % comment)
    print("KS_FN void %s(ks_u32 *out, const ks_u32 *in) {" % name)
    for i in range(rows):
        terms = ["in[%d]" % j for j, c in enumerate(columns) if c >> i & 1]
        print("    out[%d] = %s;" % (i, " ^ ".join(terms) or "0"))
    print("}")


def main():
    basis = tower.cantor_basis(28)
    _, (key, seed, leave) = tower.choose_generator()
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by kernels/generate/gpu_tables.py; do not edit. */")
    print("#ifndef KS_GPU_TOEPLITZ_TABLES\n#define KS_GPU_TOEPLITZ_TABLES")
    print("\n/* clang-format off */")
    array("toeplitz_cantor", "28 * 3", [f for v in basis for f in derived(v)], 6,
          "v_0, v_1, ...: the factors of their Karatsuba products, three bytes a word")
    patterns = [p for layer in range(LANE_BITS) for p in lane_pattern(basis, layer)] + [0] * 8
    array("toeplitz_lanes", "6 * 8", patterns, 8,
          "[layer][plane]: lowest byte of the constants of the layers inside a word, by lane; none above")
    linear("toeplitz_times_tau", [tower.multiply(1 << i, TAU16, 3) for i in range(8)], 8,
           "a byte times y_3^2 + y_3")
    linear("toeplitz_key_entry", key, 32, "16 key bits into the field")
    linear("toeplitz_seed_entry", seed, 32, "a window of 32 seed bits into the field, dual to exit and key")
    linear("toeplitz_output_exit", leave, 16, "the field into 16 output bits")
    print("\n/* clang-format on */\n#endif")


main()
