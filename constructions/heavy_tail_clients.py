"""One client with heavy-tailed gradients among well-behaved ones: it alone makes FedAvg's expected regret infinite."""

from __future__ import annotations

from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.heavy_tailed_noise import StudentNoise
from tightrate.constructions.log_spaced_quadratic import log_spaced_quadratic
from tightrate.constructions.noise import GaussianNoise, Noise
from tightrate.constructions.parameters import count
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.structured_noise import PerWorker


@PROBLEMS.add("heavy-tail-clients")
def heavy_tail_clients(
    *, M: int = 4, d: int = 2, mu: ArrayLike = 0.5, L: ArrayLike = 1.0, B: ArrayLike = 1.0
) -> DiagonalQuadratics:
    """A strongly convex quadratic that all clients share, to be run with `one_heavy_tailed_client`.

    If client i's last local gradient carries noise of infinite variance, then after the first average E|x - x*|^2
    and E[F(x) - F*] >= (mu/2) E|x - x*|^2 are infinite (lee2024, heavy tails).  An adaptive client step moves every
    coordinate by at most eta, so that client AdaGrad without delay keeps
    F(x_t) - F* <= (L/2)(B + t eta K sqrt d)^2 whatever the noise.

    Noise laws that have a name are the same on every client (`--noise student order=1 degrees=1.5`): the heavy tail
    of one client alone is for runs from Python, `sample(..., noise=one_heavy_tailed_client(M=4))`.
    """
    return log_spaced_quadratic(M=M, d=d, mu=mu, L=L, B=B)


def one_heavy_tailed_client(
    *, M: int, sigma: float = 1.0, degrees: float = 1.5, client: int = 0, others: Noise | None = None
) -> PerWorker:
    """Student noise of infinite variance (degrees <= 2) on one client, at first absolute moment sigma/sqrt d.

    The others have Gaussian noise of level sigma unless `others` is given.

    >>> one_heavy_tailed_client(M=3).variance, one_heavy_tailed_client(M=3).on(1).variance
    (inf, 1.0)
    """
    clients = count("M", M)
    if not 0 <= client < clients:
        raise TightrateError(f"client must be one of 0, ..., {clients - 1}, not {client}")
    rest = GaussianNoise(sigma) if others is None else others
    heavy = StudentNoise(sigma, order=1.0, degrees=degrees)
    return PerWorker(tuple(heavy if m == client else rest for m in range(clients)))
