"""Makes looks in worker processes, each once: what is there and valid is not made again."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pipeline import atomic
from pipeline.errors import SceneError, UnitsFailed
from pipeline.looks.file import encoded, open_look
from pipeline.looks.look import Look
from pipeline.looks.observe import observe
from pipeline.looks.recipe import Recipe
from pipeline.looks.segment import NetworkSegmenter
from pipeline.looks.store import path_in
from pipeline.looks.task import LookTask
from pipeline.looks.weights import Model, load_model
from pipeline.sources.interface import Source

NO_MEMORY = ("allocate memory", "could not create a primitive")
"""What torch's errors say when the memory of the machine is used up."""


@dataclass(frozen=True, slots=True)
class LookMaker:
    """Makes looks in a worker process; cheap to pickle, and loads its model once per process."""

    source: Source
    """Where pixels come from."""
    recipe: Recipe
    """How pixels become a look."""
    device: str
    """`auto`, `cpu` or `cuda`."""
    batch: int
    """Windows per forward pass; changes speed only."""
    folder: Path
    """Where looks of this recipe are kept."""

    def path_of(self, task: LookTask) -> Path:
        """The file of a task: the same in every run."""
        return path_in(self.folder, task, task.key(self.recipe))

    def kept(self, task: LookTask) -> Look | None:
        """The look of a task from an earlier run, if its file exists and is valid."""
        found = open_look(self.path_of(task))
        return found if found is not None and found.key == task.key(self.recipe) else None

    def __call__(self, task: LookTask) -> Look:
        """The look of a task, made only when there is no valid file of the same key.

        Raises `SceneError` when a granule cannot be read, `UnitsFailed` on a full disk or without enough memory.
        """
        found = self.kept(task)
        if found is not None:
            return found
        segmenter = NetworkSegmenter(_model(self.recipe, self.device), self.batch)
        try:
            seen = observe(task, self.source, segmenter, self.recipe.margin_px, self.recipe.clear)
        except (MemoryError, RuntimeError) as cause:
            if isinstance(cause, RuntimeError) and not any(words in str(cause) for words in NO_MEMORY):
                raise
            raise UnitsFailed(
                f"{task.name}: not enough memory; run again, with fewer --workers if it repeats"
            ) from cause
        atomic.write_bytes(self.path_of(task), encoded(seen, task, task.key(self.recipe)))
        made = self.kept(task)
        if made is None:
            raise SceneError(f"{task.name}: the look just written does not read back; check the disk")
        return replace(made, computed=True)


@lru_cache(maxsize=1)
def _model(recipe: Recipe, device: str) -> Model:
    import torch

    torch.set_num_threads(1)  # one thread per worker: float sums then do not depend on the thread count
    return load_model(recipe.model, device, recipe.precision)
