"""Value and gradient of the summed log-likelihood of many parameter vectors in JAX: the peer of `--example gradient`.

    pip install -r benches/peers/requirements.txt
    python benches/peers/gradient_jax.py --case big --seconds 4

The same shapes and operations as the example: one `jit(vmap(value_and_grad(..)))`, single precision, compiled before
the clock starts. Prints one JSON object: case, ms (median of the calls), ms_min, calls.
"""
import argparse
import json
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

# particles, rows, widths, activation, likelihood
CASES = {
    "big": (32, 1000, [784, 100, 10], jnp.tanh, "categorical"),
    "small": (100, 500, [13, 50, 1], jnp.tanh, "normal"),
    "tiny": (64, 1200, [5, 16, 16, 2], jax.nn.relu, "heteroscedastic"),
    "wide": (8, 512, [784, 512, 512, 10], jax.nn.relu, "categorical"),
    "one": (1, 60000, [784, 50, 10], jnp.tanh, "categorical"),
}


def log_density(kind, outputs, targets):
    """The sum over rows, up to a constant."""
    if kind == "normal":
        return -0.5 * jnp.square(targets - outputs[:, 0]).sum()
    if kind == "heteroscedastic":
        mean, log_sd = outputs[:, 0], outputs[:, 1]
        return (-0.5 * jnp.square((targets - mean) * jnp.exp(-log_sd)) - log_sd).sum()
    log_p = outputs - jax.nn.logsumexp(outputs, axis=1, keepdims=True)
    return jnp.take_along_axis(log_p, targets.astype(jnp.int32)[:, None], axis=1).sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, default="big")
    parser.add_argument("--seconds", type=float, default=4.0)
    args = parser.parse_args()
    particles, rows, widths, activation, likelihood = CASES[args.case]

    random = np.random.default_rng(1)
    features = jnp.asarray(0.5 * random.standard_normal((rows, widths[0])), jnp.float32)
    targets = jnp.asarray(random.integers(0, max(widths[-1], 2), rows), jnp.float32)
    pairs = list(zip(widths, widths[1:]))
    draw = lambda *shape: jnp.asarray(0.05 * random.standard_normal(shape), jnp.float32)
    parameters = [(draw(particles, i, o), draw(particles, o)) for i, o in pairs]

    def total(layers):
        x = features
        for number, (weight, bias) in enumerate(layers):
            x = x @ weight + bias
            if number + 1 < len(layers):
                x = activation(x)
        return log_density(likelihood, x, targets)

    compiled = jax.jit(jax.vmap(jax.value_and_grad(total))).lower(parameters).compile()
    call = lambda: jax.block_until_ready(compiled(parameters))
    for _ in range(5):
        call()
    times, end = [], time.perf_counter() + args.seconds
    while time.perf_counter() < end or len(times) < 10:
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    print(json.dumps({"case": args.case, "ms": statistics.median(times), "ms_min": min(times), "calls": len(times)}))


if __name__ == "__main__":
    main()
