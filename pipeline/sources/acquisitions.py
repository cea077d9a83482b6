"""One acquisition, once: of several processings of it the newest is used."""

from collections.abc import Sequence
from datetime import date
from itertools import chain

from pipeline.sources.interface import Refusal, Scene, SceneStatus

SAME_S = 300
"""Whoever lists an acquisition takes its time at one end of it or the other, seconds."""
SAME_DEGREES = 0.05
"""So near lie the middles of outlines of one tile; those of neighbours are a degree apart."""


def newest(scenes: Sequence[tuple[str, Scene]]) -> tuple[tuple[Scene, ...], list[Refusal]]:
    """Of several processings of one acquisition the newest, by time and id; the others, with the reason.

    `scenes` come with what tells a newer processing from an older one: the greater text is the newer.
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
    """Whether two scenes are of one acquisition of one tile."""
    if one.platform != other.platform or one.time_utc.date() != other.time_utc.date():
        return False
    near = one.footprint.envelope.centroid.distance(other.footprint.envelope.centroid) <= SAME_DEGREES
    return near and abs((one.time_utc - other.time_utc).total_seconds()) <= SAME_S
