"""Sending: addresses from the environment, Apprise, and a sign of life for whoever watches from outside.

    LEACHWATCH_ALERTS   addresses of Apprise, with blanks between them: mailtos://…, slack://…, tgram://…, json://…
    LEACHWATCH_PING     an address that is asked for after each scan that ended well, and with /fail after one that did
                        not: a service such as healthchecks tells you when it was not asked for in time

Both hold secrets, so neither is ever printed, logged or written: an address is known by its kind and a digest.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.alerts.message import MessageKind
from pipeline.alerts.outbox import Delivery, Letter, Outbox
from pipeline.errors import InputError
from pipeline.progress import Progress

ADDRESSES = "LEACHWATCH_ALERTS"
PING = "LEACHWATCH_PING"
LOUD = frozenset({MessageKind.FAILED, MessageKind.BLIND})
PING_S = 10.0
"""How long a ping may take, seconds."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
DIGITS = 12
"""Of an address's digest."""
TWICE = "You may have this already: an earlier try was cut off, and nobody knows whether it arrived."


class NotSent(Exception):
    """A message did not reach an address; the text says why, without any secret."""


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to be told."""

    digest: str
    """By which it is known."""
    kind: str
    """The kind of address, such as `mailtos`."""
    send: Callable[[str, str, bool], None]
    """Sends title and text, loud or not; raises `NotSent`."""


def targets(environment: Mapping[str, str] = os.environ) -> tuple[Target, ...]:
    """Those to be told. Raises `InputError` where Apprise is missing or does not know an address."""
    addresses = environment.get(ADDRESSES, "").split()
    return tuple(_target(address, k) for k, address in enumerate(addresses, start=1))


def _target(address: str, number: int) -> Target:
    try:
        import apprise
    except ImportError as cause:
        raise InputError(f"{ADDRESSES} is set, but Apprise is missing: pip install 'leachwatch[alerts]'") from cause
    kind = address.partition(":")[0]
    sender = apprise.Apprise()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what its plugins import is not ours to mend
        known = sender.add(address)
    if not known:
        raise InputError(f"{ADDRESSES}: address {number} is none that Apprise knows; see docs/alerts.md")

    def send(title: str, text: str, loud: bool) -> None:
        how = apprise.NotifyType.WARNING if loud else apprise.NotifyType.INFO
        try:
            arrived = sender.notify(body=text, title=title, notify_type=how, body_format=apprise.NotifyFormat.TEXT)
        except (OSError, TypeError, ValueError) as cause:
            raise NotSent(f"{kind}: {type(cause).__name__}") from cause
        if not arrived:
            raise NotSent(f"{kind}: refused, or not reached")

    return Target(hashlib.sha256(address.encode()).hexdigest()[:DIGITS], kind, send)


def deliver(outbox: Outbox, to: Sequence[Target], progress: Progress) -> list[str]:
    """Send what is pending, all in one message per target; returns what went wrong, in words.

    Where nobody asked to be told, messages are closed: they were printed.
    """
    wrong: list[str] = []
    for number, target in enumerate(to, start=1):
        letters, doubtful = outbox.pending(target.digest)
        if not letters:
            continue
        progress.note(f"Telling {target.kind} (address {number} of {len(to)}) ...")
        outbox.record(Delivery.TRIED, target.digest, letters)
        try:
            target.send(*_joined(letters, doubtful))
        except NotSent as cause:
            outbox.record(Delivery.FAILED, target.digest, letters)
            wrong.append(f"address {number} of {len(to)}: {cause}; {len(letters)} messages wait for the next scan")
        else:
            outbox.record(Delivery.ARRIVED, target.digest, letters)
    everywhere = {target.digest: {letter.id for letter in outbox.pending(target.digest)[0]} for target in to}
    done = [letter for letter in outbox.open() if not any(letter.id in left for left in everywhere.values())]
    if done:
        outbox.record(Delivery.CLOSED, "", done)
    outbox.tidy()
    return wrong


def _joined(letters: Sequence[Letter], doubtful: frozenset[str]) -> tuple[str, str, bool]:
    """Title, text, and whether it is loud: of several messages the news, or else the last, gives the title."""
    first = next((letter for letter in letters if letter.kind in (MessageKind.NEWS, *LOUD)), letters[-1])
    more = f" (and {len(letters) - 1} more)" if len(letters) > 1 else ""
    parts = [TWICE] if any(letter.id in doubtful for letter in letters) else []
    parts += [letter.text for letter in letters]
    ids = ", ".join(letter.id.replace(" ", "_") for letter in letters)
    return f"{first.title}{more}", "\n\n".join([*parts, f"[{ids}]"]), any(letter.kind in LOUD for letter in letters)


def ping(well: bool, environment: Mapping[str, str] = os.environ) -> str | None:
    """Give a sign of life where one is asked for; returns what went wrong, in words, without the address."""
    address = environment.get(PING, "").strip()
    if not address:
        return None
    import requests  # which a scan of local files need not wait for

    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        return f"{PING}: only https addresses are asked for"
    try:
        url = address if well else f"{address.rstrip('/')}/fail"
        answer = requests.get(url, timeout=PING_S, allow_redirects=False, stream=True)
        answer.close()
    except requests.RequestException as cause:
        return f"{PING}: not reached ({type(cause).__name__})"
    return None if answer.status_code < 400 else f"{PING}: answered {answer.status_code}"
