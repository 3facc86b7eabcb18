#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tables of docs/amplification.md from rows of `keystill bench amplify --json`.

    python3 bench/amplify_tables.py bench/results/amplify.jsonl
"""
import json
import sys

import amplify_floor

rates, levels = {}, []
for text in open(sys.argv[1]):
    row = json.loads(text)
    key = (row["isa"], row["threads"], row["input_bits"], row["seed"])
    rates[key] = max(rates.get(key, 0), row["throughput_mbps"] / 1e3)
    if row["isa"] not in levels:
        levels.insert(0, row["isa"])


def pair(isa, threads, bits):
    return [rates.get((isa, threads, bits, seed)) for seed in ("fresh", "cached")]


def name(bits):
    power = 1 << (bits.bit_length() - 1)
    exponent = "2^%d" % (bits.bit_length() - 1)
    return exponent if bits == power else exponent + " + 16" if bits - power == 16 else "%g x %s" % (bits / power, exponent)


sizes = sorted({key[2] for key in rates})
print("Gbit/s of input, fresh / cached seed, one thread\n")
print("| n | " + " | ".join(levels) + " |\n|" + "---|" * (len(levels) + 1))
for bits in sizes:
    if bits & (bits - 1) == 0:
        cells = [pair(isa, 1, bits) for isa in levels]
        print("| %s | %s |" % (name(bits), " | ".join("%.2f / %.2f" % tuple(c) if all(c) else "" for c in cells)))

print("\nTime a bit against that of the power of two below and above, fresh / cached, one thread\n")
print("| n | level | below | above |\n|---|---|---|---|")
for bits in sizes:
    below = 1 << (bits.bit_length() - 1)
    for isa in levels:
        here, low, high = pair(isa, 1, bits), pair(isa, 1, below), pair(isa, 1, 2 * below)
        if bits != below and all(here) and all(low):
            cells = ["%.2f / %.2f" % (o[0] / here[0], o[1] / here[1]) if all(o) else "" for o in (low, high)]
            print("| %s | %s | %s | %s |" % (name(bits), isa, *cells))

print("\nTwo threads against one, fresh / cached\n")
print("| n | " + " | ".join(levels) + " |\n|" + "---|" * (len(levels) + 1))
for bits in sizes:
    cells = [(pair(isa, 2, bits), pair(isa, 1, bits)) for isa in levels]
    if any(all(two) and all(one) for two, one in cells):
        print("| %s | %s |" % (name(bits), " | ".join("%.2f / %.2f" % (two[0] / one[0], two[1] / one[1])
                                                       if all(two) and all(one) else "" for two, one in cells)))

print("\nDistance to the floor of operations (amplify_floor.py), one thread\n")
print("| n | level | seed | products | logic, shuffles | floor us | best us | times the floor |\n|" + "---|" * 8)
for bits in sizes:
    for isa in ("avx512icl", "avx512"):
        for i, seed in enumerate(("fresh", "cached")):
            rate = pair(isa, 1, bits)[i]
            if rate and bits & (bits - 1) == 0 and bits >= 1 << 18:
                products, logic, floor = amplify_floor.count(bits, bits // 2, isa, seed)
                best = bits / rate / 1e3
                print("| %s | %s | %s | %.0f k | %.0f k | %.0f | %.0f | %.1f |"
                      % (name(bits), isa, seed, products / 1e3, logic / 1e3, floor, best, best / floor))
