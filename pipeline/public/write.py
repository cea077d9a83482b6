"""Write the public products of an edition."""

import json
from pathlib import Path

from pipeline.errors import InputError
from pipeline.export.edition import Edition
from pipeline.public.files import write_map, write_method, write_rows
from pipeline.public.page import write_page
from pipeline.public.rules import Rules
from pipeline.public.tally import tally
from pipeline.words import words_in

MAP, ROWS, PAGE, METHOD = "public.geojson", "public.csv", "public.html", "public.json"


def write_public(folder: Path, edition: Edition, rules: Rules) -> list[Path]:
    """Write map, table, page and method.

    Raises `InputError` where the folder holds another size of cell, and as `atomic.write_text`.
    """
    _check_same_cells(folder, rules)
    words, counted, simulated = words_in(), tally(edition, rules), edition.provenance.simulated
    write_map(folder / MAP, counted, simulated)
    write_rows(folder / ROWS, counted, simulated)
    write_page(folder / PAGE, counted, edition, rules, words)
    write_method(folder / METHOD, counted, edition, rules, words)
    return [folder / name for name in (MAP, ROWS, PAGE, METHOD)]


def _check_same_cells(folder: Path, rules: Rules) -> None:
    """Refuse another size of cell than before: where a cell of one size crosses one of another, both narrow down."""
    try:
        before = json.loads((folder / METHOD).read_text(encoding="utf-8")).get("cell_km")
    except FileNotFoundError:
        return
    except (OSError, ValueError, AttributeError) as cause:
        raise InputError(f"{folder / METHOD}: cannot be read; move it away, then export again") from cause
    if before != rules.cell_km:
        raise InputError(
            f"{folder}: holds cells of {before} km; two sizes together say more of where sites are than each alone: "
            f"export with --cell-km {before}, or delete the folder if it was never published"
        )
