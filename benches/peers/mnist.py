"""Annealing policies on images: every run once, every finished run written at once, so that a stopped measurement goes on where it stopped.

    cargo build --release --example mnist
    python benches/peers/mnist.py --data DIR --runs runs.jsonl                       # what is missing, seed by seed
    python benches/peers/mnist.py --runs runs.jsonl --table --picture docs/mnist.svg # what is there

DIR holds the four IDX files. With --validate the runs learn from five sixths of the training rows and are scored on the rest: for choosing
settings, before any test row is looked at. `jax` runs are those of mnist_jax.py and need its requirements.
"""
import argparse, json, math, pathlib, statistics, subprocess, sys

HERE = pathlib.Path(__file__).parent
RUST = HERE.parents[1] / "target/release/examples/mnist"
SAME = ["--leapfrogs", "40", "--acceptance", "0.9", "--stages"]
WARM = ["--start", "warm", "--stages", "1", "--leapfrogs"]
# Name, program, arguments. The first is the baseline: as many stages as six minutes allow.
RUNS = [
    ("full, 11 stages", "rust", ["--annealing", "full", *SAME, "11"]),
    ("full", "rust", ["--annealing", "full", *SAME, "8"]),
    ("step", "rust", ["--annealing", "step", *SAME, "8"]),
    ("front-loaded", "rust", ["--annealing", "front", *SAME, "8"]),
    ("front-loaded, 24 leapfrogs", "rust", ["--annealing", "front", "--leapfrogs", "24", "--acceptance", "0.9", "--stages", "8"]),
    ("smooth", "rust", ["--annealing", "smooth", *SAME, "8"]),
    ("smooth, 12 stages, power 2", "rust", ["--annealing", "smooth", *SAME, "12", "--power", "2"]),
    ("auto", "rust", ["--annealing", "auto", *SAME, "8"]),
    ("minibatch", "rust", ["--annealing", "minibatch", *SAME, "8"]),
    ("jax growing", "jax", ["--schedule", "growing", "--stages", "8", "--leapfrogs", "40"]),
    ("full, 2 stages", "rust", ["--annealing", "full", *SAME, "2"]),
    ("jax full, 2 stages", "jax", ["--schedule", "full", "--stages", "2", "--leapfrogs", "40"]),
    ("ensemble, 16 epochs", "rust", ["--infer", "ensemble", "--epochs", "16"]),
    ("warm, 20 s", "rust", [*WARM, "10", "--epochs", "10"]),
    ("ensemble, 48 epochs", "rust", ["--infer", "ensemble", "--epochs", "48"]),
    ("warm, 60 s", "rust", [*WARM, "10", "--epochs", "16", "--final-moves", "4"]),
    ("ensemble, 190 epochs", "rust", ["--infer", "ensemble", "--epochs", "190"]),
    ("warm, 240 s", "rust", [*WARM, "20", "--epochs", "16", "--final-moves", "12"]),
]


def run(program, arguments, a, seed):
    if program == "rust":
        command = [str(RUST), "--data", a.data, "--seed", str(seed), "--json", *arguments]
        command += ["--validate", "0.16667"] if a.validate else []
    else:
        command = [a.python, str(HERE / "mnist_jax.py"), "--data", a.data, "--seed", str(seed), *arguments]
        command += ["--validate"] if a.validate else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def spread(values):
    values = [v for v in values if v is not None]
    if not values:
        return None
    return statistics.mean(values), (statistics.stdev(values) if len(values) > 1 else 0.0)


def table(rows):
    names = [n for n, *_ in RUNS if any(r["name"] == n for r in rows)]
    base = spread([r["seconds"] for r in rows if r["name"] == RUNS[0][0]])
    print("| run | seeds | seconds | full / this | row-gradients | accuracy | NLL | ECE | ancestors |\n|---|---|---|---|---|---|---|---|---|")
    for name in names:
        of = [r for r in rows if r["name"] == name]
        cell = lambda key, form: (lambda s: "" if s is None else f"{format(s[0], form)} ± {format(s[1], form)}")(spread([r.get(key) for r in of]))
        seconds = spread([r["seconds"] for r in of])
        ratio = f"{base[0] / seconds[0]:.1f}" if base else ""
        gradients = spread([r.get("row_gradients") for r in of])
        ancestors = {r.get("ancestors") for r in of} - {None}
        print(f"| {name} | {len(of)} | {cell('seconds', '.1f')} | {ratio} | {gradients[0]:.2e} | {cell('accuracy', '.4f')} | {cell('nll', '.4f')} | {cell('ece', '.3f')} "
              f"| {', '.join(map(str, sorted(ancestors)))} |")


