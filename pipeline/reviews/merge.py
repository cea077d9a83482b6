"""Two reviewers' files become one: nothing is overwritten, and where they disagree both verdicts stay."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.reviews.apply import judgements
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.review import PondPoint, Review

SAME_DEGREES = 0.00005
"""Pond points nearer than this, about 5 m, are one."""
SHARED = 0.5
"""Drawn sites that share so much of the smaller one's ground are one."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of merging a file into another."""

    verdicts: int
    """Verdicts that were taken over."""
    sites: int
    """Drawn sites that were taken over."""
    points: int
    """Pond points that were taken over."""
    disagreements: tuple[str, ...]
    """Sites that one confirmed and the other rejected, one line each; both verdicts stay, and the site is published as
    unsure until one of them is changed."""
    problems: tuple[str, ...]
    """Rows that could not be understood, in either file, one line each."""


def merge(mine: ReviewsFile, theirs: ReviewsFile) -> Merged:
    """Take over what another file has and this one has not; doing it twice changes nothing.

    Raises as `ReviewsFile`.
    """
    own, other = mine.read(), theirs.read()
    verdicts = sites = points = 0
    rows = list(own.reviews)
    for row in other.reviews:
        if row.verdict is None or row.polygon.is_empty or any(_same(row, each) for each in rows):
            continue
        unjudged = next((each for each in rows if each.verdict is None and each.site_id == row.site_id), None)
        if row.site_id is not None and unjudged is not None:
            mine.judge(row.site_id, row.verdict, row.reason, row.note, row.reviewer, row.reviewed_at)
            rows[rows.index(unjudged)] = replace(row, fid=unjudged.fid)
        else:
            rows.append(replace(row, fid=mine.insert(row)))
            sites += row.added
        verdicts += 1
    there = list(own.points)
    for point in other.points:
        if not any(_same_point(point, each) for each in there):
            mine.set_point(None, point.site_id, point.point.x, point.point.y, point.reviewer, point.set_at)
            there.append(point)
            points += 1
    apart = tuple(_disagreement(rows, site_id) for site_id, said in judgements(rows).items() if said.disagreed)
    return Merged(verdicts, sites, points, apart, (*own.problems, *other.problems))


def _same(one: Review, other: Review) -> bool:
    """Whether two rows say the same of the same site, by whomever."""
    if one.site_id is not None or other.site_id is not None:
        return one.site_id == other.site_id and (one.verdict, one.reason) == (other.verdict, other.reason)
    shared = one.polygon.intersection(other.polygon).area
    return bool(shared >= SHARED * min(one.polygon.area, other.polygon.area))


def _same_point(one: PondPoint, other: PondPoint) -> bool:
    return one.site_id == other.site_id and one.point.distance(other.point) < SAME_DEGREES


def _disagreement(rows: Sequence[Review], site_id: str) -> str:
    said = [f"{row.verdict} by {row.reviewer or 'somebody'}" for row in rows if row.site_id == site_id and row.verdict]
    return f"{site_id}: {', '.join(said)}"
