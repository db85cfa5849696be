"""Interleaves the gradient example with a peer and prints ratios of medians.

    cargo build --release --example gradient
    python benches/peers/interleave.py --python VENV/bin/python [--cases big small ..] [--rounds 5] [--seconds 4]

Machines differ from minute to minute, so the two programs take turns and only the ratio within a round is looked at:
the table gives the median over rounds of (ours / peer), with the least and the greatest. --peer names another script
that takes `--case NAME --seconds S` and prints one JSON object with a key `ms`.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def last_json(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=["big", "small", "tiny", "wide", "one"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--engine", default="fused")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has JAX")
    parser.add_argument("--peer", default=str(HERE / "gradient_jax.py"))
    parser.add_argument("--ours", default=str(ROOT / "target/release/examples/gradient"))
    args = parser.parse_args()
    threads = [] if args.threads is None else ["--threads", str(args.threads)]
    print("| case | ours ms | products alone ms | peer ms | ours / peer | least to greatest |")
    print("|---|---|---|---|---|---|", flush=True)
    for case in args.cases:
        ours, floors, peers = [], [], []
        for _ in range(args.rounds):
            common = ["--case", case, "--seconds", str(args.seconds)]
            mine = last_json([args.ours, *common, "--engine", args.engine, "--json", *threads])
            ours.append(mine["ms"])
            floors.append(mine["gemm_floor_ms"])
            peers.append(last_json([args.python, args.peer, *common])["ms"])
        ratios = [a / b for a, b in zip(ours, peers)]
        median = statistics.median
        print(
            f"| {case} | {median(ours):.2f} | {median(floors):.2f} | {median(peers):.2f} | "
            f"{median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
