"""Scenes as providers lay them out: SAFE products and static STAC catalogues."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pystac
import rasterio
from rasterio.transform import Affine
from scenes import GRID

from pipeline.bands import SCL
from pipeline.grid import Window

PLACES = {**dict.fromkeys(("B02", "B03", "B04", "B08"), "10m"), **dict.fromkeys(("B11", "B12", SCL), "20m")}


def write_product(
    root: Path,
    planes: dict[str, np.ndarray],
    window: Window,
    begun: str,
    spacecraft: str,
    baseline: str,
    added: int | None,
) -> Path:
    """A product as ESA lays it out; `planes` are its numbers, each in its own pixels."""
    granule = "GRANULE/L2A_T47RLH_A036000_20240205T040500/IMG_DATA"
    west, _, _, north = window.bounds_m
    images = []
    for band, size in PLACES.items():
        path = f"{granule}/R{size}/T47RLH_20240205T040101_{band}_{size}"
        images.append(f"<IMAGE_FILE>{path}</IMAGE_FILE>")
        step, numbers = int(size[:2]) // 10, planes[band]
        file = root / f"{path}.jp2"
        file.parent.mkdir(parents=True, exist_ok=True)
        profile = {"driver": "JP2OpenJPEG", "count": 1, "dtype": "uint8" if band == SCL else "uint16", "crs": GRID.crs}
        with rasterio.open(
            file, "w", height=numbers.shape[0], width=numbers.shape[1],
            transform=Affine(10 * step, 0, west, 0, -10 * step, north), QUALITY=100, REVERSIBLE="YES", **profile,
        ) as raster:  # fmt: skip
            raster.write(numbers.astype(profile["dtype"]), 1)
    offsets = "" if added is None else "<BOA_ADD_OFFSET_VALUES_LIST>" + "".join(
        f'<BOA_ADD_OFFSET band_id="{number}">{added}</BOA_ADD_OFFSET>' for number in range(13)
    ) + "</BOA_ADD_OFFSET_VALUES_LIST>"  # fmt: skip
    (root / "MTD_MSIL2A.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/">'
        f"<n1:General_Info><Product_Info><PRODUCT_START_TIME>{begun}</PRODUCT_START_TIME>"
        f"<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE><GENERATION_TIME>{root.name[-20:-5]}</GENERATION_TIME>"
        f"<Datatake><SPACECRAFT_NAME>{spacecraft}</SPACECRAFT_NAME></Datatake><Product_Organisation><Granule_List><Granule>"
        f"{''.join(images)}</Granule></Granule_List></Product_Organisation></Product_Info><Product_Image_Characteristics>"
        "<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>"
        f"{offsets}</Product_Image_Characteristics></n1:General_Info></n1:Level-2A_User_Product>"
    )
    return root


def zipped(product: Path) -> Path:
    target = product.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(product.rglob("*")):
            file.write(path, path.relative_to(product.parent))
    shutil.rmtree(product)
    return target


def write_catalogue(folder: Path, items: list[pystac.Item], name: str = "local") -> Path:
    catalogue = pystac.Catalog(name, "made-up")
    catalogue.add_items(items)
    catalogue.normalize_hrefs(str(folder / "stac"))
    catalogue.make_all_asset_hrefs_relative()
    catalogue.save(pystac.CatalogType.SELF_CONTAINED)
    return folder / "stac" / "catalog.json"
