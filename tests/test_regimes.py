"""Regimes derived from the terms: regions, crossovers, conditions, maps and paths of the published bounds."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Add, Expr, Max, Min, Mul, Piecewise, Rational, cbrt, exp, log, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.certificate_check import check_certificate
from tightrate.rates.orders.domination import compare, dominated
from tightrate.rates.orders.growth import growth
from tightrate.rates.orders.normal_form import standardized
from tightrate.rates.orders.phase_diagram import RegimeMap, polygon_area, winner_map
from tightrate.rates.orders.regimes import crossover, dominant_region, isolating_path, solved, where_dominated
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, Delta, K, L, M, Q, R, alpha, eta, mu, sigma, tau, weak, zeta, zeta_star
from tightrate.rates.symbols.hypothesis import Hypothesis

CONVEX_K0 = sigma**2 * R / (L * B) ** 2
ADAM_K0 = sigma**2 * R / (L * Delta)


def bound(name: str) -> Bound:
    return theorem(name).bound


def without_clipping(name: str) -> dict[str, Expr]:
    """The terms of a theorem but the clipping term."""
    return {term.name: term.expression for term in bound(name).terms if term.name != "clipping"}


# --- crossovers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "power", "threshold"),
    [
        ("cheng2024/thm1", alpha - 2, mu * R**2 / L),
        ("cheng2024/thm2", (3 * alpha - 5) / 2, sigma * R**2 / (L * B)),
        ("cheng2024/thm3", (3 * alpha - 4) / 2, sigma**2 * R / (L * Delta)),
    ],
)
def test_clipping_is_negligible_for_long_rounds(name: str, power: Expr, threshold: Expr) -> None:
    """clip <= drift exactly when K^power >= threshold, for every alpha >= 4."""
    clip, drift = (bound(name).term(term).expression for term in ("clipping", "noise drift"))
    found = crossover(clip, drift, "K")
    assert sympy.cancel(sympy.log(found.value / threshold ** (1 / power)).expand(force=True)) == 0
    assert found.relation == sympy.Ge(K, found.value)
    ((inequality,),) = where_dominated(clip, drift)
    assert solved(inequality, "K").rhs.equals(found.value)
    assert compare(clip, drift, [K**power >= threshold]).relation == "A<=B"
    assert compare(clip, drift, [K**power <= threshold]).relation == "A>=B"
    assert compare(clip, drift, [sympy.Eq(K**power, threshold)]).relation == "A~B"
    assert compare(clip, drift, [K ** (power + Rational(1, 6)) >= threshold]).relation == "incomparable"


def test_k0_and_the_worker_thresholds() -> None:
    """drift <= minibatch optimization iff K >= K_0; drift <= statistical iff M <= (K_0/K)^(1/3), or M <= mu R/L."""
    for local, minibatch, k0 in (
        ("cheng2024/thm2", "cheng2024/eq4.5", CONVEX_K0),
        ("cheng2024/thm3", "cheng2024/eq4.11", ADAM_K0),
    ):
        drift, statistical = (bound(local).term(term).expression for term in ("noise drift", "statistical"))
        found = crossover(drift, bound(minibatch).term("optimization").expression, "K")
        assert found.value.equals(k0)
        assert found.relation == sympy.Ge(K, k0)
        assert crossover(drift, statistical, "M").value.equals(cbrt(k0 / K))
    strongly = bound("cheng2024/thm1")
    found = crossover(strongly.term("noise drift").expression, strongly.term("statistical").expression, "M")
    assert found.relation == sympy.Le(M, mu * R / L)


def test_crossovers_in_terms_of_accuracy() -> None:
    """With the minibatch optimization term equal to the accuracy, K_0 = sigma^2 / (L eps)."""
    eps = L * B**2 / R
    assert CONVEX_K0.equals((sigma**2 / (L * eps)).subs(R, R))


def test_terms_without_the_letter_do_not_cross() -> None:
    with pytest.raises(TightrateError, match="do not cross"):
        crossover(L * B**2 / R, sigma * B / sqrt(R), "K")
    with pytest.raises(TightrateError, match="not a monomial"):
        crossover(L + mu, L, "L")


# --- when one bound beats another -------------------------------------------------------------------------------------


def test_when_local_beats_minibatch() -> None:
    """Convex: K >= K_0 or M <= (K_0/K)^(1/3), and nothing else; Adam: the same with its own K_0."""
    for local, minibatch, k0 in (
        ("cheng2024/thm2", "cheng2024/eq4.5", CONVEX_K0),
        ("cheng2024/thm3", "cheng2024/eq4.11", ADAM_K0),
    ):
        ours, theirs = Add(*without_clipping(local).values()), bound(minibatch).expression
        ((first, second),) = where_dominated(ours, theirs)
        assert {solved(first, "K"), solved(second, "K")} == {sympy.Ge(K, k0), sympy.Le(K, k0 / M**3)}
        assert dominated(ours, theirs, [k0 <= K]).relation == "holds"
        assert dominated(ours, theirs, [k0 >= K * M**3]).relation == "holds"
        assert compare(ours, theirs, [k0 >= K, k0 <= K * M**3]).relation == "A>=B"


def test_predicted_gain_and_loss() -> None:
    """minibatch/local = min{K, (K/K_0)^(1/3), (L/weak,) sqrt(M K/K_0)} where it exceeds 1; the loss likewise."""
    local, minibatch = Add(*without_clipping("cheng2024/thm2").values()), bound("cheng2024/eq4.5").expression
    gain = Min(K, cbrt(K / CONVEX_K0), sqrt(M * K / CONVEX_K0))
    assert compare(minibatch / local, Max(1, gain), [K >= CONVEX_K0]).relation == "A~B"
    without_workers = Min(K, cbrt(K / CONVEX_K0))
    assert compare(gain, without_workers, [K >= CONVEX_K0]).relation == "A~B"  # many workers are not needed
    adam, batch = Add(*without_clipping("cheng2024/thm3").values()), bound("cheng2024/eq4.11").expression
    gain = Min(K, cbrt(K / ADAM_K0), L / weak, sqrt(M * K / ADAM_K0))
    assert compare(batch / adam, gain, [K >= ADAM_K0]).relation == "A~B"
    worse = [K <= CONVEX_K0, M**3 * K >= CONVEX_K0]
    loss = Min(cbrt(CONVEX_K0 / K), sqrt(M) * (K / CONVEX_K0) ** Rational(1, 6))
    assert compare(local / minibatch, loss, worse).relation == "A~B"
    twin = Min(cbrt(CONVEX_K0 / K), sqrt(M) * (K / CONVEX_K0) ** Rational(1, 3))
    assert compare(local / minibatch, twin, worse).relation != "A~B"


def test_gap_of_adam_grows_until_the_weak_convexity_term_binds() -> None:
    """Until K = L/weak only if K_0 <= (weak/L)^2; otherwise until K = K_0 (L/weak)^3."""
    terms = without_clipping("cheng2024/thm3")
    binds = crossover(terms["noise drift"], terms["weak convexity"], "K")
    assert binds.value.equals(ADAM_K0 * (L / weak) ** 3)
    early = [K * weak >= L, weak**2 >= ADAM_K0 * L**2]
    assert dominated(terms["noise drift"], terms["weak convexity"], early).relation == "holds"
    assert dominated(terms["noise drift"], terms["weak convexity"], early[:1]).relation == "fails"


def test_what_more_local_steps_do() -> None:
    """K -> oo at fixed R: the convex bound goes to 0 as K^(-1/3), Adam's has the floor weak Delta/R."""
    path = {"K": Fraction(1)}
    convex = growth(Add(*without_clipping("cheng2024/thm2").values()), path)
    adam = growth(Add(*without_clipping("cheng2024/thm3").values()), path)
    assert convex is not None
    assert adam is not None
    assert (convex.power, adam.power) == (Fraction(-1, 3), 0)
    floor = bound("cheng2024/thm3").term("weak convexity").expression
    assert growth(floor, path) == adam


