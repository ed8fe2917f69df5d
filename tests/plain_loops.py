"""The algorithm boxes as nested loops over workers and steps: slow, plain, and independent of the simulator.

Every function takes gradient(m, x, t), the stochastic gradient of worker m at x in step t = r K + k, the start x0, the
sizes M, K, R and the algorithm's parameters.  It returns the output after R rounds and the list of what an average
over all local steps runs over (the workers' mean before each step).  Those without roots and clipping work for any
numbers that can be added and multiplied, exact fractions and formal sums included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Vector = Any
Gradient = Callable[[int, Vector, int], Vector]
Result = tuple[Vector, list[Vector]]


def mean(vectors: Sequence[Vector]) -> Vector:
    total = vectors[0]
    for v in vectors[1:]:
        total = total + v
    return total / len(vectors)


def clipped(g: Vector, rho: float | None) -> Vector:
    return g if rho is None else np.array([min(max(v, -rho), rho) for v in g])


def local_sgd(gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, gamma: Any) -> Result:
    x, seen = x0, []
    for r in range(R):
        y = [x] * M
        for k in range(K):
            seen.append(mean(y))
            for m in range(M):
                y[m] = y[m] - gradient(m, y[m], r * K + k) * eta
        x = x + mean([y[m] - x for m in range(M)]) * gamma
    return x, seen


def local_sgdm(
    gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, beta1: Any, rho: float | None = None
) -> Result:
    x, u, z, seen = [x0] * M, [x0 * 0] * M, [x0] * M, []
    for t in range(K * R):
        seen.append(mean(z))
        old = list(x)
        for m in range(M):
            g = clipped(gradient(m, x[m], t), rho)
            u[m] = u[m] * beta1 + g * (1 - beta1)
            x[m] = x[m] - u[m] * eta
        before = old
        if t % K == K - 1:
            x, u, before = [mean(x)] * M, [mean(u)] * M, [mean(old)] * M
        z = [x[m] / (1 - beta1) - before[m] * beta1 / (1 - beta1) for m in range(M)]
    return x[0], seen


def local_adam(
    gradient: Gradient,
    x0: Vector,
    M: int,
    K: int,
    R: int,
    *,
    eta: float,
    beta1: float,
    beta2: float,
    lam: float,
    rho: float | None = None,
) -> Result:
    x, u, v, z, seen = [x0] * M, [x0 * 0] * M, [x0 * 0] * M, [x0] * M, []
    for t in range(K * R):
        seen.append(mean(z))
        old = list(x)
        for m in range(M):
            g = clipped(gradient(m, x[m], t), rho)
            u[m] = beta1 * u[m] + (1 - beta1) * g
            v[m] = beta2 * v[m] + (1 - beta2) * g * g
            x[m] = x[m] - eta * u[m] / np.sqrt(v[m] + lam**2)
        before = old
        if t % K == K - 1:
            x, u, v, before = [mean(x)] * M, [mean(u)] * M, [mean(v)] * M, [mean(old)] * M
        z = [x[m] / (1 - beta1) - before[m] * beta1 / (1 - beta1) for m in range(M)]
    return x[0], seen


fedavg = local_sgd  # with all clients in every round


def two_stage(
    gradient: Gradient,
    x0: Vector,
    M: int,
    K: int,
    R: int,
    *,
    eta: Any,
    gamma: Any,
    switch: int,
    second_eta: Any,
) -> Result:
    x, seen = local_sgd(gradient, x0, M, K, switch, eta=eta, gamma=gamma)

    def later(m: int, y: Vector, t: int) -> Vector:
        return gradient(m, y, t + int(switch) * K)

    x, more = minibatch_sgd(later, x, M, K, R - switch, eta=second_eta)
    return x, seen + more


def pooled(gradient: Gradient, x: Vector, M: int, K: int, r: int) -> Vector:
    """The minibatch gradient of round r: the mean over K M samples at one point."""
    return mean([gradient(m, x, r * K + k) for k in range(K) for m in range(M)])


def minibatch_sgd(gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any) -> Result:
    x, seen = x0, []
    for r in range(R):
        seen += [x] * K
        x = x - pooled(gradient, x, M, K, r) * eta
    return x, seen


def minibatch_sgdm(
    gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, beta1: Any, rho: float | None = None
) -> Result:
    x, u, seen = x0, x0 * 0, []
    for r in range(R):
        seen += [x - u * eta * beta1 / (1 - beta1)] * K
        u = u * beta1 + clipped(pooled(gradient, x, M, K, r), rho) * (1 - beta1)
        x = x - u * eta
    return x, seen


def minibatch_adam(
    gradient: Gradient,
    x0: Vector,
    M: int,
    K: int,
    R: int,
    *,
    eta: float,
    beta1: float,
    beta2: float,
    lam: float,
    rho: float | None = None,
) -> Result:
    x, u, v, seen = x0, x0 * 0, x0 * 0, []
    move = x0 * 0
    for r in range(R):
        seen += [x + beta1 / (1 - beta1) * move] * K
        g = clipped(pooled(gradient, x, M, K, r), rho)
        u, v = beta1 * u + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        move = -eta * u / (v + lam**2) ** 0.5
        x = x + move
    return x, seen


def accelerated_minibatch_sgd(gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, mu: Any) -> Result:
    x, ag, seen = x0, x0, []
    for r in range(R):
        t = r + 1
        alpha, g_t = eta * 0 + 2 / (eta * 0 + t + 1), 4 / (eta * t * (t + 1))
        below = g_t + (1 - alpha * alpha) * mu
        md = ag * ((1 - alpha) * (mu + g_t) / below) + x * (alpha * ((1 - alpha) * mu + g_t) / below)
        seen += [md] * K
        g = pooled(gradient, md, M, K, r)
        x = (x * ((1 - alpha) * mu + g_t) + md * (alpha * mu) - g * alpha) / (mu + g_t)
        ag = x * alpha + ag * (1 - alpha)
    return ag, seen


def nesterov_minibatch_sgd(
    gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, momentum: Any
) -> Result:
    x, previous, seen = x0, x0, []
    for r in range(R):
        y = x + (x - previous) * momentum
        seen += [y] * K
        x, previous = y - pooled(gradient, y, M, K, r) * eta, x
    return x, seen


def nesterov_minibatch_sgd_growing(gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any) -> Result:
    x, before, seen = x0, x0, []
    for r in range(R):
        y = x + (x - before) * r / (r + 3)
        seen += [y] * K
        x, before = y - pooled(gradient, y, M, K, r) * eta, x
    return x, seen


def local_steps(
    gradient: Gradient, x: Vector, M: int, K: int, r: int, eta: Any, seen: list[Vector]
) -> tuple[Vector, Vector]:
    """K local SGD steps of every worker from x: the workers' mean, and the sum over steps of the mean gradient."""
    y, total = [x] * M, x * 0
    for k in range(K):
        seen.append(mean(y))
        g = [gradient(m, y[m], r * K + k) for m in range(M)]
        y = [y[m] - g[m] * eta for m in range(M)]
        total = total + mean(g)
    return mean(y), total


