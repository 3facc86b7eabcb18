# SPDX-License-Identifier: Apache-2.0
"""Instructions and bytes an edge update of the GPU's fast LDPC decoders, and the speed that an H200 could reach with them at its
published rates: a model, nothing measured.

    python3 bench/ldpc_gpu_model.py bench/results/ldpc.jsonl [SASS]

Instructions are those of the compiled inner loops. They are counted anew from SASS, the text that `nvdisasm -c` makes of
`nvcc -O3 -arch sm_90 -cubin` of kernels/gpu/decode.cl and sparse.cl; without it the counts below are taken.
"""
import collections
import json
import re
import sys

SMS, CLOCK = 132, 1.98e9  # H200
ISSUE, ALU, FMA, MEMORY = 128, 64, 64, 32  # lanes a clock of a multiprocessor: all instructions, logic and additions, IMAD, loads and stores
DRAM, L2 = 4.8e12, 5.5e12  # bytes a second
REGISTERS, THREADS, GROUPS, LOCAL = 65536, 2048, 32, 227 * 1024  # of a multiprocessor
SLOW, NEAR = 800, 250  # clocks to DRAM and to the caches
CHAIN = 4.5  # clocks between an instruction and one that needs its result
DEPTH = 26  # dependent instructions an edge, on the longest way through its two loops
SHARE = 0.85  # of the least bound: an assumption
DEGREE = 30  # edges of a check of the codes from 3 to 5 %

# (all, ALU, FMA, memory) instructions of a word of four edges, both loops. nvcc 13.0, sm_90, 2026-11-28.
COUNTS = {
    "ks_gpu_decode_global": (102.0, 67.5, 26.0, 7.5),
    "ks_gpu_decode_local": (107.0, 68.5, 26.0, 7.5),
    "ks_gpu_decode_sparse": (88.0, 59.5, 20.0, 7.5),
}
BEFORE = (292.0, 182.0, 82.0, 27.0)  # the same of the kernel that did one check an item: four times an edge
CHECK = (125, 85, 30, 20)  # of four checks, outside of the loops: state, tables, counts
# Instructions that make sign masks, an edge: they tell the two loops of a check from all others, and how far they are unrolled.
SIGNS = {"first": 6, "second": 3}
ON_FMA, ON_MEMORY = ("IMAD", "FFMA"), ("LDG", "STG", "LDS", "STS", "LD", "ST")
NO_PIPE = ("BRA", "BSYNC", "BSSY", "NOP", "UMOV", "ULDC", "UIADD3", "ULEA", "S2UR")


def functions(path):
    name, code = None, {}
    for line in open(path):
        text = re.match(r"\.text\.(\w+):", line)
        label = re.match(r"(\.L_x_\d+):", line.strip())
        instruction = re.search(r"/\*[0-9a-f]{4,}\*/\s+(.*?);", line)
        if text:
            name = text.group(1)
            code[name] = []
        elif name and label:
            code[name].append((label.group(1), None))
        elif name and instruction:
            code[name].append((None, instruction.group(1).strip()))
    return code


def inner_loops(code):
    at = {label: k for k, (label, _) in enumerate(code) if label}
    loops = []
    for k, (_, text) in enumerate(code):
        to = re.search(r"BRA.*`\((\.L_x_\d+)\)", text or "")
        if to and at.get(to.group(1), k) < k:
            loops.append((at[to.group(1)], k))
    for a in loops:
        if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops):
            yield [text for _, text in code[a[0]:a[1] + 1] if text]


def count(path):
    found = {}
    for name, code in functions(path).items():
        if name not in COUNTS:
            continue
        loops = [body for body in inner_loops(code) if any("0xba98" in text for text in body)]
        total = [0.0] * 4
        for body, signs in zip(loops, (SIGNS["first"], SIGNS["second"])):
            edges = sum("0xba98" in text for text in body) / signs
            kinds = collections.Counter(re.sub(r"^@!?U?P\d+ ", "", text).split()[0].split(".")[0] for text in body)
            fma, memory = (sum(kinds[k] for k in names) for names in (ON_FMA, ON_MEMORY))
            other = sum(kinds[k] for k in NO_PIPE)
            for i, n in enumerate((len(body), len(body) - fma - memory - other, fma, memory)):
                total[i] += n / edges
        found[name] = tuple(total)
    return found


