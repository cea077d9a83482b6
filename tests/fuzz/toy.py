"""Kinds that go wrong as they are told, to see that each fault is found."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from pipeline.errors import InputError
from tests.fuzz.kind import Kind, Seed


class Toy(Kind):
    """A reader that does with a number what its kind of fault is."""

    name = "toy"

    def sound(self) -> Iterator[Seed]:
        yield Seed("one", {"n.json": b"[1, 2, 3]"}, ("n.json",))

    def read(self, folder: Path) -> Any:
        text = (folder / "n.json").read_text()
        if text == "hang":
            while True:
                pass
        if text == "memory":
            return len(bytearray(b"x") * 400_000_000)
        if text == "too much memory":
            return len(bytearray(8_000_000_000))
        if text == "long":
            raise InputError("x" * 500)
        if text == "lines":
            raise InputError("one\ntwo")
        if text == "refused":
            raise InputError("no number")
        return json.loads(text) if text.endswith("]") else [int(part) for part in text[1:].split(", ") if part]

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        if result == [0]:
            yield "a zero"


class Dying(Toy):
    """A reader that asks its process to end at some inputs."""

    def damaged(self, rng: Random, seed: Seed) -> tuple[dict[str, bytes], str]:
        return {"n.json": rng.choice((b"[1]", b"[2]", b"die"))}, "changed"

    def read(self, folder: Path) -> Any:
        if (folder / "n.json").read_bytes() == b"die":
            raise SystemExit  # told as any other exception
        return super().read(folder)
