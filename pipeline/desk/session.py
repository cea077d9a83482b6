"""A session at the desk: what is shown, what is written, and what can be taken back.

Requests come from several threads of the server. Writing is one at a time; the file of verdicts is read again for every
answer, because QGIS or a colleague may have written to it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date

from pipeline.desk.commands import AddSite, Command, Judge, NotPossible, OnMap, OnPicture, RemovePoint, SetPoint
from pipeline.desk.desk import Desk
from pipeline.desk.facts import (
    Json,
    added_facts,
    album_facts,
    look_facts,
    map_facts,
    point_facts,
    review_facts,
    site_facts,
)
from pipeline.desk.order import latest, order
from pipeline.desk.place import drawn, on_ground
from pipeline.errors import PipelineError
from pipeline.pictures.album import Album, View
from pipeline.reviews.review import PondPoint, Reason, Review, Verdict, turn

ALBUMS = 6
"""Albums that are kept at hand: the site that is shown, the next, and some before."""
MOST_UNDO = 200
"""Steps that can be taken back."""
ADDED = "added-"
"""Keys of sites that have no name yet begin so."""


class JudgedMeanwhile(PipelineError):
    """What stands in the file is not what the page showed; nothing was written."""


class Session:
    """One person at the desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.statements = {statement.site.site_id: statement for statement in desk.edition.statements}
        self.judged = 0
        self._albums: OrderedDict[str, Album | None] = OrderedDict()
        self._looking, self._writing = threading.Lock(), threading.Lock()
        self._back: list[tuple[str, Callable[[], None]]] = []

    def overview(self) -> Json:
        """The AOI, all sites in the order in which they are shown, and what was said of them."""
        reading = self.desk.storage.read()
        rows = list(reading.reviews)
        said, edition = latest(rows), self.desk.edition
        sites = {site.site_id: {**site_facts(site), "review": review_facts(said.get(site.site_id))}
                 for site in edition.sites}  # fmt: skip
        unnamed = {f"{ADDED}{row.fid}": {**added_facts(row), "review": review_facts(row)} for row in _unnamed(rows)}
        gone = [name for name, row in said.items() if name not in sites and row.verdict]
        return {
            "aoi": map_facts(edition.aoi),
            "simulated": edition.provenance.simulated,
            "reviewer": self.desk.reviewer,
            "again": self.desk.again,
            "order": [*order(edition.sites, rows, self.desk.sample), *unnamed],
            "sites": sites | unnamed,
            "gone": sorted(gone),
            "problems": list(reading.problems),
            "reasons": [reason.value for reason in Reason],
            "undo": len(self._back),
        }

    def details(self, key: str) -> Json:
        """Looks, frames, outlines and points of one site."""
        album, crs = self.album(key), self.desk.edition.aoi.grid.crs
        statement = self.statements.get(key)
        return {
            "key": key,
            "review": review_facts(self._row(key)),
            "others": [review_facts(row) for row in self._others(key)],
            "looks": [look_facts(look) for look in statement.looks] if statement else [],
            "album": album_facts(album, statement, crs),
            "points": [point_facts(point, album, crs) for point in self._points_of(key)],
        }

    def knows(self, key: str) -> bool:
        """Whether there is such a site."""
        return key in self.statements or (key.startswith(ADDED) and self._row(key) is not None)

    def picture(self, key: str, number: int, view: View) -> bytes | None:
        """One picture as WebP; None = there is none."""
        album = self.album(key)
        if album is None or not 0 <= number < len(album.frames):
            return None
        return album.frames[number].images.get(view)

    def album(self, key: str) -> Album | None:
        """The pictures of a site; what is wrong with them is told in `missing`."""
        with self._looking:
            if key not in self._albums:
                try:
                    self._albums[key] = self.desk.albums(key)
                except PipelineError as error:  # the site can still be judged by its numbers
                    self._albums[key] = Album(site_id=key, side_m=0.0, frames=(), missing=str(error))
                while len(self._albums) > ALBUMS:
                    self._albums.popitem(last=False)
            self._albums.move_to_end(key)
            return self._albums[key]

    def act(self, command: Command) -> Json:
        """Do it; what the answer says is on disk. Raises `PipelineError`, and then nothing was written."""
        with self._writing:
            match command:
                case Judge():
                    key = self._judge(command)
                case SetPoint():
                    key = self._set_point(command)
                case RemovePoint():
                    key = self._remove_point(command)
                case AddSite():
                    key = self._add_site(command)
                case _:
                    key = self._undo()
            return self._answer(key)

    def _answer(self, key: str) -> Json:
        album, crs = self.album(key), self.desk.edition.aoi.grid.crs
        row = self._row(key)
        added = {**added_facts(row), "review": review_facts(row)} if row and key.startswith(ADDED) else None
        return {
            "saved": True,
            "key": key,
            "review": review_facts(row),
            "points": [point_facts(point, album, crs) for point in self._points_of(key)],
            "added": added,
            "undo": len(self._back),
        }

    def _judge(self, command: Judge) -> str:
        key = command.site
        if key not in self.statements:
            raise NotPossible(f"{key}: not reported, or without a name until the next run; judge it then")
        row = self._row(key)
        now = _said(row)
        wanted = (command.verdict, command.reason, command.note or None)
        if now == wanted and row is not None and row.reviewer == self.desk.reviewer:
            return key  # the answer to the same command was lost, or there is nothing to do
        if now != (command.seen.verdict, command.seen.reason, command.seen.note or None):
            raise JudgedMeanwhile(f"{key}: somebody judged it meanwhile; look at what it says now, then decide again")
        before = self._own_row(key)
        self.desk.storage.judge(key, *wanted, self.desk.reviewer, self.desk.now())
        self.judged += command.verdict is not None and command.verdict is not now[0]

        def back() -> None:
            if _said(self._row(key)) != wanted:
                raise JudgedMeanwhile(f"{key}: somebody judged it meanwhile; it is not taken back")
            who = before.reviewer if before and before.verdict else self.desk.reviewer
            self.desk.storage.judge(key, *_said(before), who, before.reviewed_at if before else None)
            self.judged -= command.verdict is not None and command.verdict is not now[0]

        self._remember(key, back)
        return key

    def _set_point(self, command: SetPoint) -> str:
        if command.site not in self.statements:
            raise NotPossible(f"{command.site}: not reported, or without a name until the next run; set ponds then")
        place = self._lonlat(command.where)[0]
        before = self._point(command.fid) if command.fid is not None else None
        same = [point for point in self._points_of(command.site) if (point.point.x, point.point.y) == place]
        if same:
            return command.site  # the answer to the same command was lost
        storage = self.desk.storage
        fid = storage.set_point(command.fid, command.site, *place, self.desk.reviewer, self.desk.now())

        def back() -> None:
            if before is None:
                storage.remove_point(fid)
            else:
                was = before.point
                storage.set_point(fid, before.site_id, was.x, was.y, before.reviewer, self.desk.now())

        self._remember(command.site, back)
        return command.site

    def _remove_point(self, command: RemovePoint) -> str:
        point, storage = self._point(command.fid), self.desk.storage
        storage.remove_point(command.fid)

        def back() -> None:
            storage.set_point(None, point.site_id, point.point.x, point.point.y, point.reviewer, self.desk.now())

        self._remember(point.site_id or "", back)
        return point.site_id or ""

    def _add_site(self, command: AddSite) -> str:
        outline, storage = drawn(self._lonlat(command.where), self.desk.edition.aoi), self.desk.storage
        for row in _unnamed(storage.read().reviews):
            if row.polygon.equals(outline):
                return f"{ADDED}{row.fid}"  # the answer to the same command was lost
        for site in self.desk.edition.sites:
            if site.polygon.intersects(outline):
                raise NotPossible(f"{site.site_id} is there already; judge it instead")
        seen_on = self._seen_on(command.where)
        fid = storage.add_site(outline, self.desk.reviewer, command.note or None, self.desk.now(), seen_on)
        self._remember(f"{ADDED}{fid}", lambda: storage.remove_site(fid))
        return f"{ADDED}{fid}"

    def _seen_on(self, where: OnPicture | OnMap) -> date | None:
        """The latest look of what it was drawn on: before that day, nobody said that there was a site."""
        if isinstance(where, OnPicture):
            album = self.album(where.site)
            return album.frames[-1].day if album is not None and album.frames else None
        return max((site.last_clear for site in self.desk.edition.sites if site.last_clear is not None), default=None)

    def _undo(self) -> str:
        if not self._back:
            raise NotPossible("there is nothing to take back")
        key, back = self._back[-1]
        back()
        self._back.pop()  # only what was written is forgotten
        return key

    def _remember(self, key: str, back: Callable[[], None]) -> None:
        self._back.append((key, back))
        del self._back[:-MOST_UNDO]

    def _row(self, key: str) -> Review | None:
        rows = self.desk.storage.read().reviews
        if key.startswith(ADDED):
            return next((row for row in _unnamed(rows) if f"{ADDED}{row.fid}" == key), None)
        return latest(rows).get(key)

    def _own_row(self, key: str) -> Review | None:
        """The row that a verdict is written into."""
        rows = [row for row in self.desk.storage.read().reviews if row.site_id == key]
        who = self.desk.reviewer
        return min(rows, key=lambda row: turn(row.fid, row.reviewer, row.verdict is not None, who), default=None)

    def _others(self, key: str) -> list[Review]:
        """What further rows say of a site, where the files of two reviewers were merged."""
        rows = [row for row in self.desk.storage.read().reviews if row.site_id == key and row.verdict is not None]
        first = latest(rows).get(key)
        return [row for row in rows if first is not None and row.fid != first.fid]

    def _point(self, fid: int) -> PondPoint:
        for point in self.desk.storage.read().points:
            if point.fid == fid:
                return point
        raise NotPossible("that pond point is gone; somebody removed it meanwhile")

    def _points_of(self, key: str) -> list[PondPoint]:
        return [point for point in self.desk.storage.read().points if point.site_id == key]

    def _lonlat(self, where: OnPicture | OnMap) -> list[tuple[float, float]]:
        """Where something was drawn. Raises `NotPossible`."""
        if isinstance(where, OnMap):
            return where.lonlat
        album = self.album(where.site)
        if album is None or album.bounds_m is None:
            raise NotPossible(f"{where.site}: its pictures do not say which ground they show; draw on the map")
        return on_ground(where.xy, album.bounds_m, self.desk.edition.aoi.grid.crs)


def _said(row: Review | None) -> tuple[Verdict | None, Reason | None, str | None]:
    return (row.verdict, row.reason, row.note or None) if row else (None, None, None)


def _unnamed(rows: Sequence[Review]) -> list[Review]:
    """Sites that a person added and that have no name yet."""
    return [row for row in rows if row.site_id is None and row.added and not row.polygon.is_empty]


def judged_share(rows: Sequence[Review], sites: Sequence[str]) -> tuple[int, int]:
    """How many of the sites are judged, and how many there are."""
    said = latest(rows)
    return sum(1 for name in sites if name in said and said[name].verdict is not None), len(sites)
