"""Bounds of one's own with hidden constants: what is true is never called violated, what is wrong is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tightrate.verify.own_papers import load_paper
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict

PAPER = '''
import numpy as np
import tightrate as tr
from tightrate.constructions.quadratics import QuadraticWorkers

def worker(curvatures, optimum, M=1):
    """M equal diagonal quadratics."""
    d = len(curvatures)
    return QuadraticWorkers(np.broadcast_to(np.diag(curvatures), (M, d, d)).copy(), np.tile(np.array(optimum), (M, 1)))

def flat(L, weak_direction):
    return worker([L, weak_direction], [1.0, 1.0])

def hard(L, K, R):
    return worker([L, 1 / (2 * K * R + 1)], [0.0, 1.0])

def own(K, R):
    return worker([1 / (2 * R + 1)], [1.0])

def accelerated(L, R):
    return worker([L, 4 / (R + 1) ** 2], [0.0, 1.0])

def spectrum(L, power, least):
    a = np.geomspace(least, L, 40)
    return worker(list(a), list(a**power))

def noisy(mu, M, far):
    return worker([mu], [far], M=int(M))

def slow_and_noisy(L, K, R, M):
    return worker([L, 1 / np.sqrt(K * R)], [0.0, 1.0], M=int(M))

def unlike(L, mu):
    """Two workers with different curvatures and optima in the plane."""
    return QuadraticWorkers(np.array([np.diag([L, mu]), np.diag([mu, L])]), np.eye(2))

def apart(L, mu):
    """Two quadratics with different curvatures and optima."""
    return QuadraticWorkers(np.array([[[L]], [[mu]]]), np.array([[1.0], [0.0]]))

PAPER = tr.Paper("own", title="t")

@tr.Statements(PAPER).upper("thm1", "t", provenance=tr.stated("here"), {shared})
def theorem():
    return tr.Stated({formulas})

claim = tr.trial("holds", "c", theorem=theorem, {claim})
'''


@dataclass(frozen=True)
class Case:
    """A statement with the instance on which it is tried, and mutants of its terms that the instance refutes."""

    name: str
    terms: str
    problem: str
    axes: str
    parameters: str
    algorithm: str = "local-sgd"
    measure: str = "gap"
    constants: str = "hidden"
    steps: str = "{}"
    output: str = "last"
    more: str = ""
    wrong: tuple[str, ...] = ()

    def judged(self, folder: Path, terms: str = "") -> Verdict:
        """The verdict through the path of users' papers, without a look at the formula's neighbours."""
        claim = load_paper(self.written(folder, terms)).claim
        return claim.judge(claim.data[0](Session()))

    def written(self, folder: Path, terms: str = "") -> Path:
        """The paper in a file."""
        shared = f"algorithm={self.algorithm!r}, measure={self.measure!r}, constants={self.constants!r}"
        claim = f"problem={self.problem}, axes={self.axes}, parameters={self.parameters}, output={self.output!r}"
        path = folder / "own.py"
        text = PAPER.replace("{formulas}", f"{terms or self.terms}, steps={self.steps}")
        path.write_text(text.replace("{shared}", shared).replace("{claim}", claim + self.more), encoding="utf-8")
        return path


R_SHORT = '{"R": (4, 8, 16, 32, 64)}'
R_LONG = '{"R": (16, 32, 64, 128, 256, 512)}'
ONE = '"K": 1, "L": 1.0'
CONVEX = '{"optimization": "L*B^2/R"}'
FASTER = tuple(f'{{"optimization": "L*B^2/R^({power})"}}' for power in ("5/4", "4/3", "3/2"))
AT_HORIZON = '{"eta": "2*log(K*R)/(mu*K*R)"}'
HORIZON = '{"all": "sigma^2/(mu^2*M*K*R)"}'
NOISY = '"K": 4, "M": 2, "mu": 0.5, "sigma": 1.0, "far": 1.0'
STATISTICAL = '{"all": "sigma^2/(mu*M*K*R)"}'
SPREAD = '"K": 1, "mu": 1.0, "sigma": 1.0, "far": 0.001'

TRUE = (
    Case("flat direction", CONVEX, "flat", R_SHORT, f'{{{ONE}, "eta": 0.9, "weak_direction": 0.001}}'),
    Case("flatter direction", CONVEX, "flat", R_LONG, f'{{{ONE}, "eta": 0.5, "weak_direction": 1e-6}}'),
    Case("a smaller step", CONVEX, "flat", R_SHORT, f'{{{ONE}, "eta": 0.02, "weak_direction": 0.01}}'),
    Case("hard at each R", CONVEX, "hard", R_SHORT, f'{{{ONE}, "eta": 1.0}}', wrong=FASTER),
    Case("own curvature", '{"all": "L*B^2/R"}', "own", R_SHORT, '{"K": 1, "L": 1.0, "eta": 1.0}', wrong=FASTER),
    Case(
        "hard at each K R",
        '{"optimization": "L*B^2/(K*R)"}',
        "hard",
        '{"K": (2, 4, 8, 16), "R": (4, 8, 16, 32)}',
        '{"L": 1.0, "eta": 0.5}',
        wrong=('{"optimization": "L*B^2/(K*R^(3/2))"}', '{"optimization": "L*B^2/(K^(4/3)*R)"}'),
    ),
    Case(
        "accelerated",
        '{"optimization": "L*B^2/R^2"}',
        "accelerated",
        R_LONG,
        f'{{{ONE}, "eta": 0.25}}',
        algorithm="accelerated-minibatch-sgd",
        wrong=('{"optimization": "L*B^2/R^(9/4)"}', '{"optimization": "L*B^2/R^(5/2)"}'),
    ),
    Case(
        "accelerated on a fixed instance",
        '{"optimization": "L*B^2/R^2"}',
        "flat",
        R_SHORT,
        f'{{{ONE}, "eta": 0.25, "weak_direction": 1e-5}}',
        algorithm="accelerated-minibatch-sgd",
    ),
    Case("a spectrum", CONVEX, "spectrum", R_LONG, f'{{{ONE}, "eta": 0.9, "power": -0.125, "least": 1e-5}}'),
    Case("a rough spectrum", CONVEX, "spectrum", R_LONG, f'{{{ONE}, "eta": 0.9, "power": -0.25, "least": 1e-7}}'),
    Case(
        "above the start", '{"all": "10^4*L*B^2/R"}', "flat", R_LONG, f'{{{ONE}, "eta": 0.5, "weak_direction": 0.01}}'
    ),
    Case(
        "linear convergence",
        '{"all": "B*exp(-K*R*mu/L)"}',
        "flat",
        R_SHORT,
        '{"K": 2, "L": 1.0, "mu": 0.05, "eta": 1.0, "weak_direction": 0.05}',
        measure="distance",
    ),
    Case(
        "linear convergence at a fifth of the step",
        '{"all": "B*exp(-K*R*mu/L)"}',
        "flat",
        R_SHORT,
        '{"K": 2, "L": 1.0, "mu": 0.05, "eta": 0.2, "weak_direction": 0.05}',
        measure="distance",
    ),
    Case(
        "logarithm of the step, hidden",
        HORIZON,
        "noisy",
        R_LONG,
        f"{{{NOISY}}}",
        measure="squared-distance",
        constants="hidden with logs",
        steps=AT_HORIZON,
        wrong=('{"all": "sigma^2/(mu^2*M*K*R^(5/4))"}', '{"all": "sigma^2/(mu^2*M*K*R^(3/2))"}'),
    ),
    Case(
        "logarithm of the step in K, hidden",
        HORIZON,
        "noisy",
        '{"K": (16, 32, 64, 128, 256)}',
        '{"R": 8, "M": 2, "mu": 0.5, "sigma": 1.0, "far": 1.0}',
        measure="squared-distance",
        constants="hidden with logs",
        steps=AT_HORIZON,
        wrong=('{"all": "sigma^2/(mu^2*M*K^(3/2)*R)"}',),
    ),
    Case(
        "the gap with a logarithm, hidden",
        STATISTICAL,
        "noisy",
        '{"K": (4, 8, 16, 32), "R": (16, 32, 64, 128)}',
        '{"M": 4, "mu": 1.0, "sigma": 2.0, "far": 1.0}',
        constants="hidden with logs",
        steps=AT_HORIZON,
    ),
    Case(
        "noise floor of a constant step",
        '{"optimization": "B^2/(eta*K*R)", "noise": "eta*sigma^2/M"}',
        "noisy",
        '{"R": (4, 16, 64, 256, 1024)}',
        f'{{{NOISY}, "eta": 0.1}}',
        wrong=('{"optimization": "B^2/(eta*K*R)"}',),
    ),
    Case(
        "no logarithm at a slower step",
        STATISTICAL,
        "noisy",
        '{"R": (64, 128, 256, 512), "M": (1, 2, 4, 8)}',
        f"{{{SPREAD}}}",
        steps='{"eta": "20/(K*R)"}',
        wrong=('{"all": "sigma^2/(mu*M^(3/2)*K*R)"}', '{"all": "sigma^2/(mu*M*K*R^(3/2))"}'),
    ),
    Case(
        "far below a floor",
        '{"noise": "eta*sigma^2/M", "other": "L*B^2/R"}',
        "flat",
        R_SHORT,
        f'{{{ONE}, "eta": 0.5, "weak_direction": 0.1, "sigma": 0.01}}',
    ),
    Case(
        "the convex rate under noise",
        '{"optimization": "L*B^2/(K*R)", "statistical": "sigma*B/sqrt(M*K*R)"}',
        "slow_and_noisy",
        '{"K": (4, 8, 16, 32), "R": (16, 32, 64, 128)}',
        '{"L": 1.0, "M": 2, "sigma": 4.0}',
        steps='{"eta": "B/(sigma*sqrt(K*R))"}',
        output="average",
        wrong=('{"optimization": "L*B^2/(K*R)", "statistical": "sigma*B/sqrt(M*K*R^(3/2))"}',),
    ),
    Case(
        "sampled, with noise",
        STATISTICAL,
        "noisy",
        '{"R": (16, 32, 64, 128)}',
        '{"K": 1, "M": 1, "mu": 1.0, "sigma": 1.0, "far": 0.001}',
        steps='{"eta": "8/(K*R)"}',
        more=', method="sample", replicas=400',
        wrong=('{"all": "sigma^2/(mu*M*K*R^2)"}',),
    ),
    Case(
        "the average of gradient descent",
        CONVEX,
        "flat",
        R_LONG,
        f'{{{ONE}, "eta": 0.9, "weak_direction": 0.003}}',
        output="average",
    ),
    Case(
        "two workers with different optima",
        '{"start": "B*exp(-K*R*mu/L)", "floor": "eta*K*L*B"}',
        "apart",
        R_SHORT,
        '{"K": 4, "L": 1.0, "mu": 0.25, "eta": 0.25}',
        measure="distance",
        wrong=('{"start": "B*exp(-K*R*mu/L)"}',),
    ),
    Case(
        "minibatches",
        CONVEX,
        "own",
        R_SHORT,
        '{"K": 4, "L": 1.0, "eta": 0.25}',
        algorithm="minibatch-sgd",
        wrong=('{"optimization": "L*B^2/R^(3/2)"}',),
    ),
    Case(
        "an accelerated outer loop",
        '{"optimization": "L*B^2/(K*R^2)"}',
        "accelerated",
        R_LONG,
        '{"K": 2, "L": 1.0, "eta": 0.25, "gamma": 1.0}',
        algorithm="local-sgd-outer-acceleration",
        wrong=('{"optimization": "L*B^2/(K*R^(5/2))"}',),
    ),
    Case(
        "control variates remove the floor",
        '{"all": "B*exp(-R*mu/L)"}',
        "unlike",
        R_SHORT,
        '{"K": 4, "L": 1.0, "mu": 0.2, "eta": 0.1}',
        algorithm="scaffold",
        measure="distance",
    ),
    Case(
        "the gradient at the end",
        '{"all": "L^2*B^2/R^2"}',
        "own",
        R_SHORT,
        f'{{{ONE}, "eta": 1.0}}',
        measure="squared-gradient",
        wrong=('{"all": "L^2*B^2/R^(5/2)"}',),
    ),
    Case(
        "a squared distance that decays",
        '{"all": "B^2*(1 - eta*mu)^(K*R)"}',
        "flat",
        R_SHORT,
        '{"K": 2, "L": 1.0, "mu": 0.02, "eta": 0.5, "weak_direction": 0.02}',
        measure="squared-distance",
    ),
)
WRONG = [(case, terms) for case in TRUE for terms in case.wrong]


def test_there_are_enough_of_both() -> None:
    assert len(TRUE) >= 22
    assert len(WRONG) >= 15
    assert len({case.name for case in TRUE}) == len(TRUE)


@pytest.mark.parametrize("case", TRUE, ids=lambda case: case.name)
def test_a_true_statement_is_never_violated(case: Case, tmp_path: Path) -> None:
    verdict = case.judged(tmp_path)
    assert verdict.status in ("consistent", "inconclusive"), verdict
    if verdict.status == "inconclusive":
        assert "Needed: " in verdict.sentence


@pytest.mark.parametrize(("case", "terms"), WRONG, ids=[f"{case.name}: {terms}" for case, terms in WRONG])
def test_a_mutant_is_violated(case: Case, terms: str, tmp_path: Path) -> None:
    verdict = case.judged(tmp_path, terms)
    assert verdict.status == "violated", verdict
    assert verdict.witness is not None
    ratio = verdict.witness["measured / bound"]
    assert ratio[-1] > max(1.0, ratio[0])
