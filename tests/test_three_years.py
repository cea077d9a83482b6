"""Months from a hub on loopback, with all that goes wrong in between; `make endure` does three years of it."""

from pathlib import Path

import three_years
from three_years import backed_up, built, differences, disturbed, restored, said, undisturbed

MONTHS = 9
SCRIPT = {
    1: three_years.password_changed,
    2: three_years.server_down_half_way,
    4: three_years.catalogue_down,
    5: three_years.quota_used_up,
}


def test_what_goes_wrong_changes_neither_sites_nor_names_nor_events_nor_what_is_told(tmp_path: Path) -> None:
    sky, area = built(tmp_path / "scenes", MONTHS)
    one = undisturbed(tmp_path / "undisturbed" / "place", sky, area, MONTHS)
    assert len(said(one)["sites"]) >= 1
    assert said(one)["events"]
    other = disturbed(
        tmp_path / "disturbed" / "place", sky, area, MONTHS, SCRIPT, frozenset({3}), 6, 5, backed_up, restored
    )
    assert other.tries["failed"] + other.tries["unfinished"] >= 3
    assert differences(one, other, MONTHS) == []