def test_when_the_third_order_theorem_beats_the_first_order_one() -> None:
    new, old = bound("patel2024/thm15"), bound("woodworth2020/convex")
    drift = where_dominated(new.term("heterogeneity drift").expression, old.term("heterogeneity drift").expression)
    assert [[solved(h, "zeta") for h in either] for either in drift] == [[sympy.Ge(zeta, B * R * tau**3 / L**2)]]
    (third,) = where_dominated(
        new.term("third-order heterogeneity").expression, old.term("heterogeneity drift").expression
    )
    assert [solved(h, "Q") for h in third] == [sympy.Le(Q, L / B)]


def test_conditions_of_a_bound_with_cases_need_a_case() -> None:
    pieces = Piecewise((eta**2, eta <= 1), (1 / eta, True))
    with pytest.raises(TightrateError, match="must choose one case"):
        where_dominated(pieces, K)
    assert where_dominated(pieces, sympy.Integer(1), [eta <= 1]) == ()


def test_where_dominated_is_exact() -> None:
    """Inside the conditions the relation holds, outside any one of them it fails."""
    left, right = bound("patel2024/thm15"), bound("dekel2012/convex")
    lists = where_dominated(left.expression, right.expression)
    assert lists
    source = random.Random(3)
    for _ in range(10):
        chosen = [source.choice(either) for either in lists]
        assert dominated(left, right, chosen).relation == "holds"
    for either in lists:
        assert (
            dominated(left, right, [h for other in lists if other is not either for h in other[:1]]).relation != "holds"
        )


