"""The other ways to run the same workloads: loops over workers, and JAX where it is installed.

JAX runs are compiled as scans over steps and rounds with all replicas in one batch, in double precision; they are run
once before they are timed.  Its counter-based generator (threefry) was the fastest of those that it offers here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.logistic_regression import LogisticRegression
from tightrate.constructions.quadratics import QuadraticWorkers

try:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
except ImportError:
    jax = None

Quadratics = DiagonalQuadratics | QuadraticWorkers
Contestant = Callable[[], object]
STEPS: Mapping[str, float] = {"eta": 0.1, "rho": 1.0, "beta1": 0.9, "beta2": 0.99, "lam": 1.0}


def plain_loop(name: str, problem: Quadratics, replicas: int, K: int, R: int) -> None:
    """The algorithm box with one numpy vector for each worker."""
    generator, M, d = np.random.Generator(np.random.SFC64(0)), problem.workers, problem.dimension
    eta, rho, b1, b2, lam = (STEPS[key] for key in ("eta", "rho", "beta1", "beta2", "lam"))
    hessians = problem.curvatures if isinstance(problem, DiagonalQuadratics) else problem.hessians
    for _ in range(replicas):
        x = [np.zeros(d) for _ in range(M)]
        u, v = [np.zeros(d)] * M, [np.zeros(d)] * M
        for _ in range(R):
            for _ in range(K):
                for m in range(M):
                    y = x[m] - problem.minimizers[m]
                    g = hessians[m] * y if hessians.ndim == 2 else hessians[m] @ y
                    g = g + generator.standard_normal(d) / np.sqrt(d)
                    if name == "local-sgd":
                        x[m] = x[m] - eta * g
                        continue
                    g = np.clip(g, -rho, rho)
                    u[m] = b1 * u[m] + (1 - b1) * g
                    if name == "local-sgdm":
                        x[m] = x[m] - eta * u[m]
                        continue
                    v[m] = b2 * v[m] + (1 - b2) * g * g
                    x[m] = x[m] - eta * u[m] / np.sqrt(v[m] + lam**2)
            x, u, v = ([sum(part) / M] * M for part in (x, u, v))


def jax_quadratics(name: str, problem: Quadratics, replicas: int, K: int, R: int) -> dict[str, Contestant]:
    """Local SGD, SGDM or Adam on quadratic workers with Gaussian noise."""
    if jax is None:
        return {}
    M, d = problem.workers, problem.dimension
    eta, rho, b1, b2, lam = (STEPS[key] for key in ("eta", "rho", "beta1", "beta2", "lam"))
    minimizers = jnp.asarray(problem.minimizers)
    hessians = jnp.asarray(problem.curvatures if isinstance(problem, DiagonalQuadratics) else problem.hessians)

    def gradient(x: jax.Array) -> jax.Array:
        y = x - minimizers
        return hessians * y if hessians.ndim == 2 else jnp.einsum("mij,nmj->nmi", hessians, y)

    def step(state: tuple[jax.Array, ...], key: jax.Array) -> tuple[tuple[jax.Array, ...], None]:
        x, u, v = state
        g = gradient(x) + jax.random.normal(key, x.shape) / jnp.sqrt(d)
        if name == "local-sgd":
            return (x - eta * g, u, v), None
        g = jnp.clip(g, -rho, rho)
        u = b1 * u + (1 - b1) * g
        if name == "local-sgdm":
            return (x - eta * u, u, v), None
        v = b2 * v + (1 - b2) * g * g
        return (x - eta * u / jnp.sqrt(v + lam**2), u, v), None

    def one_round(state: tuple[jax.Array, ...], keys: jax.Array) -> tuple[tuple[jax.Array, ...], None]:
        state, _ = jax.lax.scan(step, state, keys, unroll=4)
        return tuple(jnp.broadcast_to(s.mean(axis=1, keepdims=True), s.shape) for s in state), None

    @jax.jit
    def run(key: jax.Array) -> jax.Array:
        zero = jnp.zeros((replicas, M, d))
        keys = jax.random.split(key, R * K).reshape(R, K)
        return jax.lax.scan(one_round, (zero, zero, zero), keys)[0][0]

    key = jax.random.key(0)
    return {"jax": lambda: run(key).block_until_ready()}


def jax_without_noise(problem: DiagonalQuadratics, eta: float, K: int, R: int) -> dict[str, Contestant]:
    """Local gradient descent: two scans, one in the other."""
    if jax is None:
        return {}
    minimizers, curvatures = jnp.asarray(problem.minimizers), jnp.asarray(problem.curvatures)

    def step(x: jax.Array, _: None) -> tuple[jax.Array, None]:
        return x - eta * curvatures * (x - minimizers), None

    def one_round(x: jax.Array, _: None) -> tuple[jax.Array, None]:
        x, _ = jax.lax.scan(step, x, None, length=K, unroll=8)
        return jnp.broadcast_to(x.mean(axis=0), x.shape), None

    @jax.jit
    def run(x: jax.Array) -> jax.Array:
        return jax.lax.scan(one_round, x, None, length=R)[0]

    zero = jnp.zeros((problem.workers, problem.dimension))
    return {"jax": lambda: run(zero).block_until_ready()}


def jax_rows(problem: LogisticRegression, eta: float, replicas: int, K: int, R: int) -> dict[str, Contestant]:
    """Local SGD on logistic regression with one sampled row for every worker and step."""
    if jax is None:
        return {}
    M, d, n = problem.workers, problem.dimension, int(problem.row_counts[0])
    data, ridge, worker = jnp.asarray(problem.signed.reshape(M, n, d)), problem.ridge, jnp.arange(M)

    def step(x: jax.Array, rows: jax.Array) -> tuple[jax.Array, None]:
        a = data[worker, rows]
        pull = jax.nn.sigmoid(-(a * x).sum(axis=-1, keepdims=True))
        return x - eta * (ridge * x - pull * a), None

    def one_round(x: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
        rows = jax.random.randint(key, (K, replicas, M), 0, n)
        x, _ = jax.lax.scan(step, x, rows)
        return jnp.broadcast_to(x.mean(axis=1, keepdims=True), x.shape), None

    @jax.jit
    def run(key: jax.Array) -> jax.Array:
        return jax.lax.scan(one_round, jnp.zeros((replicas, M, d)), jax.random.split(key, R))[0]

    key = jax.random.key(0)
    return {f"jax, {replicas}": lambda: run(key).block_until_ready()}


def jax_sweep(
    problems: Mapping[int, DiagonalQuadratics], sizes: Sequence[int], etas: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> dict[str, Contestant]:
    """All cells of the sweep one by one, the step sizes of a cell as one batch.

    K and R are numbers, not shapes, so that a program is compiled for each M only.
    """
    if jax is None:
        return {}
    steps = jnp.asarray(etas)[:, None]

    def runner(problem: DiagonalQuadratics, common: bool) -> Callable[..., jax.Array]:
        curvatures, minimizers = jnp.asarray(problem.curvatures[:, 0]), jnp.asarray(problem.minimizers[:, 0])
        shape = (1 if common else len(etas), problem.workers)

        @jax.jit
        def run(key: jax.Array, K: jax.Array, R: jax.Array) -> jax.Array:
            def step(k: jax.Array, carried: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
                x, r = carried
                noise = jax.random.normal(jax.random.fold_in(key, r * K + k), shape)
                return x - steps * (curvatures * (x - minimizers) + noise), r

            def one_round(r: jax.Array, x: jax.Array) -> jax.Array:
                x, _ = jax.lax.fori_loop(0, K, step, (x, r))
                return jnp.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)

            return jax.lax.fori_loop(0, R, one_round, jnp.zeros((len(etas), problem.workers)))

        return run

    def all_cells(common: bool) -> Contestant:
        runs = {M: runner(problem, common) for M, problem in problems.items()}
        key = jax.random.key(0)
        for run in runs.values():
            run(key, 1, 1).block_until_ready()

        def sweep() -> None:
            for run in runs.values():
                for K in sizes:
                    for R in sizes:
                        run(key, K, R).block_until_ready()

        return sweep

    return {"jax, cell by cell": all_cells(common=False), "jax, common numbers": all_cells(common=True)}
