"""`reviews.gpkg`: what people said, read and written row by row while QGIS may have it open.

Each change is one short transaction that is on disk when it returns. Whoever comes second waits for the first.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from pipeline.aoi import polygonal
from pipeline.errors import Busy, InputError, UnitsFailed, describe
from pipeline.gpkg import blob_of, geometry_of, layers_of, read_table
from pipeline.reviews.layout import (
    GEOMETRY,
    MAX_TEXT,
    NEEDED,
    OPTIONAL,
    POINT_COLUMNS,
    POINTS,
    REVIEWS,
    complete,
    create,
)
from pipeline.reviews.review import PondPoint, Reason, Review, Verdict, turn
from pipeline.sites.records import SiteRecord

EPSG = 4326
"""CRS of outlines and points: lon/lat."""
PATIENCE_S = 15.0
"""How long to wait for another program that is writing, seconds."""
FULL = ("full", "space")
"""What SQLite says of a disk that is full."""
Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands in a file."""

    reviews: tuple[Review, ...] = ()
    """Its rows, in the order of their numbers."""
    points: tuple[PondPoint, ...] = ()
    """Its pond points, likewise."""
    problems: tuple[str, ...] = ()
    """What could not be understood, one line each; such a verdict counts as not given, and stays in the file."""


@dataclass(frozen=True, slots=True)
class ReviewsFile:
    """One file. Every method raises `InputError` or `UnitsFailed` in one line: damaged, locked, or the disk is full."""

    path: Path
    """Where it lies."""

    def make(self, styles: Mapping[str, str]) -> None:
        """Make an empty file, unless there is one; `styles`: default style of QGIS (QML) by layer."""
        create(self.path, styles)

    def read(self) -> Reading:
        """All rows and points; none where there is no file."""
        if not self.path.exists():
            return Reading()
        problems: list[str] = []
        rows = read_table(self.path, REVIEWS, ("fid", GEOMETRY, *NEEDED), OPTIONAL)
        reviews = [found for row in rows if (found := self._review(row, problems)) is not None]
        there = POINTS in layers_of(self.path)
        dots = read_table(self.path, POINTS, ("fid", GEOMETRY), POINT_COLUMNS) if there else []
        points = [dot for row in dots if (dot := self._point(row, problems)) is not None]
        return Reading(tuple(reviews), tuple(points), tuple(problems))

    def rows(self) -> list[Review]:
        """All rows."""
        return list(self.read().reviews)

    def points(self) -> list[PondPoint]:
        """All pond points."""
        return list(self.read().points)

    def add_sites(self, sites: Iterable[SiteRecord]) -> int:
        """Add a row, not judged yet, for each site that has none; returns how many."""
        with self._writing() as database:
            known = {name for (name,) in database.execute(f'SELECT site_id FROM "{REVIEWS}"')}  # noqa: S608 our own name
            new = [site for site in sites if site.site_id not in known]
            for site in new:
                since = site.ponds_by or site.ground_by
                said = {"site_id": site.site_id, "added": 0, "from": _midnight(since) if since else None}
                _insert(database, REVIEWS, site.polygon, said)
        return len(new)

    def judge(
        self,
        site_id: str,
        verdict: Verdict | None,
        reason: Reason | None,
        note: str | None,
        reviewer: str | None,
        at: datetime | None,
    ) -> None:
        """Write a verdict into the row of a site whose `turn` it is; what it said before stays in the history.

        `at`: UTC; None = not known. Raises `InputError` for a site that has no row.
        """
        said = {
            "verdict": verdict,
            "reason": reason if verdict is Verdict.REJECTED else None,
            "note": note[:MAX_TEXT] if note else None,
            "reviewer": reviewer or None,
            "reviewed_at": _text(at) if at is not None and (verdict is not None or note) else None,
        }
        with self._writing() as database:
            rows = database.execute(
                f'SELECT fid, reviewer, verdict FROM "{REVIEWS}" WHERE site_id = ?',  # noqa: S608 our own name
                (site_id,),
            ).fetchall()
            if not rows:
                raise InputError(f"{self.path}: has no row for {site_id}; run detect or export, which add it")
            first = min(turn(fid, _plain(by), _plain(what) is not None, reviewer) for fid, by, what in rows)
            _update(database, REVIEWS, first[-1], said)

    def add_site(
        self,
        polygon: Polygon | MultiPolygon,
        reviewer: str | None,
        note: str | None,
        at: datetime,
        seen_on: date | None = None,
    ) -> int:
        """Add a site that a person drew, confirmed and without a name yet; returns the number of the row.

        `seen_on`: day of the picture on which it was seen.
        """
        with self._writing() as database:
            return _insert(
                database,
                REVIEWS,
                polygon,
                {
                    "verdict": Verdict.CONFIRMED,
                    "note": note[:MAX_TEXT] if note else None,
                    "reviewer": reviewer or None,
                    "reviewed_at": _text(at),
                    "added": 1,
                    "from": _midnight(seen_on) if seen_on else None,
                },
            )

    def name(self, names: Mapping[int, str], reported: Collection[str] = ()) -> None:
        """Write names into rows that have none, by their numbers.

        `reported`: sites that a detector had reported; whoever drew one of these has confirmed it, and added none.
        """
        with self._writing() as database:
            for fid, site_id in names.items():
                database.execute(
                    f'UPDATE "{REVIEWS}" SET site_id = ?, added = ? '  # noqa: S608 our own name
                    "WHERE fid = ? AND (site_id IS NULL OR trim(site_id) = '')",
                    (site_id, int(site_id not in reported), fid),
                )

    def set_point(
        self, fid: int | None, site_id: str | None, lon: float, lat: float, reviewer: str | None, at: datetime | None
    ) -> int:  # fmt: skip
        """Set the middle of a pond, or move the one of a number; degrees. Returns its number."""
        said = {"site_id": site_id, "reviewer": reviewer or None, "set_at": _text(at) if at is not None else None}
        with self._writing() as database:
            if fid is None:
                return _insert(database, POINTS, Point(lon, lat), said)
            _update(database, POINTS, fid, {**said, GEOMETRY: blob_of(Point(lon, lat), EPSG)})
            return fid

    def remove_point(self, fid: int) -> None:
        """Remove a pond point; where it was stays in the history."""
        with self._writing() as database:
            database.execute(f'DELETE FROM "{POINTS}" WHERE fid = ?', (fid,))  # noqa: S608 our own name

    def remove_site(self, fid: int) -> None:
        """Remove a site that a person added and that has no name yet; what it said stays in the history."""
        with self._writing() as database:
            database.execute(
                f'DELETE FROM "{REVIEWS}" WHERE fid = ? '  # noqa: S608 our own name
                "AND (site_id IS NULL OR trim(site_id) = '')",
                (fid,),
            )

    def insert(self, review: Review) -> int:
        """Add a row as another file has it; returns its number here."""
        with self._writing() as database:
            return _insert(
                database,
                REVIEWS,
                review.polygon,
                {
                    "site_id": review.site_id,
                    "verdict": review.verdict,
                    "reason": review.reason,
                    "note": review.note,
                    "reviewer": review.reviewer,
                    "reviewed_at": _text(review.reviewed_at) if review.reviewed_at else None,
                    "added": int(review.added),
                    "from": _midnight(review.first) if review.first else None,
                    "to": _midnight(review.last) if review.last else None,
                },
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the file from its beginning, and is on disk at its end."""
        if not self.path.is_file():
            raise InputError(f"{self.path}: not there; run detect or export, which make it")
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous = FULL")
                _know_geometries(database)
                database.execute("BEGIN IMMEDIATE")
                try:
                    complete(database)
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
        except sqlite3.Error as cause:
            raise self._error(cause) from cause

    def _error(self, cause: sqlite3.Error) -> InputError | UnitsFailed:
        said = describe(cause)
        if "locked" in said or "busy" in said:
            return Busy(f"{self.path}: another program (QGIS?) is writing to it; try again when it is done")
        if any(word in said for word in FULL):
            return UnitsFailed(f"{self.path}: the disk is full; free some space and try again, what was saved is kept")
        if "readonly" in said:
            return InputError(f"{self.path}: may not be written to; change its permissions")
        return InputError(f"{self.path}: cannot be written, damaged? ({said}); restore it from a copy")

    def _review(self, row: Sequence[Any], problems: list[str]) -> Review | None:
        fid, blob, site_id, verdict, reason, note, reviewer, at, added, first, last = row
        where = f"{self.path}: row {fid}{f' ({site_id})' if site_id else ''}"
        try:
            outline = _outline_of(blob)
        except ValueError as cause:
            problems.append(f"{where}: its outline cannot be used ({cause}); draw it again")
            if not _plain(site_id):
                return None  # nothing is left of a site that nobody named and that lies nowhere
            outline = Polygon()
        judged = _word(Verdict, verdict, where, "verdict", problems)
        return Review(
            fid=fid,
            site_id=_plain(site_id),
            verdict=judged,
            reason=_word(Reason, reason, where, "reason", problems) if judged is Verdict.REJECTED else None,
            note=_plain(note),
            reviewer=_plain(reviewer),
            reviewed_at=_time(at, where, problems),
            added=bool(added) or not _plain(site_id),
            polygon=outline,
            first=_day(first, where, problems),
            last=_day(last, where, problems),
        )

    def _point(self, row: Sequence[Any], problems: list[str]) -> PondPoint | None:
        fid, blob, site_id, reviewer, at = row
        where = f"{self.path}: pond point {fid}"
        try:
            point = geometry_of(blob)
            if not isinstance(point, Point) or point.is_empty:
                raise ValueError("not a point")
            _check_on_earth(point)
        except ValueError as cause:
            problems.append(f"{where}: cannot be used ({cause}); set it again")
            return None
        when = _time(at, where, problems)
        return PondPoint(fid=fid, site_id=_plain(site_id), reviewer=_plain(reviewer), set_at=when, point=point)


def _know_geometries(database: sqlite3.Connection) -> None:
    """Give the database the functions that the triggers of a spatial index call, if somebody had one made."""
    database.create_function("ST_IsEmpty", 1, lambda blob: int(geometry_of(blob).is_empty), deterministic=True)
    for k, name in enumerate(("ST_MinX", "ST_MinY", "ST_MaxX", "ST_MaxY")):
        database.create_function(name, 1, lambda blob, k=k: geometry_of(blob).bounds[k], deterministic=True)


def _insert(
    database: sqlite3.Connection, layer: str, geometry: Polygon | MultiPolygon | Point, said: Mapping[str, object]
) -> int:
    shape = MultiPolygon([geometry]) if isinstance(geometry, Polygon) else geometry
    columns = {GEOMETRY: blob_of(shape, EPSG), **said}
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    done = database.execute(f'INSERT INTO "{layer}"({names}) VALUES({marks})', _stored(columns))
    assert done.lastrowid is not None
    return done.lastrowid


def _update(database: sqlite3.Connection, layer: str, fid: int, said: Mapping[str, object]) -> None:
    changes = ", ".join(f'"{name}" = ?' for name in said)
    done = database.execute(f'UPDATE "{layer}" SET {changes} WHERE fid = ?', (*_stored(said), fid))  # noqa: S608 our own
    if done.rowcount != 1:
        raise InputError(f"row {fid} of {layer} is not there any more: another program removed it")


def _stored(said: Mapping[str, object]) -> list[object]:
    return [str(value) if isinstance(value, StrEnum) else value for value in said.values()]


def _plain(value: object) -> str | None:
    """A text without blanks around it; None where there is none."""
    return str(value).strip()[:MAX_TEXT] or None if value is not None else None


def _word(kind: type[Word], value: object, where: str, column: str, problems: list[str]) -> Word | None:
    text = _plain(value)
    try:
        return kind(text.lower()) if text is not None else None
    except ValueError:
        problems.append(f"{where}: {column} {str(value)[:40]!r} is none of {', '.join(kind)}; it counts as not given")
        return None


def _time(value: object, where: str, problems: list[str]) -> datetime | None:
    text = _plain(value)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        problems.append(f"{where}: {text[:40]!r} is no time; it counts as not given")
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _day(value: object, where: str, problems: list[str]) -> date | None:
    when = _time(value, where, problems)
    return when.date() if when is not None else None


def _text(when: datetime) -> str:
    """A time as GeoPackage stores it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _outline_of(blob: object) -> Polygon | MultiPolygon:
    """An outline in a blob, valid; raises `ValueError`."""
    outline = geometry_of(blob)
    if not outline.is_valid:
        outline = polygonal(shapely.make_valid(outline))  # edges that cross, as a hand draws them
    if not isinstance(outline, Polygon | MultiPolygon) or outline.is_empty:
        raise ValueError("not an outline")
    _check_on_earth(outline)
    return outline


def _midnight(day: date) -> str:
    """A day as GeoPackage stores a time."""
    return _text(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _check_on_earth(geometry: Polygon | MultiPolygon | Point) -> None:
    west, south, east, north = geometry.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("not on Earth; the layer is in lon/lat, EPSG:4326")
