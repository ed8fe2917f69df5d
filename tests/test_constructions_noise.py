"""Noise: moments against quadrature, draws against moments and characteristic functions, structure, refusals."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import inf, nan

import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import gamma

from tightrate.common.errors import TightrateError
from tightrate.constructions.heavy_tailed_noise import ParetoNoise, StableNoise, StudentNoise
from tightrate.constructions.noise import (
    NOISES,
    GaussianNoise,
    IsotropicNoise,
    Noise,
    RademacherNoise,
    TwoPointNoise,
    worst_clipping_noise,
)
from tightrate.constructions.structured_noise import AtStep, OnCoordinates, PerWorker, RareJumpNoise

LAWS: list[IsotropicNoise] = [
    *(NOISES[name](0.7) for name in NOISES.names()),  # type: ignore[call-arg, misc]
    GaussianNoise(0.7, order=4),
    RademacherNoise(1.3),
    TwoPointNoise(2.0, probability=0.2),
    TwoPointNoise(2.0, order=4, probability=0.97),
    RareJumpNoise(1.5, order=4, probability=0.05),
    StudentNoise(0.9, degrees=5.5),
    StudentNoise(0.9, order=1, degrees=1.5),
    ParetoNoise(1.1, tail=4.5),
    ParetoNoise(1.1, tail=4.5, symmetric=True),
    ParetoNoise(1.1, order=1.2, tail=1.6),
    StableNoise(0.8, index=1.4),
    StableNoise(0.8, order=0.7, index=1.7, skewness=-0.8),
]


def sample(noise: Noise, size: int, d: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    out = np.empty((size, d))
    noise.draw(np.random.Generator(np.random.SFC64(seed)), out)
    return out


@pytest.mark.parametrize("noise", LAWS, ids=str)
def test_level_is_the_moment_of_its_order_in_every_dimension(noise: IsotropicNoise) -> None:
    for d in (1, 3, 50):
        assert noise.moment(noise.order, d) == pytest.approx(noise.sigma / np.sqrt(d), rel=1e-12)
        assert d * noise.moment(2, d) ** 2 == pytest.approx(noise.variance, rel=1e-12)
        np.testing.assert_allclose(noise.levels(2.0, d), noise.moment(2, d))
    moments = [noise.moment(alpha) for alpha in (0.5, 1.0, 1.3, 2.0, 3.0, 4.0, 8.0)]
    assert moments == sorted(moments), "power means increase with the order"
    assert noise.moment(2) <= noise.bound


def continuous(density: Callable[[float], float], points: list[float]) -> Callable[[float], float]:
    """E|X|^alpha by quadrature between the given points."""

    def moment(alpha: float) -> float:
        pieces = pairwise(points)
        return float(
            sum(
                quad(lambda x: abs(x) ** alpha * density(x), a, b, epsabs=0, epsrel=1e-11, limit=400)[0]
                for a, b in pieces
            )
        )

    return moment


MEAN = 4.5 / 3.5
QUADRATURES: list[tuple[IsotropicNoise, Callable[[float], float]]] = [
    (GaussianNoise(1.0), continuous(stats.norm.pdf, [-inf, 0, inf])),
    (StudentNoise(1.0, degrees=5.5), continuous(lambda x: stats.t.pdf(x, 5.5), [-inf, 0, inf])),
    (StudentNoise(1.0, order=1, degrees=1.5), continuous(lambda x: stats.t.pdf(x, 1.5), [-inf, -10, 0, 10, inf])),
    (
        ParetoNoise(1.0, tail=4.5),
        continuous(lambda x: 4.5 * (x + MEAN) ** -5.5, [1 - MEAN, 0, inf]),
    ),
    (ParetoNoise(1.0, tail=4.5, symmetric=True), continuous(lambda x: 4.5 * x**-5.5, [1, inf])),
]


@pytest.mark.parametrize(("noise", "moment"), QUADRATURES, ids=[str(noise) for noise, _ in QUADRATURES])
def test_closed_form_moments_agree_with_quadrature(noise: IsotropicNoise, moment: Callable[[float], float]) -> None:
    for alpha in (0.5, 1.0, 1.3, 2.0, 3.7):
        if np.isfinite(noise.standard_moment(alpha)):
            assert noise.standard_moment(alpha) == pytest.approx(moment(alpha), rel=1e-8), alpha


@pytest.mark.parametrize(("index", "skewness"), [(1.2, 0.0), (1.5, 1.0), (1.8, -0.6)])
def test_stable_moments_agree_with_the_representation_that_is_drawn(index: float, skewness: float) -> None:
    """X = S f(U) W^((a-1)/a): the moment is an integral over the angle times a Gamma function of the exponential."""
    noise = StableNoise(1.0, index=index, skewness=skewness, order=0.5)
    with mpmath.workdps(40):
        a, zeta = mpmath.mpf(index), mpmath.mpf(skewness) * mpmath.tan(mpmath.pi * index / 2)
        theta = mpmath.atan(zeta) / a

    def angular(u: mpmath.mpf) -> mpmath.mpf:
        turned = a * (u + theta)
        scale = (1 + zeta**2) ** (1 / (2 * a)) / abs(mpmath.cos(u)) ** (1 / a)
        return scale * abs(mpmath.sin(turned)) * abs(mpmath.cos(u - turned)) ** ((1 - a) / a)

    for p in (0.3, min(1.0, 0.8 * index), 0.8 * index):
        with mpmath.workdps(40):  # near the poles at the ends, tanh-sinh quadrature needs points this close to them
            ends = [-mpmath.pi / 2, -theta, mpmath.pi / 2]
            integral = mpmath.quad(lambda u, p=p: angular(u) ** p / mpmath.pi, ends)
        expected = float(integral) * gamma(1 + (index - 1) * p / index)
        assert noise.standard_moment(p) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("noise", "last"),
    [
        (StudentNoise(1.0, order=1, degrees=1.5), 1.5),
        (ParetoNoise(1.0, order=1, tail=1.6), 1.6),
        (StableNoise(1.0, index=1.4), 1.4),
    ],
    ids=str,
)
def test_moments_from_the_tail_index_on_are_infinite(noise: IsotropicNoise, last: float) -> None:
    assert np.isfinite(noise.moment(last - 0.01))
    assert noise.moment(last) == noise.moment(2.0) == noise.variance == inf


@pytest.mark.parametrize("noise", LAWS, ids=str)
def test_draws_have_the_moments_and_the_bound(noise: IsotropicNoise) -> None:
    """Mean and absolute moments within 5 standard errors; where a variance is infinite, of an order that has one."""
    d, size = 2, 100_000
    draws = sample(noise, size, d)
    assert np.all(np.linalg.norm(draws, axis=-1) <= noise.bound * (1 + 1e-12))
    orders = [p for p in (0.25, 0.5, 1.0, 2.0) if np.isfinite(noise.moment(2 * p))]
    assert orders
    for p in orders:
        exact = noise.moment(p, d) ** p
        error = np.sqrt(max(noise.moment(2 * p, d) ** (2 * p) - exact**2, 0) / (size * d))
        assert abs(np.mean(np.abs(draws) ** p) - exact) <= 5 * error + 1e-12, p
    if np.isfinite(noise.variance):
        assert np.all(np.abs(draws.mean(axis=0)) <= 5 * noise.moment(2, d) / np.sqrt(size))
        assert abs(np.mean(draws[:, 0] * draws[:, 1])) <= 5 * noise.moment(2, d) ** 2 / np.sqrt(size)


@pytest.mark.parametrize("noise", [n for n in LAWS if n.is_symmetric], ids=str)
def test_symmetric_laws_are_as_often_positive_as_negative(noise: IsotropicNoise) -> None:
    draws = sample(noise, 100_000, 1)
    signs = np.sign(draws)
    assert abs(signs.mean()) <= 5 / np.sqrt(len(draws))
    # The odd function tanh(x / level) has mean zero as well, and a standard error of at most one.
    assert abs(np.tanh(draws / noise.moment(0.5)).mean()) <= 5 / np.sqrt(len(draws))


@pytest.mark.parametrize("noise", [n for n in LAWS if not n.is_symmetric], ids=str)
def test_skewed_laws_are_not_symmetric_yet_centred(noise: IsotropicNoise) -> None:
    draws = sample(noise, 200_000, 1)
    unequal = np.mean(draws > 0) - 0.5
    assert abs(unequal) > 20 / np.sqrt(len(draws)), "a law that claims skewness shows it"


@pytest.mark.parametrize(("index", "skewness"), [(1.2, 0.0), (1.5, 0.7), (1.9, -1.0)])
def test_stable_draws_have_the_stable_characteristic_function(index: float, skewness: float) -> None:
    """E exp(i t X) = exp(-|t|^a (1 - i b sign(t) tan(pi a/2))), whose sample mean has standard error below 1/sqrt n."""
    noise = StableNoise(1.0, index=index, skewness=skewness)
    draws = np.empty(200_000)
    noise.draw_standard(np.random.default_rng(1), draws)
    for t in (0.1, 0.5, 1.0, 2.0):
        exact = np.exp(-(t**index) * (1 - 1j * skewness * np.tan(np.pi * index / 2)))
        assert abs(np.mean(np.exp(1j * t * draws)) - exact) < 5 / np.sqrt(len(draws))


def test_sums_of_stable_noise_have_the_same_law() -> None:
    """(X_1 + ... + X_n)/n^(1/a) is distributed as X: averaging over workers helps less than 1/sqrt n."""
    draws = sample(StableNoise(1.0, index=1.5, skewness=0.5), 64 * 5000, 1)[:, 0]
    summed = draws.reshape(64, -1).sum(axis=0) / 64 ** (1 / 1.5)
    assert stats.ks_2samp(summed, draws[:5000]).pvalue > 1e-4


@pytest.mark.parametrize(("gradient", "constant"), [(0.0, 0.105), (0.5, 0.844)])
def test_worst_clipping_law_reaches_the_sharp_constant(gradient: float, constant: float) -> None:
    """Bias of clipping at rho times rho^3/sigma^4 for alpha = 4, in the limit of rare jumps."""
    rho, alpha = 1.0, 4.0
    for sigma in (1e-2, 1e-3):
        noise = worst_clipping_noise(rho=rho, sigma=sigma, alpha=alpha, gradient=gradient)
        up, down = noise.jumps()
        p = noise.probability
        assert noise.moment(alpha) == pytest.approx(sigma, rel=1e-12)
        assert up == pytest.approx(alpha / (alpha - 1) * (rho - gradient), rel=1e-9)
        assert p * up + (1 - p) * down == pytest.approx(0, abs=1e-15)
        clipped = p * np.clip(gradient + up, -rho, rho) + (1 - p) * np.clip(gradient + down, -rho, rho)
        bias = gradient - clipped
        assert bias * rho ** (alpha - 1) / sigma**alpha == pytest.approx(constant, rel=0.01)
        assert bias <= (2 * sigma) ** alpha / rho ** (alpha - 1)


def test_worst_clipping_law_beats_every_other_two_point_law() -> None:
    rho, sigma, alpha = 1.0, 0.05, 4.0

    def bias(noise: TwoPointNoise) -> float:
        up, down = noise.jumps()
        return -(noise.probability * min(up, rho) + (1 - noise.probability) * down)

    worst = bias(worst_clipping_noise(rho=rho, sigma=sigma, alpha=alpha))
    others = [bias(TwoPointNoise(sigma, alpha, p)) for p in np.geomspace(1e-12, 0.5, 4001)]
    assert max(others) <= worst * (1 + 1e-6)
    assert worst <= max(others) * (1 + 1e-3)


def test_noise_on_some_coordinates_keeps_its_level_there() -> None:
    noise = OnCoordinates(GaussianNoise(2.0), (1, 3))
    draws = sample(noise, 50_000, 5)
    assert np.all(draws[:, [0, 2, 4]] == 0)
    assert noise.variance == 4.0
    np.testing.assert_allclose(noise.levels(2, 5), [0, np.sqrt(2), 0, np.sqrt(2), 0])
    assert noise.moment(2, 5) == pytest.approx(np.sqrt(2))
    assert np.mean(np.sum(draws**2, axis=-1)) == pytest.approx(4.0, abs=5 * np.sqrt(2 * 2 * 4 / 50_000))


def test_noise_per_worker_and_at_one_step() -> None:
    noise = PerWorker((RademacherNoise(1.0), AtStep(RademacherNoise(3.0), 5)))
    assert noise.variance == 9.0
    assert noise.moment(2) == 3.0
    assert noise.is_symmetric
    assert noise.on(0) == RademacherNoise(1.0)
    with pytest.raises(TightrateError, match=r"draw from noise.on\(worker\)"):
        noise.draw(np.random.default_rng(0), np.empty((1, 1)))
    with pytest.raises(TightrateError, match="not for worker 2"):
        noise.on(2)
    blocks = [sample(noise.on(1, step), 4, 2) for step in (0, 4, 8)]  # the steps of three rounds of K = 4
    assert np.flatnonzero(np.concatenate(blocks).any(axis=-1)).tolist() == [5]
    np.testing.assert_allclose(np.linalg.norm(blocks[1][1]), 3.0)


def test_a_block_of_noise_is_filled_in_place_and_depends_on_the_generator_alone() -> None:
    for noise in LAWS:
        out = np.full((3, 4, 5), nan)
        noise.draw(np.random.default_rng(3), out)
        again = np.empty((3, 4, 5))
        noise.draw(np.random.default_rng(3), again)
        assert np.isfinite(out).all()
        np.testing.assert_array_equal(out, again)


@pytest.mark.parametrize("noise", [*LAWS, OnCoordinates(LAWS[0], (0, 2)), AtStep(LAWS[0], 4)], ids=str)
def test_a_long_draw_is_the_same_as_short_ones_in_turn(noise: Noise) -> None:
    """So that results do not depend on the size of the blocks in which a run draws its noise."""
    long, parts = np.empty((7, 3)), []
    noise.draw(np.random.default_rng(4), long)
    generator, drawn = np.random.default_rng(4), 0
    for size in (1, 4, 2):
        part = np.empty((size, 3))
        noise.on(0, drawn).draw(generator, part)
        parts.append(part)
        drawn += size
    np.testing.assert_array_equal(long, np.concatenate(parts))


def test_isotropic_noise_is_what_its_variance_describes() -> None:
    assert all(noise.is_isotropic == np.isfinite(noise.variance) for noise in LAWS)
    base = GaussianNoise(1.0)
    assert not any(noise.is_isotropic for noise in (OnCoordinates(base, (0,)), PerWorker((base,)), AtStep(base, 0)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNoise(-1.0), "sigma must be nonnegative and finite, not -1"),
        (lambda: GaussianNoise(1.0, order=0), "order of a moment must be positive"),
        (lambda: GaussianNoise(1.0).moment(inf), "positive and finite, not inf"),
        (lambda: TwoPointNoise(1.0, probability=1.0), r"probability must lie in \(0,1\), not 1"),
        (lambda: RareJumpNoise(1.0, probability=0.0), r"probability must lie in \(0,1\], not 0"),
        (lambda: StudentNoise(1.0, degrees=2.0), "order 2, which is infinite here"),
        (lambda: StudentNoise(1.0, degrees=1.0), "degrees must be above 1"),
        (lambda: ParetoNoise(1.0, tail=0.5), "tail must be above 1"),
        (lambda: ParetoNoise(1.0, order=4, tail=3.5), "order 4, which is infinite here"),
        (lambda: StableNoise(1.0, index=2.0), r"index must lie in \(1,2\)"),
        (lambda: StableNoise(1.0, skewness=1.5), r"skewness must lie in \[-1,1\]"),
        (lambda: StableNoise(1.0, order=1.5, index=1.5), "give a smaller order"),
        (lambda: OnCoordinates(GaussianNoise(1.0), (0, 0)), "coordinates must be different"),
        (lambda: OnCoordinates(GaussianNoise(1.0), (2,)).levels(2, 2), "below the dimension 2"),
        (lambda: PerWorker(()), "at least one"),
        (lambda: worst_clipping_noise(rho=1.0, sigma=2.0, alpha=4.0), "needs 0 < sigma/sqrt d <"),
        (lambda: worst_clipping_noise(rho=1.0, sigma=0.1, alpha=4.0, gradient=1.0), r"gradient must lie in \[0, rho\)"),
    ],
)
def test_bad_noise_is_refused_with_one_clear_line(make: Callable[[], object], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as refusal:
        make()
    assert "\n" not in str(refusal.value)