# --- regimes of FedAda² ----------------------------------------------------------------------------------------------


def test_fedada_regimes_a_and_b() -> None:
    """(A) eta <= R^(-1/2): bounded iff 1/R <= eta gamma <= 1.  (B) eta = R^(-49/100): the range of gamma."""
    published = bound("lee2024/thm6")
    small = [R * eta**2 <= 1, eta <= 1]
    assert compare(published, bound("lee2024/cor7a"), small).relation == "A~B"
    assert range_of("gamma", published.expression, small) == {"gamma >= 1/(R*eta)", "gamma <= 1/eta"}
    at_b = published.expression.subs(eta, R ** Rational(-49, 100))
    assert compare(at_b, bound("lee2024/cor7b")).relation == "A~B"
    assert range_of("gamma", bound("lee2024/cor7b").expression) == {"gamma >= 1/sqrt(R)", "gamma <= R**(12/25)"}


def range_of(letter: str, expression: Expr, given: list[sympy.Rel] | tuple[()] = ()) -> set[str]:
    """The values of a letter for which the expression stays bounded."""
    return {str(solved(h, letter)) for (h,) in where_dominated(expression, sympy.Integer(1), given)}


def test_fedada_best_exponent_is_minus_one_half() -> None:
    """Whatever the two step sizes, the bound is at least of order R^(-1/2); Corollary 8 attains it."""
    published = bound("lee2024/thm6")
    result = dominated(1 / sqrt(R), published)
    assert result.certificate is not None
    assert check_certificate(result.certificate, 1 / sqrt(R), published)
    assert compare(bound("lee2024/cor8"), 1 / sqrt(R)).relation == "A~B"
    tuned = published.expression.subs({eta: 1 / sqrt(R), sympy.Symbol("gamma", positive=True): 1})
    assert compare(tuned, 1 / sqrt(R)).relation == "A~B"
    for faster in (Rational(-1, 3), Rational(-49, 100)):
        assert dominated(R**faster, published).relation == "fails"
    assert dominated(R ** Rational(-51, 100), published).relation == "holds"