# Runs that only compare seconds.
TIMED = ("full, 2 stages", "jax full, 2 stages")
COLOURS = ["#000000", "#7f7f7f", "#e69f00", "#d62728", "#ff9896", "#1f77b4", "#9edae5", "#2ca02c", "#8c564b"]


def mark(name, colour, x, y):
    """A square from a warm start, a triangle for an ensemble, a cross for JAX, a disc from the prior."""
    path = lambda d: f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="2"><title>{name}</title></path>'
    if name.startswith("warm"):
        return path(f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8z")
    if name.startswith("ensemble"):
        return path(f"M{x:.1f} {y - 5:.1f}l5 9h-10z")
    if name.startswith("jax"):
        return path(f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8")
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" fill-opacity="0.85"><title>{name}</title></circle>'


def picture(rows, path):
    """Accuracy and NLL against seconds, one mark per run."""
    rows = [r for r in rows if r["name"] not in TIMED]
    names = [n for n, *_ in RUNS if any(r["name"] == n for r in rows)]
    width, height, left, top, legend = 520, 360, 56, 26, 220
    low, high = min(r["seconds"] for r in rows) / 1.2, max(r["seconds"] for r in rows) * 1.2
    right = width - 16
    x = lambda s: left + (right - left) * math.log(s / low) / math.log(high / low)
    of_prior = [n for n in names if not n.startswith(("warm", "ensemble", "jax"))]
    others = {"warm": "#d62728", "ensemble": "#1f77b4", "jax": "#2ca02c"}
    colour = lambda n: COLOURS[of_prior.index(n) % len(COLOURS)] if n in of_prior else others[n.replace(",", " ").split()[0]]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * width + legend}" height="{height + 30}" font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>']
    for panel, (key, title) in enumerate([("accuracy", "accuracy"), ("nll", "NLL")]):
        values = [r[key] for r in rows]
        margin = 0.05 * (max(values) - min(values) + 1e-9)
        a, b = min(values) - margin, max(values) + margin
        y = lambda v: top + (height - top) * (b - v) / (b - a)
        out.append(f'<g transform="translate({panel * width},0)"><rect x="{left}" y="{top}" width="{right - left}" height="{height - top}" fill="none" stroke="#999"/>')
        out.append(f'<text x="{left}" y="16" font-weight="bold">{title} against seconds</text>')
        for k in range(6):
            v = a + (b - a) * k / 5
            out.append(f'<text x="{left - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.3f}</text><line x1="{left}" x2="{right}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#eee"/>')
        for s in (10, 20, 40, 80, 160, 320):
            if low < s < high:
                out.append(f'<text x="{x(s):.1f}" y="{height + 16}" text-anchor="middle">{s} s</text><line x1="{x(s):.1f}" x2="{x(s):.1f}" y1="{top}" y2="{height}" stroke="#eee"/>')
        out += [mark(r["name"], colour(r["name"]), x(r["seconds"]), y(r[key])) for r in rows]
        out.append("</g>")
    # One line for all that share a mark.
    lines = [(n, n) for n in of_prior] + [(k, f"{k}, several lengths" if k != "jax" else "JAX by hand, growing data") for k in others if any(n.startswith(k) for n in names)]
    for i, (name, text) in enumerate(lines):
        at = top + 8 + 20 * i
        out.append(mark(name, colour(name), 2 * width + 10, at) + f'<text x="{2 * width + 22}" y="{at + 4}">{text}</text>')
    path.write_text("\n".join(out + ["</svg>"]) + "\n")


ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--data")
ap.add_argument("--runs", type=pathlib.Path, required=True)
ap.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
ap.add_argument("--only", nargs="+", help="names of runs")
ap.add_argument("--python", default=sys.executable, help="the interpreter for JAX")
ap.add_argument("--validate", action="store_true")
ap.add_argument("--table", action="store_true")
ap.add_argument("--picture", type=pathlib.Path)
a = ap.parse_args()
if a.data:
    known = {(r["name"], r["seed"], r["validate"]) for r in read(a.runs)}
    for seed in a.seeds:
        for name, program, arguments in RUNS:
            if (a.only and name not in a.only) or (name, seed, a.validate) in known:
                continue
            print(f"{name}, seed {seed}", file=sys.stderr)
            found = {**run(program, arguments, a, seed), "name": name, "seed": seed, "validate": a.validate}
            with a.runs.open("a") as out:
                out.write(json.dumps(found) + "\n")
rows = [r for r in read(a.runs) if r["validate"] == a.validate]
if a.table and rows:
    table(rows)
if a.picture and rows:
    picture(rows, a.picture)
