"""Quadratic workers from a file of one's own: an .npz archive of arrays, or a .toml file of lists."""

from __future__ import annotations

import io
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.files import read_bytes
from tightrate.common.numbers import in_range
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.fixed_order import eigenvalue_range
from tightrate.constructions.moved import moved
from tightrate.constructions.problem import Array, Problem
from tightrate.constructions.quadratics import QuadraticWorkers

ENDINGS = (".npz", ".toml")
FIELDS = {"hessians": 3, "curvatures": 2, "minimizers": 2, "optimum": 1, "start": 1}  # and their dimensions
MOST_BYTES = 1 << 30  # of all arrays of an archive, unpacked
MOST_BYTES_OF_TEXT = 8 << 20  # of a file of lists: more are an archive's
NEARLY_ZERO = 1e-9  # of the mean gradient at a given optimum, and of negative eigenvalues, relative to the largest


def is_problem_file(name: object) -> bool:
    """Whether a problem is given as a file.

    >>> is_problem_file("workers.npz"), is_problem_file("random-quadratics")
    (True, False)
    """
    return isinstance(name, str) and name.lower().endswith(ENDINGS)


@dataclass(frozen=True)
class ProblemFile:
    """The problem of a file, which takes no parameters.

    F_m(x) = (x - x_m)' A_m (x - x_m) / 2 with `hessians` A_m (M, d, d), or `curvatures` (M, d) where they are diagonal,
    and `minimizers` x_m (M, d); `optimum` (d,) where the mean Hessian is singular; `start` x_0 (d,), 0 unless given.
    The problem is moved so that its run starts from 0: B is |x* - x_0|.
    """

    path: str

    @property
    def __name__(self) -> str:
        return self.path

    def __call__(self) -> Problem:
        arrays = self._arrays()
        self._check_names(arrays)
        if ("hessians" in arrays) == ("curvatures" in arrays) or "minimizers" not in arrays:
            raise TightrateError(
                f"{self.path} needs minimizers (M, d) and either hessians (M, d, d) or curvatures (M, d);"
                f" it has {', '.join(sorted(arrays)) or 'nothing'}"
            )
        found = {name: self._checked(name, value) for name, value in arrays.items()}
        M, d = found["minimizers"].shape
        for name, shape in (("hessians", (M, d, d)), ("curvatures", (M, d)), ("optimum", (d,)), ("start", (d,))):
            if name in found and found[name].shape != shape:
                raise TightrateError(
                    f"{name} in {self.path} must be shaped {shape} to fit minimizers {(M, d)}, not {found[name].shape}"
                )
        problem = self._problem(found)
        return moved(problem, found["start"]) if "start" in found else problem

    def digest(self) -> str:
        """A digest of the file as it is now."""
        return sha256(read_bytes(Path(self.path), MOST_BYTES)).hexdigest()

    def _problem(self, found: dict[str, Array]) -> Problem:
        optimum = found.get("optimum")
        if "curvatures" in found:
            problem: Problem = DiagonalQuadratics(found["curvatures"], found["minimizers"], known_optimum=optimum)
        else:
            problem = QuadraticWorkers(found["hessians"], found["minimizers"], known_optimum=optimum)
            ends = eigenvalue_range(problem.hessians)
            lowest, largest = float(ends[0].min()), float(ends[1].max())
            if lowest < -NEARLY_ZERO * abs(largest):
                raise TightrateError(
                    f"hessians in {self.path} must have no negative eigenvalue; the least is {lowest:g}"
                )
        at = problem.gradient(np.broadcast_to(problem.optimum, found["minimizers"].shape))
        if np.linalg.norm(at.mean(axis=0)) > NEARLY_ZERO * (np.abs(at).max() + 1e-300):
            raise TightrateError(f"optimum in {self.path} is none: the mean gradient does not vanish there")
        return problem

    def _arrays(self) -> dict[str, Any]:
        if self.path.lower().endswith(".toml"):
            try:
                return tomllib.loads(read_bytes(Path(self.path), MOST_BYTES_OF_TEXT).decode())
            except TightrateError:
                raise
            except (ValueError, RecursionError) as wrong:
                raise TightrateError(f"{self.path} is no TOML file: {' '.join(str(wrong).split())}") from None
        content = read_bytes(Path(self.path), MOST_BYTES)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                members = {one.filename.removesuffix(".npy"): one.file_size for one in archive.infolist()}
            self._check_names(members)
            if sum(members.values()) > MOST_BYTES:
                raise TightrateError(
                    f"{self.path} unpacks to {sum(members.values())} bytes; at most {MOST_BYTES} are read"
                )
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except TightrateError:
            raise
        except Exception as wrong:  # a damaged archive may raise anything
            raise TightrateError(f"{self.path} is no archive of numbers: {' '.join(str(wrong).split())}") from None

    def _check_names(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in FIELDS:
                raise unknown_name(f"array in {self.path}", name, FIELDS)

    def _checked(self, name: str, value: Any) -> Array:
        try:
            raw = np.asarray(value)
            found = raw.astype(np.float64, casting="unsafe" if raw.dtype.kind in "iu" else "same_kind")
        except (TypeError, ValueError, OverflowError):
            raise TightrateError(f"{name} in {self.path} must be an array of real numbers") from None
        if raw.dtype.kind not in "iuf" or found.ndim != FIELDS[name] or found.size == 0:
            shape = f"shape {found.shape} of {raw.dtype}"
            raise TightrateError(f"{name} in {self.path} must be numbers with {FIELDS[name]} axes, not {shape}")
        if not np.isfinite(found).all():
            raise TightrateError(f"{name} in {self.path} must be finite")
        in_range(f"the largest number of {name} in {self.path}", float(np.abs(found).max()))
        return found
