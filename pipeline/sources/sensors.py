"""Sensors whose scenes are read, and the times from which there can be any."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pipeline.errors import SceneError

AHEAD = timedelta(days=1)
"""How far in the future a scene may be dated: clocks differ, and a day is longer than any time zone."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A kind of satellite."""

    name: str
    """As in messages."""
    first_day: date
    """Day of the first launch, UTC: nothing is older."""

    def check_recorded(self, moment: datetime, now: datetime | None = None) -> None:
        """Raise `SceneError` for a time (UTC) at which the sensor cannot have recorded anything.

        One such scene would make the series of months begin in the year 1, or end in 2999. `now`: None = the clock.
        """
        if moment.date() < self.first_day:
            raise SceneError(f"dated {moment.date()}, before {self.name} was launched ({self.first_day}): wrong date?")
        if moment - (now or datetime.now(UTC)) > AHEAD:
            raise SceneError(f"dated {moment.date()}, which is in the future by this machine's clock: wrong date?")


SENTINEL_2 = Sensor("Sentinel-2", date(2015, 6, 23))
