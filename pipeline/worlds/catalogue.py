"""Static STAC catalogue of a simulated archive, listing its scenes as providers list real imagery."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import pystac
from pystac.layout import TemplateLayoutStrategy
from shapely.geometry import mapping

from pipeline.bands import NAMES, SCL
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.sources.stac import SIMULATED, SIMULATION

FOLDER = "stac"
"""Folder of the catalogue, next to the scenes."""
EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
)
PLATFORMS = MappingProxyType({"S2A": "sentinel-2a", "S2B": "sentinel-2b"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedScene:
    """One scene to list."""

    path: Path
    """Scene file."""
    window: Window
    """Pixels it covers."""
    grid: Grid
    """Grid of these pixels."""
    time_utc: datetime
    """Sensing time."""
    platform: str
    """S2A or S2B."""
    cloud_percent: float
    """Cloud cover according to the SCL, 0 to 100."""
    scale: float
    """Factor in reflectance = DN × `scale` + `offset`."""
    offset: float
    """Offset in the same formula."""


def write_catalogue(folder: Path, simulation: str, scenes: Iterable[ListedScene]) -> None:
    """Write `stac/catalog.json` and one item per scene; `simulation`: its id."""
    catalogue = pystac.Catalog(
        SIMULATED,
        "SIMULATED Sentinel-2 scenes with known truth, made by leachwatch; see truth.geojson beside the scenes.",
        extra_fields={SIMULATION: simulation},
    )
    catalogue.add_items([_item(scene) for scene in scenes])
    catalogue.normalize_hrefs(str(folder / FOLDER), TemplateLayoutStrategy(item_template="${id}.json"))
    catalogue.save(pystac.CatalogType.SELF_CONTAINED)


def _item(scene: ListedScene) -> pystac.Item:
    outline = reprojected(scene.window.polygon_m, scene.grid.crs, LONLAT)
    item = pystac.Item(
        id=scene.path.stem,
        geometry=mapping(outline),
        bbox=[round(edge, 7) for edge in outline.bounds],
        datetime=scene.time_utc,
        properties={
            "simulated": True,
            "platform": PLATFORMS[scene.platform],
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "gsd": 10,
            "eo:cloud_cover": round(scene.cloud_percent, 2),
            "proj:code": f"EPSG:{scene.grid.epsg}",
            "proj:shape": list(scene.window.shape),
            "proj:transform": list(scene.window.transform)[:6],
        },
        stac_extensions=list(EXTENSIONS),
    )
    stored = {"scale": scene.scale, "offset": scene.offset, "nodata": 0, "data_type": "uint16"}
    bands = [{"name": name, **stored} for name in NAMES]
    asset = pystac.Asset(
        href=f"../{scene.path.name}",
        media_type=pystac.MediaType.COG,
        roles=["data", "reflectance"],
        extra_fields={"raster:bands": [*bands, {"name": SCL, "nodata": 0, "data_type": "uint16"}]},
    )
    item.add_asset("scene", asset)
    return item
