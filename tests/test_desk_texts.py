"""Every text of the desk's page is in the catalogue, and every text there is used."""

import re
from pathlib import Path

from pipeline import desk
from pipeline.desk.facts import OWN, SHARED, texts_of
from pipeline.words import words_in

PAGE = Path(desk.__file__).parent / "page"
NAMED = re.compile(r"text\('([\w. ]+)'")
MADE = re.compile(r"text\(`(\w+)\.\$\{")
"""The text of a group, by the rest of its key: text(`reason.${reason}`)."""
ANY = re.compile(r"'([a-z_]+)'")
MARKUP = re.compile(r'data-(?:text|label)="(\w+)"')
HINTS = frozenset({"hint_point", "hint_add"})
"""Made from the name of what is drawn."""


def scripts() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(PAGE.glob("*.js")))


def test_every_text_that_is_named_is_there() -> None:
    texts = texts_of(words_in())["texts"]
    named = set(NAMED.findall(scripts())) | set(MARKUP.findall((PAGE / "index.html").read_text(encoding="utf-8")))
    assert len(named) > 40
    assert named <= set(texts), named - set(texts)
    groups = {key.partition(".")[0] for key in texts if "." in key}
    assert set(MADE.findall(scripts())) <= groups


def test_no_text_is_left_over() -> None:
    own = words_in().under(OWN)
    used = set(ANY.findall(scripts())) | set(MARKUP.findall((PAGE / "index.html").read_text(encoding="utf-8"))) | HINTS
    made = set(MADE.findall(scripts()))
    assert {key for key in own if key not in used and key.partition(".")[0] not in made} == set()


def test_shared_groups_are_used() -> None:
    script = scripts()
    for group in SHARED:
        assert f"{group}." in script, group


def test_no_words_stand_in_the_page_itself() -> None:
    markup = re.sub(
        r"<kbd>.*?</kbd>|<title>Review</title>|[+−]</button>", "", (PAGE / "index.html").read_text(encoding="utf-8")
    )
    assert not re.findall(r">\s*([A-Za-z][^<]*)<", markup)