def local_sgd_outer_momentum(
    gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, gamma: Any, momentum: Any
) -> Result:
    x, previous, seen = x0, x0, []
    for r in range(R):
        y, _ = local_steps(gradient, x, M, K, r, eta, seen)
        x, previous = x + (y - x) * gamma + (x - previous) * momentum, x
    return x, seen


def local_sgd_outer_acceleration(
    gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, gamma: Any
) -> Result:
    u, z, seen = x0, x0, []
    for r in range(R):
        tau = 2 / (eta * 0 + r + 2)
        x = u * (1 - tau) + z * tau
        u, total = local_steps(gradient, x, M, K, r, eta, seen)
        z = z - total * (eta * gamma * (r + 1) / 2)
    return u, seen


def local_sgd_schedule_free(
    gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, gamma: Any, beta1: Any
) -> Result:
    x, z, seen = x0, x0, []
    for r in range(R):
        v = z * (1 - beta1) + x * beta1
        y, _ = local_steps(gradient, v, M, K, r, eta, seen)
        z = z + (y - v) * gamma
        c = 1 / (eta * 0 + r + 1)
        x = x * (1 - c) + z * c
    return x, seen


def local_sgd_outer_nesterov(
    gradient: Gradient, x0: Vector, M: int, K: int, R: int, *, eta: Any, gamma: Any, momentum: Any
) -> Result:
    x, buffer, seen = x0, x0 * 0, []
    for r in range(R):
        y, _ = local_steps(gradient, x, M, K, r, eta, seen)
        buffer = buffer * momentum + (x - y)
        x = x - ((x - y) + buffer * momentum) * gamma
    return x, seen


