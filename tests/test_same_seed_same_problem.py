"""The seed alone decides an instance: every problem has the same bits on every kernel of the linear-algebra library."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tightrate.common.checksum import sealed
from tightrate.constructions import fixed_order
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.constructions.random_quadratics import random_workers

KERNELS = ("Haswell", "SkylakeX", "Prescott")
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "rank-one-pair": [{"cosine": 0.7}],
    "shared-coordinate-pair": [{"cosine": 0.7}],
    "random-quadratics": [
        {},
        {"M": 3, "d": 5, "tau": 0.7, "seed": 5},
        {"M": 4, "d": 6, "zeta_star": 0.5, "zeta_opt": 0.8, "seed": 2},
        {"M": 5, "d": 30, "tau": 0.01, "seed": 3},
    ],
    "wishart-quadratic": [{}, {"d": 9, "power": 2, "L": 1.0, "seed": 1}],
    "log-uniform-quadratics": [{}, {"tau": 0.4, "zeta_star": 0.7, "d": 40, "seed": 5}],
    "logistic-regression": [{}, {"d": 40, "rows": 90, "heterogeneity": 1.0, "mu": 0.0, "seed": 2}],
}
OPTIONAL = {"real-logistic-regression": "sklearn", "interpolated-functions": "clarabel"}


def numbers_in(value: Any) -> list[bytes]:
    """Every bit of every number that a problem is made of."""
    if isinstance(value, np.ndarray | np.generic | float | int):
        return [np.asarray(value).tobytes()]
    if isinstance(value, dict):
        return [part for name in sorted(value) for part in (name.encode(), *numbers_in(value[name]))]
    if isinstance(value, tuple | list):
        return [part for inner in value for part in numbers_in(inner)]
    if is_dataclass(value):
        return [part for one in fields(value) for part in numbers_in(getattr(value, one.name))]
    return []


def digest(*values: Any) -> str:
    return sha256(b"|".join(part for value in values for part in numbers_in(value))).hexdigest()[:16]


def digest_of(problem: Problem) -> str:
    return digest(problem, problem.optimum, dict(problem.constants))


def all_digests(folder: Path) -> dict[str, str]:
    """A digest for each problem of the registry and each of its settings."""
    found = {}
    rng = np.random.default_rng(0)
    for name in PROBLEMS.names():
        settings = SETTINGS.get(name, [{}])
        if name in OPTIONAL:
            try:
                __import__(OPTIONAL[name])
            except ImportError:
                continue
        if name == "interpolated-functions":
            path = folder / "functions.json"
            points = np.array([[[0.0, 0.0], [0.7, 0.3]]] * 2)
            curvature = np.array([[[1.0, 0.2]], [[0.3, 1.1]]])
            slopes = curvature * (points - points[:, -1:])
            values = (slopes * (points - points[:, -1:])).sum(axis=-1) / 2
            content = {"points": points.tolist(), "slopes": slopes.tolist(), "values": values.tolist(), "L": 1.5}
            path.write_text(json.dumps({"functions": sealed({**content, "mu": 0.0})}))
            settings = [{"file": str(path)}]
        for number, given_values in enumerate(settings):
            found[f"{name} {number}"] = digest_of(PROBLEMS[name](**given_values))
    found["a batch of random workers"] = digest_of(random_workers(np.random.default_rng(1), n=7, M=3, d=6))
    a = rng.standard_normal((60, 60))
    found["witness"] = digest(a @ a, np.linalg.qr(a)[0], np.linalg.eigh(a + a.T)[1])
    return found


def digests_under(kernel: str, folder: Path) -> dict[str, str] | None:
    """The digests in a process with that kernel; None where this processor cannot run it."""
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": root}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(folder)], env=environment, capture_output=True, text=True
    )
    if ran.returncode < 0:
        return None
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_every_problem_has_the_same_bits_under_every_kernel(tmp_path: Path) -> None:
    """The witness, a product and two factorizations of the library, shows that the kernels differ at all."""
    ran = {kernel: digests_under(kernel, tmp_path) for kernel in KERNELS}
    found = {kernel: one for kernel, one in ran.items() if one is not None}
    first = next(iter(found.values()))
    assert {name.split()[0] for name in first} >= set(PROBLEMS.names()) - set(OPTIONAL)
    witnesses = {kernel: one.pop("witness") for kernel, one in found.items()}
    if len(set(witnesses.values())) == 1:
        pytest.skip("the linear-algebra library has one kernel here")
    for kernel, one in found.items():
        assert one == first, (kernel, [name for name in first if one[name] != first[name]])


@given(d=st.integers(1, 12), batch=st.integers(1, 4), seed=st.integers(0, 10**6), decades=st.floats(0.0, 6.0))
def test_the_linear_algebra_in_fixed_order_is_right(d: int, batch: int, seed: int, decades: float) -> None:
    """Identities: an orthogonal factor, a solved system, the ends of a spectrum that was put in."""
    rng = np.random.default_rng(seed)
    spectrum = np.sort(rng.uniform(-1, 1, (batch, d)) * 10.0 ** rng.uniform(-decades, 0, (batch, d)))
    basis = fixed_order.orthonormal(rng.standard_normal((batch, d, d)))
    np.testing.assert_allclose(basis @ np.swapaxes(basis, -1, -2), np.broadcast_to(np.eye(d), basis.shape), atol=1e-13)
    symmetric = fixed_order.product(basis * spectrum[:, None], np.swapaxes(basis, -1, -2))
    symmetric = (symmetric + np.swapaxes(symmetric, -1, -2)) / 2
    low, high = fixed_order.eigenvalue_range(symmetric)
    size = np.abs(spectrum).max()
    np.testing.assert_allclose(low, spectrum[:, 0], atol=1e-13 * size)
    np.testing.assert_allclose(high, spectrum[:, -1], atol=1e-13 * size)
    np.testing.assert_allclose(fixed_order.spectral_norm(symmetric), np.abs(spectrum).max(axis=-1), atol=1e-13 * size)
    for vector, eigenvalue in zip(
        fixed_order.extreme_eigenvectors(symmetric[0]), (spectrum[0, 0], spectrum[0, -1]), strict=True
    ):
        assert fixed_order.length(vector) == pytest.approx(1.0)
        assert vector @ symmetric[0] @ vector == pytest.approx(eigenvalue, abs=1e-12 * np.abs(spectrum[0]).max())
    matrices, x = rng.standard_normal((batch, d, d)) + 3 * np.eye(d), rng.standard_normal((batch, d))
    solved = fixed_order.solve(matrices, x)
    residual = np.abs(fixed_order.apply(matrices, solved) - x).max()
    assert residual <= 1e-13 * d * np.abs(matrices).max() * (1 + np.abs(solved).max())


@pytest.mark.parametrize(
    ("matrix", "ends"),
    [
        (np.zeros((3, 3)), (0, 0)),
        (np.diag([1e300, -1e300, 0.0]), (-1e300, 1e300)),
        (np.diag([0.1, 1.0, 1.0, 0.3]), (0.1, 1.0)),
        (np.full((5, 5), 1.0), (0, 5)),
        (1e-300 * np.eye(4), (1e-300, 1e-300)),
    ],
)
def test_ends_of_degenerate_spectra(matrix: Any, ends: tuple[float, float]) -> None:
    """Multiple, vanishing, huge and tiny eigenvalues."""
    found = [float(end) for end in fixed_order.eigenvalue_range(matrix)]
    assert found == pytest.approx(ends, rel=1e-14, abs=1e-14 * max(map(abs, ends)))


def test_a_library_that_a_solver_brings_along_changes_no_key() -> None:
    """Cells are kept under the kernel of numpy's own library, whatever a process has loaded before it asks."""
    asked = "from tightrate.verify.sweep.cell_key import environment; print(sorted(environment().items()))"

    def told(first: str) -> str:
        command = [sys.executable, "-P", "-c", f"{first}; {asked}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told("import scs") == told("pass")


@pytest.mark.soak
def test_what_is_reproduced_is_the_same_under_every_kernel_to_printed_digits(tmp_path: Path) -> None:
    """Kernels move last digits: no verdict, and no number that is printed but those that are rounding errors."""

    def judged(kernel: str) -> dict[str, tuple[str, str]] | None:
        environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "TIGHTRATE_CACHE": str(tmp_path / kernel)}
        command = [sys.executable, "-P", "-m", "tightrate", "verify", "--json"]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True)
        if ran.returncode < 0:
            return None  # not on this processor
        return {one["claim"]: (one["verdict"], one["measured"]) for one in json.loads(ran.stdout)}

    def printed(measured: str) -> list[str]:
        found = re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?", measured)
        return [text for text in found if "e" not in text or abs(float(text)) > 1e-8]

    first, *others = (found for kernel in KERNELS[::2] if (found := judged(kernel)) is not None)
    for found in others:
        assert {name: verdict for name, (verdict, _) in found.items()} == {
            name: verdict for name, (verdict, _) in first.items()
        }
        differ = [name for name in first if printed(first[name][1]) != printed(found[name][1])]
        assert not differ, differ


if __name__ == "__main__":
    print(json.dumps(all_digests(Path(sys.argv[1]))))
