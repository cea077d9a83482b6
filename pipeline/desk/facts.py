"""What the page shows, as JSON: sites, looks, reviews and the map."""

from typing import Any

import shapely

from pipeline.aoi import Aoi
from pipeline.desk.place import on_picture, rings_of
from pipeline.pictures.album import Album, View
from pipeline.reviews.review import PondPoint, Review
from pipeline.sites.records import LookRecord, SiteRecord
from pipeline.sites.statement import Statement
from pipeline.words import Words

OWN = "desk"
"""Group of texts of the page."""
SHARED = ("status_means", "reason", "view", "role", "month", "short_month", "dates", "units")
"""Groups of texts that it shares."""
Json = dict[str, Any]
OUTLINE_DETAIL = 400
"""The outline of an AOI is drawn to this part of its width: finer than a pixel of the map."""
MAP_DIGITS = 5
"""Decimals of a degree on the map: about a metre."""


def texts_of(words: Words) -> Json:
    """The words of the page in one language: its own, and those that it shares with other products."""
    shared = {f"{group}.{key}": text for group in SHARED for key, text in words.under(group).items()}
    return {"language": words.language, "texts": {**words.under(OWN), **shared}}


def view_code(view: View) -> str:
    """How a view is called in addresses and in texts."""
    return view.value.replace(" ", "_")


def site_facts(site: SiteRecord) -> Json:
    """The row of a site, as numbers and days; the page finds the words."""
    point = site.polygon.representative_point()
    return {
        "key": site.site_id,
        "name": site.site_id,
        "at": [round(point.x, MAP_DIGITS), round(point.y, MAP_DIGITS)],
        "status": site.status.value,
        "confidence": site.confidence,
        "added": site.added,
        "ground": _interval(site.ground_after, site.ground_by),
        "ponds": _interval(site.ponds_after, site.ponds_by),
        "last_seen": _day(site.last_seen),
        "last_clear": _day(site.last_clear),
        "clear_looks": site.clear_looks,
        "pond_area_m2": [site.pond_area_m2, site.pond_area_low_m2, site.pond_area_high_m2],
        "ground_area_m2": site.ground_area_m2,
        "stale_since": _day(site.stale_since),
        "earlier_dates": site.earlier_dates,
        "simulated": site.simulated,
    }


def added_facts(row: Review) -> Json:
    """A site that a person added and that has no name yet."""
    point = row.polygon.representative_point()
    return {
        "key": f"added-{row.fid}",
        "name": None,
        "at": [round(point.x, MAP_DIGITS), round(point.y, MAP_DIGITS)],
        "added": True,
        "confidence": None,
    }


def review_facts(row: Review | None) -> Json:
    """What a person said of a site."""
    return {
        "verdict": row.verdict.value if row and row.verdict else None,
        "reason": row.reason.value if row and row.reason else None,
        "note": (row.note or None) if row else None,
        "reviewer": row.reviewer if row else None,
        "at": row.reviewed_at.isoformat() if row and row.reviewed_at else None,
    }


def look_facts(look: LookRecord) -> Json:
    """One clear look: areas with their interval, for the chart."""
    return {
        "day": look.day.isoformat(),
        "overpass": look.overpass,
        "share_seen": look.share_seen,
        "pond_area_m2": [look.pond_area_m2, look.pond_area_low_m2, look.pond_area_high_m2],
        "ground_area_m2": look.ground_area_m2,
        "state": look.state.word,
        "ponds": look.ponds_present,
    }


def album_facts(album: Album | None, statement: Statement | None, crs: str) -> Json:
    """The frames of an album, and the outlines of a site on its pictures."""
    if album is None:
        return {"frames": [], "missing": None, "drawable": False, "site": [], "ponds": []}
    bounds = album.bounds_m
    seen = statement is not None and bounds is not None
    return {
        "side_m": album.side_m,
        "missing": album.missing,
        "drawable": bounds is not None and bool(album.frames),
        "site": on_picture(statement.site.polygon, bounds, crs) if seen and statement and bounds else [],
        "ponds": [ring for pond in statement.ponds for ring in on_picture(pond.polygon, bounds, crs)]
        if seen and statement and bounds
        else [],
        "frames": [
            {
                "role": frame.role.value,
                "day": frame.day.isoformat(),
                "overpass": frame.overpass,
                "scenes": list(frame.scenes),
                "clear_share": frame.clear_share,
                "views": [view_code(view) for view in frame.images],
            }
            for frame in album.frames
        ],
    }


def point_facts(point: PondPoint, album: Album | None, crs: str) -> Json:
    """A pond point, on the map and on the pictures."""
    on = on_picture(point.point, album.bounds_m, crs)[0][0] if album and album.bounds_m else None
    return {"fid": point.fid, "at": [round(point.point.x, 7), round(point.point.y, 7)], "xy": on}


def map_facts(aoi: Aoi) -> Json:
    """The outline of an AOI, as coarse as the map is."""
    west, south, east, north = aoi.polygon.bounds
    coarse = shapely.simplify(aoi.polygon, (east - west) / OUTLINE_DETAIL)
    rings = [[[round(x, MAP_DIGITS), round(y, MAP_DIGITS)] for x, y in ring.coords] for ring in rings_of(coarse)]
    return {"name": aoi.name, "title": aoi.title, "bounds": [west, south, east, north], "rings": rings}


def _interval(after: Any, by: Any) -> list[str | None] | None:
    """When something began, as (after, by]; None = it has not."""
    return None if by is None else [_day(after), _day(by)]


def _day(day: Any) -> str | None:
    return None if day is None else str(day.isoformat())
