"""Gradient boosting on the regression tables and splits of the example `uci`: XGBoost, 2000 trees at most, rate .05, depth 5, stopped early
on a tenth of the training rows, whose root mean square error is the standard deviation of a normal predictive density.

    python benches/peers/trees.py --data DIR --sets yacht energy
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np
import xgboost


def read(path):
    packed = path.with_name(path.name + ".gz")
    return gzip.open(packed, "rt") if packed.exists() else open(path)


def lines(path):
    with read(path) as file:
        return [np.array(line.split(), dtype=int) for line in file if line.strip()]


def split(x, y, train, test, seed):
    order = np.random.default_rng(seed).permutation(train)
    learn, stop = np.split(order, [int(0.9 * len(order))])
    since = time.perf_counter()
    trees = xgboost.XGBRegressor(
        n_estimators=2000, learning_rate=0.05, max_depth=5, early_stopping_rounds=50, random_state=seed
    )
    trees.fit(x[learn], y[learn], eval_set=[(x[stop], y[stop])], verbose=False)
    sd = np.sqrt(np.mean((trees.predict(x[stop]) - y[stop]) ** 2))
    error = trees.predict(x[test]) - y[test]
    density = -0.5 * (error / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
    return np.sqrt(np.mean(error**2)), density.mean(), time.perf_counter() - since


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--data", type=Path, required=True)
    flags.add_argument("--sets", nargs="+", required=True)
    flags.add_argument("--splits", type=int, default=5)
    flags = flags.parse_args()
    for name in flags.sets:
        folder = flags.data / name
        with read(folder / "data.txt") as file:
            table = np.loadtxt(file)
        features, target = (np.loadtxt(folder / f"index_{part}.txt", dtype=int) for part in ("features", "target"))
        x, y = table[:, np.atleast_1d(features)], table[:, int(target)]
        parts = zip(lines(folder / "splits_train.txt"), lines(folder / "splits_test.txt"))
        scores = np.array([split(x, y, *part, k) for k, part in zip(range(flags.splits), parts)])
        errors = scores.std(0, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else np.zeros(3)
        rmse, density, _ = zip(scores.mean(0), errors)
        print(json.dumps({"set": name, "rmse": rmse, "log_density": density, "seconds": scores[:, 2].sum()}))


if __name__ == "__main__":
    main()
