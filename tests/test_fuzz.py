"""What comes from outside and is damaged is refused in one line, or does no harm: a few of each kind, and the corpus.

`make fuzz` tries many more.
"""

import time

import pytest

from tests.fuzz.corpus import CORPUS, cases, finding_of
from tests.fuzz.kind import Kind, Verdict
from tests.fuzz.kinds import KINDS
from tests.fuzz.pool import tried_all
from tests.fuzz.toy import Dying, Toy

INPUTS = 60
"""Of each kind."""
MAX_CORPUS_BYTES, MAX_FILE_BYTES = 1_000_000, 20_000
NAMES = [kind.name for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_sound_inputs_are_accepted(kind: Kind) -> None:
    for seed in kind.seeds.values():
        assert kind.judged(seed, seed.files, "").verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_damaged_inputs_do_no_harm(kind: Kind) -> None:
    told = [(index, kind.tried(7, index)) for index in range(INPUTS)]
    bad = [(index, judged) for index, judged in told if not judged.verdict.fine and not finding_of(kind.name, judged)]
    assert not bad, f"python -m tests.fuzz --kind {kind.name} --seed 7 --index {bad[0][0]}"
    refused = [judged for _, judged in told if judged.verdict is Verdict.REFUSED]
    noted = [judged for _, judged in told if judged.verdict is Verdict.ACCEPTED and judged.words]
    assert refused or noted  # a kind whose damage is never told is not damaged, or not looked at


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_what_once_went_wrong_does_not_again(kind: Kind) -> None:
    expected = []
    for name, seed, files in cases(kind):
        judged = kind.judged(seed, files, name.partition("--")[2])
        if not judged.verdict.fine:
            finding = finding_of(kind.name, judged)
            assert finding, f"{name}: {judged.verdict}: {judged.words}"
            expected.append(f"{name}: {finding}")
    if expected:
        pytest.xfail(", ".join(expected))


def test_the_corpus_is_small_and_each_case_has_its_kind() -> None:
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert sizes
    assert max(sizes) < MAX_FILE_BYTES
    assert sum(sizes) < MAX_CORPUS_BYTES
    assert {folder.name for folder in CORPUS.iterdir()} <= set(NAMES)


@pytest.mark.parametrize(
    ("text", "damage", "verdict"),
    [
        ("[1, 2, 3]", "", Verdict.ACCEPTED),
        ("[1, 2]", "changed", Verdict.ACCEPTED),
        ("refused", "", Verdict.REFUSED),
        ("[x", "", Verdict.TRACEBACK),
        ("memory", "", Verdict.MEMORY),
        ("too much memory", "", Verdict.MEMORY),
        ("long", "", Verdict.WORDS),
        ("lines", "", Verdict.WORDS),
        ("[0]", "", Verdict.SILENT),
        ("[1, 2", "truncated", Verdict.SILENT),
    ],
)
def test_each_fault_is_told_from_the_others(text: str, damage: str, verdict: Verdict) -> None:
    kind = Toy()
    assert kind.judged(kind.seeds["one"], {"n.json": text.encode()}, damage).verdict is verdict


def test_what_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.kind.CPU_S", 0.2)
    kind = Toy()
    assert kind.judged(kind.seeds["one"], {"n.json": b"hang"}, "").verdict is Verdict.HANG


def test_workers_try_each_input_once() -> None:
    kind = Dying()
    told = dict(tried_all(kind, 3, 12, 1, time.monotonic() + 60))
    assert sorted(told) == list(range(12))
    assert {judged.verdict for judged in told.values()} == {Verdict.ACCEPTED, Verdict.TRACEBACK}
    assert {index: kind.tried(3, index) for index in range(12)} == told
