"""Results of experiments on disk, for whoever wants to draw them again without computing them again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.common.files import own_cache, remove_abandoned
from tightrate.verify.cache.netcdf import load_dataset, save_dataset

FOLDER = "TIGHTRATE_CACHE"  # the environment variable that names another folder


@dataclass(frozen=True)
class ResultStore:
    """A folder with the newest dataset of each experiment, profile and seed.

    A dataset that other code made (see `tightrate.verify.cache.code_digest`), or whose file is damaged, counts as
    absent.
    """

    folder: Path

    def path(self, experiment: str, profile: str, seed: int) -> Path:
        """The file of a dataset."""
        return self.folder / f"{experiment.replace('/', '--')}.{profile}.{seed}.nc"

    def read(self, origin: dict[str, str | int]) -> xr.Dataset | None:
        """The dataset of that origin, None if there is none that can be trusted."""
        try:
            dataset = load_dataset(self._path(origin))
        except TightrateError:
            return None
        return dataset if all(dataset.attrs.get(name) == value for name, value in origin.items()) else None

    def write(self, dataset: xr.Dataset) -> None:
        """Keep a dataset under the origin that its attributes tell."""
        remove_abandoned(self.folder)
        save_dataset(dataset, self._path(dataset.attrs))

    def _path(self, origin: dict[str, str | int]) -> Path:
        return self.path(str(origin["experiment"]), str(origin["profile"]), int(origin["seed"]))


def default_store() -> ResultStore:
    """The folder named by TIGHTRATE_CACHE, else the one that the operating system has for caches.

    Where that has none (an unknown user without a home), nothing can be kept.
    """
    named = os.environ.get(FOLDER)
    return ResultStore(Path(named) if named else own_cache() / "results")