# --- dominant regions -------------------------------------------------------------------------------------------------


def test_dominant_regions_of_local_sgd() -> None:
    terms = without_clipping("cheng2024/thm2")
    regions = {name: dominant_region(terms, name) for name in terms}
    readable = {name: {str(solved(h, "K")) for h in region.inequalities} for name, region in regions.items()}
    assert readable == {
        "optimization": {"K <= B*L/(sqrt(R)*sigma)"},
        "statistical": {"K <= R*sigma**2/(B**2*L**2*M**3)"},
        "noise drift": {"K >= B*L/(sqrt(R)*sigma)", "K >= R*sigma**2/(B**2*L**2*M**3)"},
    }
    assert not any(region.is_empty for region in regions.values())


def test_a_term_that_never_dominates_has_a_certificate() -> None:
    terms = {
        "first": L * B**2 / R,
        "second": sigma * B / sqrt(R),
        "mean": sqrt(L * B**3 * sigma) * R ** Rational(-3, 4),
    }
    region = dominant_region(terms, "mean")
    assert region.is_empty
    assert region.certificate is not None
    assert check_certificate(region.certificate, terms["mean"], terms["first"] + terms["second"])
    assert not dominant_region({**terms, "mean": terms["mean"] * R ** Rational(1, 6)}, "mean").is_empty
    with pytest.raises(TightrateError, match="unknown term"):
        dominant_region(terms, "third")


def test_the_spread_term_of_the_accelerated_outer_loop_never_dominates() -> None:
    """With M in it, it is at most drift^(2/3) statistical^(1/3); without M it is not."""
    published = bound("khaled2025/cor1")
    region = dominant_region(published, "spread")
    assert region.certificate is not None
    ((step,),) = (case.steps for case in region.certificate.cases)
    assert sorted(weight for _, weight in step.right) == [Rational(1, 3), Rational(2, 3)]
    assert not dominant_region(bound("khaled2025/cor1-safe"), "spread").is_empty


def test_theorem_15_regions_are_irredundant() -> None:
    published = bound("patel2024/thm15")
    for term in published.terms:
        region = dominant_region(published, term.name)
        rest = [other.expression for other in published.terms if other is not term]
        assert dominated(Add(*rest), term.expression, region.inequalities).relation == "holds"
        for inequality in region.inequalities:
            fewer = [h for h in region.inequalities if h is not inequality]
            assert dominated(Add(*rest), term.expression, fewer).relation == "fails"


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["patel2024/thm15", "woodworth2020/convex", "khaled2025/cor1-safe"])
@pytest.mark.parametrize("margin", [Fraction(1, 4), Fraction(1)])
def test_isolating_paths_do_what_they_say(name: str, margin: Fraction) -> None:
    published = bound(name)
    letters = ["K", "R", "M", "sigma", "zeta", "tau", "Q", "L"]
    for term in published.terms:
        path = isolating_path(published, term.name, letters, margin)
        slopes = {other.name: growth(other.expression, path.exponents) for other in published.terms}
        assert {key: slope.power for key, slope in slopes.items() if slope} == dict(path.slopes)
        assert len(set(path.slopes.values())) == len(published.terms)
        assert path.margin >= margin
        assert all(path.exponents.get(letter, 0) >= 0 for letter in ("K", "R", "M"))
        assert compare(Add(*(t.expression for t in published.terms)), term.expression).relation == "A>=B"


def test_paths_obey_hypotheses_and_ranges() -> None:
    published = bound("koloskova2020/convex")
    path = isolating_path(published, "statistical", ["K", "R", "M", "sigma"], given=[R >= K * M])
    assert path.exponents.get("R", 0) >= path.exponents.get("K", 0) + path.exponents.get("M", 0)
    path = isolating_path(bound("patel2024/thm15"), "noise drift", ["K", "R", "tau", "L", "sigma", "Q"])
    assert path.exponents.get("tau", 0) <= path.exponents.get("L", 0)


