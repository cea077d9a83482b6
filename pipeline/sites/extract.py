"""Sites: ponds and cleared ground that belong together.

A site is a cluster of pond pixels, none farther than `link_m` from the next (DBSCAN), together with the
mine ground that touches it or lies within `ground_reach_m`. Clusters whose ground touches are one site.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy.ndimage import binary_dilation, label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.ops import unary_union
from shapely.strtree import STRtree

from pipeline.config import SitesSettings
from pipeline.evidence.fuse import Evidence
from pipeline.grid import PIXEL_M, Window, hull
from pipeline.raster import Bools, Floats

EIGHT = np.ones((3, 3), bool)
"""8-connectivity: pixels that touch at a corner belong together."""
CONTEXT_PX = 96
"""How far around its ponds the ground of a site is searched, pixels."""

Pixels = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PondPixels:
    """Pixels that are pond by the evidence, as a list: ponds are rare, and rasters of a whole state are large."""

    rows: Pixels
    """Grid row of each pixel, shape (n,)."""
    cols: Pixels
    """Grid column of each pixel, shape (n,)."""
    fraction: NDArray[np.float32]
    """Pond fraction, 0 to 1, shape (n,)."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Site:
    """One site as extracted from the evidence of all looks."""

    window: Window
    """The window that its arrays cover."""
    pond: Bools
    """Its pond pixels, shape (y, x) of `window`."""
    ground: Bools
    """Its mine ground, ponds included, shape (y, x) of `window`."""
    mean_pond_fraction: float
    """Mean fraction over its pond pixels, 0 to 1."""
    mean_ground: float
    """Mean mine-ground probability over its ground, 0 to 1."""
    polygon_m: Polygon | MultiPolygon
    """Outline of its ground, metres on the grid's CRS."""

    @property
    def ground_m2(self) -> float:
        """Area of its mine ground, square metres."""
        return float(self.ground.sum()) * PIXEL_M**2


def pond_pixels(window: Window, pond: Floats, inside: Bools, settings: SitesSettings) -> PondPixels:
    """The pond pixels of one window: `pond` fraction from the evidence, `inside` True = in the AOI; both (y, x)."""
    rows, cols = np.nonzero((pond >= settings.pond_fraction) & inside)
    return PondPixels(
        rows=rows.astype(np.int64) + window.row,
        cols=cols.astype(np.int64) + window.col,
        fraction=pond[rows, cols],
    )


def find_sites(
    pieces: Iterable[PondPixels], evidence_at: Callable[[Window], Evidence], settings: SitesSettings
) -> list[Site]:
    """The sites of an AOI, from the pond pixels of all its windows in any order.

    `evidence_at` gives the evidence of any window, across blocks, so a site cut by a border is one site.
    Sorted by place (row, then column of the northernmost pond pixel).
    """
    cores = [core for core in _clusters(pieces, settings) if _pond_m2(core) >= settings.min_pond_m2]
    drawn = [(core, site) for core in cores if (site := _draw(core, evidence_at, settings)) is not None]
    sites: list[Site] = []
    for group in _touching([site.polygon_m for _, site in drawn]):
        if len(group) == 1:
            sites.append(drawn[group[0]][1])
            continue
        merged = _draw(_joined([drawn[i][0] for i in group]), evidence_at, settings)
        if merged is not None:
            sites.append(merged)
    return sorted(sites, key=lambda site: (site.window.row, site.window.col))


def ponds_of(site: Site) -> Iterator[tuple[Polygon, Bools]]:
    """Each patch of touching pond pixels of a site: outline in metres, and its pixels (y, x).

    Below about 20 m neighbouring ponds run together, so the number of patches is not the number of ponds.
    """
    patches, count = label(site.pond, EIGHT)
    parts: list[list[Polygon]] = [[] for _ in range(count)]
    for geometry, number in shapes(patches, mask=site.pond, connectivity=4, transform=site.window.transform):
        parts[int(number) - 1].append(shape(geometry))
    for number, own in enumerate(parts, start=1):
        yield unary_union(own), patches == number


