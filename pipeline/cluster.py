"""Workers on other machines: those that are connected to a scheduler of `dask.distributed`."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from pipeline import __version__
from pipeline.engine import Pool, Workers
from pipeline.errors import InputError, UnitsFailed, describe

if TYPE_CHECKING:
    from distributed import Client

ANSWER_S = 10.0
"""How long the scheduler, and then the first worker, may take to answer, seconds."""

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
            from distributed import Client, KilledWorker
            from distributed.client import ClosedClientError
        except ImportError as cause:
            raise InputError("a scheduler needs dask.distributed: pip install 'leachwatch[cluster]'") from cause
        try:
            client = Client(address, timeout=ANSWER_S, set_as_default=False)
        except (OSError, ValueError) as cause:
            raise InputError(f"{address}: no scheduler answers within {ANSWER_S:g} s ({describe(cause)})") from cause
        with client:
            width = _width(client, address)
            executor = _Elsewhere(client)
            try:
                yield Pool(executor, width, (KilledWorker,), (CancelledError, ClosedClientError))
            finally:
                executor.shutdown(wait=False)

    return opened


def _width(client: "Client", address: str) -> int:
    """Threads of all workers, each asked whether it can do the work. Raises `InputError`."""
    try:
        client.wait_for_workers(1, timeout=ANSWER_S)
    except TimeoutError as cause:
        raise InputError(
            f"{address}: no worker is connected; start some: dask worker {address} --nthreads 1"
        ) from cause
    for worker, fault in client.run(follow, __version__, os.getcwd(), on_error="return").items():
        if fault is not None:
            raise InputError(f"worker {worker}: {describe(fault)}")
    return sum(client.nthreads().values())


class _Elsewhere(Executor):
    """The executor of a client, whose workers follow this process before each unit: some may join late."""

    def __init__(self, client: "Client") -> None:
        self._executor = client.get_executor(pure=False)
        self._here = __version__, os.getcwd()

    def submit(self, fn: Callable[Given, Value], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Value]:
        """As `Executor.submit`."""
        future: Future[Value] = self._executor.submit(following, self._here, fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what is not done, or wait for it."""
        self._executor.shutdown(wait=wait and not cancel_futures)


def following(here: tuple[str, str], work: Callable[Given, Value], *args: Given.args, **kwargs: Given.kwargs) -> Value:
    """Do some work in a worker; raises `UnitsFailed` where it is not fit for it."""
    follow(*here)
    return work(*args, **kwargs)


def follow(version: str, folder: str) -> None:
    """Let a worker work in the folder of the process that asks, as a local one does, so that paths mean the same.

    Raises `UnitsFailed` where there is no such folder, or the worker has another version of leachwatch.
    """
    if version != __version__:
        raise UnitsFailed(f"leachwatch {__version__} runs there, {version} here; install the same and start it again")
    try:
        os.chdir(folder)
    except OSError as cause:
        raise UnitsFailed(f"{folder} is not there; run leachwatch in a folder that all machines share") from cause
