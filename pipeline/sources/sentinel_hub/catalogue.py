"""The catalogue of Sentinel Hub: pages of items, each a scene or a refusal."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.aoi import Aoi
from pipeline.errors import SceneError, one_line
from pipeline.sources.acquisitions import baseline_in, tile_in
from pipeline.sources.assets import HubItem
from pipeline.sources.http import InvalidResponse, Response
from pipeline.sources.interface import Period, Scene, cloud_share_of, platform_of
from pipeline.sources.items import footprint_of_item
from pipeline.sources.pixels import LIBRARY_ERRORS
from pipeline.sources.sensors import SENTINEL_2

COLLECTION = "sentinel-2-l2a"
"""Id of the collection in both deployments."""
SEARCH_PATH = "/api/v1/catalog/1.0.0/search"
PAGE = 100
"""Items per page, the catalogue's maximum."""
MAX_ITEMS = 20_000
"""Most items of one search."""
PRODUCT_NAME = re.compile(r"S2[A-D]_MSIL2A_\d{8}T\d{6}_N\d{4}_R\d{3}_T\w{5}_(\d{8}T\d{6})")
"""ESA's product name, with the time of processing."""
ITEM_ERRORS = (*LIBRARY_ERRORS, KeyError, TypeError, IndexError)
"""What libraries raise for an invalid item."""


def items_of(aoi: Aoi, period: Period, ask: Callable[[Mapping[str, Any]], Response]) -> Iterator[Any]:
    """Items of the catalogue, page by page; `ask` sends a query; raises `SceneError` if the pages do not end."""
    first = (period.first or SENTINEL_2.first_day).isoformat()
    last = period.last.isoformat() if period.last else datetime.now(UTC).date().isoformat()
    query: dict[str, Any] = {
        "collections": [COLLECTION],
        "bbox": list(aoi.polygon.bounds),
        "datetime": f"{first}T00:00:00Z/{last}T23:59:59Z",
        "limit": PAGE,
    }
    number, asked = 0, set[str]()
    while True:
        page = _page(ask(query))
        for item in page["features"]:
            number += 1
            if number > MAX_ITEMS:
                raise SceneError(f"more than {MAX_ITEMS} items; ask for a shorter period")
            yield item
        follow = page["context"].get("next")
        if follow is None:
            return
        if not page["features"] or str(follow) in asked:
            raise SceneError("its pages have no end")
        asked.add(str(follow))
        query = {**query, "next": follow}


def scene_of(item: Any, provider: str) -> Scene:
    """The scene that an item describes; raises `SceneError` with the reason if unusable, or any of `ITEM_ERRORS`."""
    name, properties = item["id"], item["properties"]
    if not isinstance(name, str) or not name.strip():
        raise SceneError("an item without a name")
    if item.get("collection", COLLECTION) != COLLECTION:
        raise SceneError(f"of the collection {one_line(item['collection'])[:60]}, not {COLLECTION}")
    moment = datetime.fromisoformat(properties["datetime"])
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Scene(
        id=one_line(name)[:120],
        time_utc=moment,
        platform=_platform(name, properties),
        assets=HubItem(COLLECTION, name),
        footprint=footprint_of_item(item["geometry"]),
        has_scl=True,
        provider=provider,
        tile=tile_in(properties.get("grid:code"), name),
        baseline=baseline_in(_stated_baseline(properties), name),
        cloud_share=cloud_share_of(properties.get("eo:cloud_cover")),
    )


def version_of(item: Any) -> str:
    """Processing version of an item: the greater text is the newer."""
    properties, named = item["properties"], PRODUCT_NAME.match(item["id"])
    baseline = _stated_baseline(properties) or baseline_in(item["id"])
    processed = properties.get("updated") or properties.get("created") or (named[1] if named else "")
    return f"{baseline:>6} {processed}"


def _stated_baseline(properties: Mapping[str, Any]) -> str:
    """The processing baseline that an item states; empty if it states none."""
    return str(properties.get("s2:processing_baseline") or properties.get("processing:version") or "")


def shown_id(item: Any) -> str:
    """The id of an item for messages, even if the item is invalid."""
    name = item.get("id") if isinstance(item, dict) else None
    return one_line(name)[:120] if isinstance(name, str) and name.strip() else "an item without a name"


def check_page(response: Response) -> None:
    """Raise `InvalidResponse` for a response that is not a page of a catalogue."""
    _page(response)


def _page(response: Response) -> dict[str, Any]:
    try:
        page = json.loads(response.body)
        sound = isinstance(page["features"], list) and isinstance(page["context"], dict)
    except (ValueError, KeyError, TypeError, RecursionError) as cause:
        raise InvalidResponse("not a page of a catalogue") from cause
    if not sound:
        raise InvalidResponse("not a page of a catalogue")
    return dict(page)


def _platform(name: str, properties: Mapping[str, Any]) -> str:
    """`S2A` and so on: as stated, or else from the item's name; empty if neither has it."""
    stated = platform_of(properties.get("platform"))
    named = re.match(r"S2([A-D])_", name)
    return stated or (f"S2{named[1]}" if named else "")
