"""Draws `review.png`: the review desk in a real Chromium, on products that `make detect AOI=shan` wrote.

PYTHONPATH=.:tests python docs/pictures/review.py out/shan archive [SITE]
"""

import argparse
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from browser import browser
from PIL import Image

from pipeline.cli.review import desk_of
from pipeline.desk.server import opened

COLOURS = 256
TARGET = Path(__file__).with_suffix(".png")


def main(out: str, archive: str, site: str = "") -> None:
    """Write the picture."""
    options = argparse.Namespace(aoi="shan", out=Path(out), archive=Path(archive), reviewer=None)
    with tempfile.TemporaryDirectory() as folder, opened(desk_of(options)) as here, browser(Path(folder)) as chromium:
        page = chromium.tab()
        page.viewport(1280, 800)
        page.goto(here.url)
        for _ in here.session.statements:
            page.wait("document.documentElement.dataset.shown === document.getElementById('name').textContent")
            if page.text("#name") == (site or page.text("#name")):
                break
            page.press("j")
        page.pump(0.5)
        page.screenshot(Path(folder) / "page.png")
        shown = Image.open(BytesIO((Path(folder) / "page.png").read_bytes())).convert("RGB")
    shown.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
