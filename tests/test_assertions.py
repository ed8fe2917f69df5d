"""Assertions and exponent fits on numbers made up for the purpose: what passes, what is refused, what stays open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, K, L, R
from tightrate.verify.assertions.assertion import Assertion, Controlled, Every, Fact, Facts
from tightrate.verify.assertions.bounded import AtLeast, AtMost
from tightrate.verify.assertions.equal import Equal, EqualInTheMean, Vanishes
from tightrate.verify.assertions.flips import flips, smallest
from tightrate.verify.assertions.limit import Limits, Line
from tightrate.verify.assertions.order import Order, at_most, equivalent, not_at_most
from tightrate.verify.assertions.power_law import PowerLaw, fit_power_law, replicas_needed
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.measurement import Measurement
from tightrate.verify.verdict import Verdict

SIDES = (AtMost, AtLeast)


def found(values: xr.DataArray, stderr: xr.DataArray | float = 0.0) -> Measurement:
    return Measurement(values, "it", stderr=xr.DataArray(stderr))


# --- By value --------------------------------------------------------------------------------------------------------


def test_a_nan_is_never_an_identity_and_never_within_a_bound() -> None:
    good, bad = xr.DataArray([1.0, 2.0], dims="i"), xr.DataArray([1.0, np.nan], dims="i")
    for measured, other in ((bad, good), (good, bad)):
        for assertion in (
            Equal(found(measured), other),
            AtMost(found(measured), other),
            AtLeast(found(measured), other),
        ):
            assert assertion.check().status == "error"
    assert Vanishes(found(0 * bad), 1e-12).check().status == "error"
    assert AtMost(found(bad), good / 2).check().status == "violated"  # whatever the other point is


def test_an_identity_is_judged_to_the_digits_that_rounding_leaves() -> None:
    value, exact = xr.DataArray([1.0, 4.0000001e-16], dims="i"), xr.DataArray([1.0, 4e-16], dims="i")
    assert Equal(found(value), exact).check().status == "violated"
    left = replace(found(value), rounding=xr.DataArray([1e-12, 1e-22], dims="i"))
    assert Equal(left, exact).check().status == "confirmed"
    assert Equal(left, exact * 1.001).check().status == "violated"


def test_a_sampled_identity_is_consistent_violated_or_open() -> None:
    """B^2 in the place of the value: intervals of 5 standard errors that hold it, leave it out, or are too wide."""
    stated = theorem("patel2024/eq8")
    bound = replace(stated.bound, terms=(replace(stated.bound.terms[0], expression=B**2),))
    squared = replace(stated, bound=bound)

    def judged(mean: float, error: float) -> Verdict:
        mean_of = xr.DataArray([mean, 1.0], dims="i")
        sampled = replace(found(mean_of, error), symbols={"B": xr.DataArray(1.0)}, replicas=xr.DataArray(1e4))
        assertion = EqualInTheMean(sampled, squared)
        if np.isfinite(mean):
            assert [mutant.check().status for mutant in assertion.mutants().values()] == ["violated"]
        return assertion.check()

    assert judged(1.01, 0.01).status == "consistent"
    assert judged(1.2, 0.01).status == judged(0.8, 0.01).status == "violated"
    assert judged(1.01, 0.1).status == "inconclusive"
    assert judged(np.nan, 0.01).status == "error"


@pytest.mark.parametrize("assertion", [AtMost, AtLeast, Equal, Vanishes])
def test_nothing_to_compare_is_an_error(assertion: Any) -> None:
    nothing = xr.DataArray(np.empty(0), dims="i")
    assert assertion(found(nothing), nothing).check().status == "error"


def test_the_witness_is_the_worst_place_with_its_symbols_and_its_instance() -> None:
    measured = xr.DataArray([1.0, 5.0, 2.0], dims="i", coords={"i": [10, 20, 30]})
    matrices = xr.DataArray([[1.0, 2.0, np.nan], [3.0, 4.0, np.nan], [5.0, 6.0, 7.0]], dims=("i", "row"))
    with_matrices = Measurement(measured, "it", symbols={"L": 2 * measured}, instance={"matrix": matrices})
    witness = AtMost(with_matrices, xr.ones_like(measured)).check().witness
    assert witness == {"L": 10.0, "measured": 5.0, "bound": 1.0, "i": 20.0, "matrix": [3.0, 4.0]}


@pytest.mark.parametrize("side", SIDES)
def test_a_bound_on_noisy_means_is_judged_by_both_ends(side: type[AtMost]) -> None:
    sign = 1 if side is AtMost else -1
    bound = xr.DataArray([1.0, 1.0], dims="i")

    def judged(room: float, error: float) -> Verdict:
        mean = bound - sign * xr.DataArray([room, 0.9], dims="i")
        return side(found(mean, stderr=error * xr.ones_like(bound)), bound).check()

    assert judged(0.2, 0.03).status == "consistent"
    unsettled = judged(0.2, 0.08)
    assert unsettled.status == "inconclusive"
    assert "4 times the replicas" in unsettled.sentence
    assert judged(0.2, 0.0799 / np.sqrt(4)).status == "consistent"
    assert judged(-0.2, 0.08).status == "inconclusive"
    assert judged(-0.2, 0.03).status == "violated"
    assert judged(float("nan"), 0.03).status == "error"
    assert "another cell" in judged(0.0, 0.03).sentence


# --- Facts and parts -------------------------------------------------------------------------------------------------


def test_a_fact_out_of_its_range_or_without_a_number_is_a_violation() -> None:
    def judged(value: float) -> str:
        return Facts({"it": Fact(value, at_least=1.0, at_most=2.0)}).check().status

    assert [judged(value) for value in (1.0, 1.5, 2.0)] == 3 * ["consistent"]
    assert [judged(value) for value in (0.9, 2.1, float("nan"), float("inf"))] == 4 * ["violated"]


def test_facts_beside_an_assertion_never_improve_its_verdict() -> None:
    one = xr.DataArray(1.0)
    mains: Mapping[str, Assertion] = {
        "confirmed": Equal(found(one), one),
        "violated": Equal(found(one), 2 * one),
        "inconclusive": AtMost(found(one, stderr=one), one),
    }
    for status, main in mains.items():
        assert Facts({"it": Fact(0.0, at_most=1.0)}, main=main).check().status == status
        assert Facts({"it": Fact(2.0, at_most=1.0)}, main=main).check().status == "violated"
        assert Every({"first": main, "second": mains["confirmed"]}).check().status == status


def test_a_violation_needs_its_control() -> None:
    below, above = (AtMost(found(xr.DataArray(value)), xr.DataArray(1.0)) for value in (0.5, 2.0))
    assert Controlled(above, control=below).check().status == "violated"
    assert Controlled(below, control=below).check().status == "consistent"
    lost = Controlled(above, control=above).check()
    assert lost.status == "inconclusive"
    assert lost.witness is None


# --- Computer algebra ------------------------------------------------------------------------------------------------


def test_a_sign_is_evident_or_it_is_not() -> None:
    square = (K - R) ** 2
    assert Symbolic({"square": (square, K**2 - 2 * K * R + R**2)}).check().status == "confirmed"
    assert Symbolic(nonnegative={"square": square}).check().status == "confirmed"
    assert Symbolic(positive={"square": square}).check().status == "violated"  # 0 at K = R
    assert Symbolic(positive={"over one denominator": 1 / K - 1 / (K + R)}).check().status == "confirmed"
    assert Symbolic(positive={"either sign": K - R}).check().status == "violated"
    assert Symbolic(nonnegative={"either sign": K - R}).check().status == "violated"
    assert Symbolic().check().status == "error"


# --- Orders ----------------------------------------------------------------------------------------------------------


def test_orders_are_confirmed_or_refuted_with_a_path() -> None:
    smaller, larger = L * B**2 / (K * R), L * B**2 / R
    assert Order([at_most(smaller, larger), not_at_most(larger, smaller)]).check().status == "confirmed"
    refuted = Order([at_most(larger, smaller)]).check()
    assert refuted.status == "violated"
    assert refuted.witness is not None
    assert refuted.witness["exponents"] == {"K": "1"}
    assert Order([not_at_most(smaller, larger)]).check().status == "violated"
    assert Order([]).check().status == "error"


def test_an_unchecked_answer_never_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    asserted = Order([at_most(L / R, L)])
    assert asserted.check().status == "confirmed"
    monkeypatch.setattr("tightrate.verify.assertions.order.check_certificate", lambda *_: False)
    assert asserted.check().status == "inconclusive"


# --- Trends ----------------------------------------------------------------------------------------------------------


def test_a_trend_has_a_side_and_no_excuse() -> None:
    x = np.geomspace(1, 1e4, 9)
    grid = xr.DataArray(x, dims="R", coords={"R": x})
    source = theorem("patel2024/prop7")

    def judged(measured: xr.DataArray, side: str) -> str:
        asserted = Scaling(source, found(measured), along=["R"], right=xr.ones_like(grid), side=side)  # type: ignore[arg-type]
        return asserted.check().status

    for side, sign in (("upper", 1), ("lower", -1)):
        assert judged(grid ** (sign * 0.1), side) == "violated"
        assert judged(grid ** (-sign * 0.5), side) == "consistent"
        assert judged(grid ** (sign * 0.01), side) == "consistent"
    assert judged((1 / grid).where(grid < 5000), "upper") == "error"  # the end is missing


def test_a_slope_on_its_way_says_where_it_arrives() -> None:
    x = np.ldexp(1.0, np.arange(6))
    first = Limits([Line("x", x, x * np.exp(-1 / x), 1.0)], what="y", predicted="", resolution=0.01).check()
    assert first.status == "inconclusive"
    end = float(first.sentence.split("near x = ")[1].rstrip("."))
    longer = np.ldexp(1.0, np.arange(int(np.ceil(np.log2(end))) + 1))
    line = Line("x", longer, longer * np.exp(-1 / longer), 1.0)
    assert Limits([line], what="y", predicted="", resolution=0.01).check().status == "consistent"


# --- Power laws ------------------------------------------------------------------------------------------------------

AXES = {"K": np.array([1.0, 2, 4, 8, 16]), "R": np.array([1.0, 3, 9, 27])}
GRID = {name: values.ravel() for name, values in zip(AXES, np.meshgrid(*AXES.values(), indexing="ij"), strict=True)}
K_ONLY = xr.DataArray(AXES["K"], dims="K", coords={"K": AXES["K"]})
PRODUCT = K_ONLY * xr.DataArray(AXES["R"], dims="R", coords={"R": AXES["R"]})


def power_law(y: xr.DataArray, noise: float, resolution: float, **predicted: float) -> Verdict:
    return PowerLaw(found(y, stderr=noise * y), predicted, resolution).check()


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(1e-6, 1e6))
def test_an_exact_power_law_is_recovered(a: float, b: float, constant: float) -> None:
    y = constant * GRID["K"] ** a * GRID["R"] ** b
    fit = fit_power_law(GRID, y, 1e-3 * y)
    assert fit.exponents["K"].estimate == pytest.approx(a, abs=1e-9)
    assert fit.exponents["R"].estimate == pytest.approx(b, abs=1e-9)
    assert fit.constant == pytest.approx(constant, rel=1e-8)


def test_intervals_cover_as_often_as_they_say() -> None:
    generator, hits, trials = np.random.default_rng(0), 0, 400
    truth = GRID["K"] ** -0.5 / GRID["R"]
    for _ in range(trials):
        noisy = truth * np.exp(0.05 * generator.standard_normal(truth.shape))
        fit = fit_power_law(GRID, noisy, 0.05 * noisy, confidence=0.9)
        hits += all(fit.exponents[n].low <= p <= fit.exponents[n].high for n, p in (("K", -0.5), ("R", -1.0)))
    assert hits / trials > 0.8  # two 90 % intervals at once


def test_curvature_widens_the_interval() -> None:
    straight = 1 / GRID["K"]
    widths = []
    for y in (straight, straight + 0.02):
        exponent = fit_power_law(GRID, y, 1e-4 * y).exponents["K"]
        widths.append(exponent.high - exponent.low)
    assert widths[1] > 100 * widths[0]


def test_too_few_replicas_are_inconclusive_and_the_pilot_says_how_many_are_needed() -> None:
    y = 1 / PRODUCT
    assert power_law(y, 0.5, 0.05, K=-1, R=-1).status == "inconclusive"
    needed = replicas_needed(GRID, np.full_like(GRID["K"], 1.0), half_width=0.05)
    assert power_law(y, 1 / np.sqrt(2 * needed), 0.05, K=-1, R=-1).status == "consistent"


@pytest.mark.parametrize("excess", [0.0, 0.04, 0.1, 0.15])
def test_the_replicas_that_an_unsettled_exponent_asks_for_settle_it(excess: float) -> None:
    """With noise 0.5 nothing is settled; at the number of replicas that the sentence says, everything is."""
    y = K_ONLY ** (-1 + excess)

    def judged(noise: float) -> Verdict:
        return power_law(y, noise, 0.5, K=-1.0)

    first = judged(0.5)
    assert first.status == "inconclusive"
    times = re.search(r"about (\d+) times the replicas", first.sentence)
    assert times is not None
    factor = int(times.group(1))
    assert judged(0.5 / np.sqrt(1.1 * factor)).status == ("violated" if excess > 1 / 12 else "consistent")
    assert judged(0.5 / np.sqrt(0.7 * factor)).status == "inconclusive"


@pytest.mark.parametrize("truth", [-0.3, 0.0, 0.25, 0.6])
def test_an_exponent_from_below_is_that_of_the_reciprocal_from_above(truth: float) -> None:
    u = xr.DataArray(np.array([1.0, 4, 16, 64, 256]), dims="u")
    u = u.assign_coords(u=u)
    for noise in (0.01, 0.5):
        grows = PowerLaw(found(u**truth, noise * u**truth), {"u": 0.25}, 0.15, side="at least")
        decays = PowerLaw(found(u**-truth, noise * u**-truth), {"u": -0.25}, 0.15)
        assert grows.check().status == decays.check().status
        estimate, low, high = map(float, re.fullmatch(r"u\^(\S+) \((\S+) to (\S+)\)", grows.check().measured).groups())
        assert low <= estimate <= high
        assert estimate == pytest.approx(truth, abs=1e-6)
        if noise < 0.1:
            assert grows.check().status == ("violated" if truth < 0.25 else "consistent")
    assert PowerLaw(found(u.where(u < 50, 0.0)), {"u": 0.25}, 0.15, side="at least").check().status == "violated"


def test_data_that_bend_ask_for_other_cells_not_for_replicas() -> None:
    bent = np.exp(0.3 * (np.log2(AXES["K"]) - 2) ** 2) / K_ONLY
    verdict = power_law(bent, 1e-6, 0.05, K=-1.0)
    assert verdict.status == "inconclusive"
    assert "cells nearer to the limit" in verdict.sentence


def test_cells_that_noise_hides_are_left_out_and_too_few_are_inconclusive() -> None:
    K = 4.0 ** np.arange(5)
    decays = xr.DataArray(1 / K, dims="K", coords={"K": K})
    hidden = decays.where(K[-1] > K, -decays)  # noise may leave a difference below zero
    settled, open_one = (PowerLaw(found(hidden, noise), {"K": -1.0}, 0.3, resolved=True) for noise in (0.001, 0.02))
    assert settled.check().status == "consistent"
    assert open_one.check().status == "inconclusive"
    assert "3 times the replicas" in open_one.check().sentence


def test_every_axis_of_a_power_law_has_a_mutant_however_much_room_the_bound_leaves() -> None:
    falling = PRODUCT**-2
    for side, measured in (("at most", falling), ("at least", 1 / falling)):
        asserted = PowerLaw(found(measured, 1e-6 * measured), dict.fromkeys(AXES, 0.0), 0.05, side=side)
        assert asserted.check().status == "consistent"
        mutants = asserted.mutants()
        assert len(mutants) == len(AXES)
        assert {wrong.check().status for wrong in mutants.values()} == {"violated"}


def test_axes_that_are_not_predicted_are_refused() -> None:
    data = xr.DataArray(np.ones((2, 3)), dims=("K", "R"), coords={"K": [1, 2], "R": [1, 2, 3]})
    with pytest.raises(TightrateError, match="not those predicted"):
        PowerLaw(found(data, 0.1 * data), {"K": 0.0}, resolution=1.0).check()


def test_exponents_that_the_cells_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(TightrateError, match="independently"):
        fit_power_law({"K": GRID["K"], "T": GRID["K"] ** 2}, GRID["K"], GRID["K"])
    with pytest.raises(TightrateError, match="diverged"):
        fit_power_law(GRID, np.full_like(GRID["K"], np.inf), GRID["K"])


# --- many comparisons, few replicas ---------------------------------------------------------------------------------


def test_few_replicas_and_many_comparisons_make_no_false_violation() -> None:
    """Means of 8 replicas that lie on their bound: five of their own standard errors are left now and then."""
    generator, comparisons, replicas = np.random.default_rng(5), 200_000, 8
    noise = generator.standard_normal((replicas, comparisons))
    mean, error = noise.mean(axis=0), noise.std(axis=0, ddof=1) / np.sqrt(replicas)
    assert (np.abs(mean) > 5 * error).sum() > 50, "the quantile of the normal law would have accused"
    named = {"measured": xr.DataArray(mean, dims="x"), "stderr": xr.DataArray(error, dims="x")}
    for side in (AtMost, AtLeast):
        found = Measurement(named["measured"], "mean", stderr=named["stderr"], replicas=xr.DataArray(float(replicas)))
        assert side(found, xr.zeros_like(found.measured)).check().status == "inconclusive"


@pytest.mark.parametrize(("replicas", "status"), [(8, "inconclusive"), (64, "violated"), (np.inf, "violated")])
def test_a_violation_needs_more_standard_errors_where_there_are_few_replicas(replicas: float, status: str) -> None:
    mean = xr.DataArray([12.0], dims="x")
    found = Measurement(mean, "mean", stderr=xr.ones_like(mean), replicas=xr.DataArray(replicas))
    assert AtMost(found, xr.zeros_like(mean)).check().status == status
    assert AtLeast(found, xr.full_like(mean, 24.0)).check().status == status


def test_one_replica_says_nothing_of_its_error() -> None:
    mean = xr.DataArray([1e9], dims="x")
    found = Measurement(mean, "mean", stderr=xr.ones_like(mean), replicas=xr.DataArray(1.0))
    assert AtMost(found, xr.zeros_like(mean)).check().status == "inconclusive"


# --- what would have flipped a verdict -------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [AtMost, AtLeast])
@pytest.mark.parametrize("stderr", [0.0, 0.01])
def test_the_smallest_wrong_factor_and_exponent_are_where_the_judge_itself_turns(side: Any, stderr: float) -> None:
    axis = xr.DataArray([2.0, 4.0, 8.0, 16.0], dims="K", coords={"K": [2.0, 4.0, 8.0, 16.0]})
    sharper = -1 if side is AtMost else 1
    found = Measurement(1 / axis, "it", stderr=stderr / axis)
    bound = 3.0**-sharper * axis**-0.8
    verdict = side(found, bound).check()
    assert verdict.status == "consistent"
    turned = verdict.evidence["would be violated"]
    factor, power = turned["if sharper by a factor of"], turned["if sharper by an exponent of"]["K"]
    for size, wrong in ((0.999, False), (1.001, True)):
        by_factor = side(found, bound * (size * factor) ** sharper).check().status
        by_power = side(found, bound * axis ** (sharper * size * power)).check().status
        assert (by_factor == "violated") == (by_power == "violated") == wrong


@pytest.mark.parametrize(("beyond", "status"), [(6.7, "inconclusive"), (7.7, "violated")])
def test_many_comparisons_take_more_certainty_together(beyond: float, status: str) -> None:
    """One of 10,000 means lies 6.1 errors off once in 10^5 times, which all together are allowed 10^-9."""
    means = np.full(10_000, -100.0)
    means[1234] = beyond
    found = Measurement(xr.DataArray(means, dims="x"), "it", stderr=xr.DataArray(np.ones(10_000), dims="x"))
    assert AtMost(found, xr.zeros_like(found.measured)).check().status == status


def test_powers_are_those_of_counts_and_not_of_numbers_of_points() -> None:
    points = xr.DataArray([7, 8, 9], dims="point")
    K = xr.DataArray([4.0, 16.0, 64.0], dims="point", coords={"point": points.values})
    found = Measurement(1 / K, "it", {"K": K, "L": K})
    none = AtMost(replace(found, symbols={"R": 0 * K}), 2 / K).check().evidence["would be violated"]
    assert none["if sharper by an exponent of"] == {"R": np.inf}
    turned = AtMost(found, 2 / K**0.75).check().evidence["would be violated"]["if sharper by an exponent of"]
    assert turned == {"K": pytest.approx(0.25 + np.log(2) / np.log(64), rel=1e-4)}


def test_a_bound_that_is_hardly_tested_is_weak_evidence() -> None:
    one = Measurement(xr.DataArray([1.0, 0.5], dims="R", coords={"R": [1.0, 2.0]}), "it")
    assert "weak evidence" not in AtMost(one, xr.full_like(one.measured, 2.0)).check().evidence
    assert "weak evidence" in AtMost(one, xr.full_like(one.measured, 10.0)).check().evidence  # R^3 sharper would do
    assert "weak evidence" in AtMost(one, xr.full_like(one.measured, 1e5)).check().evidence
    assert "weak evidence" in AtMost(replace(one, measured=0 * one.measured), 0 * one.measured + 1).check().evidence


def test_the_smallest_wrong_exponent_of_a_power_law_is_where_the_judge_itself_turns() -> None:
    x = xr.DataArray(2.0 ** np.arange(6), dims="K", coords={"K": 2.0 ** np.arange(6)})
    for side, sharper in (("at most", -1), ("at least", 1)):
        law = PowerLaw(Measurement(1 / x, "it", stderr=0.001 / x), {"K": -1.0}, resolution=0.1, side=side)
        power = law.check().evidence["would be violated"]["if sharper by an exponent of"]["K"]
        for size, wrong in ((0.99, False), (1.01, True)):
            changed = replace(law, predicted={"K": -1 + sharper * size * power})
            assert (changed.check().status == "violated") == wrong


@pytest.mark.parametrize("off", [0.0, 4e-11, -6e-11])
def test_the_smallest_change_of_an_equality_is_where_the_judge_itself_turns(off: float) -> None:
    exact = xr.DataArray([1.0, 3.0, 1e3], dims="x")
    found = Measurement(exact * (1 + off * xr.DataArray([1.0, 0.5, 0.0], dims="x")), "it")
    change = Equal(found, exact).check().evidence["would be violated"]["if changed by a relative amount of"]
    for size, wrong in ((0.999, False), (1.001, True)):
        turned = [Equal(found, exact * (1 + sign * size * change)).check().status == "violated" for sign in (1, -1)]
        assert any(turned) == wrong


@pytest.mark.parametrize("side", ["equal", "at most"])
def test_the_smallest_wrong_exponent_of_a_limit_is_where_the_judge_itself_turns(side: Any) -> None:
    x = 2.0 ** np.arange(8)
    line = Line("x", x, x * np.exp(-1 / x), 1.0, side)
    limits = Limits([line], "it", "1", 0.05)
    size = limits.check().evidence["would be violated"]["if sharper by an exponent of"]["x"]
    changes = (-1, 1) if side == "equal" else (-1,)
    for share, wrong in ((0.98, False), (1.02, True)):
        statuses = [
            replace(limits, lines=[replace(line, exponent=1 + sign * share * size)]).check().status for sign in changes
        ]
        assert ("violated" in statuses) == wrong


def test_an_order_says_which_exponent_would_turn_it() -> None:
    tight = Order(equivalent(L * B**2 / R, 2 * L * B**2 / R)).check()
    assert tight.evidence["would be violated"]["if sharper by an exponent of"] == {"B": 0.001}
    loose = Order((at_most(1 / R**2, 1 / R),)).check().evidence
    assert loose["would be violated"]["if sharper by an exponent of"] == {"R": 2.0}
    assert "weak evidence" in loose


def test_facts_say_how_much_room_their_ranges_have() -> None:
    facts = Facts({"near": Fact(2.0, at_most=3.0), "far": Fact(1.0, at_most=1e6)}).check().evidence
    assert facts["would be violated"]["if a range were narrower by a factor of"] == {"near": 1.5, "far": 1e6}
    assert "weak evidence" not in facts
    assert "weak evidence" in Facts({"far": Fact(1.0, at_most=1e6)}).check().evidence


@pytest.mark.parametrize(
    ("how", "limit"), [("factor", 1e4), ("change", 1 / 3), ("exponents", {"K": 1 / 3}), ("ranges", {"K": 1e4})]
)
def test_weak_evidence_begins_beyond_its_thresholds(how: str, limit: Any) -> None:
    beyond = {"K": 1.01 * limit["K"]} if isinstance(limit, dict) else 1.01 * limit
    sharp = {"K": 1e-3, "R": 10 * limit["K"]} if isinstance(limit, dict) else 1e-3
    assert "weak evidence" not in flips(**{how: limit})
    assert "weak evidence" not in flips(**{how: sharp})
    assert "weak evidence" in flips(**{how: beyond})


def test_room_of_ranges_is_weak_only_where_nothing_else_was_asked() -> None:
    wide = {"it": 1e9}
    assert "weak evidence" in flips(ranges=wide)
    assert "weak evidence" not in flips(2.0, ranges=wide)
    assert "weak evidence" not in flips(exponents={"K": 0.1}, ranges=wide)
    assert "weak evidence" not in flips(2.0, {"K": 0.9})  # attained within a factor of two


def test_a_bound_that_is_not_attained_is_weak_where_no_power_would_show() -> None:
    assert "weak evidence" in flips(2.1, {"K": 0.34, "R": 0.9})
    assert "weak evidence" not in flips(2.1, {"K": 0.33, "R": 0.9})
    assert "weak evidence" not in flips(2.1)


def test_exponents_are_told_to_five_digits() -> None:
    told = flips(exponents={"K": 0.1234567})["would be violated"]["if sharper by an exponent of"]
    assert told == {"K": 0.12346}


def test_the_smallest_wrong_size_is_found_between_nothing_and_the_largest() -> None:
    assert smallest(lambda size: size >= 0) == 0.0
    assert smallest(lambda size: size < 0) == np.inf
    assert smallest(lambda size: size > 1.9) == pytest.approx(1.9, abs=1e-4)
    assert smallest(lambda size: size > 2.5, most=3.0) == pytest.approx(2.5, abs=1e-4)
    tried = smallest(lambda size: size >= 0.3)
    assert 0.3 <= tried < 0.3001


def test_no_exponent_beyond_two_is_tried() -> None:
    assert smallest(lambda size: size > 1.9) == pytest.approx(1.9, abs=1e-3)
    assert smallest(lambda size: size > 2.1) == np.inf
