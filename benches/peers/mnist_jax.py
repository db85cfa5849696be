"""What a JAX user writes by hand for data-annealed SMC on images: fixed stages, systematic resampling, HMC, one jitted move per shape.

    python benches/peers/mnist_jax.py --data DIR --schedule full|growing --stages K --leapfrogs L

`full` tempers all rows; `growing` takes n_1 < ... < n_K rows, padded to powers of two so that few shapes are compiled. Prints one JSON line;
`seconds` leaves compilation out, `compile_seconds` is that.
"""
import argparse, gzip, json, math, pathlib, sys, time
import numpy as np

ap = argparse.ArgumentParser()
ap.add_argument("--data", type=pathlib.Path, required=True)
ap.add_argument("--schedule", choices=["full", "growing"], default="growing")
ap.add_argument("--stages", type=int, default=16)
ap.add_argument("--leapfrogs", type=int, default=30)
ap.add_argument("--particles", type=int, default=16)
ap.add_argument("--hidden", type=int, default=50)
ap.add_argument("--first", type=int, default=938, help="rows of the first stage of `growing`")
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("--validate", action="store_true", help="score on the last sixth of the training rows")
a = ap.parse_args()
import jax, jax.numpy as jnp


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
order = np.random.default_rng(a.seed).permutation(len(x))
x, y = jnp.array(x[order]), jnp.array(y[order])
N, D = x.shape
H, K, P = a.hidden, a.stages, a.particles
cuts = np.cumsum([D * H, H, H * 10, 10])
sd = jnp.concatenate([jnp.full(cuts[1], 3 / math.sqrt(D)), jnp.full(cuts[3] - cuts[1], 1.0)])


def logits(t, x):
    w, b, v, c = jnp.split(t, cuts[:-1])
    return jnp.tanh(x @ w.reshape(D, H) + b) @ v.reshape(H, 10) + c


def rows(t, x, y):
    return jnp.take_along_axis(jax.nn.log_softmax(logits(t, x)), y[:, None], 1)[:, 0]


def value(t, x, y, weight):
    likelihood = jnp.sum(rows(t, x, y) * weight)
    return likelihood - 0.5 * jnp.sum((t / sd) ** 2), likelihood


gradient = jax.vmap(jax.value_and_grad(value, has_aux=True), (0, None, None, None))


def move(key, thetas, x, y, weight, step):
    """One Metropolised trajectory of every particle, preconditioned by the prior."""
    k1, k2 = jax.random.split(key)
    v = jax.random.normal(k1, thetas.shape)
    (before, _), g = gradient(thetas, x, y, weight)

    def leap(_, c):
        q, v, g, *_ = c
        v = v + 0.5 * step * sd * g
        q = q + step * sd * v
        (after, likelihood), g = gradient(q, x, y, weight)
        return q, v + 0.5 * step * sd * g, g, after, likelihood

    start = (thetas, v, g, before, before)
    q, w, _, after, likelihood = jax.lax.fori_loop(0, a.leapfrogs, leap, start)
    log_ratio = after - before - 0.5 * (jnp.sum(w * w, 1) - jnp.sum(v * v, 1))
    probability = jnp.exp(jnp.minimum(0, jnp.nan_to_num(log_ratio, nan=-jnp.inf)))
    accepted = jax.random.uniform(k2, (P,)) < probability
    return jnp.where(accepted[:, None], q, thetas), probability.mean()


sums = jax.vmap(lambda t, x, y, weight: jnp.sum(rows(t, x, y) * weight), (0, None, None, None))
compiled, compile_seconds = {}, 0.0


def call(f, *arguments):
    global compile_seconds
    key = (f.__name__, tuple(getattr(v, "shape", None) for v in arguments))
    if key not in compiled:
        start = time.perf_counter()
        compiled[key] = jax.jit(f).lower(*arguments).compile()
        compile_seconds += time.perf_counter() - start
    return compiled[key](*arguments)


def part(low, high):
    """Rows low..high, padded to a power of two, and their weights."""
    size = min(N, 1 << (high - low - 1).bit_length())
    low2 = min(low, N - size)
    index = np.arange(low2, low2 + size)
    return x[low2 : low2 + size], y[low2 : low2 + size], jnp.array(((index >= low) & (index < high)).astype(np.float32))


def total(thetas, x, y, weight):
    return sums(thetas, x, y, weight)


key = jax.random.key(a.seed)
key, k = jax.random.split(key)
thetas = jax.random.normal(k, (P, cuts[3])) * sd
log_w, step, gradients, roots = np.zeros(P), cuts[3] ** -0.25, 0, np.arange(P)
rng = np.random.default_rng(a.seed)
path = [min(N, round(a.first * (N / a.first) ** (k / max(K - 1, 1)))) for k in range(K)] if a.schedule == "growing" else [N] * K
temperature = [N ** ((k + 1) / K - 1) for k in range(K)] if a.schedule == "full" else [1.0] * K
all_rows = (x, y)
start, compiled_before, previous, cold = time.perf_counter(), 0.0, 0, 0.0
for stage in range(K):
    n, phi = path[stage], temperature[stage]
    if a.schedule == "full":
        increment = (phi - cold) * np.asarray(call(total, thetas, x, y, jnp.ones(N)), np.float64)
        batch = (x, y, jnp.full(N, phi, jnp.float32))
    else:
        increment = np.asarray(call(total, thetas, *part(previous, n)), np.float64) if n > previous else np.zeros(P)
        batch = part(0, n)
    log_w = log_w + increment
    w = np.exp(log_w - log_w.max())
    w /= w.sum()
    if 1 / np.sum(w**2) < P / 2:
        at = np.minimum(np.searchsorted(np.cumsum(w), (np.arange(P) + rng.uniform()) / P), P - 1)
        thetas, roots, log_w = thetas[at], roots[at], np.zeros(P)
    key, k = jax.random.split(key)
    thetas, acceptance = call(move, k, thetas, *batch, jnp.float32(step))
    acceptance = float(acceptance)
    step *= math.exp(min(max(acceptance - 0.8, -0.5), 0.2))
    gradients += P * batch[0].shape[0] * (a.leapfrogs + 1)
    previous, cold = n, phi
    print(f"stage {stage + 1}: {n} rows, acceptance {acceptance:.2f}, step {step:.4f}", file=sys.stderr)
jax.block_until_ready(thetas)
seconds = time.perf_counter() - start - compile_seconds
w = np.exp(log_w - log_w.max())
w /= w.sum()
p = np.einsum("p,pnc->nc", w, np.asarray(jax.vmap(lambda t: jax.nn.softmax(logits(t, jnp.array(xt))))(thetas), np.float64))
sure, right = p.max(1), p.argmax(1) == yt
bins = np.minimum((sure * 15).astype(int), 14)
ece = sum(abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in range(15) if (bins == b).any())
print(json.dumps(dict(annealing=a.schedule, kernel="hmc", start="prior", seconds=seconds, compile_seconds=compile_seconds, row_gradients=gradients, accuracy=float(right.mean()),
                      nll=float(-np.log(np.maximum(p[np.arange(len(yt)), yt], 1e-300)).mean()), ece=float(ece), ancestors=len(set(roots.tolist())), stages=K)))
