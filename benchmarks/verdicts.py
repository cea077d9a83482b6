"""The machine's part of a verdict: from the key to the picture of the next site, in a real browser.

    python -m benchmarks.verdicts --run FOLDER      FOLDER/out/<aoi> and FOLDER/archive; a copy of the verdicts is used

Every site is judged once by a key as soon as its picture is there, so the rate is that of a person who needs no time.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from pipeline.cli.review import desk_of
from pipeline.desk.server import opened
from pipeline.export.publication import REVIEWS
from pipeline.reviews.file import ReviewsFile
from tests.browser import browser

SHOWN = "document.documentElement.dataset.shown"
WATCH = (
    "window.keyed = 0; window.took = [];"
    "document.addEventListener('keydown', () => { window.keyed = performance.now(); }, true);"
    "new MutationObserver(() => took.push(performance.now() - keyed))"
    ".observe(document.documentElement, {attributes: true, attributeFilter: ['data-shown']})"
)


def main() -> None:
    """Judge every site once, and print how long the pages took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder with out/<aoi> and archive")
    parser.add_argument("--aoi", default="shan", help="name of the AOI (%(default)s)")
    options = parser.parse_args()
    out = options.run / "out" / options.aoi
    desk = desk_of(
        argparse.Namespace(aoi=options.aoi, out=out, archive=options.run / "archive", reviewer="benchmark", sample=None)
    )
    with tempfile.TemporaryDirectory() as folder:
        file = ReviewsFile(Path(shutil.copy(out / REVIEWS, folder)))
        for row in file.rows():
            if row.verdict is not None and row.site_id is not None:
                file.judge(row.site_id, None, None, None, row.reviewer, None)
        desk, count = replace(desk, storage=file), len(desk.edition.sites)
        with browser(Path(folder) / "chromium") as running, opened(desk) as here:
            page = running.tab()
            page.viewport(1440, 900)
            page.goto(here.url)
            page.wait(SHOWN)
            page.js(WATCH)
            rng, begun = random.Random(5), time.monotonic()
            for k in range(count - 1):
                page.press(rng.choice("cu"))
                page.wait(f"took.length > {k}")
            whole = time.monotonic() - begun
            took = sorted(seconds / 1000 for seconds in page.js("took"))
        judged = sum(row.verdict is not None for row in file.rows())
    print(
        f"{count} sites: from key to the next picture {statistics.median(took):.2f} s (median), "
        f"{took[int(0.95 * len(took))]:.2f} s (95 %), {took[-1]:.2f} s (most); {judged} verdicts in {whole:.0f} s"
    )


if __name__ == "__main__":
    main()
