"""The laboratory: runs each experiment once and keeps its dataset on a shelf for every claim and figure that asks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

import joblib
import xarray as xr

from tightrate.common.registry import Registry
from tightrate.common.threads import one_blas_thread
from tightrate.verify.cache.code_digest import code_digest
from tightrate.verify.cache.result_cache import ResultStore

Profile = Literal["quick", "full"]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many parts are finished, and how many there are."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Laboratory:
    """Where experiments run: the profile (how much), the seed (which noise), the processes, and who watches.

    With a `store` every dataset is kept on disk; with `reuse` one that the same code made is taken from there.
    Matrix products run on one thread: their rounding depends on how many share them, and results must not.
    """

    profile: Profile = "quick"
    seed: int = 20240511
    jobs: int = 1
    progress: Progress = silent
    store: ResultStore | None = None
    reuse: bool = False
    shelf: dict[str, tuple[xr.Dataset, float]] = field(default_factory=dict, repr=False, compare=False)

    def result(self, experiment: str) -> tuple[xr.Dataset, float]:
        """The dataset of an experiment and the seconds it took when it ran.

        Its attributes say where it comes from: `experiment`, `profile`, `seed`, and `code`, the digest of the
        code that made it.
        """
        if experiment not in self.shelf and not self._take(experiment):
            run = EXPERIMENTS[experiment]
            self.progress(experiment, 0, 1)
            began = perf_counter()
            with one_blas_thread():
                dataset = run(self)
            seconds = perf_counter() - began
            self._put(experiment, dataset.assign_attrs(origin(experiment, self.profile, self.seed)), seconds)
            self.progress(experiment, 1, 1)
        return self.shelf[experiment]

    def _put(self, experiment: str, dataset: xr.Dataset, seconds: float) -> None:
        self.shelf[experiment] = (dataset, seconds)
        if self.store is not None:
            self.store.write(dataset)

    def _take(self, experiment: str) -> bool:
        """Put the stored dataset on the shelf, if there is one; it took no seconds."""
        if self.store is None or not self.reuse:
            return False
        dataset = self.store.read(origin(experiment, self.profile, self.seed))
        if dataset is None:
            return False
        self.shelf[experiment] = (dataset, 0.0)
        return True

    def prepare(self, experiments: Sequence[str]) -> None:
        """Run those experiments that are not on the shelf yet, as many at once as there are jobs.

        An experiment that fails here is left out: it fails again, and is heard, when somebody asks for its result.
        """
        known = [name for name in dict.fromkeys(experiments) if name in EXPERIMENTS.names()]
        wanted = [name for name in known if name not in self.shelf and not self._take(name)]
        if self.jobs == 1 or len(wanted) < 2:
            return
        self.progress("experiments", 0, len(wanted))
        parallel = joblib.Parallel(n_jobs=self.jobs, return_as="generator_unordered", batch_size=1)
        tasks = (joblib.delayed(_attempt)(name, self.profile, self.seed) for name in wanted)
        with warnings.catch_warnings():
            # joblib renews a process that has grown large, between two experiments; nothing is lost
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
            for done, (name, found) in enumerate(parallel(tasks), start=1):
                if found is not None:
                    self._put(name, *found)
                self.progress("experiments", done, len(wanted))

    def choose(self, *, quick: int, full: int) -> int:
        """A size that depends on the profile."""
        return quick if self.profile == "quick" else full


def origin(experiment: str, profile: Profile, seed: int) -> dict[str, str | int]:
    """What a dataset says of where it comes from: equal origins mean equal results."""
    module = EXPERIMENTS[experiment].__module__
    return {"experiment": experiment, "profile": profile, "seed": seed, "code": code_digest(module)}


def _attempt(experiment: str, profile: Profile, seed: int) -> tuple[str, tuple[xr.Dataset, float] | None]:
    """One experiment in a process of its own."""
    try:
        return experiment, Laboratory(profile, seed).result(experiment)
    except Exception:  # it fails again in the main process, where it is reported
        return experiment, None


Experiment = Callable[[Laboratory], xr.Dataset]
EXPERIMENTS: Registry[Experiment] = Registry("tightrate.verify.experiments", "experiment")
