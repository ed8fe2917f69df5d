"""Falsification: it finds what is wrong, finds nothing wrong with what is proved, and its numbers are exact."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tightrate.command_line import application
from tightrate.common.errors import TightrateError
from tightrate.rates.statements.catalogue import theorem, theorem_ids, theorems
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.fedavg import fedavg
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_momentum import local_sgd_outer_momentum
from tightrate.simulator.exact.diagonal_moments import Output, response
from tightrate.simulator.exact.step_moments import step_moments
from tightrate.verify.falsification.falsify import (
    NO_SEARCH,
    Falsification,
    falsify,
    judge_point,
    run_search,
    run_witness,
    searches_for,
)
from tightrate.verify.falsification.instances.all_paths import Paths, guarantee_trial, jumps, quantile
from tightrate.verify.falsification.instances.client_walks import displacement_trial
from tightrate.verify.falsification.instances.heterogeneous_quadratics import dissimilarity
from tightrate.verify.falsification.instances.kinked_functions import bent_parabola
from tightrate.verify.falsification.instances.kinked_functions import run as run_of_infinitely_many
from tightrate.verify.falsification.optimizer import maximize
from tightrate.verify.falsification.search import SEARCHES, Array, Search, extreme_ratio
from tightrate.verify.own_papers import load_paper

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FALSE = [name for name, search in SEARCHES.entries().items() if search.expected == "violated"]
TRUE = [name for name, search in SEARCHES.entries().items() if search.expected == "consistent"]
BY_VALUE = [name for name in TRUE if SEARCHES[name].sequence is None]


def test_only_what_differs_from_a_sound_statement_is_expected_to_be_violated() -> None:
    """A catalogued bound that a search refutes as it stands must be marked as an erratum."""
    for name in FALSE:
        search = SEARCHES[name]
        assert search.variant or search.theorem.errata, name


@pytest.mark.parametrize("name", BY_VALUE)
def test_nothing_is_found_against_what_is_proved(name: str) -> None:
    found = run_search(SEARCHES[name], evaluations=192)
    assert found.verdict.status == "consistent", (found.verdict.sentence, found.command)
    assert found.evaluations == 192
    symbols = found.verdict.evidence["symbols"]
    statement = SEARCHES[name].theorem  # its conditions again, with 50 digits
    assert all(condition.status(symbols) != "fails" for condition in statement.conditions)
    assert set(statement.unchecked_at(symbols).values()) <= {"in words"}


@cache
def searched_against(name: str) -> Falsification:
    return run_search(SEARCHES[name], evaluations=1024)


@pytest.mark.parametrize("name", FALSE)
def test_what_is_false_is_found_false_and_the_witness_runs_again(name: str) -> None:
    found = searched_against(name)
    assert found.verdict.status == "violated", found.verdict.measured
    assert found.verdict.witness is not None
    again = run_witness(name, found.verdict.witness)
    assert again.verdict.status == "violated"
    assert name in found.command


@pytest.mark.parametrize("name", [name for name in TRUE if SEARCHES[name].sequence is not None])
def test_a_scaling_sequence_does_not_condemn_what_is_proved(name: str) -> None:
    assert run_search(SEARCHES[name], evaluations=512).verdict.status == "consistent"


def test_the_first_power_breaks_even_the_explicit_constants() -> None:
    assert searched_against("khaled2025/thm2@first-power").verdict.evidence["extreme ratio"] > 1


def scaled(search: Search, factor: float) -> Search:
    """The same search against a mutant: `factor` times the bound."""

    def wrong(theorem: Theorem) -> Theorem:
        terms = tuple(replace(term, expression=factor * term.expression) for term in theorem.bound.terms)
        return replace(theorem, bound=replace(theorem.bound, terms=terms))

    return replace(search, altered=wrong)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("chezhegov2024/id-sc", 0.9),
        ("dekel2012/explicit", 0.9),
        ("patel2024/discrepancy", 0.5),
        ("patel2024/thm22-explicit", 0.5),
        ("patel2024/prop7-constant", 2.0),
        ("cheng2024/lemA2-sharp", 0.9),
        ("cheng2024/fixed-step-convex@kink", 0.8),
        ("chezhegov2024/changing-rule2", 0.8),
        ("chezhegov2024/fixed-point", 0.4),
        ("chezhegov2024/hutchinson", 0.9),
        ("chezhegov2024/lemma1-sharp-growth-rule3", 0.9),
        ("cheng2024/lemC4-ratio", 0.8),
        ("cheng2024/eqC.40", 0.8),
        ("khaled2025/lemma7", 0.9),
        ("khaled2025/lemma1", 0.9),
        ("khaled2025/thm4-safe", 0.2),
        ("lee2024/client-displacement", 0.9),
        ("lee2024/h2", 0.9),
        ("patel2024/prop13-worst", 0.8),
        ("patel2024/prop25-convex", 0.4),
        ("patel2024/lemma36", 0.1),
    ],
)
def test_a_bound_that_is_too_strong_is_refuted(name: str, factor: float) -> None:
    found = run_search(scaled(SEARCHES[name], factor), evaluations=1024)
    assert found.verdict.status == "violated", found.verdict.measured


def test_the_search_is_the_same_every_time() -> None:
    search = SEARCHES["patel2024/discrepancy"]
    first, second = (extreme_ratio(search, evaluations=320, seed=4) for _ in range(2))
    assert first.ratio == second.ratio
    assert np.array_equal(first.position, second.position)
    assert extreme_ratio(search, evaluations=320, seed=5).ratio != first.ratio


def test_a_point_outside_the_conditions_is_not_applicable() -> None:
    search = SEARCHES["khaled2025/thm1"]
    inside = run_search(search, evaluations=128).verdict.evidence["point"]
    assert judge_point(search, inside).status == "consistent"
    assert judge_point(search, {**inside, "used": 2.0}).status == "not-applicable"


def test_lower_bounds_and_hidden_constants_are_not_refuted_by_instances() -> None:
    for name in ("patel2024/thm9", "koloskova2020/convex"):
        (found,) = falsify(name)
        assert found.verdict.status == "not-applicable"
        assert found.as_expected


def test_every_upper_bound_with_constants_is_searched() -> None:
    searched = {search.theorem_id for search in SEARCHES.entries().values()}
    wanted = {one.id for one in theorems() if one.bound.kind == "upper" and one.bound.constants == "explicit"}
    assert wanted <= searched


def test_what_is_not_searched_says_why_and_what_judges_it(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = falsify("patel2024/eq8")
    assert found.verdict.status == "not-applicable"
    assert "tightrate verify patel2024/coordinate-pair" in found.verdict.sentence
    assert {one.theorem_id for one in falsify("glasgow2022/*")} == {
        i for i in theorem_ids() if i.startswith("glasgow2022/")
    }
    monkeypatch.setattr("tightrate.verify.falsification.falsify.searches_for", lambda _: ())
    (found,) = falsify("khaled2025/lemma7")
    assert found.verdict.status == "not-applicable"
    assert NO_SEARCH in found.verdict.sentence


def test_progress_ends_where_the_budget_does() -> None:
    told: list[tuple[str, int, int]] = []
    falsify("dekel2012/explicit", evaluations=256, progress=lambda *said: told.append(said))
    assert [done for _, done, _ in told][:4] == [64, 128, 192, 256]
    assert {total for _, _, total in told} == {256}
    told.clear()
    falsify("dekel2012/explicit", seconds=0.2, progress=lambda *said: told.append(said))
    assert told
    assert all(0 <= done <= total for _, done, total in told)


def test_bad_input_is_refused_in_one_line() -> None:
    with pytest.raises(TightrateError, match="unknown theorem"):
        falsify("patel2024/thm99")
    with pytest.raises(TightrateError, match="missing"):
        run_witness("dekel2012/explicit", {"K": 1.0})
    with pytest.raises(TightrateError, match="unknown axis"):
        run_witness("dekel2012/explicit", {"kay": 1.0})


def test_the_optimizer_finds_a_corner_and_a_narrow_valley() -> None:
    generator = np.random.default_rng(0)
    where, _, used = maximize(lambda x: x.sum(axis=1), 5, evaluations=2000, generator=generator)
    assert used <= 2000
    assert where.min() > 0.999
    _, best, _ = maximize(
        lambda x: -((x[:, 0] - 0.6) ** 2) - 100 * (x[:, 1] - x[:, 0] ** 2) ** 2,
        2,
        evaluations=4000,
        generator=generator,
    )
    assert best > -1e-6


# --- The measured numbers --------------------------------------------------------------------------------------------


def test_responses_are_the_moments_by_hand() -> None:
    """Two workers, one coordinate: mean and variance of the uniform average, step by step."""
    curvature, minimizer = np.array([1.0, 0.3]), np.array([0.4, -1.0])
    eta, K, R = 0.2, 3, 4
    found = response(
        local_sgd, {"eta": np.array([eta])}, curvature[None, :, None], minimizer[None, :, None],
        start=np.array([[2.0]]), K=np.array([K]), R=np.array([R]), output="average",
    )  # fmt: skip
    optimum = (curvature @ minimizer) / curvature.sum()
    x, total = np.full(2, 2.0), 0.0
    weights, variance = np.zeros((0, 2)), 0.0  # how much each past noise moved each worker
    moved = np.zeros(0)
    for t in range(K * R):
        total += x.mean()
        moved = moved + weights.mean(axis=1) if len(weights) else moved
        x = x - eta * curvature * (x - minimizer)
        weights = weights * (1 - eta * curvature)
        weights = np.vstack([weights, [[eta, 0.0], [0.0, eta]]])
        moved = np.concatenate([moved, np.zeros(2)])
        if (t + 1) % K == 0:
            x = np.full(2, x.mean())
            weights = np.repeat(weights.mean(axis=1, keepdims=True), 2, axis=1)
    variance = float(np.sum((moved / (K * R)) ** 2))
    assert found.mean[0, 0] == pytest.approx(total / (K * R) - optimum, rel=1e-12)
    assert found.variance[0, 0] == pytest.approx(variance, rel=1e-12)


def test_infinitely_many_workers_are_the_limit_of_many() -> None:
    flat, slope, start, eta, K, R = 0.1, 0.2, -0.5, 0.3, 3, 4
    one = np.ones(1)
    problem = bent_parabola(flat * one, slope * one, 0 * one)
    limit = run_of_infinitely_many(
        problem, fedavg(eta=eta), eta=eta * one, K=K * one, R=R * one, start=start * one,
        jumps=(1.5 * one, -0.5 * one), probability=0.25 * one, output="last",
    )  # fmt: skip
    generator, x = np.random.default_rng(3), start
    for _ in range(R):
        y = np.full(400_000, x)
        for _ in range(K):
            u = y + slope  # the kink lies `slope` left of the optimum, where the curvature is 1
            noise = np.where(generator.random(len(y)) < 0.25, 1.5, -0.5)
            y = y - eta * (np.where(u > 0, u, flat * u) - slope + noise)
        x = y.mean()
    gap = 0.5 * x**2 if x > -slope else np.nan
    assert limit.gap[0] == pytest.approx(gap, rel=2e-2)


def test_heavy_ball_on_a_kink_by_hand() -> None:
    flat, complement = 0.25, 0.05
    one = np.ones(1)
    problem = bent_parabola(flat * one, 0 * one, one)
    limit = run_of_infinitely_many(
        problem, local_sgd_outer_momentum(eta=0.1, gamma=complement, momentum=1 - complement), eta=0.1 * one, K=one,
        R=40 * one, start=0 * one, jumps=(0 * one, 0 * one), probability=0.5 * one,
    )  # fmt: skip
    u = before = -1.0
    total = 0.0
    for _ in range(40):
        total += u
        slope = u if u > 0 else flat * u
        u, before = u - complement * 0.1 * slope + (1 - complement) * (u - before), u
    mean = total / 40
    assert limit.gap[0] == pytest.approx((mean if mean > 0 else 0) ** 2 / 2 + flat * min(mean, 0) ** 2 / 2, rel=1e-12)


def test_dissimilarity_is_largest_at_an_end_of_the_reach() -> None:
    generator = np.random.default_rng(1)
    curvature, minimizer = generator.uniform(0.1, 1, (1, 2, 2)), generator.standard_normal((1, 2, 2))
    start, noise = generator.standard_normal((1, 2)), generator.uniform(0, 1, (1, 2))
    bound = dissimilarity(curvature, minimizer, start, noise)[0]
    worst = 0.0
    for _ in range(200):
        x = np.tile(start[0], (2, 1))
        for _ in range(60):
            gap = np.abs(curvature[0, 0] * (x - minimizer[0, 0]) - curvature[0, 1] * (x - minimizer[0, 1])) / 2
            worst = max(worst, float(np.linalg.norm(gap, axis=1).max()))
            x = x - 0.9 * (curvature[0] * (x - minimizer[0]) + noise[0] * generator.choice((-1, 1), (2, 2)))
            if generator.random() < 0.2:
                x = np.tile(x.mean(axis=0), (2, 1))
    assert 0.3 * bound < worst <= bound


def test_steps_one_by_one_have_the_moments_of_the_exact_engine() -> None:
    """Two workers, one coordinate: as jumping over rounds has them."""
    curvature, minimizer = np.array([[[1.0, 0.3]]]), np.array([[[0.4, -1.0]]])
    optimum = (curvature * minimizer).mean(axis=-1) / curvature.mean(axis=-1)
    K, R, eta, noise = np.array([3.0]), np.array([4.0]), 0.2, np.array([[0.7]])
    found = step_moments(
        curvature, minimizer, start=np.array([[2.0]]), optimum=optimum, steps=np.full((1, 1, 1), eta), noise=noise,
        K=K, R=R,
    )  # fmt: skip
    outputs: tuple[tuple[Output, Array], ...] = (("last", found.last), ("average", found.average))
    for output, value in outputs:
        engine = response(
            local_sgd, {"eta": np.array([eta])}, np.moveaxis(curvature, 1, 2), np.moveaxis(minimizer, 1, 2),
            start=np.array([[2.0]]), K=K, R=R, output=output,
        )  # fmt: skip
        assert value.sum() == pytest.approx(engine.expected(np.ones((1, 1)), noise**2)[0], rel=1e-12)


def test_consensus_of_equal_workers_is_the_variance_of_their_steps() -> None:
    M, eta, sigma, K = 4, 0.3, 0.8, 5
    flat = np.full((1, 1, M), 1e-12)
    found = step_moments(
        flat, 0 * flat, start=np.zeros((1, 1)), optimum=np.zeros((1, 1)), steps=np.full((1, 1, 1), eta),
        noise=np.full((1, 1), sigma), K=np.array([float(K)]), R=np.array([3.0]),
    )  # fmt: skip
    assert found.consensus[0] == pytest.approx((1 - 1 / M) * K * eta**2 * sigma**2, rel=1e-9)


def test_quantiles_are_those_of_the_law() -> None:
    values, chances = np.array([[3.0, 1.0, 2.0]]), np.array([[0.1, 0.6, 0.3]])
    for delta, expected in ((0.5, 1.0), (0.4, 1.0), (0.39, 2.0), (0.1, 2.0), (0.05, 3.0)):
        assert quantile(values, chances, np.array([delta]))[0] == expected
    assert Paths.of(4, 2).chances(np.array([0.3]), 4).sum() == pytest.approx(1, rel=1e-12)


def test_the_law_of_a_run_by_hand() -> None:
    """Two workers on a kink, two rounds of two steps with outer step 2: all 256 paths, one by one."""
    point = {
        "flat": 0.3, "slope": 0.2, "B": 1.0, "probability": 0.3, "sigma": 1.0, "delta": 0.3, "K": 2.0,
        "most_rounds": 2.0, "used": 0.9, "gamma": 2.0,
    }  # fmt: skip
    batch = {name: np.array([value]) for name, value in point.items()}
    found = guarantee_trial(theorem("khaled2025/thm4-safe"), batch)
    eta, (up, down) = float(found.symbols["eta"][0]), (float(jump[0]) for jump in jumps(batch))
    law = []
    for bits in product((0, 1), repeat=8):
        x, total = 0.0, 0.0
        for r in range(2):
            y = np.full(2, x)
            for k in range(2):
                total += float(y.mean())
                u = y - (1.0 - 0.2)  # from the kink, which lies `slope` left of the optimum
                noise = np.where(np.array(bits[4 * r + 2 * k : 4 * r + 2 * k + 2]) > 0, down, up)
                y = y - eta * (np.where(u > 0, u, 0.3 * u) - 0.2 + noise)
            x = x + 2.0 * (float(y.mean()) - x)
        at = total / 4 - 0.8
        gap = (at**2 if at > 0 else 0.3 * at**2) / 2 - 0.2 * at + 0.2**2 / 2
        law.append((gap, 0.3 ** (8 - sum(bits)) * 0.7 ** sum(bits)))
    gaps, chances = np.array(sorted(law)).T
    expected = gaps[np.argmax(np.cumsum(chances) >= 0.7 * (1 - 1e-12))]
    assert float(found.measured[0]) == pytest.approx(expected, rel=1e-12)


def test_a_client_walks_as_by_hand() -> None:
    eta, lam, gradients = 0.5, 0.1, [2.0, 1.0, 3.0]
    point = {"K": 3.0, "eta": eta, "lambda": lam, "delay": 2.0, **{f"gradient{k}": g for k, g in enumerate(gradients)}}
    batch = {name: np.array([value]) for name, value in point.items()}
    moved, v = 0.0, 0.0
    for k, g in enumerate(gradients):
        v += g**2 if k % 2 == 0 else 0.0
        moved += eta * g / (np.sqrt(v) + lam)
    found = displacement_trial(theorem("lee2024/client-displacement"), batch, client="adagrad")
    assert float(found.measured[0]) == pytest.approx(moved, rel=1e-12)
    assert float(found.symbols["G_inf"][0]) == 3.0


# --- The command line ------------------------------------------------------------------------------------------------


def test_command_line() -> None:
    runner = CliRunner()
    done = runner.invoke(
        application(), ["falsify", "dekel2012/explicit", "--evaluations", "128", "--json"], standalone_mode=False
    )
    (document,) = json.loads(done.output)
    assert document["verdict"] == document["expected"] == "consistent"
    assert document["ratio"] <= 1 + 1e-9
    assert done.return_value == 0
    point = " ".join(f"{name}={value!r}" for name, value in document["evidence"]["point"].items())
    again = runner.invoke(
        application(), ["falsify", "dekel2012/explicit", "--witness", point, "--json"], standalone_mode=False
    )
    assert json.loads(again.output)[0]["ratio"] == pytest.approx(document["ratio"], rel=1e-12)
    assert theorem("dekel2012/explicit").title in document["statement"]


def test_objects_are_searched_as_names_are_and_an_altered_theorem_as_it_is() -> None:
    claimed, search = theorem("chezhegov2024/hutchinson"), SEARCHES["chezhegov2024/hutchinson"]
    found = [falsify(one, evaluations=64)[0].verdict.evidence["extreme ratio"] for one in (claimed.id, claimed, search)]
    assert found[0] == found[1] == found[2]
    sharper = replace(claimed, bound=scaled(search, 0.5).theorem.bound)
    assert falsify(sharper, evaluations=256)[0].verdict.status == "violated"
    with pytest.raises(TightrateError, match="falsify takes a theorem, a statement, a search or a name, not 3"):
        falsify(3)  # type: ignore[arg-type]


NOISY = {"L": 1.0, "mu": 0.5, "eta": 0.9, "sigma": 1.0, "K": 64.0, "R": 512.0, "M": 16.0}


@pytest.mark.parametrize(("noise", "status"), [(r"\mu M", "consistent"), (r"\mu M^2", "violated")])
def test_a_theorem_of_ones_own_is_searched_on_the_problems_of_its_trials(
    tmp_path: Path, noise: str, status: str
) -> None:
    """Where it is wrong the search's point shows it, and the command that measures it again names the file."""
    text = (EXAMPLES / "my_paper.py").read_text(encoding="utf-8")
    (tmp_path / "mine.py").write_text(text.replace('"my_paper"', '"mine"').replace(r"\mu M", noise), encoding="utf-8")
    load_paper(tmp_path / "mine.py")
    (search,) = searches_for("mine/thm1")
    assert (search.name, search.file) == ("mine/thm1:holds", str(tmp_path / "mine.py"))
    ranges = {axis.name: (axis.low, axis.high) for axis in search.axes}
    assert "gamma" not in ranges  # an equality ties it down
    assert ranges["K"] == (1, 640)
    assert ranges["M"] == (1, 32)
    again = run_witness(search.name, NOISY)
    assert again.verdict.status == status
    assert again.command.endswith(f"--paper {tmp_path / 'mine.py'}")
    outside = judge_point(search, {**NOISY, "eta": 1.5})
    assert outside.status == "not-applicable"
    with pytest.raises(TightrateError, match="unknown search 'mine/thm1:hold'; did you mean 'mine/thm1:holds'"):
        searches_for("mine/thm1:hold")
