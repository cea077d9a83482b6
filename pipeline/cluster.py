"""Workers on other machines: those that are connected to a scheduler of `dask.distributed`."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from pipeline import __version__
from pipeline.engine import KILLED, Pool, Workers
from pipeline.errors import InputError, PipelineError, UnitsFailed, describe

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Told

ANSWER_S = 10.0
"""How long the scheduler, then the first worker, and each value may take to answer, seconds."""
GONE = "the scheduler no longer answers; run again, only what is missing is done"
"""Reason of a unit that was under way, or not yet begun, when the scheduler came to an end."""

Given = ParamSpec("Given")
Value = TypeVar("Value")


def cluster(address: str) -> Workers:
    """The workers of the scheduler at an address.

    Opening them raises `InputError` where `distributed` is not installed, nobody answers, no worker is there, or one
    is not fit for the work.
    """

    @contextmanager
    def opened() -> Iterator[Pool]:
        try:
            from distributed import Client
        except ImportError as cause:
            raise InputError(f"a scheduler needs a package: {sys.executable} -m pip install distributed") from cause
        try:
            client = Client(address, timeout=ANSWER_S, set_as_default=False)
        except OSError as cause:
            raise InputError(
                f"{address}: no scheduler answers within {ANSWER_S:g} s; start one: dask scheduler"
            ) from cause
        with client:
            width = _width(client, address)
            yield Pool(_Elsewhere(client), width)

    return opened


def _width(client: "Client", address: str) -> int:
    """Threads of all workers. Raises `InputError` for the scheduler or a worker that is not fit for the work."""
    faults: dict[str, BaseException | None] = {}
    try:
        client.run_on_scheduler(agree, __version__)  # it takes apart what is sent to workers
        client.wait_for_workers(1, timeout=ANSWER_S)
        faults = client.run(follow, __version__, os.getcwd(), on_error="return")
    except TimeoutError as cause:
        raise InputError(
            f"{address}: no worker is connected; start some: dask worker {address} --nthreads 1"
        ) from cause
    except (PipelineError, ImportError, AttributeError, OSError) as cause:
        raise InputError(f"scheduler {address}: {describe(cause)}") from cause
    for worker, fault in faults.items():
        if fault is not None:
            raise InputError(f"worker {worker}: {describe(fault)}")
    return sum(client.nthreads().values())


class _Elsewhere(Executor):
    """Does work in the workers of a client, which follow this process before each unit: some may join late.

    Not `Client.get_executor`: a future of that one never ends when the scheduler does while a value is on its way.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._here = __version__, os.getcwd()

    def submit(self, fn: Callable[Given, Value], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Value]:
        """As `Executor.submit`; the future raises `UnitsFailed` where the worker, or the scheduler, came to an end."""
        from distributed.client import ClosedClientError

        future: Future[Value] = Future()
        try:
            told = self._client.submit(following, self._here, fn, *args, pure=False, **kwargs)
            if self._client.status in ("closing", "closed"):  # asked after the submission, which it then may have lost
                raise ClosedClientError
            told.add_done_callback(partial(_settle, future))
        except ClosedClientError:
            future.set_exception(UnitsFailed(GONE))
        return future


def _settle(future: Future[Value], told: "Told[Value]") -> None:
    """Hand on what became of a unit."""
    from distributed import KilledWorker

    try:
        if told.cancelled():  # nobody is there to be asked
            raise UnitsFailed(GONE)
        future.set_result(told.result(timeout=ANSWER_S))
    except KilledWorker:
        future.set_exception(UnitsFailed(KILLED))
    except Exception as cause:  # noqa: BLE001  # the work's own, or whatever a connection that is lost may raise
        future.set_exception(cause if told.status == "error" else UnitsFailed(GONE))


def following(here: tuple[str, str], work: Callable[Given, Value], *args: Given.args, **kwargs: Given.kwargs) -> Value:
    """Do some work in a worker; raises `UnitsFailed` where it is not fit for it."""
    follow(*here)
    return work(*args, **kwargs)


def agree(version: str) -> None:
    """Raise `UnitsFailed` in a process that has another version of leachwatch."""
    if version != __version__:
        raise UnitsFailed(f"leachwatch {__version__} runs there, {version} here; install the same and start it again")


def follow(version: str, folder: str) -> None:
    """Let a worker work in the folder of the process that asks, as a local one does, so that paths mean the same.

    Raises `UnitsFailed` where there is no such folder, or the worker has another version of leachwatch.
    """
    agree(version)
    try:
        os.chdir(folder)
    except OSError as cause:
        raise UnitsFailed(f"{folder} is not there; run leachwatch in a folder that all machines share") from cause