def _clusters(pieces: Iterable[PondPixels], settings: SitesSettings) -> Iterator[PondPixels]:
    everything = _joined(list(pieces))
    if not len(everything.rows):
        return
    points = np.stack([everything.rows, everything.cols], axis=1)
    order = np.lexsort((everything.cols, everything.rows))
    points, fraction = points[order], everything.fraction[order]
    labels = _labels(points, settings.link_m / PIXEL_M)
    by_label = np.argsort(labels, kind="stable")
    for members in np.split(by_label, np.flatnonzero(np.diff(labels[by_label])) + 1):
        yield PondPixels(rows=points[members, 0], cols=points[members, 1], fraction=fraction[members])


def _labels(points: Pixels, reach_px: float) -> NDArray[np.int32]:
    """The number of the cluster of each point (n, 2), those of DBSCAN for clusters of one point and more."""
    from scipy.spatial import KDTree  # takes as long to import as a thousand cells to weigh

    pairs = KDTree(points).query_pairs(reach_px, output_type="ndarray")
    near = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    labels: NDArray[np.int32] = connected_components(near, directed=False)[1]
    return labels


def _joined(pieces: list[PondPixels]) -> PondPixels:
    return PondPixels(
        rows=np.concatenate([p.rows for p in pieces] or [np.zeros(0, np.int64)]),
        cols=np.concatenate([p.cols for p in pieces] or [np.zeros(0, np.int64)]),
        fraction=np.concatenate([p.fraction for p in pieces] or [np.zeros(0, np.float32)]),
    )


def _pond_m2(core: PondPixels) -> float:
    return float(core.fraction.sum()) * PIXEL_M**2


def _draw(core: PondPixels, evidence_at: Callable[[Window], Evidence], settings: SitesSettings) -> Site | None:
    """The site around a cluster of pond pixels; None when too little of its surroundings is mine ground."""
    tight = hull([Window(int(r), int(c), 1, 1) for r, c in zip(core.rows, core.cols, strict=True)])
    evidence = evidence_at(tight.grown(CONTEXT_PX))
    window = evidence.window
    pond = np.zeros(window.shape, bool)
    pond[core.rows - window.row, core.cols - window.col] = True
    reach = binary_dilation(pond, EIGHT, iterations=max(1, round(settings.ground_reach_m / PIXEL_M)))
    patches, _ = label(evidence.ground >= settings.ground_probability, EIGHT)
    touched = np.unique(patches[reach & (patches > 0)])
    mine: Bools = np.isin(patches, touched) if len(touched) else np.zeros(window.shape, bool)
    if mine.sum() * PIXEL_M**2 < settings.min_ground_m2:
        return None
    ground = mine | pond
    return Site(
        window=window,
        pond=pond,
        ground=ground,
        mean_pond_fraction=float(core.fraction.mean()),
        mean_ground=float(evidence.ground[mine].mean()),
        polygon_m=_outline(ground, window),
    )


def _outline(pixels: Bools, window: Window) -> Polygon | MultiPolygon:
    parts = shapes(pixels.astype(np.uint8), mask=pixels, connectivity=4, transform=window.transform)
    return unary_union([shape(geometry) for geometry, _ in parts])


def _touching(polygons: list[Polygon | MultiPolygon]) -> list[list[int]]:
    """Groups of indices whose polygons touch, directly or through others; in the order of their first members."""
    count = len(polygons)
    if not count:
        return []
    one, other = STRtree(polygons).query(polygons, predicate="intersects")
    touches = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    _, labels = connected_components(touches, directed=False)
    groups: dict[int, list[int]] = {}
    for index, group in enumerate(labels.tolist()):
        groups.setdefault(group, []).append(index)
    return list(groups.values())
