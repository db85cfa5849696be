"""Reads what `tabular --zarr DIR --json` wrote with xarray and ArviZ, and holds ArviZ's numbers against ours.

    python arviz_read.py DIR JSON    # JSON: a file with the example's last line
"""

import json
import sys

import arviz as az
import numpy as np
import xarray as xr

folder, text = sys.argv[1:]
ours = json.load(open(text))["exported"]
tree = xr.open_datatree(folder, engine="zarr", consolidated=False)
print(tree)
print(az.summary(tree, var_names=["~weight"], filter_vars="like").to_string())


def near(what, theirs, own, at_most):
    far = abs(theirs - own) / max(1.0, abs(theirs))
    print(f"{what}: {theirs} {own}")
    assert far <= at_most, what


if "weighted_posterior" in tree.children:
    print("a weighted cloud: its own weights are not those of the resampled draws, and no number is held against another")
    sys.exit()
loo = az.loo(tree, pointwise=True, reff=1.0)
near("loo", float(loo.elpd), ours["loo"], 1e-6)
near("error of it", float(loo.se), ours["loo_error"], 1e-6)
near("effective parameters", float(loo.p), ours["loo_p"], 1e-6)
rows = np.abs(loo.elpd_i.values - np.array(ours["loo_rows"]))
shapes = np.abs(loo.pareto_k.values - np.array(ours["k"], dtype=float))
print(f"farthest row {rows.max()}, farthest k {shapes.max()}")
assert rows.max() < 1e-6 and shapes.max() < 1e-6
posterior = tree["posterior"].to_dataset()
for line in ours["summary"]:
    if line["name"] not in posterior:
        continue
    draws = posterior[line["name"]]
    near(f"mean of {line['name']}", float(draws.mean()), line["mean"], 1e-6)
    if draws.sizes["chain"] > 1 and line["r_hat"] is not None:
        near(f"R-hat of {line['name']}", float(az.rhat(draws, method="rank")), line["r_hat"], 1e-6)
        near(f"bulk ESS of {line['name']}", float(az.ess(draws, method="bulk")), line["ess"], 1e-6)
        near(f"tail ESS of {line['name']}", float(az.ess(draws, method="tail", prob=(0.05, 0.95))), line["tail_ess"], 1e-6)
print("agree")
