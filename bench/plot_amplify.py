#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws throughput against block size from rows of `keystill bench amplify --json`.

    python3 bench/plot_amplify.py bench/results/amplify.jsonl > docs/amplification.svg
"""
import json
import math
import sys

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 760, 430, 60, 50, 20, 170
COLOURS = {"avx512icl": "#b03030", "avx512": "#3060b0", "avx2": "#308040", "generic": "#707070"}


def main():
    lines = {}
    for text in open(sys.argv[1]):
        row = json.loads(text)
        key = (row["isa"], row["threads"], row["seed"])
        lines.setdefault(key, []).append((row["input_bits"], row["throughput_mbps"] / 1e3))
    points = [p for line in lines.values() for p in line]
    x0, x1 = (math.log2(f(p[0] for p in points)) for f in (min, max))
    y0, y1 = -1, math.ceil(math.log2(max(p[1] for p in points)))
    y0 = min(y0, math.floor(math.log2(min(p[1] for p in points))))

    def place(n, rate):
        x = LEFT + (math.log2(n) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - (math.log2(rate) - y0) / (y1 - y0) * (HEIGHT - BOTTOM - TOP)

    print('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">'
          % (WIDTH, HEIGHT))
    print('<rect width="100%" height="100%" fill="white"/>')
    for e in range(int(x0), int(x1) + 1, 2):
        x, y = place(2 ** e, 2 ** y0)
        print('<path d="M%.0f %.0fV%d" stroke="#ddd"/><text x="%.0f" y="%.0f" text-anchor="middle">2^%d</text>'
              % (x, y, TOP, x, y + 18, e))
    for e in range(y0, y1 + 1):
        x, y = place(2 ** x0, 2.0 ** e)
        print('<path d="M%.0f %.0fH%d" stroke="#ddd"/><text x="%.0f" y="%.0f" text-anchor="end">%g</text>'
              % (x, y, WIDTH - RIGHT, x - 6, y + 4, 2.0 ** e))
    print('<text x="%d" y="%d">input bits of a block; Gbit/s of input</text>' % (LEFT, HEIGHT - 10))
    for i, ((isa, threads, seed), line) in enumerate(sorted(lines.items())):
        dash = ' stroke-dasharray="5 4"' if seed == "cached" else ""
        path = " ".join("%.1f,%.1f" % place(*p) for p in sorted(line))
        print('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>'
              % (path, COLOURS.get(isa, "black"), dash))
        y = TOP + 16 * i + 10
        print('<path d="M%d %dh26" stroke="%s" stroke-width="2"%s/><text x="%d" y="%d">%s, %s%s</text>'
              % (WIDTH - RIGHT + 12, y - 4, COLOURS.get(isa, "black"), dash, WIDTH - RIGHT + 44, y, isa, seed,
                 ", %d threads" % threads if threads > 1 else ""))
    print("</svg>")


main()
