"""The compiled backend gives numpy's numbers, bit for bit, wherever it takes part; without numba nothing changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from typical_values import required_of

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.logistic_regression import LogisticRegression, logistic_regression
from tightrate.constructions.noise import GaussianNoise, RademacherNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm
from tightrate.simulator.batch.randomness import RowSampling, stream
from tightrate.simulator.compiled import kernels as compiled
from tightrate.simulator.compiled.tape import recorded
from tightrate.simulator.parameters import parameters
from tightrate.simulator.sampled.recording import RECORDERS
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.sampling import sample

numba = pytest.importorskip("numba", reason="the optional extra `fast` is not installed")

NOISE = GaussianNoise(0.7)
QUADRATICS = DiagonalQuadratics(stream(1).uniform(0.1, 1.0, (3, 5)), stream(2).standard_normal((3, 5)))
DENSE = random_quadratics(M=3, d=5, tau=0.0, zeta_star=0.3)
CLIPPED = {"rho": 0.5, "gamma": 1.2}  # where an algorithm knows them


def rule(name: str) -> Algorithm[Any]:
    known = parameters(ALGORITHMS[name])
    return ALGORITHMS[name](**required_of(name), **{key: value for key, value in CLIPPED.items() if key in known})


def assert_same(a: Run, b: Run) -> None:
    for name in ("last", "gaps", "distances", "diverged", "average", "diverged_at", "outputs"):
        mine, other = getattr(a, name), getattr(b, name)
        assert (mine is None) == (other is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, other, err_msg=name)
    assert a.records.keys() == b.records.keys()
    for name, record in a.records.items():
        np.testing.assert_array_equal(record, b.records[name], err_msg=name)


def both(algorithm: Algorithm[Any], problem: Problem, **options: Any) -> Run:
    """The compiled run, found equal to numpy's."""
    fast = sample(algorithm, problem, backend="compiled", **options)
    assert_same(fast, sample(algorithm, problem, backend="numpy", **options))
    return fast


