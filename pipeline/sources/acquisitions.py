"""One acquisition, once: of several processings of it the newest is used."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.sources.interface import NOT_NEEDED, Refusal, Scene

SAME_S = 300
"""Whoever lists an acquisition takes its time at one end of it or the other."""
SAME_DEGREES = 1
"""Decimals of a degree to which outlines of one tile have the same middle."""


def newest(scenes: Sequence[tuple[str, Scene]]) -> tuple[tuple[Scene, ...], list[Refusal]]:
    """Of several processings of one acquisition the newest, by time and id; the others, with the reason.

    `scenes` come with what tells a newer processing from an older one: the greater text is the newer.
    """
    groups: dict[tuple[object, ...], list[tuple[str, Scene]]] = {}
    for version, scene in scenes:
        middle = scene.footprint.envelope.centroid
        moment = datetime.fromtimestamp(round(scene.time_utc.timestamp() / SAME_S) * SAME_S, UTC)
        near = moment, scene.platform, round(middle.x, SAME_DEGREES), round(middle.y, SAME_DEGREES)
        groups.setdefault(near, []).append((version, scene))
    used: list[Scene] = []
    older: list[Refusal] = []
    for members in groups.values():
        best = max(members, key=lambda member: (member[0], member[1].id))[1]
        used.append(best)
        older += [
            Refusal(scene.id, f"{NOT_NEEDED}the same acquisition as {best.id}, which was processed later")
            for _, scene in members
            if scene is not best
        ]
    return tuple(sorted(used, key=lambda scene: (scene.time_utc, scene.id))), older
