"""Develops albums: from the cuts of a site to pictures of its looks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pipeline.cuts.choice import ClearLook, roles
from pipeline.cuts.cut import Cut
from pipeline.cuts.store import CutStore, core_of
from pipeline.errors import InputError
from pipeline.grid import LONLAT, PIXEL_M, Window, reprojected
from pipeline.looks.observe import clear_share_of
from pipeline.pictures.album import Album, Frame, Role, View
from pipeline.pictures.colours import NATURAL_BANDS, SWIR_BANDS, Colours, Stretch, model_view
from pipeline.raster import Bytes
from pipeline.sites.records import SiteRecord

QUALITY = 88
"""Of WebP: below it the colours of single pixels run."""
LookAt = Callable[[str, Window], Bytes | None]
"""What the model saw of an overpass on a window, (3, y, x); None = it has not looked there."""


@dataclass(frozen=True, eq=False, slots=True)
class Plate:
    """One look at a site before it is developed."""

    role: Role
    """Why it is shown."""
    cut: Cut
    """Its pixels, on the window that all looks of the album share."""
    seen: Bytes | None
    """What the model saw there; None = it has not looked."""

    @property
    def clear_share(self) -> float:
        """Share of it that was clear, 0 to 1; that was measured, where the model has not looked."""
        return clear_share_of(self.seen) if self.seen is not None else float(self.cut.valid.mean())


@dataclass(frozen=True, eq=False, slots=True)
class Print:
    """One look at a site, developed."""

    plate: Plate
    """The look."""
    views: Mapping[View, Colours]
    """Its pictures; without that of the model where it has not looked."""


@dataclass(frozen=True, eq=False, slots=True)
class Darkroom:
    """Develops albums from the cuts of a grid."""

    store: CutStore
    """The cuts."""
    look_at: LookAt
    """What the model saw."""

    def album(self, site: SiteRecord, looks: Sequence[ClearLook], everything: bool = False) -> Album:
        """The pictures of a site before, first and latest; `everything`: of all its cuts.

        What is missing, and why, is in the album.
        """
        plates, missing = self.plates(site, looks, everything)
        return album_of(site.site_id, developed(plates), missing)

    def plates(
        self, site: SiteRecord, looks: Sequence[ClearLook], everything: bool
    ) -> tuple[list[Plate], str | None]:  # fmt: skip
        """The looks of an album in order of time, on one window, and what is missing, in words."""
        core = self.core(site)
        parts = roles(site, looks)
        kept = self.store.overpasses(core)
        wanted = sorted({*parts, *kept} if everything or not parts else parts)
        cuts: list[tuple[str, Cut]] = []
        problems: list[str] = []
        for overpass in wanted:
            path = self.store.find(core, overpass)
            cut = self._opened(path, problems) if path is not None else None
            if cut is not None:
                cuts.append((overpass, cut))
        absent = [overpass for overpass in parts if overpass not in kept]
        if absent:
            problems.append(f"the cut of {', '.join(sorted(absent))} is not kept yet: leachwatch cuts fetches it")
        cuts.sort(key=lambda each: (each[1].day, each[0]))
        window = _shared([cut.window for _, cut in cuts], core) if cuts else core
        plates = [
            Plate(parts.get(overpass, Role.BETWEEN), cut.cropped(window), self.look_at(overpass, window))
            for overpass, cut in cuts
        ]
        return plates, "; ".join(problems) or None

    def _opened(self, path: Path, problems: list[str]) -> Cut | None:
        try:
            return self.store.read(path)
        except InputError as cause:
            problems.append(str(cause))
            return None

    def core(self, site: SiteRecord) -> Window:
        """The ground that all cuts of a site show."""
        return core_of(reprojected(site.polygon, LONLAT, self.store.grid.crs).bounds)


def developed(plates: Sequence[Plate]) -> list[Print]:
    """Looks at a site in each view that there is of them, all on one stretch, so that they compare."""
    pixels = [(plate.cut.reflectance, plate.cut.valid) for plate in plates]
    if not pixels:
        return []
    natural = Stretch.of(NATURAL_BANDS, pixels, joint=True)
    swir = Stretch.of(SWIR_BANDS, pixels, joint=False)
    return [
        Print(plate, _views(plate, natural(*each), swir(*each))) for plate, each in zip(plates, pixels, strict=True)
    ]


def album_of(site_id: str, prints: Sequence[Print], missing: str | None) -> Album:
    """The album of a site from its looks; `missing`: as `Darkroom.plates` gives it."""
    if not prints:
        return Album(site_id=site_id, side_m=0.0, frames=(), missing=missing or "no cut is kept of it")
    window = prints[0].plate.cut.window
    return Album(
        site_id=site_id,
        side_m=float(window.height * PIXEL_M),
        frames=tuple(map(_frame, prints)),
        bounds_m=window.bounds_m,
        missing=missing,
    )


def _views(plate: Plate, natural: Colours, swir: Colours) -> dict[View, Colours]:
    found = {View.NATURAL: natural, View.SWIR: swir}
    return found if plate.seen is None else found | {View.MODEL: model_view(natural, plate.seen)}


def _frame(print_: Print) -> Frame:
    plate, cut = print_.plate, print_.plate.cut
    return Frame(
        role=plate.role,
        day=cut.day,
        overpass=cut.overpass,
        scenes=tuple(acquisition.id for acquisition in cut.acquisitions),
        clear_share=plate.clear_share,
        images={view: _webp(colours) for view, colours in print_.views.items()},
    )


def _shared(windows: Sequence[Window], core: Window) -> Window:
    """A square that all windows hold, with the core in its middle as far as that goes."""
    shared = windows[0]
    for window in windows[1:]:
        both = shared.intersection(window)
        assert both is not None, "cuts that hold one core share it"
        shared = both
    side = min(shared.height, shared.width)
    row = min(max(core.row + core.height // 2 - side // 2, shared.row), shared.row + shared.height - side)
    col = min(max(core.col + core.width // 2 - side // 2, shared.col), shared.col + shared.width - side)
    return Window(row, col, side, side)


def _webp(colours: Colours) -> bytes:
    from PIL import Image  # a run without pictures need not wait for it

    memory = BytesIO()
    Image.fromarray(colours).save(memory, "WEBP", quality=QUALITY, method=4)
    return memory.getvalue()