def test_paths_of_bounds_with_exponentials_and_logarithms() -> None:
    """The exponential is made to vanish; logarithms do not change a slope."""
    published = {term.name: term.expression for term in bound("patel2024/thm27").terms}
    published["statistical"] *= log(2 + K * R)
    path = isolating_path(published, "statistical", ["K", "R", "M", "sigma", "zeta", "tau", "Q", "L"])
    assert path.slopes["optimization"] is None
    walked = {name: growth(standardized(term), path.exponents) for name, term in published.items()}
    assert walked["optimization"] is not None
    assert walked["optimization"].sign == -1
    assert walked["optimization"].fast
    assert {name: g.power for name, g in walked.items() if g and not g.fast} == {
        name: slope for name, slope in path.slopes.items() if slope is not None
    }
    with pytest.raises(TightrateError, match="faster than every power"):
        isolating_path(published, "optimization", ["K", "R"])
    with pytest.raises(TightrateError, match="solve for another letter"):
        crossover(exp(-K), 1 / K, "K")


def test_impossible_paths_are_refused() -> None:
    terms = without_clipping("cheng2024/thm2")
    with pytest.raises(TightrateError, match="let other letters move"):
        isolating_path(terms, "optimization", ["K", "R", "M"])  # K and R at least 1 never let it dominate the drift
    assert isolating_path(terms, "optimization", ["K", "R", "M", "sigma"]).exponents["sigma"] < 0
    with pytest.raises(TightrateError, match="same exponents"):
        isolating_path({"first": K * L, "second": K * mu}, "first", ["K"])
    with pytest.raises(TightrateError, match="give alpha a value"):
        isolating_path(bound("cheng2024/thm2"), "clipping", ["K"])


# --- the map ----------------------------------------------------------------------------------------------------------

LOCAL_AND_MINIBATCH = {"local": without_clipping("cheng2024/thm2"), "minibatch": bound("cheng2024/eq4.5")}


def test_regime_map_of_local_against_minibatch() -> None:
    """R = n, sigma = L = B = 1: local wins where K >= K_0 = n, minibatch where K <= K_0 and M >= (K_0/K)^(1/3)."""
    found = winner_map(LOCAL_AND_MINIBATCH, ("K", "M"), {"R": 1}, ((0, 3), (0, 2)))
    winners = {}
    for cell in found.cells:
        winners[cell.winners] = winners.get(cell.winners, Fraction(0)) + cell.area
    assert winners == {("local",): 4, ("minibatch",): Fraction(11, 6), ("local", "minibatch"): Fraction(1, 6)}
    (local,) = (cell for cell in found.cells if cell.winners == ("local",))
    assert set(local.vertices) == {(1, 0), (3, 0), (3, 2), (1, 2)}
    (tie,) = (cell for cell in found.cells if len(cell.winners) == 2)
    assert set(tie.vertices) == {(0, 0), (1, 0), (0, Fraction(1, 3))}
    assert tie.dominant == {"local": "statistical", "minibatch": "statistical"}


def check_map(found: RegimeMap, bounds: dict[str, Expr]) -> None:
    """Complete, without overlaps, and right at random points of every cell."""
    source = random.Random(1)
    assert sum((cell.area for cell in found.cells), Fraction(0)) == polygon_area(found.window)
    for cell in found.cells:
        weights = [Fraction(source.randint(1, 9)) for _ in cell.vertices]
        x, y = (
            sum((w * v[i] for w, v in zip(weights, cell.vertices, strict=True)), Fraction(0)) / sum(weights)
            for i in (0, 1)
        )
        assert found.at(x, y) == (cell,)
        path = {**found.path, found.plane[0]: x, found.plane[1]: y}
        powers = {}
        for name, expression in bounds.items():
            walked = growth(expression, path)
            assert walked is not None
            affine = cell.exponents[name]
            assert walked.power == (affine((x, y)) if affine else walked.power)
            powers[name] = walked.power
        assert set(cell.winners) == {name for name, power in powers.items() if power == min(powers.values())}


