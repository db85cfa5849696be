"""Draws scores against seconds or passes: one panel a score, one line a name, medians over seeds with every run as a dot.

    python benches/peers/curves.py --runs runs.jsonl --out picture.svg --x seconds --y accuracy nll ece
"""
import argparse, json, pathlib, statistics
import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "curves", "svg.fonttype": "none"})
import matplotlib.pyplot as plt

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--runs", type=pathlib.Path, required=True)
ap.add_argument("--out", type=pathlib.Path, required=True)
ap.add_argument("--x", default="seconds")
ap.add_argument("--y", nargs="+", required=True)
ap.add_argument("--by", default="asked", help="runs of one name that agree in this are one point")
ap.add_argument("--panels", help="one panel for each value of this key, in place of one for each score")
ap.add_argument("--names", nargs="+")
ap.add_argument("--validate", action="store_true", help="runs scored on rows held out, in place of those on test rows")
a = ap.parse_args()
rows = [json.loads(line) for line in a.runs.read_text().splitlines()]
rows = [r for r in rows if r.get("validate", False) == a.validate]
names = a.names or list(dict.fromkeys(r["name"] for r in rows))
titles = list(dict.fromkeys(r[a.panels] for r in rows)) if a.panels else a.y
across = min(4, len(titles))
down = -(-len(titles) // across)
figure, axes = plt.subplots(down, across, figsize=(3.9 * across, 3.4 * down), squeeze=False)
for at, (panel, title) in enumerate(zip(axes.flat, titles)):
    score = a.y[0] if a.panels else title
    for name in names:
        of = [r for r in rows if r["name"] == name and score in r and (not a.panels or r[a.panels] == title)]
        if not of:
            continue
        groups = [[r for r in of if r[a.by] == g] for g in sorted({r[a.by] for r in of})]
        centre = [(statistics.median(r[a.x] for r in g), statistics.median(r[score] for r in g)) for g in groups]
        (line,) = panel.plot(*zip(*centre), marker="o", markersize=4, label=name, linestyle="--" if "JAX" in name else "-")
        panel.plot([r[a.x] for r in of], [r[score] for r in of], ".", markersize=3, alpha=0.5, color=line.get_color())
    panel.set_xscale("log")
    ticks = sorted({round(r[a.by]) for r in rows if isinstance(r[a.by], (int, float))})
    panel.set_xticks(ticks, [str(t) for t in ticks])
    panel.minorticks_off()
    panel.set_title({"nll": "NLL", "ece": "ECE", "lppd": "LPPD"}.get(title, title))
    panel.set_xlabel(a.x)
    panel.grid(alpha=0.3)
for spare in axes.flat[len(titles):]:
    spare.axis("off")
known = [pair for panel in axes.flat for pair in zip(*panel.get_legend_handles_labels())]
labels, handles = zip(*{label: handle for handle, label in known}.items())
figure.legend(handles, labels, loc="lower center", ncols=min(6, len(labels)), frameon=False)
figure.tight_layout(rect=(0, 0.09 / down + 0.02, 1, 1))
figure.savefig(a.out, metadata={"Date": None})
