"""How large `report.html` is with many sites, and how long it takes to write and to open.

    python benchmarks/report.py [--sites N] [--side PX] [--times N] [--keep FILE]

Writes a page of invented sites, each with nine pictures, and opens it in the real Chromium, each time in a new profile.
Open means that the page has loaded and its script has run: map, table and headline are there and can be used. Then one
site is opened, until its pictures are drawn. Times are of this machine.
"""

import argparse
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.report.page import write_report

TESTS = Path(__file__).parent.parent / "tests"
ONSETS = 16
"""Sites began in so many different months."""
READY = "document.documentElement.classList.contains('scripted') && document.readyState === 'complete'"
TIMING = """(() => { const found = performance.getEntriesByType('navigation')[0];
return [found.domContentLoadedEventEnd, found.loadEventEnd]; })()"""
SHOWN = "document.querySelector('#{0} img.left').naturalWidth > 0"


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=500)
    parser.add_argument("--side", type=int, default=128, help="pixels of each picture (default: 128)")
    parser.add_argument("--times", type=int, default=3, help="how often it is opened (default: 3)")
    parser.add_argument("--keep", type=Path, help="where to leave the page")
    wanted = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    with tempfile.TemporaryDirectory() as folder:
        path = wanted.keep or Path(folder, "report.html")
        facts = _written(path, wanted.sites, wanted.side)
        opened = [_opened(path, Path(folder), wanted.sites) for _ in range(wanted.times)]
        facts |= {name: [round(one[name], 2) for one in opened] for name in opened[0]}
        facts["median_open_s"] = round(statistics.median(one["open_s"] for one in opened), 2)
    print(json.dumps(facts, indent=1))


def _written(path: Path, sites: int, side_px: int) -> dict[str, Any]:
    editions = importlib.import_module("editions")
    made = [editions.statement(number, began=1 + number % ONSETS) for number in range(1, sites + 1)]
    albums = {one.site.site_id: editions.album(one, side_px) for one in made}
    sizes = [len(image) for album in albums.values() for frame in album.frames for image in frame.images.values()]
    began = time.perf_counter()
    write_report(path, editions.edition(*made), albums)
    seconds = time.perf_counter() - began
    return {
        "sites": sites,
        "pictures": len(sizes),
        "side_px": side_px,
        "mean_picture_kb": round(statistics.mean(sizes) / 1000, 1),
        "page_mb": round(path.stat().st_size / 1e6, 1),
        "write_s": round(seconds, 1),
        "cores": os.cpu_count(),
    }


def _opened(path: Path, folder: Path, sites: int) -> dict[str, float]:
    driver = importlib.import_module("browser")
    with driver.browser(folder) as chromium:
        page = chromium.tab()
        page.viewport(1280, 900)
        began = time.perf_counter()
        page.goto(path)
        page.wait(READY)
        seconds = time.perf_counter() - began
        _, loaded_ms = page.js(TIMING)
        site_id = f"HLS-{sites // 2:04d}"
        began = time.perf_counter()
        page.js(f"location.hash = '{site_id}'")
        page.wait(SHOWN.format(site_id))
        return {"open_s": seconds, "load_event_s": loaded_ms / 1000, "site_s": time.perf_counter() - began}


if __name__ == "__main__":
    main()