def bounds(case):
    """Edge updates a second by what limits them."""
    (registers, items), local = case["shape"], case["local"]
    groups = min(REGISTERS // (-(-registers // 8) * 8 * max(items, 32)), THREADS // max(items, 32), GROUPS)
    if local:
        groups = min(groups, LOCAL // local)
    instructions = [(n + c / DEGREE) / 4 for n, c in zip(case["counts"], CHECK)]
    chip, chain = SMS * CLOCK, CHAIN * DEPTH
    loads = [0, 0] if local else [SLOW, NEAR]
    # Soft values are asked for an edge ahead: the wait and the chain overlap.
    clocks = sum(max(wait, chain) if case["ahead"] else wait + chain for wait in loads)
    limits = {name: chip * lanes / n for (name, lanes), n in
              zip((("issue", ISSUE), ("ALU", ALU), ("IMAD", FMA), ("loads", MEMORY)), instructions)}
    limits.update({"DRAM": DRAM / case["dram"], "L2": L2 / case["l2"], "latency": chip * groups * items * case["checks"] / clocks})
    return instructions, limits


def cases(counts):
    state = 2 * (3 + DEGREE / 8) / DEGREE  # o1, o2, e1 and the signs, in and out
    far = {"local": 0, "ahead": True, "checks": 4, "dram": 2 + state, "l2": 4 + state}
    return {
        "one check an item, 2^18": dict(far, counts=BEFORE, shape=(80, 512), ahead=False, checks=1),
        "family, 2^18, global memory": dict(far, counts=counts["ks_gpu_decode_global"], shape=(48, 128)),
        "family, 2^14, local memory": dict(far, counts=counts["ks_gpu_decode_local"], shape=(48, 16), local=1 << 14, dram=state, l2=state),
        "any matrix": dict(far, counts=counts["ks_gpu_decode_sparse"], shape=(56, 512), l2=4 + state + 8 / 64),
    }


def main():
    rows = [json.loads(line) for line in open(sys.argv[1])]
    counts = dict(COUNTS)
    if len(sys.argv) > 2:
        counts.update(count(sys.argv[2]))
    least = {}
    print("Bounds in 10^12 edge updates/s; instructions and bytes an edge update.\n")
    for name, case in cases(counts).items():
        instructions, limits = bounds(case)
        least[name] = min(limits.values())
        if len(least) == 1:
            print("| kernel | instructions | ALU | bytes DRAM | L2 | " + " | ".join(limits) + " |\n" + "|---" * (5 + len(limits)) + "|")
        print("| %s | %.1f | %.1f | %.2f | %.2f | %s |" % (name, instructions[0], instructions[1], case["dram"], case["l2"],
              " | ".join("%.2f" % (x / 1e12) for x in limits.values())))
    rate = SHARE * least["family, 2^18, global memory"]
    print("\nn = 2^18 at %.0f %% of the least bound, %.2f x 10^12 edge updates/s, frames that need the exact decoder left out:\n" %
          (100 * SHARE, rate / 1e12))
    print("| preset | QBER | f | passes | edges a bit | Gbit/s |\n|---|---|---|---|---|---|")
    for r in rows:
        if r["frame_bits"] == 1 << 18 and r["retries"] and r["threads"] > 1 and r["effort"] != "efficient" and r["qber"] >= 0.02:
            # Edges a bit from the row itself: updates a second over bits and passes a second.
            edges = r["gedges"] * 1e3 / r["core_mbps"] / (r["iterations_mean"] + r["exact_iterations_mean"])
            print("| %s | %g %% | %.3f | %.1f | %.2f | %.1f |" % (r["effort"], 100 * r["qber"], r["efficiency"], r["iterations_mean"],
                  edges, rate / (r["iterations_mean"] * edges) / 1e9))


main()
