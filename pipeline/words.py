"""All texts that people read in the report, the review desk and public products, in one file per language.

A language is a file `languages/<code>.toml`: tables of texts with values in braces, `{n}` in each a number that chooses
between `one` and `other` where the text has both. English is the list of what there is; another language has the same
keys, or it is refused. Texts are plain: whoever puts them into HTML or XML escapes them.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, describe

FOLDER = Path(__file__).parent / "languages"
ENGLISH = "en"
ONE, OTHER = "one", "other"
"""The two forms of a text with a number. A language that knows no plural writes one text instead."""
PLURAL = frozenset({ONE, OTHER})
M2_PER_HECTARE = 10_000.0

Text = str | Mapping[str, str]
"""A text, or its two forms."""


@dataclass(frozen=True, eq=False, slots=True)
class Words:
    """The texts of one language, by key."""

    language: str
    """Its code, as in the `lang` attribute of HTML."""
    texts: Mapping[str, Text]
    """Each text by its key, such as `report.headline`."""

    def __call__(self, key: str, **values: object) -> str:
        """A text with its values filled in; `n` chooses the form. Raises `KeyError` for a key that is none."""
        text = self.texts[key]
        if not isinstance(text, str):
            text = text[ONE if values["n"] == 1 else OTHER]
        return text.format(**values)

    def of(self, group: str, member: str) -> str:
        """The text of one of a group, such as a status; `member` as in the records."""
        return self(f"{group}.{member.replace(' ', '_')}")

    def under(self, group: str) -> dict[str, Text]:
        """All texts of a group, not filled in, by the rest of their keys: for scripts of a page."""
        start = f"{group}."
        return {key.removeprefix(start): text for key, text in self.texts.items() if key.startswith(start)}

    def day(self, day: date) -> str:
        """`3 March 2025`."""
        return self("dates.day", day=day.day, month=self.of("month", str(day.month)), year=day.year)

    def short_day(self, day: date) -> str:
        """`3 Mar 2025`."""
        return self("dates.day", day=day.day, month=self.of("short_month", str(day.month)), year=day.year)

    def month(self, month: str) -> str:
        """`March 2025`, from `2025-03`."""
        return self("dates.month", month=self.of("month", str(int(month[5:]))), year=month[:4])

    def short_month(self, month: str) -> str:
        """`Mar 2025`, from `2025-03`."""
        return self("dates.month", month=self.of("short_month", str(int(month[5:]))), year=month[:4])

    def between(self, after: date | None, by: date | None) -> str:
        """When something began: after one day, by another; `after` None = already there at the first clear look."""
        if by is None:
            return self("dates.never")
        if after is None:
            return self("dates.before", by=self.short_day(by))
        return self("dates.between", after=self.short_day(after), by=self.short_day(by))

    def hectares(self, area_m2: float) -> str:
        """An area in hectares, as exact as it makes sense: `0.04 ha`, `3.1 ha`, `1,250 ha`."""
        return self("units.hectares", area=hectares(area_m2))

    def percent(self, share: float) -> str:
        """A share as a percentage; what is not quite none or all is never rounded to it."""
        if 0 < share < 0.005:
            return self("units.less_than_percent", n=1)
        if 0.995 <= share < 1:
            return self("units.more_than_percent", n=99)
        return self("units.percent", n=round(share * 100))


def hectares(area_m2: float) -> str:
    """An area as a number of hectares without the unit: two decimals below 1, one below 10, none above."""
    area = area_m2 / M2_PER_HECTARE
    return f"{area:,.{2 if area < 0.995 else 1 if area < 9.95 else 0}f}"


def languages() -> list[str]:
    """The codes of the languages that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@lru_cache(maxsize=8)
def words_in(language: str = ENGLISH) -> Words:
    """The texts of a language; raises `InputError` for one that is not there, damaged, or lacks texts."""
    if language not in languages():
        raise InputError(
            f"language {language}: there are texts in {', '.join(languages())} only; add {FOLDER}/{language}.toml"
        )
    path = FOLDER / f"{language}.toml"
    try:
        texts = dict(_texts(tomllib.loads(path.read_text(encoding="utf-8")), ""))
    except (OSError, ValueError) as cause:
        raise InputError(f"{path}: cannot be read ({describe(cause)}); restore it") from cause
    if language != ENGLISH:
        known = set(words_in(ENGLISH).texts)
        if wrong := sorted(known ^ set(texts)):
            raise InputError(
                f"{path}: {wrong[0]} {'is missing' if wrong[0] in known else 'is no text of ours'}; correct it"
            )
    return Words(language, texts)


def _texts(table: Mapping[str, Any], start: str) -> Iterator[tuple[str, Text]]:
    """All texts of a table and of those in it, by key; raises `ValueError` for what is neither."""
    for name, value in table.items():
        if isinstance(value, str) or (isinstance(value, dict) and set(value) == PLURAL):
            yield start + name, value
        elif isinstance(value, dict):
            yield from _texts(value, f"{start}{name}.")
        else:
            raise ValueError(f"{start}{name} is no text")
