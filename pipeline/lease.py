"""Leases: locks between machines that share a folder, which survive the death of their holder.

The kernel ends a file lock with the process that holds it, but not every network folder carries such locks from one
machine to another. So beside the lock its holder keeps a small file, the lease, and renews it every few seconds. Who
finds a lease watches it: one that stands still for a minute, by the watcher's own clock, has lost its holder and is
taken over. Clocks of machines are never compared.

A holder that was only suspended may wake up after its lease was taken over. It must ask `Lease.check` before it
publishes anything.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import atomic
from pipeline.errors import InputError, UnitsFailed

BEAT_S = 10.0
"""How often a lease is renewed, seconds."""
STILL_S = 60.0
"""How long a lease must stand still before it is taken over, seconds: a folder on a network may show it late."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
"""A number that is new whenever a machine starts; processes of two containers on one machine see the same."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease."""

    token: str
    """New for each lease."""
    host: str
    """Name of the machine."""
    boot: str
    """Since when it runs; empty = not known."""
    process: int
    """Number of the process."""

    @classmethod
    def here(cls) -> "Holder":
        """This process."""
        try:
            boot = BOOT.read_text(encoding="ascii").strip()
        except OSError:
            boot = ""
        return cls(uuid.uuid4().hex, socket.gethostname(), boot, os.getpid())

    def is_on_this_machine(self) -> bool:
        """Whether it runs, or ran, where this process does: the kernel's lock then tells whether it is alive."""
        here = Holder.here()
        return bool(self.boot) and self.boot == here.boot

    def text(self) -> str:
        """For people."""
        return f"process {self.process} on {self.host}"


@dataclass(slots=True)
class Lease:
    """A lease that this process holds, once `acquire` has returned."""

    path: Path
    """Its file."""
    holder: Holder = field(default_factory=Holder.here)
    """This process."""
    beat_s: float = BEAT_S
    """How often it is renewed, seconds."""
    still_s: float = STILL_S
    """How long another's must stand still, seconds."""
    _beats: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def acquire(self, alone: bool, wait_s: float, told: Callable[[str], None] | None = None) -> None:
        """Take the lease, from a dead holder if need be; raises `Held` when a living one holds it after `wait_s`.

        `alone`: this process holds the kernel's lock, so another holder of this machine must be dead. `told` is called
        with a line when a holder on another machine has to be watched, which may take a minute.
        """
        deadline = time.monotonic() + max(wait_s, 0.0)
        watched: tuple[str, float] | None = None
        while True:
            if self._created():
                break
            found = _read(self.path)
            if found is None:
                continue  # it went away meanwhile
            content, holder = found
            now = time.monotonic()
            if watched is None or watched[0] != content:
                if watched is not None and now > deadline:
                    raise Held(holder)
                if watched is None and told is not None and not (alone and holder.is_on_this_machine()):
                    told(f"{holder.text()} holds it; watching for {self.still_s:.0f} s whether it is alive")
                watched = content, now
            dead = alone and holder.is_on_this_machine()
            if (dead or now - watched[1] > self.still_s) and self._taken(content):
                break
            time.sleep(min(0.5, self.beat_s))
        self._thread = threading.Thread(target=self._keep, name=f"lease of {self.path.name}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as cause:  # there is no memory for another thread, so for nothing else either
            self._thread = None
            self.release()
            raise MemoryError("no memory for a thread") from cause

    def check(self) -> None:
        """Raise `UnitsFailed` when the lease was taken over: another run may have published meanwhile."""
        found = _read(self.path)
        if found is None or found[1].token != self.holder.token:
            raise UnitsFailed(
                f"{self.path.parent}: another run took this folder over while this one stood still; run again"
            )

    def release(self) -> None:
        """Give the lease back; one that was taken over is left to its new holder."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        found = _read(self.path)
        if found is not None and found[1].token == self.holder.token:
            with suppress(OSError):  # one that is left in a folder that is shut has a holder that is known to be dead
                self.path.unlink(missing_ok=True)

    def _content(self) -> str:
        holder = self.holder
        row = {"token": holder.token, "host": holder.host, "boot": holder.boot, "process": holder.process}
        return json.dumps({**row, "beat": self._beats})

    def _created(self) -> bool:
        """Make the lease where there is none; it appears whole."""
        part = self.path.with_name(f"{self.path.name}.{self.holder.token}.part")
        atomic.write_text(part, self._content())
        try:
            os.link(part, self.path)
            return True
        except FileExistsError:
            return False
        except OSError:  # a file system without links: made in place, and read as a lease of nobody until it is whole
            try:
                with self.path.open("x", encoding="utf-8") as file:
                    file.write(self._content())
                return True
            except FileExistsError:
                return False
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _taken(self, content: str) -> bool:
        """Move a dead lease aside and make one of our own; False where another was quicker."""
        aside = self.path.with_name(f"{self.path.name}.{self.holder.token}.dead.part")
        try:
            self.path.replace(aside)
        except FileNotFoundError:
            return self._created()
        moved = _text(aside)
        if moved != content:  # it was not the dead one: give it back, and if that fails its holder will notice
            with suppress(OSError):
                os.link(aside, self.path)
            aside.unlink(missing_ok=True)
            return False
        aside.unlink(missing_ok=True)
        return self._created()

    def _keep(self) -> None:
        while not self._stop.wait(self.beat_s):
            found = _read(self.path)
            if found is None or found[1].token != self.holder.token:
                return  # taken over: `check` tells
            self._beats += 1
            try:
                atomic.write_text(self.path, self._content())
            except (InputError, UnitsFailed):
                continue  # a full disk, a folder that is away: others may take over, and `check` tells


class Held(Exception):
    """Another process holds the lease, and is alive."""

    def __init__(self, holder: Holder) -> None:
        """`holder`: who it is."""
        super().__init__(holder.text())
        self.holder = holder


def holder_of(path: Path) -> Holder | None:
    """Who holds the lease at a path, alive or not; None where there is none."""
    found = _read(path)
    return found[1] if found else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _read(path: Path) -> tuple[str, Holder] | None:
    """Text and holder of a lease; a damaged one has no holder that anybody could know. None where there is none."""
    text = _text(path)
    if text is None:
        return None
    try:
        row = json.loads(text)
        return text, Holder(str(row["token"]), str(row["host"]), str(row["boot"]), int(row["process"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return text, Holder("", "a machine unknown", "", 0)
