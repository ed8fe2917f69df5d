"""A session: runs each experiment once and keeps its dataset for every claim and figure that asks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.common.processes import in_processes
from tightrate.common.threads import blas_kernel, one_blas_thread
from tightrate.verify.cache.result_cache import ResultStore
from tightrate.verify.experiment import Experiment

Profile = Literal["quick", "full"]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many parts are finished, and how many there are."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Session:
    """How experiments run: the profile (how much), the seed (which noise), the processes, and who watches.

    With a `store` every dataset is kept on disk; with `reuse` one that the same code made is taken from there.
    Matrix products run on one thread: their rounding depends on how many share them, and results must not.

    Attributes:
        profile: "quick" or "full"
        seed: of all noise
        jobs: processes
        progress: hears what is done
        cached: results by experiment, each with its seconds

    >>> Session(seed=1).profile
    'quick'
    """

    profile: Profile = "quick"
    seed: int = 20240511
    jobs: int = 1
    progress: Progress = silent
    store: ResultStore | None = None
    reuse: bool = False
    cached: dict[str, tuple[xr.Dataset, float]] = field(default_factory=dict, repr=False, compare=False)

    def data(self, experiment: Experiment) -> xr.Dataset:
        """The dataset of an experiment."""
        return self.result(experiment)[0]

    def result(self, experiment: Experiment) -> tuple[xr.Dataset, float]:
        """The dataset of an experiment and the seconds it took when it ran.

        Its attributes say where it comes from: `experiment`, `profile`, `seed`, `code`, the digest of the code that
        made it, and `kernel`, the one of the linear-algebra library, which decides last digits.
        """
        if experiment.name not in self.cached and not self._take(experiment):
            self.progress(experiment.name, 0, 1)
            began = perf_counter()
            with one_blas_thread():
                dataset = experiment(self)
            seconds = perf_counter() - began
            self._put(experiment, dataset.assign_attrs(self._origin(experiment)), seconds)
            self.progress(experiment.name, 1, 1)
        return self.cached[experiment.name]

    def _put(self, experiment: Experiment, dataset: xr.Dataset, seconds: float) -> None:
        self.cached[experiment.name] = (dataset, seconds)
        if self.store is not None:
            with suppress(TightrateError):  # what cannot be kept takes its time again, no more
                self.store.write(dataset)

    def _origin(self, experiment: Experiment) -> dict[str, str | int]:
        return {**experiment.origin(self.profile, self.seed), "kernel": blas_kernel()}

    def _take(self, experiment: Experiment) -> bool:
        """Take the stored dataset, if there is one; it took no seconds."""
        if self.store is None or not self.reuse:
            return False
        dataset = self.store.read(self._origin(experiment))
        if dataset is None:
            return False
        self.cached[experiment.name] = (dataset, 0.0)
        return True

    def prepare(self, experiments: Sequence[Experiment]) -> None:
        """Run those experiments that have no dataset yet, as many at once as there are jobs.

        An experiment that fails here is left out: it fails again, and is reported, when its result is asked for.
        """
        distinct = {one.name: one for one in experiments}
        wanted = [
            one for name, one in distinct.items() if name not in self.cached and not one.gathers and not self._take(one)
        ]
        if self.jobs == 1 or len(wanted) < 2:
            return
        self.progress("experiments", 0, len(wanted))
        calls = [(one, self.profile, self.seed) for one in wanted]
        with warnings.catch_warnings():
            # joblib renews a process that has grown large, between two experiments; nothing is lost
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
            for done, (name, found) in enumerate(in_processes(_attempt, calls, self.jobs), start=1):
                if found is not None:
                    self._put(distinct[name], *found)
                self.progress("experiments", done, len(wanted))

    def choose(self, *, quick: int, full: int) -> int:
        """A size that depends on the profile."""
        return quick if self.profile == "quick" else full


def _attempt(experiment: Experiment, profile: Profile, seed: int) -> tuple[str, tuple[xr.Dataset, float] | None]:
    """One experiment in a process of its own."""
    try:
        return experiment.name, Session(profile, seed).result(experiment)
    except Exception:  # it fails again in the main process, where it is reported
        return experiment.name, None
