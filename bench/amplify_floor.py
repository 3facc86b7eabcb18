# SPDX-License-Identifier: Apache-2.0
"""Floor of a modified Toeplitz hash on one core: vector operations of the network, counted, over what the ports can start.

Counted are the butterflies, the products by the seed's weights, the maps into and out of the field and the changes of basis,
as kernels/cpu/toeplitz_*.inc do them, without loads, stores, constants and what compilers add. "products" are GF2P8MULB and
GF2P8AFFINEQB; bit-sliced levels have none, and their logic is that of the cheapest circuits known to us for three-input logic.
"""
import math

# Clock under load, operations of 512 bits a cycle: logic, products (bench/compare/ports.c).
MACHINES = {"zen5": (4.1, 4, 2), "zen4": (3.69, 2, 1)}
GHZ, LOGIC_A_CYCLE, PRODUCTS_A_CYCLE = MACHINES["zen4"]  # of the rows in bench/results/amplify.jsonl

# products, logic of one butterfly on a pair of four-byte elements, by the bytes of its constant
BYTES_BUTTERFLY = {1: (4, 8), 2: (6, 10), 4: (9, 19)}
# u += c w and w += u as kernels/cpu/toeplitz_planes_field.inc has them, masks given; for four bytes with a correction by four bits
PLANES_BUTTERFLY = {1: 4 * (60 + 8), 2: 2 * (196 + 16), 4: 2 * (196 + 16) + 2 * 4 * 16 + 40 + 96}
PLANES_KNOWN = 72  # of the root: constants known beforehand


def shape(n, m):
    """Points and their rows, as ks_toeplitz_shape_of does for leaves of 256 points."""
    points, log_row = -(-(n - m) // 16) + -(-m // 16), 8
    while points > 16 << log_row:
        log_row += 1
    return -(-points // (1 << log_row)), log_row


def layers(rows, log_row):
    """Layers of one transform by the bytes of their constants, as multiples of all points."""
    total = log_row + max(0, math.ceil(math.log2(rows)))
    width = {1: 0.0, 2: 0.0, 4: 0.0}
    for depth in range(total):
        # block b of depth d needs v_0 .. v_(bits of b): a share 2^(k - d) of the blocks stays within the first k + 1
        below8 = 1.0 if depth < 8 else 2.0 ** (7 - depth)
        below16 = 1.0 if depth < 16 else 2.0 ** (15 - depth)
        width[1] += below8
        width[2] += below16 - below8
        width[4] += 1 - below16
    return width


def count(n, m, isa, seed):
    """(products, logic, floor in microseconds) of one hash with a fresh or cached seed."""
    rows, log_row = shape(n, m)
    points = rows << log_row
    transforms = 3 if seed == "fresh" else 2
    width = layers(rows, log_row)
    words = {"key": (n - m) / 16, "seed": n / 16, "output": m / 16}
    # change of basis: half a word operation a word and step, log2 log2 steps a bit of the index
    basis = 0.0
    for what, w in words.items():
        if what != "seed" or seed == "fresh":
            bits = max(1, math.ceil(math.log2(w)))
            steps = sum(_steps(bits))
            basis += w / 32 * steps / 2
    if isa == "avx512icl":
        vectors = points / 64
        products = sum(width[b] * BYTES_BUTTERFLY[b][0] for b in width) * vectors / 2 * transforms
        logic = sum(width[b] * BYTES_BUTTERFLY[b][1] for b in width) * vectors / 2 * transforms
        logic += 6 * 4 * vectors * transforms          # lanes exchanged with vectors before six layers
        products += 14 * vectors                       # by the weights
        logic += 22 * vectors
        products += (8 * words["key"] + 8 * words["output"] + (16 * words["seed"] if seed == "fresh" else 0)) / 64
    else:
        vectors = points / 512
        products = 0.0
        known = min(4, max(0, math.ceil(math.log2(rows))))
        width[1] -= known
        logic = (sum(width[b] * PLANES_BUTTERFLY[b] for b in width) + known * PLANES_KNOWN) * vectors / 2 * transforms
        logic += (4 * 4 + 5 * 2) * 16 * vectors * transforms  # lanes exchanged: by shifts four operations a pair of planes, by words two
        logic += (775 + 211) * vectors
        logic += (110 * words["key"] + 110 * words["output"] + (256 * words["seed"] if seed == "fresh" else 0)) / 512
    logic += basis
    cycles = max(products / PRODUCTS_A_CYCLE, (products + logic) / LOGIC_A_CYCLE)
    return products, logic, cycles / GHZ / 1e3


def _steps(bits):
    """Half-passes of the change of basis over `bits` index bits."""
    if bits <= 1:
        return
    k = 1
    while 2 * k < bits:
        k *= 2
    yield bits - k
    yield from _steps(bits - k)
    yield from _steps(k)
