"""Adaptive tempered SMC with HMC moves in BlackJAX on a network D-16-16-2: the peer of `--example tempered`.

    pip install -r benches/peers/requirements.txt
    python benches/peers/tempered_jax.py --train train.txt --test test.txt --seed 0

The same model (mean and log sd, tanh, N(0, 1) priors), particles, leapfrog steps, moves, ESS and last moves as the
example, and the same rule for the step size: log step += clip(acceptance - 0.8, -0.5, 0.2), once per stage. Tables hold
numbers apart by white space, the target last. What is compiled is compiled before the clock of the run starts; the last
clock ends when the particles are there. Prints one JSON object.
"""
import argparse
import json
import time

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.smc import adaptive_tempered, resampling, tempered

WIDTH = 16


def tables(train, test):
    """Features and target of both, standardised by the first."""
    train, test = np.loadtxt(train), np.loadtxt(test)
    mean, sd = train.mean(0), train.std(0)
    sd[sd == 0] = 1
    scaled = [((table - mean) / sd).astype(np.float32) for table in (train, test)]
    return [(table[:, :-1], table[:, -1]) for table in scaled]


def compiled(function, *arguments):
    start = time.perf_counter()
    return jax.jit(function).lower(*arguments).compile(), time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--particles", type=int, default=64)
    parser.add_argument("--leapfrogs", type=int, default=10)
    parser.add_argument("--moves", type=int, default=5)
    parser.add_argument("--final-moves", type=int, default=10)
    parser.add_argument("--ess", type=float, default=0.7)
    parser.add_argument("--step", type=float, default=0.03)
    parser.add_argument("--acceptance", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    (x, y), (x_test, y_test) = tables(args.train, args.test)
    widths = [x.shape[1], WIDTH, WIDTH, 2]
    shapes = [shape for i, o in zip(widths, widths[1:]) for shape in ((i, o), (o,))]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    dim = int(ends[-1])

    def network(theta, x):
        parts = [part.reshape(shape) for part, shape in zip(jnp.split(theta, ends[:-1]), shapes)]
        for weight, bias in zip(parts[:-2:2], parts[1:-2:2]):
            x = jnp.tanh(x @ weight + bias)
        x = x @ parts[-2] + parts[-1]
        return x[:, 0], x[:, 1]

    def rows(theta, x, y):
        mean, log_sd = network(theta, x)
        return -0.5 * jnp.square((y - mean) * jnp.exp(-log_sd)) - log_sd - 0.5 * jnp.log(2 * jnp.pi)

    log_likelihood = lambda theta: rows(theta, x, y).sum()
    log_prior = lambda theta: -0.5 * jnp.square(theta).sum() - 0.5 * dim * jnp.log(2 * jnp.pi)
    hmc = blackjax.hmc.build_kernel()

    def move(key, state, log_density, step, inverse_mass):
        state, info = hmc(key, state, log_density, step, inverse_mass, args.leapfrogs)
        return state, info.acceptance_rate

    kernel = adaptive_tempered.build_kernel(
        log_prior, log_likelihood, move, blackjax.hmc.init, resampling.systematic, args.ess
    )

    def stage(key, state, step):
        settings = {"step": step[None], "inverse_mass": jnp.ones((1, dim))}
        state, info = kernel(key, state, args.moves, settings)
        acceptance = info.update_info.mean()
        step = step * jnp.exp(jnp.clip(acceptance - args.acceptance, -0.5, 0.2))
        return state, step, info.log_likelihood_increment, acceptance

    def last(key, thetas, weights, step):
        resample_key, move_key = jax.random.split(key)
        thetas = thetas[resampling.systematic(resample_key, weights, args.particles)]
        log_density = lambda theta: log_prior(theta) + log_likelihood(theta)

        def chain(key, theta):
            advance = lambda state, key: move(key, state, log_density, step, jnp.ones(dim))
            keys = jax.random.split(key, args.final_moves)
            return jax.lax.scan(advance, blackjax.hmc.init(theta, log_density), keys)[0].position

        return jax.vmap(chain)(jax.random.split(move_key, args.particles), thetas)

    key, draw = jax.random.split(jax.random.key(args.seed))
    thetas = jax.random.normal(draw, (args.particles, dim))
    state = tempered.init(thetas)._replace(tempering_param=jnp.float32(0))
    step = jnp.float32(args.step)
    stage, compile_stage = compiled(stage, key, state, step)
    last, compile_last = compiled(last, key, thetas, state.weights, step)

    start, stages, log_evidence, acceptance = time.perf_counter(), 0, 0.0, 0.0
    while float(state.tempering_param) < 1:
        key, use = jax.random.split(key)
        state, step, increment, accepted = stage(use, state, step)
        log_evidence += float(increment)
        acceptance += float(accepted)
        stages += 1
    key, use = jax.random.split(key)
    thetas = jax.block_until_ready(last(use, state.particles, state.weights, step))
    seconds = time.perf_counter() - start

    log_densities = np.asarray(jax.vmap(lambda theta: rows(theta, x_test, y_test))(thetas), np.float64)
    top = log_densities.max(0)
    lppd = float((top + np.log(np.exp(log_densities - top).mean(0))).mean())
    mean = np.asarray(jax.vmap(lambda theta: network(theta, x_test)[0])(thetas), np.float64).mean(0)
    print(json.dumps({
        "program": "blackjax", "seed": args.seed, "parameters": dim, "rows": len(y), "seconds": seconds,
        "compile_seconds": compile_stage + compile_last, "lppd": lppd, "rmse": float(np.sqrt(np.square(mean - y_test).mean())),
        "log_evidence": log_evidence, "stages": stages, "acceptance": acceptance / stages, "step": float(step),
        # Of each particle: the gradients of a trajectory, and one before the moves of a stage.
        "gradients": stages * (args.moves * args.leapfrogs + 1) + args.final_moves * args.leapfrogs + 1,
        "blackjax": blackjax.__version__, "jax": jax.__version__,
    }))


if __name__ == "__main__":
    main()
