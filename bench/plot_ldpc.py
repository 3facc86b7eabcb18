#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws efficiency and frame error rate against QBER from rows of `keystill bench ldpc --json`.

    python3 bench/plot_ldpc.py bench/results/ldpc.jsonl > docs/reconciliation.svg

Left: all disclosed bits over n h(q), retries and failed frames counted, of the presets and frame sizes, with published
points and the finite-length bound. Right: failures without retries (rows with "retries": 0) of single codes. Below: speed of
frames of 2^18 bits by device and preset, of one core or of a whole device that is not the processor."""
import json
import math
import sys
from statistics import NormalDist

PANEL, HEIGHT, LEFT, TOP, BOTTOM, GAP, LEGEND = 470, 520, 50, 30, 45, 60, 215
PRESETS = {"fast": "#308040", "balanced": "#3060b0", "efficient": "#b03030"}
DASHES = {14: "2 3", 16: "6 4", 18: "", 20: "12 3 2 3"}
# Published: syndrome over n h(q) of LDPC4QKD's own simulations (sum-product, n = 819200 to 1572864) at failure rates of 3e-4 to
# 1.6e-3 and of its exponents; Elkouss, Martinez-Mateo, Martin (arXiv:1006.2660), n = 200000, as an upper bound; Cascade by the
# data files of Rijsman's cascade-cpp, n = 10^4.
REFERENCES = [
    ("LDPC4QKD, n = 0.8 to 1.6 M", "o", "#806020",
     [(.0185, 1.128), (.047, 1.097), (.0545, 1.092), (.058, 1.096), (.070, 1.093), (.084, 1.081), (.098, 1.081)]),
    ("Elkouss 2010, n = 200 k: at most", "v", "#606060", [(.055, 1.1), (.08, 1.1), (.11, 1.1)]),
    ("Cascade, original", "x", "#a0a0a0", [(.01, 1.143), (.02, 1.159), (.03, 1.174), (.05, 1.185), (.08, 1.217)]),
    ("Cascade, biconf", "x", "#805090", [(.01, 1.101), (.02, 1.090), (.03, 1.086), (.05, 1.093), (.08, 1.107)]),
    ("Cascade, Yan et al.", "x", "#30a0a0", [(.01, 1.095), (.02, 1.084), (.03, 1.078), (.05, 1.077), (.08, 1.097)]),
]


def entropy(q):
    return -q * math.log2(q) - (1 - q) * math.log2(1 - q)


def bound(q, n, failures):
    """Least disclosure of a code of n bits, normal approximation (docs/reconciliation.md)."""
    spread = math.sqrt(q * (1 - q)) * math.log2((1 - q) / q)
    z = NormalDist().inv_cdf(1 - failures)
    return (n * entropy(q) + math.sqrt(n) * spread * z - math.log2(n) / 2) / (n * entropy(q))


class Panel:
    def __init__(self, left, xs, ys, x_log, y_log, ticks_x, ticks_y, title, top=0):
        self.left, self.xs, self.ys, self.x_log, self.y_log, self.top = left, xs, ys, x_log, y_log, top
        print('<text x="%d" y="%d" font-weight="bold">%s</text>' % (left, top + 18, title))
        for q in ticks_x:
            x, y = self.place(q, ys[0])
            print('<path d="M%.1f %.1fV%d" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="middle">%g %%</text>'
                  % (x, y, top + TOP, x, y + 16, 100 * q))
        for v in ticks_y:
            x, y = self.place(xs[0], v)
            print('<path d="M%.1f %.1fH%d" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="end">%g</text>'
                  % (x, y, left + PANEL, x - 5, y + 4, v))

    @staticmethod
    def share(v, ends, is_log):
        f = math.log if is_log else float
        return (f(v) - f(ends[0])) / (f(ends[1]) - f(ends[0]))

    def place(self, q, v):
        v = min(max(v, self.ys[0]), self.ys[1])
        return (self.left + PANEL * self.share(q, self.xs, self.x_log),
                self.top + HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * self.share(v, self.ys, self.y_log))

    def line(self, points, colour, dash="", width=2):
        print('<polyline points="%s" fill="none" stroke="%s" stroke-width="%g"%s/>'
              % (" ".join("%.1f,%.1f" % self.place(*p) for p in sorted(points)), colour, width,
                 ' stroke-dasharray="%s"' % dash if dash else ""))

    def mark(self, q, v, shape, colour):
        x, y = self.place(q, v)
        draw_mark(x, y, shape, colour)


def draw_mark(x, y, shape, colour):
    d = {"x": "M%.1f %.1fl8 8m0 -8l-8 8" % (x - 4, y - 4), "v": "M%.1f %.1fh8l-4 7z" % (x - 4, y - 4)}.get(shape)
    if d:
        print('<path d="%s" fill="none" stroke="%s" stroke-width="1.6"/>' % (d, colour))
    else:
        print('<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>' % (x, y, colour))


def legend(entries, x, top=0):
    for i, (text, colour, dash, shape) in enumerate(entries):
        y = top + TOP + 10 + 17 * i
        if shape:
            draw_mark(x + 13, y - 4, shape, colour)
        elif colour:
            print('<path d="M%d %dh26" stroke="%s" stroke-width="2"%s/>'
                  % (x, y - 4, colour, ' stroke-dasharray="%s"' % dash if dash else ""))
        print('<text x="%d" y="%d">%s</text>' % (x + (32 if colour else 0), y, text))


def is_preset(row):
    return row.get("retries", 64) > 0 and "efficiency" in row


def draw_efficiency(rows, entries):
    panel = Panel(LEFT, (.0028, .125), (1.0, 1.40), True, False, (.003, .005, .01, .02, .03, .05, .08, .11),
                  [1 + .05 * i for i in range(9)], "disclosed bits / (n h)")
    lines = {}
    for row in rows:
        if is_preset(row) and row["backend"] == "cpu" and row["isa"].startswith("avx512"):
            key = (round(math.log2(row["frame_bits"])), row["effort"])
            lines.setdefault(key, {})[row["qber"]] = row["efficiency"]
    for (log2n, effort), points in sorted(lines.items()):
        panel.line(points.items(), PRESETS[effort], DASHES[log2n])
        for p in points.items():
            panel.mark(*p, "o", PRESETS[effort])
        entries.append(("%s, n = 2^%d" % (effort, log2n), PRESETS[effort], DASHES[log2n], ""))
    grid = [.003 * 1.1 ** i for i in range(39)]
    panel.line([(q, bound(q, 1 << 18, 1e-3)) for q in grid], "#000000", "1 3", 1.5)
    entries.append(("bound, n = 2^18, 10^-3 fail", "#000000", "1 3", ""))
    for name, shape, colour, points in REFERENCES:
        for p in points:
            panel.mark(*p, shape, colour)
        entries.append((name, colour, "", shape))


def draw_failures(rows, entries):
    panel = Panel(LEFT + PANEL + GAP, (.0085, .125), (1e-3, 1), True, True, (.01, .02, .03, .05, .08, .11),
                  (1e-3, 1e-2, 1e-1, 1), "frames that fail, n = 2^18, no retries")
    lines = {}
    for row in rows:
        if row.get("retries", 64) == 0:
            lines.setdefault((row["code"], row["decoders"]), {})[row["qber"]] = row["fer"]
    colours = {"fast": "#308040", "exact": "#b03030"}
    for (code, decoders), points in sorted(lines.items()):
        panel.line(points.items(), colours[decoders])
        for p in points.items():
            panel.mark(*p, "o", colours[decoders])
        if decoders == "fast":
            q = min(points)
            x, y = panel.place(q, 1.4e-3)
            print('<text x="%.1f" y="%.1f" font-size="10" transform="rotate(-90 %.1f %.1f)">%s</text>'
                  % (x - 3, y, x - 3, y, code))
    entries += [("right: fast decoder", colours["fast"], "", ""), ("right: exact decoder", colours["exact"], "", "")]


def draw_speed(rows):
    """One line a device and preset; where several rows tell of one point, the last."""
    panel = Panel(LEFT, (.0028, .125), (.1, 1000), True, True, (.003, .005, .01, .02, .03, .05, .08, .11),
                  (.1, 1, 10, 100, 1000), "Mbit/s, n = 2^18", HEIGHT)
    lines = {}
    for row in rows:
        if is_preset(row) and row["frame_bits"] == 1 << 18:
            cpu = row["backend"] == "cpu"
            device = "one core, " + row["isa"] if cpu else "%s: %s" % (row["backend"], row["device"])
            lines.setdefault((device, row["effort"]), {})[row["qber"]] = row["core_mbps" if cpu else "throughput_mbps"]
    devices = sorted({device for device, _ in lines})
    entries = []
    for (device, effort), points in sorted(lines.items()):
        dash = list(DASHES.values())[(devices.index(device) + 2) % len(DASHES)]
        panel.line(points.items(), PRESETS[effort], dash)
        for p in points.items():
            panel.mark(*p, "o", PRESETS[effort])
        entries.append(("%s, %s" % (effort, device), PRESETS[effort], dash, ""))
    legend(entries, LEFT + PANEL + GAP, HEIGHT)


def main():
    rows = [json.loads(line) for line in open(sys.argv[1])]
    print('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">'
          % (LEFT + 2 * PANEL + GAP + LEGEND + 30, 2 * HEIGHT))
    print('<rect width="100%" height="100%" fill="white"/>')
    entries = []
    draw_efficiency(rows, entries)
    draw_failures(rows, entries)
    legend(entries, LEFT + 2 * PANEL + GAP + 16)
    draw_speed(rows)
    for top in (0, HEIGHT):
        print('<text x="%d" y="%d">QBER</text>' % (LEFT, top + HEIGHT - 8))
    print('</svg>')


main()
