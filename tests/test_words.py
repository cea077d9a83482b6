"""Texts stand once: every key that is used is there, none is left over, and another language has the same."""

import re
import string
from datetime import date
from pathlib import Path

import pytest

from pipeline import words as module
from pipeline.errors import InputError
from pipeline.pictures.album import Role, View
from pipeline.reviews.review import Reason, Verdict
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.words import ENGLISH, Words, hectares, languages, words_in

PACKAGE = Path(module.__file__).parent
SOURCES = [
    path
    for path in sorted(PACKAGE.rglob("*"))
    if path.suffix in (".py", ".html", ".js", ".svg", ".xml") and "leaflet" not in path.name
]
CALL = re.compile(r"""\bwords\(\s*["']([\w.]+)["']""")
"""`words("report.title", ...)`, in Python and in templates."""
SELF = re.compile(r"""\bself\(\s*["']([\w.]+)["']""")
"""The same within `Words`."""
OF = re.compile(r"""\.of\(\s*["']([\w.]+)["']""")
UNDER = re.compile(r"""\.under\(\s*["']([\w.]+)["']""")
CHOSEN = re.compile(r"""\bwords\(\s*f["']([\w.]+)\.\{""")
"""`words(f"public_confidence.{key}")`: one of a group."""
NAMED = re.compile(r"""["']([a-z_]+\.\w[\w.]*)["']""")
"""A key that is handed on, to be looked up elsewhere."""
SCRIPTED = re.compile(r"""\bsay\(\s*["']([\w.]+)["']""")
"""`say("sorted", ...)` in scripts: a text of a group that the page carries with it."""
MEMBERS = {
    "status": SiteStatus, "status_means": SiteStatus, "reason": Reason, "event": EventKind, "view": View,
    "view_means": View, "role": Role,
}  # fmt: skip
NOT_CALLED = {"language.name"}
"""What only a choice of languages will show."""


def found(pattern: re.Pattern[str]) -> set[str]:
    return {key for path in SOURCES for key in pattern.findall(path.read_text(encoding="utf-8"))}


def test_every_key_that_is_used_is_there_and_none_is_left_over() -> None:
    keys = set(words_in().texts)
    called = found(CALL) | set(SELF.findall((PACKAGE / "words.py").read_text()))
    assert called <= keys, called - keys
    groups = found(OF) | found(UNDER) | found(CHOSEN)
    in_groups = {key for key in keys if key.rpartition(".")[0] in groups}
    assert groups <= {key.rpartition(".")[0] for key in keys}
    of_desk = {key for key in keys if key.startswith("desk.")}  # see tests/test_desk_texts.py
    assert keys - called - (keys & found(NAMED)) - in_groups - NOT_CALLED - of_desk == set()


def test_scripts_say_what_is_there_and_all_of_it() -> None:
    keys = {key.rpartition(".")[2] for group in found(UNDER) for key in words_in().texts if key.startswith(f"{group}.")}
    assert found(SCRIPTED) == keys


@pytest.mark.parametrize("group", sorted(MEMBERS))
def test_every_status_reason_event_and_view_has_a_word(group: str) -> None:
    words = words_in()
    assert {words.of(group, member.value) for member in MEMBERS[group]} == set(words.under(group).values())


def test_every_verdict_has_a_word_and_so_has_none() -> None:
    assert set(words_in().under("verdict")) == {*Verdict, "none"}


@pytest.mark.parametrize("language", languages())
def test_texts_of_a_language_fill_in_what_the_english_ones_do(language: str) -> None:
    """Each form of a text holds values of the English text only, so that none is asked for that nobody gives."""
    english, other = words_in(ENGLISH).texts, words_in(language).texts
    for key, text in other.items():
        allowed = fields(english[key])
        assert fields(text) <= allowed, key


def fields(text: str | dict[str, str]) -> set[str]:
    forms = [text] if isinstance(text, str) else text.values()
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name}


def test_a_number_chooses_the_form() -> None:
    words = Words("xx", {"a": {"one": "{n} site", "other": "{n:,} sites"}, "b": "{n} in any number"})
    assert [words("a", n=n) for n in (0, 1, 2, 1200)] == ["0 sites", "1 site", "2 sites", "1,200 sites"]
    assert words("b", n=1) == "1 in any number"
    with pytest.raises(KeyError):
        words("c")


def test_dates_areas_and_shares_read_well() -> None:
    words = words_in()
    assert words.day(date(2025, 3, 4)) == "4 March 2025"
    assert words.short_day(date(2025, 3, 4)) == "4 Mar 2025"
    assert (words.month("2025-09"), words.short_month("2025-09")) == ("September 2025", "Sep 2025")
    assert words.between(date(2024, 1, 3), date(2024, 2, 5)) == "after 3 Jan 2024, by 5 Feb 2024"
    assert words.between(None, date(2024, 2, 5)) == "before 5 Feb 2024, the first clear look"
    assert words.between(None, None) == "not dated"
    areas = [hectares(area) for area in (0, 412, 9_949, 9_951, 31_000, 99_600, 12_500_000)]
    assert areas == ["0.00", "0.04", "0.99", "1.0", "3.1", "10", "1,250"]
    assert words.hectares(412) == "0.04 ha"
    shares = [words.percent(share) for share in (0, 0.001, 0.014, 0.5, 0.996, 1)]
    assert shares == ["0%", "less than 1%", "1%", "50%", "more than 99%", "100%"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('a = "x"\nmore = "y"', "more is no text of ours"),
        ("", "a is missing"),
        ("a = 1", "a is no text"),
        ("a = ", "cannot be read"),
    ],
)
def test_a_language_that_lacks_texts_is_refused(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "en.toml").write_text('a = "x"')
    (tmp_path / "shn.toml").write_text(text)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    words_in.cache_clear()
    try:
        assert words_in("en")("a") == "x"
        with pytest.raises(InputError, match=says):
            words_in("shn")
        with pytest.raises(InputError, match="in en, shn only"):
            words_in("my")
    finally:
        words_in.cache_clear()
