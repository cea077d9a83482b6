"""What is in the archive, by recipe, and what of it can be removed."""

import re
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.archive import Archive
from pipeline.errors import InputError, write_error
from pipeline.looks.recipe import FOLDER_DIGITS, RecipeDescription, description_in
from pipeline.sites.registry import read_registry

NAME = re.compile(r"(\d{4})(\d{2})\d{2}(?:-S2[A-D])?-[0-9a-f]{8}\.tif")
"""Name of a look's file, with its year and month."""
RECIPE = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class StoredRecipe:
    """The looks of one recipe."""

    folder: Path
    """Their folder."""
    description: RecipeDescription
    """What made them."""
    count: int
    """Number of looks."""
    n_bytes: int
    """Their size with all that was derived from them, bytes."""
    months: tuple[str, ...]
    """Months that they show, `YYYY-MM`, ascending."""
    used_ns: int
    """When one was last added, nanoseconds since 1970."""

    @property
    def name(self) -> str:
        """By which it is chosen: real and simulated looks of one recipe are told apart."""
        kind = self.folder.parent.name.removeprefix("looks").removeprefix("-")
        return f"{kind}/{self.folder.name}" if kind else self.folder.name

    def line(self) -> str:
        """For people."""
        span = f"{self.months[0]} to {self.months[-1]}" if self.months else "no month"
        size = f"{self.n_bytes / 1e6:,.1f} MB"
        return f"{self.name:31} {self.count:7,} looks  {size:>12}  {span:18}  {self.description.text()}"


def stored_recipes(archive: Path) -> list[StoredRecipe]:
    """All recipes of which there are looks in an archive, the last used first."""
    folders = [path for path in archive.glob("looks*/*") if path.is_dir() and RECIPE.fullmatch(path.name)]
    return sorted(map(_stored, folders), key=lambda recipe: recipe.used_ns, reverse=True)


def recipe_lines(recipes: Sequence[StoredRecipe], archive: Path) -> list[str]:
    """One line per recipe, for people."""
    return [recipe.line() for recipe in recipes] or [f"no looks in {archive}/"]


def prunable(
    stored: Sequence[StoredRecipe], names: Sequence[str] = (), keep: int = 0, resting: Collection[Path] = ()
) -> list[StoredRecipe]:
    """The recipes of some names; without names all but those last used, of real places and of each simulation.

    `keep`: how many are kept beside the last used one; `resting`: folders that are only removed by name. Raises
    `InputError` for a name that is none.
    """
    known = {recipe.name for recipe in stored}
    for name in names:
        if name not in known:
            raise InputError(f"{name}: no such recipe; there are {', '.join(sorted(known)) or 'none'}")
    if names:
        return [recipe for recipe in stored if recipe.name in names]
    found: list[StoredRecipe] = []
    for folder in sorted({recipe.folder.parent for recipe in stored}):
        older = [recipe for recipe in stored if recipe.folder.parent == folder][1 + keep :]
        found += [recipe for recipe in older if recipe.folder not in resting]
    return found


def resting_folders(archive: Path) -> frozenset[Path]:
    """Folders of the recipes on which anything rests that stands published. Raises as `read_registry`."""
    found: set[Path] = set()
    for folder in {path.parent for path in archive.glob("looks*/*")}:
        place = Archive(archive, folder.name.removeprefix("looks").removeprefix("-simulated-"))
        for entry in read_registry(place.registry).entries:
            if entry.statement is not None and entry.basis is not None:
                found.add(folder / entry.basis.recipe[:FOLDER_DIGITS])
    return frozenset(found)


def prune_older(archive: Path, keep: int) -> list[StoredRecipe]:
    """Remove the looks of recipes before the last used one and `keep` older ones, and return what was removed.

    Those on which anything rests that stands published stay. Raises as `read_registry` and `prune`.
    """
    chosen = prunable(stored_recipes(archive), keep=keep, resting=resting_folders(archive))
    for recipe in chosen:
        prune(recipe)
    return chosen


def prune(recipe: StoredRecipe) -> None:
    """Remove the looks of a recipe and what was derived from them; raises as `write_error`."""
    try:
        shutil.rmtree(recipe.folder)
    except OSError as cause:
        raise write_error(recipe.folder, cause) from cause


def _stored(folder: Path) -> StoredRecipe:
    files = [(path, path.stat()) for path in folder.rglob("*") if path.is_file()]
    named = [(NAME.fullmatch(path.name), found) for path, found in files]
    looks = [(match, found) for match, found in named if match]
    return StoredRecipe(
        folder=folder,
        description=description_in(folder),
        count=len(looks),
        n_bytes=sum(found.st_size for _, found in files),
        months=tuple(sorted({f"{match[1]}-{match[2]}" for match, _ in looks})),
        used_ns=max((found.st_mtime_ns for _, found in looks), default=0),
    )
