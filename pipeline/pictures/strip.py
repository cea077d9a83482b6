"""The strip of a site: before, first and latest side by side, each in three views, with what a reader must know."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from pipeline.grid import PIXEL_M
from pipeline.pictures.album import View
from pipeline.pictures.darkroom import Plate, Print
from pipeline.sites.records import SiteRecord
from pipeline.words import ENGLISH, Words, words_in

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

TILE = 256
"""Side of a picture in the strip, pixels of the image."""
GAP, HEAD, FOOT, SIDE = 8, 40, 44, 8
"""Space between pictures, above and below the columns, and at the sides, pixels of the image."""
INK, PAPER, FAINT = (20, 20, 20), (255, 255, 255), (90, 90, 90)
BARS_M = (1000, 500, 200, 100)
"""Lengths of the scale bar: the longest that takes at most a third of a picture."""
JPEG_QUALITY = 86


def strip(site: SiteRecord, prints: Sequence[Print], language: str = ENGLISH) -> bytes:
    """The strip as JPEG; the same bytes for the same looks. `prints`: in order of time, at least one."""
    from PIL import Image, ImageDraw

    words = words_in(language)

    rows = tuple(View)
    width = 2 * SIDE + len(prints) * TILE + (len(prints) - 1) * GAP
    height = HEAD + len(rows) * (TILE + GAP) + FOOT
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    for k, shown in enumerate(prints):
        left = SIDE + k * (TILE + GAP)
        _caption(draw, left, shown.plate, words)
        for number, view in enumerate(rows):
            top = HEAD + number * (TILE + GAP)
            if view in shown.views:
                tile = Image.fromarray(shown.views[view]).resize((TILE, TILE), Image.Resampling.NEAREST)
                image.paste(tile, (left, top))
            else:
                draw.rectangle((left, top, left + TILE - 1, top + TILE - 1), outline=FAINT)
                draw.text((left + 8, top + 8), words("strip.not_looked"), fill=FAINT, font=_font(13))
            if k == 0:
                _label(draw, left, top, words.of("view", view))
    side_m = prints[0].plate.cut.window.width * PIXEL_M
    _scale_bar(draw, SIDE, height - FOOT + 6, side_m)
    _north(draw, width - SIDE - 18, height - FOOT + 4)
    title = words("strip.title", site=site.site_id)
    draw.text((SIDE + TILE // 2 + 10, height - FOOT + 6), title, fill=INK, font=_font(14))
    note = words("strip.simulated" if site.simulated else "strip.credit")
    draw.text((SIDE + TILE // 2 + 10, height - FOOT + 24), note, fill=FAINT, font=_font(12))
    memory = BytesIO()
    image.save(memory, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return memory.getvalue()


def _caption(draw: "ImageDraw", left: int, plate: Plate, words: Words) -> None:
    head = words("strip.look", role=words.of("role", plate.role), day=plate.cut.day)
    draw.text((left, 3), head, fill=INK, font=_font(15))
    foot = words("strip.clear", overpass=plate.cut.overpass, percent=words.percent(plate.clear_share))
    draw.text((left, 22), foot, fill=FAINT, font=_font(12))


def _label(draw: "ImageDraw", left: int, top: int, words: str) -> None:
    box = draw.textbbox((left + 6, top + 4), words, font=_font(12))
    draw.rectangle((box[0] - 3, box[1] - 2, box[2] + 3, box[3] + 2), fill=PAPER)
    draw.text((left + 6, top + 4), words, fill=INK, font=_font(12))


def _scale_bar(draw: "ImageDraw", left: int, top: int, side_m: float) -> None:
    length_m = next((each for each in BARS_M if each <= side_m / 3), BARS_M[-1])
    length = round(length_m / side_m * TILE)
    draw.line((left, top + 12, left + length, top + 12), fill=INK, width=3)
    for end in (left, left + length):
        draw.line((end, top + 6, end, top + 12), fill=INK, width=2)
    draw.text((left, top + 16), f"{length_m:,} m", fill=INK, font=_font(12))


def _north(draw: "ImageDraw", left: int, top: int) -> None:
    draw.polygon([(left + 8, top), (left + 2, top + 16), (left + 8, top + 12), (left + 14, top + 16)], fill=INK)
    draw.text((left + 3, top + 18), "N", fill=INK, font=_font(14))


def _font(size: int) -> "FreeTypeFont | ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(size)