@pytest.fixture
def advanced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The generated loops that are run, by the line that names their arguments."""
    seen: list[str] = []
    original = compiled._compiled

    def noted(source: str) -> Callable[..., None]:
        seen.append(source.strip().splitlines()[0])
        return original(source)

    monkeypatch.setattr(compiled, "_compiled", noted)
    return seen


def test_normal_numbers_are_those_of_numpy_the_tail_included() -> None:
    generator, n = stream(3), 2_000_000
    words, found = compiled.words_of([generator])[0], np.empty(n)
    for part in np.split(found, [1, 10, 1000]):  # the words move on
        compiled.loops().normals(words, 1.0, part)
    expected = generator.standard_normal(n)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(words, compiled.words_of([generator])[0])
    assert np.sum(np.abs(found) > 3.6541528853610088) > 300  # beyond the last layer


def test_a_changed_generator_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled._agrees()
    monkeypatch.setattr(compiled, "words_of", lambda _: np.ones((1, 4), dtype=np.uint64))
    assert not compiled._agrees.__wrapped__()
    monkeypatch.setattr(compiled, "_agrees", compiled._agrees.__wrapped__)
    with pytest.raises(TightrateError, match="numba"):
        compiled.check_backend("compiled")


def test_products_are_added_in_the_order_of_numpy() -> None:
    for d in (1, 2, 7, 8, 15, 16, 20, 33, 100):
        a, b = stream(4).standard_normal((2, 6, d))
        found = [compiled.loops().dot(p, q, d) for p, q in zip(a, b, strict=True)]
        np.testing.assert_array_equal(found, np.einsum("ij,ij->i", a, b))
        assert compiled.products_agree(d)
    assert not compiled.products_agree(20_000)


@pytest.mark.parametrize("name", ALGORITHMS.names())
@pytest.mark.parametrize("problem", [QUADRATICS, DENSE], ids=["diagonal", "dense"])
def test_runs_are_the_same_bit_for_bit(name: str, problem: Problem) -> None:
    both(rule(name), problem, K=4, R=5, replicas=3, noise=NOISE, keep_outputs=True)


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_whatever_else_is_asked_for(name: str) -> None:
    algorithm, options = rule(name), {"K": 3, "R": 4, "replicas": 3}
    both(algorithm, QUADRATICS, noise=NOISE, averaging_decay=0.1, record=list(RECORDERS), **options)
    both(algorithm, QUADRATICS, noise=NOISE, streams=[1, 0, 1], **options)
    both(algorithm, QUADRATICS, noise=RademacherNoise(0.5), **options)
    both(algorithm, QUADRATICS, **options)
    if not algorithm.remembers_workers:
        both(algorithm, QUADRATICS, noise=NOISE, clients=2, **options)


def test_the_loops_take_part(advanced: list[str]) -> None:
    options: dict[str, Any] = {"K": 3, "R": 4, "replicas": 3, "backend": "compiled"}
    for name in ("local-sgdm", "local-adam"):
        sample(rule(name), QUADRATICS, noise=NOISE, **options)
        sample(rule(name), DENSE, noise=NOISE, **options)
    sample(rule("local-sgd"), logistic_regression(M=2, d=3), noise=RowSampling(), **options)
    kinds = ["curvatures" in one for one in advanced], ["offsets" in one for one in advanced]
    assert kinds[0] == [True, False, True, False, False], advanced
    assert kinds[1] == [False, False, False, False, True], advanced


@pytest.mark.parametrize("d", [1, 3, 20])
@pytest.mark.parametrize("streams", [None, [2, 2, 0]])
def test_sampled_rows_are_the_same_bit_for_bit(d: int, streams: list[int] | None) -> None:
    problem = logistic_regression(M=3, d=d, rows=37, seed=d)
    uneven = LogisticRegression(problem.signed, (30, 40, 41), problem.ridge)
    for name in ("local-sgd", "local-adam", "local-sgd-schedule-free"):
        for rows in (RowSampling(), RowSampling(3)):
            both(rule(name), uneven, K=5, R=4, replicas=3, noise=rows, streams=streams)
    both(rule("local-sgd"), uneven, K=5, R=4, replicas=3, noise=RowSampling(), clients=2)


@pytest.mark.parametrize("K", [1, 7, 600])
@pytest.mark.parametrize("M", [1, 2])
def test_rounds_of_gradient_steps(K: int, M: int) -> None:
    """One number a step, and rounds that are summed in pieces or several together, the last of them fewer."""
    for d in (1, 40):
        problem = DiagonalQuadratics(stream(1).uniform(0.1, 1.0, (M, d)), stream(2).standard_normal((M, d)))
        eta = np.linspace(0.1, 0.9, 5)
        both(ALGORITHMS["local-sgd"](eta=eta), problem, K=K, R=11, noise=NOISE)
        both(ALGORITHMS["local-sgd"](eta=eta), problem, K=K, R=3, noise=NOISE, streams=[0, 0, 1, 1, 0])


def test_overflow_and_division_by_zero_are_numpys() -> None:
    run = both(
        ALGORITHMS["local-sgdm"](eta=0.3), replace_curvatures(QUADRATICS, 1e200), K=3, R=4, replicas=3, noise=NOISE
    )
    assert run.diverged.any()
    damped: Any = ALGORITHMS["local-adam"](eta=0.1)
    adam = replace(damped, optimizer=replace(damped.optimizer, lam=np.zeros((1, 1, 1))))  # 0 / 0 at gradient 0
    both(adam, replace_curvatures(QUADRATICS, 0.0), K=3, R=2, replicas=2, noise=GaussianNoise(0.0))


def replace_curvatures(problem: DiagonalQuadratics, value: float) -> DiagonalQuadratics:
    return replace(problem, curvatures=np.full_like(problem.curvatures, value), known_optimum=np.zeros(5))


class Scripted(Algorithm[Any]):
    """An algorithm whose state is two arrays and whose gradient is taken at their mean, with a local step as given."""

    def __init__(self, step: Any) -> None:
        self.step = step

    def init(self, start: np.ndarray) -> Any:
        return (start, 0.5 * start + 1)

    def point(self, state: Any) -> np.ndarray:
        return np.asarray(0.5 * (state[0] + state[1]))

    def output(self, state: Any) -> np.ndarray:
        return np.asarray(state[0])

    def local_step(self, state: Any, gradient: np.ndarray) -> Any:
        return self.step(*state, gradient)

    def synchronize(self, state: Any) -> Any:
        return state


HALF = np.full((1, 1, 1), 0.5)
EACH = np.linspace(0.1, 0.9, 3)[:, None, None] * np.ones((3, 3, 5))
STEPS = {
    "a swap": lambda a, b, g: (b, a - 0.1 * g),
    "one result twice": lambda a, b, g: (a - g, a - g),  # noqa: ARG005
    "the gradient itself": lambda a, b, g: (g, a + b),
    "nothing": lambda a, b, g: (a, b),  # noqa: ARG005
    "roots": lambda a, b, g: (np.sqrt(np.abs(a)) - g**2, -(np.abs(b) ** 0.5) + 1 / (1 + g**2)),
    "roots of what is negative": lambda a, b, g: (np.sqrt(a), +b / (g - g)),
    "clipping": lambda a, b, g: (np.clip(a - g, -HALF, 0.7), np.maximum(b, np.minimum(g, 0.3))),
    "products and sums": lambda a, b, g: (a * b + g * g - a * g, (a + 1) * (b + 1) - (g + 1)),
    "arrays and numbers": lambda a, b, g: (1 - a * EACH, np.float64(2) / (3 + g * g) - HALF * b),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_operation_is_compiled_to_the_same_bits(step: Any, advanced: list[str]) -> None:
    options: dict[str, Any] = {
        "K": 4,
        "R": 3,
        "replicas": 3,
        "noise": NOISE,
        "start": stream(6).standard_normal((3, 3, 5)),
    }
    both(Scripted(step), QUADRATICS, **options)
    assert len(advanced) == 1
    with np.errstate(all="ignore"):
        both(Scripted(step), DENSE, **options)
    assert len(advanced) == 2


def test_other_operations_stay_with_numpy(advanced: list[str]) -> None:
    algorithm = Scripted(lambda a, b, g: (a - np.tanh(g), b))
    assert recorded(algorithm, algorithm.init(np.zeros((2, 3, 5)))) is not None
    both(algorithm, QUADRATICS, K=2, R=2, replicas=2, noise=NOISE)
    assert advanced == []


def test_contraction_would_be_noticed() -> None:
    """a b + c rounded once differs from the two roundings of numpy somewhere in as few numbers as the tests take."""
    a, b, c = stream(7).standard_normal((3, 500))
    exact = [float(Fraction(p) * Fraction(q) + Fraction(r)) for p, q, r in zip(a, b, c, strict=True)]
    assert np.any(exact != a * b + c)


def test_auto_waits_until_compiling_pays(advanced: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    algorithm = Scripted(lambda a, b, g: (a - 0.25 * g, b + 0.125 * g))
    options: dict[str, Any] = {"K": 10, "R": 10, "replicas": 3, "noise": NOISE}  # 4500 entries
    monkeypatch.setattr(compiled, "ENTRIES_THAT_COUNT", 1000)
    monkeypatch.setattr(compiled, "ENTRIES_THAT_PAY", 10_000)
    runs = []
    for expected in (0, 0, 1):
        runs.append(sample(algorithm, QUADRATICS, **options))
        assert len(advanced) == expected
    assert_same(runs[0], runs[2])
    sample(algorithm, QUADRATICS, backend="numpy", **options)
    sample(algorithm, QUADRATICS, **{**options, "R": 2})  # too short
    assert len(advanced) == 1


def test_backends_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TightrateError, match="compield"):
        sample(rule("local-sgd"), QUADRATICS, K=1, R=1, backend="compield")  # type: ignore[arg-type]
    monkeypatch.setattr(compiled, "_installed", lambda: False)
    monkeypatch.setattr(compiled, "_agrees", compiled._agrees.__wrapped__)
    with pytest.raises(TightrateError, match="numba"):
        sample(rule("local-sgd"), QUADRATICS, K=1, R=1, backend="compiled")
    monkeypatch.setattr(compiled, "ENTRIES_THAT_PAY", 0)
    assert not compiled.pays("auto", "any", 1.0)


WITHOUT_NUMBA = """
import sys
if {missing}:
    sys.modules["numba"] = None
from tightrate.simulator.compiled import kernels as compiled, loops as compiled_loops
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.sampled.sampling import sample
from tightrate.constructions.asymmetric_quadratic import asymmetric_quadratic
from tightrate.constructions.noise import GaussianNoise
compiled.ENTRIES_THAT_COUNT = compiled.ENTRIES_THAT_PAY = 1
run = sample(ALGORITHMS["local-adam"](eta=0.1), asymmetric_quadratic(), K=3, R=4, replicas=5, noise=GaussianNoise(1.0))
print(run.last.tobytes().hex(), compiled._compiled.cache_info().currsize)
"""


def test_without_numba_everything_is_the_same() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", WITHOUT_NUMBA.format(missing=missing)], capture_output=True, text=True, check=True
        ).stdout.split()
        for missing in (True, False)
    ]
    assert [loops for _, loops in found] == ["0", "1"]
    assert found[0][0] == found[1][0]


def test_numba_is_imported_when_it_is_used() -> None:
    code = (
        "import sys, tightrate.simulator.simulate, tightrate.simulator.sampled.sampling; print('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
