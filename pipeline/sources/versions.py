"""Each acquisition is used once: of several processing versions the newest."""

from collections.abc import Sequence
from datetime import date
from itertools import chain

from pipeline.sources.interface import Refusal, Scene, SceneStatus


def newest_versions(scenes: Sequence[tuple[str, Scene]]) -> tuple[tuple[Scene, ...], list[Refusal]]:
    """The newest processing version of each acquisition, sorted by time and id, and refusals of the others.

    `scenes`: each with its processing version; the greater text is the newer.
    """
    by_day: dict[tuple[str, date], list[list[tuple[str, Scene]]]] = {}
    for version, scene in sorted(scenes, key=lambda member: (member[1].time_utc, member[1].id)):
        groups = by_day.setdefault((scene.platform, scene.time_utc.date()), [])
        same = scene.acquisition.is_same
        group = next((group for group in groups if same(group[0][1].acquisition)), None)
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
