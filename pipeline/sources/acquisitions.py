"""Each acquisition is used once: of several processing versions the newest."""

from collections.abc import Sequence
from datetime import date
from itertools import chain

from pipeline.sources.interface import Refusal, Scene, SceneStatus

MAX_TIME_DIFFERENCE_S = 300
"""Largest time difference within one acquisition, seconds: some providers state its start, others its end."""
MAX_CENTRE_DIFFERENCE_DEGREES = 0.05
"""Largest distance between footprint centres of one tile, degrees; neighbouring tiles are a degree apart."""


def newest_versions(scenes: Sequence[tuple[str, Scene]]) -> tuple[tuple[Scene, ...], list[Refusal]]:
    """The newest processing version of each acquisition, sorted by time and id, and refusals of the others.

    `scenes`: each with its processing version; the greater text is the newer.
    """
    by_day: dict[tuple[str, date], list[list[tuple[str, Scene]]]] = {}
    for version, scene in sorted(scenes, key=lambda member: (member[1].time_utc, member[1].id)):
        groups = by_day.setdefault((scene.platform, scene.time_utc.date()), [])
        group = next((group for group in groups if same_acquisition(group[0][1], scene)), None)
        groups.append([(version, scene)]) if group is None else group.append((version, scene))
    used: list[Scene] = []
    older: list[Refusal] = []
    for members in chain.from_iterable(by_day.values()):
        best = max(members, key=lambda member: (member[0], member[1].id))[1]
        used.append(best)
        older += [
            Refusal(
                scene.id,
                f"the same acquisition as {best.id}, which was processed later",
                status=SceneStatus.NOT_NEEDED,
            )
            for _, scene in members
            if scene is not best
        ]
    return tuple(sorted(used, key=lambda scene: (scene.time_utc, scene.id))), older


def same_acquisition(one: Scene, other: Scene) -> bool:
    """Whether two scenes show the same acquisition of the same tile."""
    if one.platform != other.platform or one.time_utc.date() != other.time_utc.date():
        return False
    near = one.footprint.envelope.centroid.distance(other.footprint.envelope.centroid) <= MAX_CENTRE_DIFFERENCE_DEGREES
    return near and abs((one.time_utc - other.time_utc).total_seconds()) <= MAX_TIME_DIFFERENCE_S