exponents = st.integers(-3, 3).map(lambda p: Rational(p, 2))
terms_strategy = st.lists(st.tuples(exponents, exponents, exponents), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(terms_strategy, min_size=1, max_size=3))
def test_maps_of_random_bounds_are_complete_and_right(systems: list[list[tuple[Rational, Rational, Rational]]]) -> None:
    bounds = {
        f"bound {i}": {
            f"term {j}": Mul(*(letter**p for letter, p in zip((K, M, R), powers, strict=True)))
            for j, powers in enumerate(system)
        }
        for i, system in enumerate(systems)
    }
    found = winner_map(bounds, ("K", "M"), {"R": 1}, ((0, 2), (0, 3)))
    check_map(found, {name: Add(*(Max(*terms.values()) for _ in (0,))) for name, terms in bounds.items()})


def test_maps_of_minima_products_and_pieces() -> None:
    glasgow, koloskova = bound("glasgow2022/lower"), bound("koloskova2020/convex")
    path = {"R": 1, "sigma": Fraction(1, 2), "zeta_star": Fraction(-1, 3)}
    found = winner_map({"lower": glasgow, "upper": koloskova}, ("K", "M"), path, ((0, 3), (0, 3)))
    check_map(found, {"lower": glasgow.expression, "upper": koloskova.expression})
    assert all("lower" in cell.winners for cell in found.cells)
    pieces = Piecewise((eta**2, eta <= K), (K**3 / eta, True)) * (1 + M) ** 2
    found = winner_map({"pieces": {"all": pieces}}, ("K", "M"), {"eta": 1}, ((0, 2), (0, 1)))
    check_map(found, {"pieces": pieces})


def test_exponentials_vanish_from_a_map_once_they_decay() -> None:
    strongly, minibatch = without_clipping("cheng2024/thm1"), bound("cheng2024/eq4.5-sc")
    path = {"L": 1, "sigma": -2}
    found = winner_map({"local": strongly, "minibatch": minibatch}, ("K", "R"), path, ((0, 3), (0, 2)))
    assert sum((cell.area for cell in found.cells), Fraction(0)) == 6
    (flat,) = found.at(Fraction(1, 4), Fraction(1, 4))
    assert flat.dominant == {"local": "optimization", "minibatch": "optimization"}
    assert all(cell.dominant["minibatch"] == "statistical" for cell in found.at(1, Fraction(3, 2)))
    (wins,) = {cell.winners for cell in found.at(2, Fraction(1, 2))}
    assert wins == ("local",)
    with pytest.raises(TightrateError, match="exceeds every power"):
        winner_map({"wrong": {"grows": exp(K)}}, ("K", "M"))


def test_bad_maps_are_refused() -> None:
    with pytest.raises(TightrateError, match="two different letters"):
        winner_map(LOCAL_AND_MINIBATCH, ("K", "K"))
    with pytest.raises(TightrateError, match="two different letters"):
        winner_map(LOCAL_AND_MINIBATCH, ("K", "M"), {"K": 1})
    with pytest.raises(TightrateError, match="x0 < x1"):
        winner_map(LOCAL_AND_MINIBATCH, ("K", "M"), window=((1, 1), (0, 1)))
    with pytest.raises(TightrateError, match="give alpha a value"):
        winner_map({"clipped": bound("cheng2024/thm2")}, ("K", "M"))


def test_inequalities_read_as_they_are_solved() -> None:
    assert str(solved(Hypothesis(zeta_star**2 / L, L * B**2 / R), "zeta_star")) == "zeta_star <= B*L/sqrt(R)"
    assert str(solved(Hypothesis(tau, Q * B), "Q")) == "Q >= tau/B"