def federated(
    gradient: Gradient,
    x0: Vector,
    M: int,
    K: int,
    R: int,
    *,
    client: Callable[..., Vector],
    server: str,
    gamma: float,
    server_beta1: float = 0.0,
    server_beta2: float = 0.0,
    server_damping: float = 1.0,
    correct: bool = False,
) -> Vector:
    """Any client, called as client(gradient of step, x, K, round state), and an adagrad, adam or sgd server."""
    x, m, v = x0, x0 * 0, x0 * 0
    for r in range(R):
        changes = [client(lambda y, k, i=i, r=r: gradient(i, y, r * K + k), x, K, v) - x for i in range(M)]
        delta = mean(changes)
        if server == "sgd":
            x = x + gamma * delta
            continue
        m = server_beta1 * m + (1 - server_beta1) * delta
        v = v + delta**2 if server == "adagrad" else server_beta2 * v + (1 - server_beta2) * delta**2
        a, b = (m / (1 - server_beta1 ** (r + 1)), v / (1 - server_beta2 ** (r + 1))) if correct else (m, v)
        x = x + gamma * a / (np.sqrt(b) + server_damping)
    return x


def sgd_client(eta: float) -> Callable[..., Vector]:
    def run(g: Callable[[Vector, int], Vector], x: Vector, K: int, _v: Vector) -> Vector:
        for k in range(K):
            x = x - eta * g(x, k)
        return x

    return run


def adaptive_client(
    kind: str,
    *,
    eta: float,
    lam: float,
    beta1: float = 0.0,
    beta2: float = 0.0,
    delay: int = 1,
    smallest: float = 0.0,
    cover: Sequence[Sequence[int]] | None = None,
    transmitted: bool = False,
) -> Callable[..., Vector]:
    """AdaGrad, Adam, SM3-I or SM3-II with the statistics renewed at local steps 1, 1 + delay, 1 + 2 delay, ..."""

    def run(g: Callable[[Vector, int], Vector], x: Vector, K: int, server_v: Vector) -> Vector:
        d = len(x)
        sets = [list(range(d))] if cover is None else [list(s) for s in cover]
        m, v, mu = np.zeros(d), np.array(server_v) if transmitted else np.zeros(d), [0.0] * len(sets)
        for k in range(1, K + 1):
            grad = g(x, k - 1)
            m = beta1 * m + (1 - beta1) * grad
            if (k - 1) % delay == 0:
                if kind == "adagrad":
                    v = v + grad**2
                elif kind == "adam":
                    v = beta2 * v + (1 - beta2) * grad**2
                elif kind == "sm3-i":
                    mu = [mu[b] + max(grad[j] ** 2 for j in own) for b, own in enumerate(sets)]
                    v = np.array([min(mu[b] for b, own in enumerate(sets) if j in own) for j in range(d)])
                elif kind == "sm3-ii":
                    v = np.array(
                        [min(mu[b] for b, own in enumerate(sets) if j in own) + grad[j] ** 2 for j in range(d)]
                    )
                    mu = [max(v[j] for j in own) for own in sets]
            direction = m / (np.sqrt(v) + lam)
            if smallest > 0 and np.linalg.norm(direction) < smallest:
                m, direction = 0 * m, 0 * direction
            x = x - eta * direction
        return x

    return run


def savic(
    gradient: Gradient,
    x0: Vector,
    M: int,
    K: int,
    R: int,
    *,
    eta: float,
    d_min: float,
    beta2: float,
    scaling: str,
    curvature: Callable[[int, Vector, int], Vector] | None = None,
    client_local: bool = False,
    square_of_mean: bool = False,
    d_start: float | None = None,
) -> Vector:
    """`curvature(m, x, p)` is v (Hessian v) of worker m at the p-th look."""

    def shared(H: list[Vector]) -> list[Vector]:
        if client_local:
            return H
        if scaling == "oasis" or square_of_mean:
            return [mean(H)] * M
        return [np.sqrt(mean([h**2 for h in H]))] * M

    x, D = [x0] * M, None
    for r in range(R):
        last = []
        for k in range(K):
            g = [gradient(m, x[m], r * K + k) for m in range(M)]
            if r == 0 and k == 0:
                H = g if curvature is None else [curvature(m, x[m], 0) for m in range(M)]
                D = shared(H) if d_start is None else [d_start + 0 * x0] * M
            x = [x[m] - eta * g[m] / np.maximum(d_min, np.abs(D[m])) for m in range(M)]
            last = g
        x = [mean(x)] * M
        H = shared(last if curvature is None else [curvature(m, x[m], r + 1) for m in range(M)])
        p = r + 1
        beta = (beta2 - beta2 ** (p + 1)) / (1 - beta2 ** (p + 1)) if scaling == "adam" else beta2
        if scaling == "oasis":
            D = [beta * D[m] + (1 - beta) * H[m] for m in range(M)]
        else:
            D = [np.sqrt(beta * D[m] ** 2 + (1 - beta) * H[m] ** 2) for m in range(M)]
    return x[0]
