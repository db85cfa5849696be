"""laplace-torch around the weights that `--example laplace` found: Kronecker curvature, evidence, linearised predictions, and seconds.

    pip install torch laplace-torch
    cargo run --release --example laplace -- --json > laplace.json
    python benches/peers/laplace_torch.py laplace.json

The networks have no biases: there laplace-torch's Kronecker factors are those of `laplace()` (with biases it takes weight and bias apart, and
`laplace()` takes them together). Prints the largest relative differences and the medians of seconds of five fits and predictions.
"""
import json
import statistics
import sys
import time

import torch
from laplace import Laplace
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(2)
ours = json.loads(open(sys.argv[1]).read().strip().splitlines()[-1])
rows, features, hidden = ours["rows"], ours["features"], ours["hidden"]
x = torch.tensor(ours["x"]).reshape(rows, features)
test = torch.tensor(ours["test"]).reshape(-1, features)


def far(what, theirs, own):
    """The largest difference, relative to the largest number."""
    theirs, own = torch.as_tensor(theirs, dtype=torch.float64).flatten(), torch.as_tensor(own, dtype=torch.float64).flatten()
    print(f"  {what}: {float((theirs - own).abs().max() / theirs.abs().max()):.2e} apart")


def held(name, network, likelihood, y, own, **settings):
    loader = DataLoader(TensorDataset(x, y), batch_size=rows)
    fits, predictions = [], []
    for _ in range(5):
        start = time.perf_counter()
        fit = Laplace(network, likelihood, subset_of_weights="all", hessian_structure="kron", prior_precision=1.0, **settings)
        fit.fit(loader)
        evidence = float(fit.log_marginal_likelihood())
        fits.append(time.perf_counter() - start)
        start = time.perf_counter()
        mean, variance = fit._glm_predictive_distribution(test)
        predictions.append(time.perf_counter() - start)
    print(name)
    print(f"  log marginal likelihood: {evidence:.4f} theirs, {own['evidence']:.4f} ours")
    far("evidence", evidence, own["evidence"])
    if likelihood == "regression":
        far("mean", mean.detach(), own["mean"])
        far("variance", variance.detach(), own["variance"])
    theirs = statistics.median(fits), statistics.median(predictions)
    mine = own["seconds_fit"], own["seconds_predict"]
    print(f"  seconds to fit {theirs[0]:.4f} theirs, {mine[0]:.4f} ours; to predict {theirs[1]:.4f} and {mine[1]:.4f}")


weights = torch.tensor(ours["regression"]["weights"])
network = nn.Sequential(nn.Linear(features, hidden, bias=False), nn.Tanh(), nn.Linear(hidden, 1, bias=False))
network[0].weight.data = weights[: features * hidden].reshape(hidden, features).clone()
network[2].weight.data = weights[features * hidden :].reshape(1, hidden).clone()
held("a network", network, "regression", torch.tensor(ours["numbers"])[:, None], ours["regression"], sigma_noise=ours["noise"])

weights = torch.tensor(ours["softmax"]["weights"]).reshape(-1, features)
layer = nn.Sequential(nn.Linear(features, len(weights), bias=False))
layer[0].weight.data = weights.clone()
held("softmax", layer, "classification", torch.tensor(ours["kinds"]).long(), ours["softmax"])
