"""A deep ensemble in JAX as its own users train one: 784-50-10 tanh, starts by fan-in, Adam with a cosine to zero over the planned passes, a
normal prior as weight decay, all members at once.

    python benches/peers/ensemble_jax.py --data DIR --seconds 30

Passes follow from `--seconds` by the time of two passes on throw-away weights, after compilation; `--passes` gives them outright. Prints one JSON
line; `seconds` leaves compilation out, `compile_seconds` is that.
"""
import argparse, gzip, json, pathlib, time
import numpy as np

ap = argparse.ArgumentParser()
ap.add_argument("--data", type=pathlib.Path, required=True)
ap.add_argument("--members", type=int, help="4 below 15 seconds, 8 below 90, 16 above: best on the rows that --validate holds out")
ap.add_argument("--seconds", type=float, default=30.0)
ap.add_argument("--passes", type=int)
ap.add_argument("--rate", type=float, default=1e-2, help="best of .002, .005 and .01 on those rows")
ap.add_argument("--batch", type=int, default=128)
ap.add_argument("--width", type=float, default=6.0, help="of the prior of the first layer, over the root of its inputs; a third of it in the last")
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("--validate", action="store_true", help="score on the last sixth of the training rows")
a = ap.parse_args()
a.members = a.members or (4 if a.seconds < 15 else 8 if a.seconds < 90 else 16)
import jax, jax.numpy as jnp, optax


def idx(name):
    plain = a.data / name
    raw = plain.read_bytes() if plain.exists() else gzip.decompress((a.data / (name + ".gz")).read_bytes())
    sizes = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sizes[0], -1)


x, y = idx("train-images-idx3-ubyte").astype(np.float32) / 255, idx("train-labels-idx1-ubyte")[:, 0].astype(np.int32)
if a.validate:
    n = len(x) * 5 // 6
    x, y, xt, yt = x[:n], y[:n], x[n:], y[n:]
else:
    xt, yt = idx("t10k-images-idx3-ubyte").astype(np.float32) / 255, idx("t10k-labels-idx1-ubyte")[:, 0].astype(np.int32)
mean = x.mean(0)
x, xt, y = jnp.array(x - mean), jnp.array(xt - mean), jnp.array(y)
N, D = x.shape
H, steps = 50, N // a.batch
sizes = {"w": (D, H), "b": (H,), "v": (H, 10), "c": (10,)}
sd = {"w": a.width * D**-0.5, "b": a.width * D**-0.5, "v": a.width / 3, "c": a.width / 3}
scale = {"w": D**-0.5, "b": 0.0, "v": H**-0.5, "c": 0.0}


def logits(t, x):
    return jnp.tanh(x @ t["w"] + t["b"]) @ t["v"] + t["c"]


def loss(t, x, y):
    likelihood = jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits(t, x)), y[:, None], 1))
    prior = sum(jnp.sum((t[k] / sd[k]) ** 2) for k in t)
    return -likelihood + 0.5 * prior / N


def trainer(passes):
    adam = optax.adam(optax.cosine_decay_schedule(a.rate, passes * steps))

    def step(state, rows):
        t, s = state
        change, s = adam.update(jax.grad(loss)(t, x[rows], y[rows]), s)
        return (optax.apply_updates(t, change), s), None

    def one_pass(t, s, key):
        batches = jax.random.permutation(key, N)[: steps * a.batch].reshape(steps, a.batch)
        return jax.lax.scan(step, (t, s), batches)[0]

    return jax.jit(jax.vmap(one_pass)), jax.vmap(adam.init)


def start(key):
    keys = jax.random.split(key, len(sizes))
    return {n: scale[n] * jax.random.normal(k, sizes[n]) for k, n in zip(keys, sizes)}


def train(passes, key):
    one_pass, init = trainer(passes)
    t = jax.vmap(start)(jax.random.split(key, a.members))
    s, since = init(t), time.perf_counter()
    one_pass = one_pass.lower(t, s, jax.random.split(key, a.members)).compile()
    compiled, since = time.perf_counter() - since, time.perf_counter()
    for _ in range(passes):
        key, k = jax.random.split(key)
        t, s = one_pass(t, s, jax.random.split(k, a.members))
    jax.block_until_ready(t)
    return t, compiled, time.perf_counter() - since


passes = a.passes or max(1, round(a.seconds / (train(2, jax.random.key(0))[2] / 2)))
t, compile_seconds, seconds = train(passes, jax.random.key(a.seed))
p = np.asarray(jax.jit(jax.vmap(lambda t: jax.nn.softmax(logits(t, xt))))(t)).mean(0).astype(np.float64)
confidence, right = p.max(1), p.argmax(1) == yt
bins = np.minimum((confidence * 15).astype(int), 14)
ece = sum(abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean() for b in range(15) if (bins == b).any())
print(json.dumps({"accuracy": float(right.mean()), "nll": float(-np.log(p[np.arange(len(yt)), yt]).mean()), "ece": float(ece), "seconds": seconds,
                  "compile_seconds": compile_seconds, "members": a.members, "passes": passes}))
