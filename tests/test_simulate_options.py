"""What one call of `simulate` offers: engines, outputs, noise laws, sampled clients, quantiles, theorems, spelling."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from tightrate.command_line import application
from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import NOISES
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.engine_choice import METHODS
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.measures import MEASURES, OUTPUTS
from tightrate.simulator.parameters import construct, parameters, spelled
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.simulate import Method, Output, simulate

VALUES = {"eta": 0.2, "K": 3, "R": 4, "sigma": 0.6}
QUADRATICS = "random-quadratics"


@pytest.mark.parametrize(
    ("algorithm", "problem", "options", "engine"),
    [
        ("local-sgd", QUADRATICS, {}, "exact"),
        ("local-sgd", QUADRATICS, {"measures": ["distance"]}, "rounds"),
        ("local-sgd", QUADRATICS, {"quantiles": [0.5]}, "rounds"),
        ("local-sgd", QUADRATICS, {"noise": "rademacher"}, "exact"),
        ("local-sgd", QUADRATICS, {"noise": "rademacher", "quantiles": [0.5]}, "sample"),
        ("local-sgd", QUADRATICS, {"measures": ["stationarity"]}, "sample"),
        ("local-sgd", QUADRATICS, {"output": "random"}, "sample"),
        ("local-sgd", "huber", {}, "sample"),
        ("local-adam", QUADRATICS, {}, "sample"),
        ("local-sgd", QUADRATICS, {"clients": 2}, "exact"),
        ("local-sgd", QUADRATICS, {"clients": 2, "quantiles": [0.5]}, "sample"),
        ("local-sgd", QUADRATICS, {"sigma": 0.0, "quantiles": [0.5], "measures": ["distance"]}, "exact"),
    ],
)
def test_auto_takes_the_cheapest_engine_that_can_answer(
    algorithm: str, problem: str, options: dict[str, Any], engine: str
) -> None:
    values = {**VALUES, **{key: options.pop(key) for key in ("clients", "sigma") if key in options}}
    assert simulate(algorithm, problem, values, **options).method == engine


@pytest.mark.parametrize("output", ["last", "average", "weighted"])
def test_the_three_engines_agree(output: Output) -> None:
    many = {**VALUES, "replicas": 3000}
    measures = ["gap", "squared-distance"]
    exact = simulate("local-sgdm", QUADRATICS, VALUES, method="exact", output=output)
    for method in ("rounds", "sample"):
        engine: Method = "rounds" if method == "rounds" else "sample"
        found = simulate("local-sgdm", QUADRATICS, many, method=engine, output=output, measures=measures)
        assert found.method == method
        for name in measures:
            one, expected = found.measures[name], exact.measures[name].mean
            assert one.mean is not None
            assert one.stderr is not None
            assert expected is not None
            assert abs(one.mean - expected) < 4 * one.stderr


@pytest.mark.parametrize(
    ("algorithm", "options", "message"),
    [
        ("local-adam", {"method": "rounds"}, "method rounds needs linear updates only, which local-adam does not make"),
        ("local-sgd", {"method": "rounds", "noise": "student"}, "needs Gaussian noise"),
        ("local-sgd", {"method": "rounds", "measures": ["stationarity"]}, "ends of rounds only, not at stationarity"),
        ("local-sgd", {"method": "exact", "quantiles": [0.5]}, "knows expectations, not quantiles"),
        ("local-sgd", {"method": "exact", "output": "random"}, "knows the output last, average, weighted, not random"),
        ("local-sgd", {"measures": ["gapp"]}, "did you mean 'gap'"),
        ("local-sgd", {"noise": "gausian"}, "did you mean 'gaussian'"),
        ("local-sgd", {"noise": "rows"}, "needs a problem that is a sum over rows"),
        ("local-sgd", {"quantiles": [1.5]}, r"a quantile must lie in \(0,1\), not 1\.5"),
        ("local-sgd", {"theorem": "khaled2025/thm"}, "unknown theorem"),
        ("two-stage", {"method": "rounds"}, "needs a method of one stage"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_in_one_line(algorithm: str, options: dict[str, Any], message: str) -> None:
    values = {**VALUES, **({"switch": 2} if algorithm == "two-stage" else {})}
    with pytest.raises(TightrateError, match=message) as caught:
        simulate(algorithm, QUADRATICS, values, **options)
    assert "\n" not in str(caught.value)


def test_a_noise_law_needs_its_level_and_takes_its_own_parameters() -> None:
    with pytest.raises(TightrateError, match="missing sigma, the level of the noise student"):
        simulate("local-sgd", QUADRATICS, {"eta": 0.1, "K": 1, "R": 1}, noise="student")
    with pytest.raises(TightrateError, match="unknown parameter of local-sgd on random-quadratics 'degrees'"):
        simulate("local-sgd", QUADRATICS, {**VALUES, "degrees": 3.0})
    found = simulate("local-sgd", QUADRATICS, {**VALUES, "degrees": 5.0}, noise="student")
    assert (found.method, found.parameters["noise"]) == ("exact", "student")
    assert found.measures == simulate("local-sgd", QUADRATICS, VALUES).measures  # the variance is all that counts
    for name in NOISES.names():
        assert simulate("fedada2", QUADRATICS, {**VALUES, "replicas": 4}, noise=name).status == "ok"


def test_rows_of_a_finite_sum_are_sampled() -> None:
    values = {"eta": 0.2, "K": 2, "R": 2, "batch": 2, "replicas": 8}
    found = simulate("local-sgd", "logistic-regression", values, noise="rows")
    assert found.method == "sample"
    assert found.measures["gap"].stderr is not None
    assert found.measures["gap"].stderr > 0


def test_quantiles_are_those_of_the_replicas() -> None:
    values, levels = {**VALUES, "replicas": 500, "seed": 3}, [0.1, 0.5, 0.9]
    found = simulate("local-sgd", QUADRATICS, values, method="sample", quantiles=levels, measures=["gap"])
    problem = random_quadratics(seed=3)
    from tightrate.constructions.noise import GaussianNoise

    run = sample(ALGORITHMS["local-sgd"](eta=0.2), problem, K=3, R=4, replicas=500, noise=GaussianNoise(0.6), seed=3)
    gaps = np.sort(problem.gap(run.last))
    assert found.measures["gap"].quantiles == {
        "0.1": gaps[49],
        "0.5": gaps[249],
        "0.9": gaps[449],
    }
    certain = simulate("local-sgd", QUADRATICS, {**VALUES, "sigma": 0.0}, quantiles=levels)
    assert set(certain.measures["gap"].quantiles.values()) == {certain.measures["gap"].mean}


def test_quantiles_of_a_gaussian_iterate_are_where_its_law_says() -> None:
    """In one dimension the gap of the last iterate is a/2 (m + s N)^2, which has a noncentral chi-square law."""
    values = {"eta": 0.2, "K": 3, "R": 4, "sigma": 0.6, "d": 1, "M": 1, "tau": 0.0, "mu": 1.0, "zeta_star": 0.0}
    exact = exact_moments(
        ALGORITHMS["local-sgd"](eta=0.2),
        problem := random_quadratics(M=1, d=1, tau=0.0, mu=1.0, zeta_star=0.0),
        K=3,
        R=4,
        noise=NOISES["gaussian"](0.6),
    ).last
    shift, variance = float(exact.mean[0, 0] - problem.optimum[0]), float(exact.covariance[0, 0, 0])
    law = stats.ncx2(1, shift**2 / variance, scale=variance * float(problem.mean_hessian[0, 0]) / 2)
    n = 20_000
    found = simulate("local-sgd", QUADRATICS, {**values, "replicas": n}, quantiles=[0.25, 0.5, 0.95], measures=["gap"])
    assert found.method == "rounds"
    for text, value in found.measures["gap"].quantiles.items():
        level = float(text)
        assert abs(law.cdf(value) - level) < 4 * np.sqrt(level * (1 - level) / n)


def test_diverged_replicas_count_as_infinite_in_quantiles() -> None:
    found = simulate("local-sgd", QUADRATICS, {**VALUES, "eta": 1e3, "R": 60}, method="sample", quantiles=[0.5])
    assert found.status == "diverged"
    assert found.measures["gap"].mean is None
    assert found.measures["gap"].quantiles["0.5"] == np.inf


@pytest.mark.parametrize("output", [*OUTPUTS])
def test_every_output_is_measured(output: Output) -> None:
    found = simulate("local-sgdm", QUADRATICS, {**VALUES, "replicas": 16}, output=output, method="sample")
    problem = random_quadratics()
    run = sample(
        ALGORITHMS["local-sgdm"](eta=0.2),
        problem,
        K=3,
        R=4,
        replicas=16,
        noise=NOISES["gaussian"](0.6),
        averaging_decay={"average": 0.0, "weighted": 0.1 * 0.2 / 2}.get(output),
        record=["random-iterate", "auxiliary-iterate"],
    )
    x = {
        "last": run.last,
        "average": run.average,
        "weighted": run.average,
        "random": run.records["random-iterate"],
        "auxiliary": run.records["auxiliary-iterate"],
    }[output]
    assert x is not None
    assert found.measures["gap"].mean == pytest.approx(problem.gap(x).mean(), rel=1e-12)


def test_the_weighted_average_needs_a_strong_convexity() -> None:
    with pytest.raises(TightrateError, match="output weighted needs a problem with mu"):
        simulate("local-sgd", "weakly-convex", VALUES, output="weighted")
    assert simulate("local-sgd", "weakly-convex", {**VALUES, "mu": 0.1}, output="weighted").status == "ok"
    with pytest.raises(TightrateError, match="unknown parameter of local-sgd on weakly-convex 'mu'"):
        simulate("local-sgd", "weakly-convex", {**VALUES, "mu": 0.1})


def test_every_measure_can_be_taken() -> None:
    found = simulate("local-adam", "weakly-convex", {**VALUES, "replicas": 4}, measures=[*MEASURES])
    assert list(found.measures) == [*MEASURES]
    assert all(one.mean is not None and one.mean > 0 for one in found.measures.values())


def test_sampled_clients_are_exact_and_agree_with_sampling() -> None:
    values = {**VALUES, "clients": 2}
    exact = simulate("fedavg", QUADRATICS, values).measures["gap"].mean
    drawn = simulate("fedavg", QUADRATICS, {**values, "replicas": 3000}, method="sample").measures["gap"]
    assert exact is not None
    assert drawn.mean is not None
    assert drawn.stderr is not None
    assert abs(drawn.mean - exact) < 4 * drawn.stderr
    with pytest.raises(TightrateError, match="clients must lie between 1 and the number of workers 4"):
        simulate("fedavg", QUADRATICS, {**VALUES, "clients": 5})
    with pytest.raises(TightrateError, match="clients must be a positive integer"):
        simulate("fedavg", QUADRATICS, {**VALUES, "clients": 0})


# Infinite expectations.


def test_an_infinite_expectation_is_said_and_not_estimated() -> None:
    values = {**VALUES, "index": 1.5, "replicas": 50}
    found = simulate("fedavg", QUADRATICS, values, noise="stable", quantiles=[0.5])
    assert (found.method, found.status) == ("sample", "ok")
    assert found.measures["gap"].mean == np.inf
    assert 0 < found.measures["gap"].quantiles["0.5"] < np.inf
    assert found.measures["distance"].mean is not None
    assert np.isfinite(found.measures["distance"].mean)
    assert "expected gap and squared-distance are infinite: the stable noise has no second moment" in found.notes
    with pytest.raises(TightrateError, match="finite variance, which StableNoise is not"):
        simulate("fedavg", QUADRATICS, values, noise="stable", method="exact")
    bounded = simulate("fedada2", QUADRATICS, values, noise="stable")
    assert bounded.measures["gap"].mean is not None
    assert np.isfinite(bounded.measures["gap"].mean)  # adaptive steps are bounded (lee2024 H2)


def test_the_error_of_one_replica_is_unknown_unless_nothing_is_random() -> None:
    one = {**VALUES, "replicas": 1}
    assert simulate("local-sgd", QUADRATICS, one, method="sample").measures["gap"].stderr is None
    shown = CliRunner().invoke(
        application(), ["simulate", "local-adam", QUADRATICS, "eta=0.1", "K=1", "R=1", "sigma=1", "replicas=1"]
    )
    assert "unknown" in shown.stdout
    assert "diverged" not in shown.stdout
    quiet = {**one, "sigma": 0.0}
    assert simulate("local-sgd", QUADRATICS, quiet, method="sample").measures["gap"].stderr == 0
    probed = simulate("savic-oasis", QUADRATICS, quiet, method="sample")  # curvature is probed in random directions
    assert probed.measures["gap"].stderr is None
    many = simulate("savic-oasis", QUADRATICS, {**VALUES, "sigma": 0.0})
    assert many.measures["gap"].stderr is not None
    assert many.measures["gap"].stderr > 0


def test_a_standard_error_without_its_moment_is_said() -> None:
    notes = simulate("local-sgd", QUADRATICS, {**VALUES, "degrees": 3.0}, noise="student", method="sample").notes
    assert len(notes) == 1
    assert "would bound the standard error of gap and squared-distance" in notes[0]
    assert simulate("local-sgd", QUADRATICS, {**VALUES, "degrees": 5.0}, noise="student", method="sample").notes == ()


# Theorems.


def test_conditions_of_a_theorem_are_reported_and_not_imposed() -> None:
    source = theorem("khaled2025/thm1")
    inside, outside = (
        simulate("local-sgd", QUADRATICS, {**VALUES, "eta": eta}, theorem=source.id) for eta in (0.2, 1.5)
    )
    assert inside.notes == ()
    assert [one.condition for one in inside.conditions] == [one.text for one in source.conditions]
    assert inside.conditions[0].status == "holds"
    assert outside.conditions[0].status == "fails"
    assert outside.notes == (f"outside the conditions of khaled2025/thm1: {source.conditions[0].text}",)
    constants = {name: float(value) for name, value in random_quadratics().constants.items()}
    letters = {**constants, **VALUES, "gamma": 1.0, "M": 4.0, "d": 4.0}
    assert inside.bound == pytest.approx(source.bound.at(letters), rel=1e-12)
    assert simulate("local-sgd", QUADRATICS, VALUES).conditions == ()


def test_a_theorem_about_something_else_is_said_to_be() -> None:
    notes = simulate("local-sgd", QUADRATICS, VALUES, theorem="khaled2025/thm2").notes
    assert notes[0] == "khaled2025/thm2 speaks of local-sgd-outer-momentum, not of local-sgd"
    values = {**VALUES, "alpha": 4.0, "degrees": 3.5, "replicas": 4}
    notes = simulate("local-sgdm", QUADRATICS, values, noise="student", theorem="cheng2024/thm2").notes
    assert any(note == "cheng2024/thm2 asks for a noise moment of order 4, which is infinite here" for note in notes)


# Spelling.


def test_lambda_is_spelled_as_in_the_alphabet() -> None:
    assert spelled({"lam": 1, "eta": 2}) == {"lambda": 1, "eta": 2}
    for name in ALGORITHMS.names():
        assert "lam" not in parameters(ALGORITHMS[name])
    rule = construct(ALGORITHMS["local-adam"], {"eta": 0.1, "lambda": 0.25, "beta2": 0.9, "sigma": 3.0})
    assert (rule.optimizer.lam.item(), rule.optimizer.beta2.item()) == (0.25, 0.9)
    found = simulate("fedada2-adam", QUADRATICS, {**VALUES, "lambda": 0.5, "replicas": 2})
    assert found.parameters["lambda"] == 0.5
    assert found.measures == simulate("fedada2-adam", QUADRATICS, {**VALUES, "lam": 0.5, "replicas": 2}).measures
    default = simulate("fedada2-adam", QUADRATICS, {**VALUES, "replicas": 2})
    assert default.parameters["lambda"] == 1.0
    assert found.measures != default.measures
    with pytest.raises(TightrateError, match=r"lambda must be positive and finite, not -1"):
        simulate("fedada2", QUADRATICS, {**VALUES, "lambda": -1})
    with pytest.raises(TightrateError, match="did you mean 'lambda'"):
        simulate("fedada2", QUADRATICS, {**VALUES, "lamda": 1})
    with pytest.raises(TightrateError, match="lambda is given twice, as lam too; give it once"):
        simulate("fedada2", QUADRATICS, {**VALUES, "lam": 0.1, "lambda": 0.2})


def test_a_sweep_and_its_theorem_share_lambda() -> None:
    from tightrate.verify.sweep.run import run_sweep
    from tightrate.verify.sweep.specification import Sweep

    sweep = Sweep(
        name="damping",
        algorithm="local-adam",
        problem=QUADRATICS,
        axes={"lambda": (0.5, 2.0)},
        parameters={
            "K": 2,
            "R": 3,
            "eta": 0.05,
            "sigma": 0.5,
            "order": 4.0,
            "Delta": 1.0,
            "moreau": 1.0,
            "alpha": 4.0,
            "rho": 1.0,
            "sigma_2alpha": 0.5,
        },
        theorem="cheng2024/structural-adam",
        replicas=2,
    )
    dataset = run_sweep(sweep)
    assert dataset["gap_mean"].sizes == {"lambda": 2}
    assert np.isfinite(dataset["gap_mean"]).all()
    bound = theorem(sweep.theorem or "").bound
    letters = {
        **sweep.parameters,
        "M": 4.0,
        "d": 4.0,
        **{k: float(v) for k, v in random_quadratics().constants.items()},
    }
    for lam in (0.5, 2.0):
        expected = bound.at({**letters, "lambda": lam})
        assert float(dataset["bound"].sel({"lambda": lam})) == pytest.approx(expected, rel=1e-12)
    old = Sweep(**{**vars(sweep), "axes": {"lam": (0.5, 2.0)}})
    assert list(old.axes) == ["lambda"]


def test_a_sweep_counts_the_conditions_that_fail() -> None:
    from tightrate.verify.sweep.run import run_sweep
    from tightrate.verify.sweep.specification import Sweep

    given = {"K": 2, "R": 3, "sigma": 0.5, "gamma": 2.0}
    etas = (0.05, 0.08, 0.1, 1.0)
    found = run_sweep(
        Sweep("s", "local-sgd", QUADRATICS, {"eta": etas}, given, theorem="khaled2025/thm1", method="exact")
    )
    one_at_a_time = [
        sum(
            one.status == "fails"
            for one in simulate("local-sgd", QUADRATICS, {**given, "eta": eta}, theorem="khaled2025/thm1").conditions
        )
        for eta in etas
    ]
    assert found["conditions_failing"].values.tolist() == one_at_a_time == [0, 0, 1, 1]


def test_sweeps_draw_by_rounds_and_sample_clients() -> None:
    from tightrate.verify.sweep.run import run_sweep
    from tightrate.verify.sweep.specification import Sweep

    def mean(**options: Any) -> Any:
        given = {"K": 2, "R": 3, "eta": 0.2, "sigma": 0.5, **options.pop("parameters", {})}
        sweep = Sweep("s", "local-sgd", QUADRATICS, {"gamma": (0.8, 1.2)}, given, **options)
        found = run_sweep(sweep)
        return found["gap_mean"].values, found["gap_stderr"].values

    exact, none = mean(method="exact")
    drawn, error = mean(method="rounds", replicas=2000)
    assert (none == 0).all()
    assert (np.abs(drawn - exact) < 4 * error).all()
    with_clients, _ = mean(method="auto", parameters={"clients": 2})
    sampled, error = mean(method="sample", replicas=2000, parameters={"clients": 2})
    assert (np.abs(sampled - with_clients) < 4 * error).all()
    assert (with_clients > 1.1 * exact).all()


# Kinds, defaults and sizes.


def test_what_was_not_given_is_told_as_it_was_used() -> None:
    values = {"eta": 0.1, "K": 2, "R": 2, "sigma": 0.5}
    told = simulate("accelerated-minibatch-sgd", QUADRATICS, values).parameters
    assert (told["mu of random-quadratics"], told["mu of accelerated-minibatch-sgd"]) == (0.1, 0.0)
    assert "mu" not in told
    told = simulate("accelerated-minibatch-sgd", QUADRATICS, {**values, "mu": 0.2}).parameters
    assert told["mu"] == 0.2
    assert not [name for name in told if name.startswith("mu of")]
    told = simulate("local-sgd", QUADRATICS, values, noise="student").parameters
    assert (told["degrees"], told["order"]) == (5.0, 2.0)
    assert "degrees" not in simulate("local-sgd", QUADRATICS, {**values, "sigma": 0.0}, noise="student").parameters
    assert (
        simulate("local-sgd", "logistic-regression", {"eta": 0.1, "K": 1, "R": 1}, noise="rows").parameters["batch"]
        == 1
    )
    told = simulate("blended", QUADRATICS, {"eta": 0.1, "K": 1, "R": 1, "weights": (1, 0.5)}).parameters
    assert (told["strategies"], told["weights"], told["steps"]) == ("sgd,adagrad", "1,0.5", "none")


def test_a_theorem_takes_the_problems_constants_and_no_default_of_the_algorithm() -> None:
    source, values = theorem("chezhegov2024/local-id-sc"), {"eta": 0.1, "K": 2, "R": 3, "sigma": 0.5}
    found = simulate("accelerated-minibatch-sgd", QUADRATICS, values, theorem=source.id)
    constants = {name: float(value) for name, value in random_quadratics().constants.items()}
    delta = float(random_quadratics().gap(np.zeros(4)))
    letters = {**constants, **values, "M": 4.0, "d": 4.0, "T": 6.0, "gamma": 1.0, "Delta": delta}
    assert found.bound == pytest.approx(source.bound.at(letters), rel=1e-12)


@pytest.mark.parametrize(
    ("algorithm", "values", "message"),
    [
        ("local-sgd", {"eta": "x"}, "eta must be a number, not 'x'"),
        ("local-sgd", {"K": "x"}, "K must be a number, not 'x'"),
        ("local-sgd", {"eta": [0.1]}, r"eta must be a number, not \[0.1\]"),
        ("savic", {"scaling": 3.0}, "scaling must be a name such as adam, not 3.0"),
        ("blended", {"strategies": "sgd"}, "strategies must be a list, not 'sgd'"),
        ("fedada2-plus-plus", {"cover": 1.0}, "cover must be a list, not 1.0"),
        ("fedada2-plus-plus", {"rule": float("inf")}, "rule must be 1 or 2"),
        ("local-sgd", {"replicas": float("inf")}, "replicas must be a positive integer, not inf"),
        ("local-sgd", {"seed": float("nan")}, "seed must be a nonnegative integer, not nan"),
        ("local-sgd", {"M": 10**6, "d": 10**5}, "with M = 1e.06 and d = 100000 would take 2.38e.04 GiB; at most 4 GiB"),
        ("local-sgd", {"M": 4, "d": 30_000}, "random-quadratics with M = 4 and d = 30000 would take"),
        ("local-adam", {"replicas": 1e9}, "1000000000 replicas of a run in dimension 4 would take 119 GiB"),
        ("local-adam", {"R": 1e12}, "R = 1e.12 takes .* numbers, about .* on one core"),
        ("accelerated-minibatch-sgd", {"R": 1e12}, "R = 1e.12 takes .* numbers, about .* on one core"),
        ("local-adam", {"K": float("inf")}, "closed form only, and method exact needs linear updates only.*: give a"),
    ],
)
def test_what_has_the_wrong_kind_or_size_is_refused(algorithm: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as caught:
        simulate(algorithm, QUADRATICS, {**VALUES, **values})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("problem", ["wishart-quadratic", "parity-chain", "random-quadratics"])
def test_dense_matrices_that_do_not_fit_are_refused_before_they_are_built(problem: str) -> None:
    with pytest.raises(TightrateError, match="GiB are allowed"):
        PROBLEMS[problem](M=2, d=50_000)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({"d": 50_000}, {}, "method exact in dimension 50000 would take"),
        ({"replicas": 3 * 10**7}, {"method": "rounds"}, "method rounds with 30000000 replicas would take"),
    ],
)
def test_what_an_engine_would_fill_the_memory_with_is_refused(
    values: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TightrateError, match=message):
        simulate("local-sgd", "log-spaced-quadratic", {**VALUES, "d": 2, **values}, **options)


def test_infinite_K_is_refused_with_the_method_that_can() -> None:
    values = {**VALUES, "K": np.inf}
    with pytest.raises(TightrateError, match="sample takes every local step and so needs finite K; use method auto or"):
        simulate("local-sgd", QUADRATICS, values, method="sample")
    with pytest.raises(TightrateError, match="knows expectations, not quantiles; use method auto or rounds"):
        simulate("local-sgd", QUADRATICS, values, method="exact", quantiles=[0.5])
    assert simulate("local-sgd", QUADRATICS, values, quantiles=[0.5]).method == "rounds"


def test_a_bounded_step_is_not_said_to_have_no_mean() -> None:
    values = {**VALUES, "index": 1.5, "replicas": 4}
    notes = simulate("fedada2", QUADRATICS, values, noise="stable", measures=["gap"]).notes
    assert notes[0].startswith("whether the mean of gap is finite is not known here")
    assert not any("no moment that would bound" in note for note in notes)


# The command line.


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(application(), ["simulate", "local-adam", QUADRATICS, *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_command_line_offers_it_all() -> None:
    document = run(
        "eta=0.1", "lambda=1/2", "K=2", "R=2", "sigma=1", "degrees=5", "replicas=8", "--noise", "student",
        "--measure", "gap,envelope-stationarity", "--quantile", "0.5,0.9", "--theorem", "cheng2024/thm3",
    )  # fmt: skip
    assert set(document) >= {"measures", "method", "status", "params"}
    assert set(document["measures"]) == {"gap", "envelope-stationarity"}
    assert set(document["measures"]["gap"]) == {"mean", "stderr", "quantiles"}
    assert set(document["measures"]["gap"]["quantiles"]) == {"0.5", "0.9"}
    assert document["params"]["lambda"] == 0.5
    assert {one["status"] for one in document["conditions"]} <= {"holds", "fails", "unknown"}


def test_methods_are_named_in_one_place() -> None:
    assert METHODS == ("auto", "exact", "rounds", "sample")
