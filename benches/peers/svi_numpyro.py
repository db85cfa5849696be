"""Mean-field variational inference on images by NumPyro's SVI with AutoNormal, compiled: seconds per pass over MNIST, 784-50-10, beside the
example `mnist --infer mean-field`, whose passes are timed in turns with it.

    cargo build --release --example mnist
    python benches/peers/svi_numpyro.py --data DIR --mnist target/release/examples/mnist

DIR holds the four IDX files. One draw for every mini-batch of 128 rows; compilation is not counted in seconds. Memory is the largest resident set of each process.
"""
import argparse, gzip, json, os, pathlib, re, resource, statistics, struct, subprocess, time

os.environ.setdefault("JAX_PLATFORMS", "cpu")
ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--data", type=pathlib.Path, required=True)
ap.add_argument("--mnist", required=True, help="the built example")
ap.add_argument("--passes", type=int, default=4)
ap.add_argument("--rounds", type=int, default=3)
a = ap.parse_args()

import numpy as np
import jax, jax.numpy as jnp, numpyro, numpyro.distributions as dist
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal


def read(name):
    path = a.data / name
    raw = gzip.open(f"{path}.gz").read() if not path.exists() else path.read_bytes()
    dims = raw[3]
    shape = struct.unpack(f">{dims}I", raw[4 : 4 + 4 * dims])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


x = (read("train-images-idx3-ubyte").reshape(-1, 784) / 255.0).astype(np.float32)
y = read("train-labels-idx1-ubyte").astype(np.int32)
x -= x.mean(0)
rows, batch = len(x), 128
count = rows // batch
x, y = jnp.array(x), jnp.array(y)


def model(x, y):
    normal = lambda name, shape, sd: numpyro.sample(name, dist.Normal(0, sd).expand(shape).to_event(len(shape)))
    w, b = normal("w", (784, 50), 6 / 28), normal("b", (50,), 6 / 28)
    v, c = normal("v", (50, 10), 2.0), normal("c", (10,), 2.0)
    with numpyro.plate("rows", rows, subsample_size=batch):
        numpyro.sample("y", dist.Categorical(logits=jnp.tanh(x @ w + b) @ v + c), obs=y)


guide = AutoNormal(model, init_scale=0.03)
svi = SVI(model, guide, numpyro.optim.Adam(3e-3), Trace_ELBO(num_particles=1))
state = svi.init(jax.random.key(0), x[:batch], y[:batch])


@jax.jit
def one_pass(state, key):
    order = jax.random.permutation(key, rows)[: count * batch].reshape(count, batch)
    return jax.lax.scan(lambda s, i: svi.update(s, x[i], y[i]), state, order)


state, _ = one_pass(state, jax.random.key(1))
jax.block_until_ready(state)
theirs, ours, peak = [], [], 0.0
for round in range(a.rounds):
    since = time.perf_counter()
    for k in range(a.passes):
        state, _ = one_pass(state, jax.random.key(round * a.passes + k))
    jax.block_until_ready(state)
    theirs.append((time.perf_counter() - since) / a.passes)
    # The difference of two lengths: reading, binding and judging are not passes.
    seconds = []
    for passes in (2, 2 + a.passes):
        command = [a.mnist, "--data", str(a.data), "--infer", "mean-field", "--batch", "128", "--passes", str(passes), "--test", "100", "--json"]
        done = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        while done.poll() is None:
            # Of the program alone: what a child's usage reports begins with this interpreter's memory.
            found = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{done.pid}/status").read_text())
            peak = max(peak, int(found[1]) / 1024 if found else 0)
            time.sleep(0.05)
        assert done.returncode == 0
        seconds.append(json.loads(done.stdout.read().strip().splitlines()[-1])["seconds"])
    ours.append((seconds[1] - seconds[0]) / a.passes)
print(json.dumps({"numpyro_seconds_a_pass": statistics.median(theirs), "seconds_a_pass": statistics.median(ours),
                  "ratio": statistics.median(o / t for o, t in zip(ours, theirs)),
                  "numpyro_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "peak_mb": peak}))
