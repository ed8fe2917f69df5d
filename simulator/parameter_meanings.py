"""What the parameters of runs mean, and who takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import noise_constructor, noise_names
from tightrate.simulator.parameters import parameters
from tightrate.simulator.validation import RUN_PARAMETERS

OWN_MEANING: Mapping[str, str] = {
    "server_beta1": "averaging of the server's first moment",
    "smallest_step": "preconditioned client steps shorter than this are left out",
    "strategies": "the clients' optimizers in turn",
    "steps": "local steps of each strategy",
    "weights": "weight of each strategy in the mean",
    "rule": "1 for SM3-I, 2 for SM3-II",
    "cover": "the sets of coordinates that share an accumulator",
    "bias_correction": "whether the server's moments are corrected for their start at 0",
    "d_start": "the scaling matrix before the first update, on its diagonal",
    "scaling": "whose scaling matrix: adam, rmsprop, adahessian or oasis",
    "client_local": "whether every client keeps a scaling matrix of its own",
    "square_of_mean": "whether the workers' mean gradient is squared, or their squares averaged",
    "synchronized": "whether the scaling looks at the synchronized iterate, or at the last local gradients",
    "averages": "what averages run over: auxiliary, the sequence z without momentum; iterates, x itself",
    "step_rule": "step sizes of AC-SA: those of Ghadimi and Lan (2012), or of Lan (2012)",
    "switch": "round from which the second stage runs",
    "second_eta": "inner step of the second stage",
    "clipping": "coordinate: every coordinate by itself; global: the whole vector",
    "starts_at_damping": "whether the server's second moment starts at the square of its damping, not at 0",
    "counts_the_start": "whether the average counts the start: weight 1/(r + 2), not 1/(r + 1)",
    "option": "how control variates are renewed: 1, by the server's point's gradient, or 2, by the change",
    "p": "chance that a step communicates; 1/K unless given",
    "prox": "weight of the proximal term",
    "slope": "slope of the objective left of the kink",
    "width": "over which a kink is smoothed",
    "file": "the file of functions that `tightrate worst-case --out` wrote",
    "rows": "rows of data on each worker",
    "heterogeneity": "by how many standard deviations workers' data differ",
    "flip": "probability that a label is flipped",
    "data": "which data set: breast-cancer, digits or wine",
    "split": "who gets which row: iid or dirichlet",
    "concentration": "of the Dirichlet law that splits the rows; small values mean strong label skew",
    "wavelength": "of the ripple that makes the objective weakly convex",
    "power": "of the Wishart matrix in the Hessian",
    "order": "order of the moment of which sigma is the level",
    "tail": "index of Pareto's law; moments exist below it",
    "symmetric": "whether the sign is random",
    "probability": "of a jump",
    "index": "of the stable law, in (1, 2)",
    "skewness": "of the stable law, in [-1, 1]",
    "degrees": "degrees of freedom; moments exist below them",
    "batch": "rows in one stochastic gradient",
}
RUN = "every run"


def meaning_of_parameter(name: str) -> str:
    """What a parameter means, empty where only the docstrings of those who take it say it.

    >>> meaning_of_parameter("K"), meaning_of_parameter("flip")
    ('local steps per round', 'probability that a label is flipped')
    """
    known = LETTERS.get(name)
    return RUN_PARAMETERS.get(name) or OWN_MEANING.get(name) or (known.meaning if known is not None else "")


def owners_of_parameters() -> dict[str, list[str]]:
    """Every parameter that a run may be given, with the algorithms, problems and noises that take it.

    >>> owners_of_parameters()["flip"]
    ['logistic-regression']
    """
    found: dict[str, list[str]] = {name: [RUN] for name in RUN_PARAMETERS}
    noises = {name: noise_constructor(name) for name in noise_names()}
    constructors: Mapping[str, Callable[..., object]]
    for constructors in (ALGORITHMS.entries(), PROBLEMS.entries(), noises):
        for owner, construct in constructors.items():
            for name in parameters(construct):
                if RUN not in found.setdefault(name, []):
                    found[name].append(owner)
    return found
