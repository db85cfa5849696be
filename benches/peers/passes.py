"""Log-likelihood of layerwise fits on the tables of the example `uci` after so many passes over the rows, five splits each: "few iterations" confirmed or denied.

    cargo build --release --example uci
    python benches/peers/passes.py --data DIR --runs passes.jsonl
    python benches/peers/curves.py --runs passes.jsonl --out docs/passes.svg --x passes --by passes --panels set --y lppd
"""
import argparse, json, pathlib, subprocess

HERE = pathlib.Path(__file__).parent
SETS = ["bostonHousing", "concrete", "energy", "power-plant", "protein-tertiary-structure", "wine-quality-red", "yacht"]
ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--data", required=True)
ap.add_argument("--runs", type=pathlib.Path, required=True)
ap.add_argument("--binary", default=str(HERE.parents[1] / "target/release/examples/uci"))
ap.add_argument("--infer", nargs="+", default=["bali", "mean-field"])
ap.add_argument("--passes", type=int, nargs="+", default=[5, 10, 25, 50, 100])
ap.add_argument("--sets", nargs="+", default=SETS)
a = ap.parse_args()
there = [json.loads(line) for line in a.runs.read_text().splitlines()] if a.runs.exists() else []
known = {(r["set"], r["name"], r["passes"]) for r in there}
for name in a.sets:
    for infer in a.infer:
        for passes in a.passes:
            if (name, infer, passes) in known:
                continue
            command = [a.binary, "--data", a.data, "--set", name, "--infer", infer, "--passes", str(passes), "--json"]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
            found = json.loads(done.stdout.strip().splitlines()[-1])
            row = {"set": name, "name": infer, "passes": passes, "lppd": found["lppd"], "rmse": found["rmse"], "seconds": found["seconds"]}
            with a.runs.open("a") as out:
                out.write(json.dumps(row) + "\n")
