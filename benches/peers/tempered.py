"""Runs adaptive tempered SMC by this project and by BlackJAX in turns and prints ratios of medians over seeds.

    cargo build --release --example tempered
    python benches/peers/tempered.py --data DIR --python VENV/bin/python [--set airfoil] [--seeds 5] [--runs runs.jsonl]

DIR (or the variable SMC_DATA) holds `wiese-regression/`: SET.data.gz, numbers with the target last, and splits_0.2.json.gz
with lists `train` and `validate` of row numbers for every set. Every finished run is a line of the file `--runs`; runs
that are there are not made again, so that a stopped measurement goes on where it stopped.
"""
import argparse
import gzip
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def write_tables(data, name, folder):
    """The training and test rows of the split, as they come."""
    base = pathlib.Path(data) / "wiese-regression"
    with gzip.open(base / f"{name}.data.gz", "rt") as file:
        rows = [line for line in file if line.strip()]
    with gzip.open(base / "splits_0.2.json.gz", "rt") as file:
        split = json.load(file)[name]
    assert not set(split["train"]) & set(split["validate"])
    paths = []
    for part in ("train", "validate"):
        paths.append(pathlib.Path(folder) / f"{part}.txt")
        paths[-1].write_text("".join(rows[i].rstrip() + "\n" for i in split[part]))
    return paths


def last_json(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def report(runs, seeds):
    by = {p: [runs[p, s] for s in seeds if (p, s) in runs] for p in ("ours", "blackjax")}
    print("| program | seconds | compile seconds | stages | gradients | LPPD | RMSE | log-evidence |")
    print("|---|---|---|---|---|---|---|---|")
    spread = lambda all, key: f"{statistics.mean(r[key] for r in all):.3f} ± {statistics.stdev(r[key] for r in all):.3f}"
    median = lambda all, key: statistics.median(r[key] for r in all)
    for program, all in by.items():
        cells = [f"{median(all, k):.1f}" for k in ("seconds", "compile_seconds")]
        cells += [f"{median(all, k):.0f}" for k in ("stages", "gradients")]
        cells += [spread(all, k) for k in ("lppd", "rmse", "log_evidence")]
        print(f"| {program} | {' | '.join(cells)} |")
    ours, theirs = by["ours"], by["blackjax"]
    with_compile = lambda all: statistics.median(r["seconds"] + r["compile_seconds"] for r in all)
    pairs = [a["seconds"] / b["seconds"] for a, b in zip(ours, theirs)]
    print(f"\nratio of median seconds {median(ours, 'seconds') / median(theirs, 'seconds'):.3f}"
          f" (pairs {min(pairs):.3f} to {max(pairs):.3f}),"
          f" compilation included {with_compile(ours) / with_compile(theirs):.3f};"
          f" load {min(r['load'] for r in ours + theirs):.1f} to {max(r['load'] for r in ours + theirs):.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("SMC_DATA"))
    parser.add_argument("--set", default="airfoil")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", default="tempered.jsonl")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has BlackJAX")
    parser.add_argument("--ours", default=str(ROOT / "target/release/examples/tempered"))
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="last: further flags of ours")
    args = parser.parse_args()
    if not args.data:
        sys.exit("say --data DIR or set SMC_DATA")
    seeds, runs, path = range(args.seeds), {}, pathlib.Path(args.runs)
    if path.exists():
        for run in map(json.loads, path.read_text().splitlines()):
            runs[run["program"], run["seed"]] = run
    with tempfile.TemporaryDirectory() as folder:
        train, test = write_tables(args.data, args.set, folder)
        tables = ["--train", train, "--test", test]
        commands = {
            "ours": [args.ours, *tables, "--json", *args.options],
            "blackjax": [args.python, HERE / "tempered_jax.py", *tables],
        }
        for seed in seeds:
            for program, command in commands.items():
                if (program, seed) in runs:
                    continue
                load = os.getloadavg()[0]
                run = {**last_json([*command, "--seed", str(seed)]), "load": load}
                runs[program, seed] = run
                with path.open("a") as file:
                    file.write(json.dumps(run) + "\n")
                print(f"{program} seed {seed}: {run['seconds']:.1f} s, load {load:.1f}", file=sys.stderr, flush=True)
    report(runs, seeds)


if __name__ == "__main__":
    main()
