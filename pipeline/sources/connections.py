"""Connections that keep to a deadline, and that reach only the public internet where they must.

`requests` bounds the time between two packets but not an answer: one byte of a header every few seconds holds it for
ever. So each read of a connection waits no longer than is left of the request's time. And a name may lead to one
machine when it is checked and to another when it is asked, so the machine is checked once the connection stands.
"""

import io
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from types import MappingProxyType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pipeline.errors import SceneError
from pipeline.sources.reach import is_public

SHORTEST_S = 0.001
"""Least timeout, seconds: 0 would mean not to wait at all."""
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Environment variables that name a file of certificates to trust, such as a company's."""
_BOUND: ContextVar[tuple[float, float] | None] = ContextVar("bound", default=None)
"""Longest wait for a packet, seconds, and when the request must end, on the monotonic clock."""


@contextmanager
def bounded(read_timeout_s: float, end_s: float) -> Iterator[None]:
    """All that is read from connections in the block waits at most so long for a packet, and not after `end_s`."""
    token = _BOUND.set((read_timeout_s, end_s))
    try:
        yield
    finally:
        _BOUND.reset(token)


@lru_cache(maxsize=2)
def session(public_only: bool) -> requests.Session:
    """Connections of this process; True: only to the public internet, unless a proxy of the user's stands between.

    Nothing but what is given is sent: no `.netrc`, no user of an address, no cookie; redirects are not followed.
    """
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # below that it writes addresses, which may hold a signature
    found = _Session()
    found.trust_env = False
    found.auth = NothingMore()
    found.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    found.headers.update({"User-Agent": "leachwatch", "Accept-Encoding": "gzip"})
    for scheme in ("https://", "http://"):
        found.mount(scheme, _Adapter(public_only))
    return found


def surroundings(url: str) -> dict[str, Any]:
    """Proxies and trusted certificates from the environment: the only things of it that a connection uses."""
    bundle = next((os.environ[name] for name in BUNDLES if os.environ.get(name)), None)
    return {"proxies": requests.utils.get_environ_proxies(url), "verify": bundle or True}


class NothingMore(AuthBase):
    """Signs nothing; where there is one, `requests` takes no user and password from an address or a `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request as it is."""
        return request


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: even where `requests` follows no redirect, it reads the body of one whole, without a bound."""


class _Bounded(io.RawIOBase):
    """What comes from a socket, each wait bounded by `_BOUND`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._file = sock, sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        bound = _BOUND.get()
        if bound is not None:
            left_s = bound[1] - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the request's time is over")
            self._sock.settimeout(max(SHORTEST_S, min(bound[0], left_s)))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """A response whose headers are bounded like its body."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Bounded(sock))


class _Plain(HTTPConnection):
    response_class = _BoundedResponse


class _Secure(HTTPSConnection):
    response_class = _BoundedResponse


class _Public:
    """Connects to machines on the public internet only."""

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        number = str(sock.getpeername()[0])
        if not is_public(number):
            sock.close()
            raise SceneError(f"{self.host}: leads to a machine that is not on the public internet")  # type: ignore[attr-defined]
        return sock


class _PublicPlain(_Public, _Plain):
    pass


class _PublicSecure(_Public, _Secure):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _PublicPlainPool(HTTPConnectionPool):
    ConnectionCls = _PublicPlain


class _PublicSecurePool(HTTPSConnectionPool):
    ConnectionCls = _PublicSecure


ANY = MappingProxyType({"http": _PlainPool, "https": _SecurePool})
PUBLIC = MappingProxyType({"http": _PublicPlainPool, "https": _PublicSecurePool})


class _Adapter(HTTPAdapter):
    def __init__(self, public_only: bool) -> None:
        self._pools = PUBLIC if public_only else ANY
        super().__init__(pool_maxsize=4, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = dict(self._pools)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """As usual, with the deadline; a proxy may be anywhere, and looks names up itself."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        if proxy.lower().startswith("http"):
            manager.pool_classes_by_scheme = dict(ANY)
        return manager
