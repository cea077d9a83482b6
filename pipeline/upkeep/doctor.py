"""What is wrong on this machine, and how to mend it: all checks, one after the other, without any network."""

from collections.abc import Callable

from pipeline.errors import PipelineError, describe
from pipeline.upkeep import clock, kept, private, software, storage
from pipeline.upkeep.finding import Finding, failed
from pipeline.upkeep.subject import Subject

Check = Callable[[Subject], Finding]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", lambda _: software.python()),
    ("installation", lambda _: software.installation()),
    ("libraries", lambda _: software.packages()),
    ("gdal", lambda _: software.gdal()),
    ("projections", software.projections),
    ("settings", software.settings),
    ("model", software.model),
    ("gpu", lambda _: software.gpu()),
    ("qgis", lambda _: software.qgis()),
    ("earthsearch", private.earthsearch),
    ("planetary", private.planetary),
    ("cdse", private.cdse),
    ("sentinelhub", private.sentinel_hub),
    ("environment file", private.environment_file),
    ("permissions", private.permissions),
    ("alerts", software.alerts),
    ("timers", clock.timers),
    ("room for archive", lambda subject: storage.room("room for archive", subject.archive)),
    ("room for products", lambda subject: storage.room("room for products", subject.out)),
    ("writing archive", lambda subject: storage.writing("writing archive", subject.archive)),
    ("writing products", lambda subject: storage.writing("writing products", subject.out)),
    ("folders", storage.read_only),
    ("archive size", storage.archive_size),
    ("clock", clock.clock),
    ("publication day", clock.publication),
    ("time server", lambda _: clock.time_server()),
    ("time zone", clock.time_zone),
    ("registry", kept.registry),
    ("pending publication", kept.publication),
    ("ledger", kept.ledger),
    ("looks", kept.looks),
    ("locks", kept.locks),
    ("leases", kept.leases),
    ("leftovers", kept.leftovers),
)
"""Every check, with the name of what it finds."""


def examine(subject: Subject) -> tuple[Finding, ...]:
    """What all checks found; one that cannot be done says why, and the others go on."""
    return tuple(_examined(name, check, subject) for name, check in CHECKS)


def _examined(name: str, check: Check, subject: Subject) -> Finding:
    try:
        return check(subject)
    except PipelineError as cause:
        return failed(name, str(cause), "mend what it names, then ask again")
    except OSError as cause:
        return failed(name, f"cannot be checked ({describe(cause)})", "see who owns it, and whether its disk is there")
