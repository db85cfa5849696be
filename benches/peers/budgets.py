"""Algorithms on images at equal seconds: every run once, in turns; a finished run is written at once, so that a stopped measurement goes on.

    cargo build --release --example mnist
    python benches/peers/budgets.py --data DIR --runs budgets.jsonl --seeds 1 2 3 --budgets 10 30 60
    python benches/peers/budgets.py --runs budgets.jsonl --table
    python benches/peers/curves.py --runs budgets.jsonl --out docs/budgets.svg --x seconds --y accuracy nll ece

DIR holds the four IDX files. The JAX ensemble needs `requirements.txt`. With --validate all are scored on a sixth of the training rows.
"""
import argparse, json, pathlib, statistics, subprocess, sys

HERE = pathlib.Path(__file__).parent
RUST = HERE.parents[1] / "target/release/examples/mnist"
RUNS = {
    "smc": ["--infer", "smc", "--annealing", "auto"],
    "sghmc": ["--infer", "sghmc"],
    "sghmc, T = 0.1": ["--infer", "sghmc", "--temperature", "0.1"],
    "warm": ["--infer", "smc", "--start", "warm"],
    "ensemble": ["--infer", "ensemble"],
    "JAX ensemble": None,
    **{name: ["--infer", name] for name in ("map", "score-vi", "mean-field", "ivon", "evon", "bali", "modes-bali", "laplace", "swag", "auto")},
}


def one(name, seconds, seed, a):
    if RUNS[name] is None:
        command = [a.python, str(HERE / "ensemble_jax.py")]
    else:
        command = [str(a.binary), "--json", *RUNS[name]]
    command += ["--data", a.data, "--seed", str(seed), "--seconds", str(seconds)]
    if a.validate:
        command += ["--validate"] + ([] if RUNS[name] is None else ["0.16667"])
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    keys = ("accuracy", "nll", "ece", "seconds", "compile_seconds", "passes", "exact", "row_gradients")
    return {k: found[k] for k in keys if k in found}


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(rows):
    print("| run | asked | seeds | seconds | accuracy | NLL | ECE |\n|---|---|---|---|---|---|---|")
    for name in RUNS:
        for asked in sorted({r["asked"] for r in rows if r["name"] == name}):
            of = [r for r in rows if (r["name"], r["asked"]) == (name, asked)]
            cell = lambda key, digits: f"{statistics.median(r[key] for r in of):.{digits}f}"
            print(f"| {name} | {asked:g} | {len(of)} | {cell('seconds', 1)} | {cell('accuracy', 4)} | {cell('nll', 4)} | {cell('ece', 4)} |")


ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--data")
ap.add_argument("--runs", type=pathlib.Path, required=True)
ap.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
ap.add_argument("--budgets", type=float, nargs="+", default=[10, 30, 60])
ap.add_argument("--only", nargs="+", choices=list(RUNS), default=["smc", "sghmc", "warm", "ensemble", "JAX ensemble"])
ap.add_argument("--binary", type=pathlib.Path, default=RUST)
ap.add_argument("--python", default=sys.executable, help="the interpreter for JAX")
ap.add_argument("--validate", action="store_true")
ap.add_argument("--table", action="store_true")
a = ap.parse_args()
if a.data:
    known = {(r["name"], r["asked"], r["seed"], r["validate"]) for r in read(a.runs)}
    for asked in a.budgets:
        for seed in a.seeds:
            for name in a.only:
                if (name, asked, seed, a.validate) in known:
                    continue
                print(f"{name}, {asked:g} s, seed {seed}", file=sys.stderr)
                found = {"name": name, "asked": asked, "seed": seed, "validate": a.validate, **one(name, asked, seed, a)}
                with a.runs.open("a") as out:
                    out.write(json.dumps(found) + "\n")
if a.table:
    table([r for r in read(a.runs) if r["validate"] == a.validate])
