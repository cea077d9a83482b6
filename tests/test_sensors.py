"""Scenes dated when there can be none, in every source."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fake_hub import Hub
from scenes import aoi, write
from test_safe import make_product
from test_sentinel_hub import ground, make, server  # noqa: F401 fixtures
from test_sentinel_hub import make_item as make_hub_item
from test_stac import make_item, opened, write_catalogue

from pipeline.errors import SceneError
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, SceneStatus, Search
from pipeline.sources.sensors import SENTINEL_2

ALWAYS = Period(None, None)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "dated 0001-01-01, before Sentinel-2 was launched (2015-06-23): wrong date?"),
        (datetime(2015, 6, 22, 23, 59, 59, tzinfo=UTC), "dated 2015-06-22, before Sentinel-2 was launched"),
        (datetime(2015, 6, 23, tzinfo=UTC), None),
        (NOW, None),
        (NOW + timedelta(days=1), None),
        (NOW + timedelta(days=1, seconds=1), "dated 2026-11-27, which is in the future by this machine's clock"),
        (datetime(2999, 12, 31, tzinfo=UTC), "dated 2999-12-31, which is in the future"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "dated 9999-12-31, which is in the future"),
    ],
)
def test_a_time_at_which_nothing_was_recorded_is_refused(moment: datetime, reason: str | None) -> None:
    try:
        SENTINEL_2.check_recorded(moment, NOW)
    except SceneError as cause:
        assert reason is not None
        assert str(cause).startswith(reason)
    else:
        assert reason is None


def of_geotiffs(folder: Path, moment: datetime, hub: Hub) -> Search:
    write(folder / "in" / "scene.tif", tags={"datetime": moment.isoformat()})
    return FolderSource(folder / "in").search(aoi(), ALWAYS)


def of_products(folder: Path, moment: datetime, hub: Hub) -> Search:
    path = make_product(folder / "in") / "MTD_MSIL2A.xml"
    path.write_text(path.read_text().replace("2024-02-05T04:01:01.024Z", moment.isoformat()))
    return FolderSource(folder / "in").search(aoi(), ALWAYS)


def of_stac(folder: Path, moment: datetime, hub: Hub) -> Search:
    item = make_item(folder, date(2024, 2, 5))
    item.datetime = moment
    return opened(write_catalogue(folder, [item])).search(aoi(), ALWAYS)


def of_hub(folder: Path, moment: datetime, hub: Hub) -> Search:
    hub.items[:] = [make_hub_item(datetime=moment.isoformat())]
    return make(folder).search(aoi(), ALWAYS)


@pytest.mark.parametrize("search_of", [of_geotiffs, of_products, of_stac, of_hub])
def test_every_source_refuses_them_with_the_reason(
    tmp_path: Path,
    server: Hub,  # noqa: F811
    search_of: Callable[[Path, datetime, Hub], Search],
) -> None:
    later = datetime.now(UTC) + timedelta(days=3)
    for moment, words in (
        (datetime(1, 1, 2, tzinfo=UTC), "dated 0001-01-02, before Sentinel-2 was launched"),
        (datetime(2015, 6, 1, tzinfo=UTC), "dated 2015-06-01, before Sentinel-2 was launched"),
        (later, f"dated {later.date()}, which is in the future"),
        (datetime(2999, 1, 1, tzinfo=UTC), "dated 2999-01-01, which is in the future"),
    ):
        found = search_of(tmp_path, moment, server)
        assert found.scenes == ()
        (refusal,) = found.refusals
        assert words in refusal.reason
        assert refusal.status is SceneStatus.REFUSED
        shutil.rmtree(tmp_path)
    assert len(search_of(tmp_path, datetime(2015, 6, 23, 4, tzinfo=UTC), server).scenes) == 1
