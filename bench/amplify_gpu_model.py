# SPDX-License-Identifier: Apache-2.0
"""Operations and bytes of the GPU's Toeplitz kernels, counted from their text, and the time that an H200 would need for them at
its published rates: a model, nothing measured.

    python3 bench/amplify_gpu_model.py [LOG2_N[xBLOCKS] ...]

A batch of BLOCKS blocks has the launches of one block; its bits count all its blocks, and its time with transfers is that of the
bus or of the kernels, whichever is longer, since two lanes overlap: key and fresh seed go one way, output the other.

Operations are three-input logic operations of a lane on 32 points a word; additions of addresses and loop control are not in them.
"""
import sys

SMS, CLOCK, LANES, LOCAL_LANES = 132, 1.98e9, 64, 32  # H200: multiprocessors, Hz, logic and local-memory lanes a clock
L2_BYTES, LAUNCH, BUS = 5.5e12, 3e-6, 55e9  # bytes a second that kernels move through the second-level cache, seconds between kernels,
# bytes a second of PCIe 5 x16 each way
LOCAL = 227 * 1024
TIMES = 67  # product in GF(256), both factors in planes
SPREAD = 12  # planes of a constant byte


def layer(products, planes_read):
    """A butterfly of two words: three-input operations and accesses to local memory."""
    return products * (TIMES + SPREAD) + planes_read, 4 * 32


NARROW8 = layer(8, 24 + 48 + 64)  # constants in GF(256): two halves, two of three products each
NARROW16 = layer(12, 24 + 64 + 64)
WIDE = (9 * (TIMES + SPREAD) + 24 + 48 + 16 + 64 + 32, 16 + 64 + 16 + 32 + 32 + 32 + 96)
EXCHANGE = (32 * 5, 128)
POINTWISE = (9 * TIMES + 3 * 8 * 5 + 96 + 60, 96)
ROOT_LAYER = (8 * 13, 0)  # eight nibbles, constants known to the compiler


class Kernel:
    def __init__(self, name):
        self.name, self.logic, self.local, self.bytes, self.launches = name, 0, 0, 0, 0

    def add(self, cost, times):
        self.logic += cost[0] * times
        self.local += cost[1] * times

    def seconds(self):
        return max(self.logic / (SMS * LANES * CLOCK), self.local / (SMS * LOCAL_LANES * CLOCK),
                   self.bytes / L2_BYTES) + self.launches * LAUNCH


def basis(name, words, tile_log):
    k, l = Kernel(name), max(words - 1, 1).bit_length()

    def steps(bits):
        if bits <= 1:
            return 0
        half = 1
        while 2 * half < bits:
            half *= 2
        return bits - half + steps(bits - half) + steps(half)
    apart = l - 16 if l > tile_log else 0
    inside = steps(l) - apart
    k.logic = words / 2 * (apart + inside) / 4 * 20  # units of two to eight words, some twenty instructions each
    k.local = words / 2 * inside / 4 * 6
    k.launches = apart + (2 if l > tile_log else 1)
    k.bytes = words * 2 * (1.5 * apart + 2 * (k.launches - apart))
    return k


def transforms(log_n):
    n = 1 << log_n
    words = n // 512  # of a plane
    depth = log_n - 4
    log_tile = min(14, depth - 4)
    middle = depth - 4 - log_tile
    passes = -(-middle // 6)
    kernels = []
    for use in ("seed", "key and output"):
        ways = 1 if use == "seed" else 2
        share = 1 if use == "seed" else 0.5  # rows that come in or go out
        kernels += [basis("basis, " + use, int(n / 16 * share), 16)] * (1 if use == "seed" else 2)
        root = Kernel("root, " + use)
        root.add(ROOT_LAYER, 4 * words / 2 * ways)
        root.add((160 + (260 if use == "seed" else 130), 32 + 32), words * share * ways)
        root.bytes, root.launches = ways * (4 * n / 16 + n / 8 * share), ways
        between = Kernel("passes, " + use)
        for d in range(4, 4 + middle):
            between.add(NARROW8 if d < 8 else NARROW16, words / 2 * ways)
        between.local += 2 * 32 * words * passes * ways
        between.bytes, between.launches = ways * passes * 2 * 4 * n / 16, ways * passes
        tile = Kernel("tiles, " + use)
        for d in range(4 + middle, depth):
            for u in range(d + 1):  # blocks with u bits in their number
                part = 2 ** -(d - u + 1) if u else 2 ** -d
                tile.add(NARROW8 if u < 8 else NARROW16 if u < 16 else WIDE, words / 2 * ways * part)
            if depth - d <= 5:
                tile.add(EXCHANGE, words / 2 * ways)
        if use != "seed":
            tile.add(POINTWISE, words)
        tile.local += 2 * 32 * words
        tile.bytes, tile.launches = (2 if use == "seed" else 3) * 4 * n / 16, 1
        kernels += [root, between, tile]
    ends = Kernel("load, finish")
    ends.bytes, ends.launches, ends.logic = n / 8 * 5, 3, n / 32 * 60
    return kernels + [ends]


def main():
    for size in sys.argv[1:] or ["20", "20x32", "20x64", "23", "23x8", "27"]:
        log_n, blocks = [int(a) for a in (size + "x1").split("x")[:2]]
        kernels = transforms(log_n)
        for k in {id(k): k for k in kernels}.values():
            k.logic, k.local, k.bytes = k.logic * blocks, k.local * blocks, k.bytes * blocks
        print("n = 2^%d, m = n / 2, %d at a time\n" % (log_n, blocks))
        print("| kernel | launches | logic a bit | local a bit | bytes a bit | us |\n|---|---|---|---|---|---|")
        merged = {}
        for k in kernels:
            merged.setdefault(k.name, []).append(k)
        n = blocks << log_n
        for name, ks in merged.items():
            print("| %s | %d | %.2f | %.2f | %.2f | %.0f |" % (name, sum(k.launches for k in ks), sum(k.logic for k in ks) / n,
                  sum(k.local for k in ks) / n, sum(k.bytes for k in ks) / n, 1e6 * sum(k.seconds() for k in ks)))
        fresh = sum(k.seconds() for k in kernels)
        cached = sum(k.seconds() for k in kernels if "seed" not in k.name)
        print("fresh %.0f us = %.0f Gbit/s; cached %.0f us = %.0f Gbit/s; logic alone %.0f / %.0f Gbit/s; with transfers, fresh %.0f, of"
              " the bus alone %.0f\n" % (
            fresh * 1e6, n / fresh / 1e9, cached * 1e6, n / cached / 1e9,
            n / sum(k.logic for k in kernels) * SMS * LANES * CLOCK / 1e9,
            n / sum(k.logic for k in kernels if "seed" not in k.name) * SMS * LANES * CLOCK / 1e9,
            n / max(fresh, n / 4 / BUS) / 1e9, 4 * BUS / 1e9))


main()
