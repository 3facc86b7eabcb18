# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of the field GF(2^32) behind the Toeplitz transforms, from first principles.

The field is a tower y_j^2 = y_j + y_0 y_1 ... y_(j-1), j = 0 .. 4; an element is an integer whose bit i is the coefficient of
the product of those y_j with bit j of i set. The first 2^k bits are the subfield GF(2^(2^k)).
"""
import random


def tower_constant(j):
    """y_0 ... y_(j-1), the constant in y_j^2 + y_j."""
    return 1 << ((1 << j) - 1)


def multiply(a, b, level=5):
    """Product in GF(2^(2^level)), schoolbook on the top variable."""
    if level == 0:
        return a & b
    half = 1 << (level - 1)
    mask = (1 << half) - 1
    a0, a1, b0, b1 = a & mask, a >> half, b & mask, b >> half
    low, high = multiply(a0, b0, level - 1), multiply(a1, b1, level - 1)
    middle = multiply(a0, b1, level - 1) ^ multiply(a1, b0, level - 1) ^ high
    return low ^ multiply(high, tower_constant(level - 1), level - 1) | middle << half


class Space:
    """A basis of GF(2) vectors with the combination of inputs behind each."""

    def __init__(self):
        self.pivots = {}

    def reduce(self, v, combination=0):
        while v and v.bit_length() - 1 in self.pivots:
            w, c = self.pivots[v.bit_length() - 1]
            v, combination = v ^ w, combination ^ c
        return v, combination

    def add(self, v, combination):
        v, combination = self.reduce(v, combination)
        if v:
            self.pivots[v.bit_length() - 1] = (v, combination)
        return v != 0


def solve_artin_schreier(t, level):
    """x in GF(2^(2^level)) with x^2 + x = t, or None."""
    space = Space()
    for i in range(1 << level):
        e = 1 << i
        space.add(multiply(e, e, level) ^ e, e)
    rest, x = space.reduce(t)
    return None if rest else x


def cantor_basis(count):
    """v_0 = 1, v_i^2 + v_i = v_(i-1), each in the smallest subfield that holds it (Cantor 1989)."""
    basis = [1]
    while len(basis) < count:
        for level in range(6):
            if len(basis) < 1 << level:
                basis.append(solve_artin_schreier(basis[-1], level))
                break
    return basis


def powers(z, count):
    out = [1]
    while len(out) < count:
        out.append(multiply(out[-1], z))
    return out


def invert(columns):
    """Columns of the inverse of a square GF(2) matrix given by columns."""
    space = Space()
    for i, v in enumerate(columns):
        if not space.add(v, 1 << i):
            return None
    return [space.reduce(1 << i)[1] for i in range(len(columns))]


def transpose(columns, rows):
    return [sum((columns[j] >> i & 1) << j for j in range(len(columns))) for i in range(rows)]


# A coordinate of the field as the linear form that stands for the trace: <a, b> = bit FORM of a b. Multiplications are
# self-adjoint under it, so a transposed transform multiplies by the same constants.
FORM = 31


def embedding(z):
    """(key, seed, exit) as lists of columns; None when 1, z, ..., z^31 are dependent.
    key: bit b -> z^b. exit: element -> bits <z^b, element>, b < 16. seed: bits q_b -> the element t with <z^b, t> = q_b."""
    p = powers(z, 32)
    pairing = [sum((multiply(p[b], 1 << i) >> FORM & 1) << b for b in range(32)) for i in range(32)]
    seed = invert(pairing)
    return None if seed is None else (p[:16], seed, [c & 0xFFFF for c in pairing])


def choose_generator():
    """The first of a fixed series of elements whose powers are independent."""
    source = random.Random(1)
    while True:
        z = source.getrandbits(32)
        maps = embedding(z)
        if maps:
            return z, maps


def omega(i, basis):
    """Point i: the combination of the Cantor basis named by the bits of i."""
    v = 0
    for j, b in enumerate(basis):
        if i >> j & 1:
            v ^= b
    return v
