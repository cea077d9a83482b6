"""Damage to what JSON and TOML say: keys, types, numbers, depth, text, dates and coordinates."""

import json
import tomllib
from collections.abc import Iterator
from random import Random
from typing import Any

import tomli_w

RAW = {
    "@huge@": "9" * 5000,
    "@big@": "1" + "0" * 400,
    "@over@": "1e999",
    "@under@": "-1e999",
    "@nan@": "NaN",
    "@infinity@": "-Infinity",
    "@deep@": "[" * 900 + "]" * 900,
    "@deeper@": "[" * 100_000 + "]" * 100_000,
    "@surrogate@": '"\\ud800"',
    "@zero@": "-0.0",
    "@exact@": "9007199254740993",
}
"""Values that no library writes, by what stands for them until the text is made."""
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 0.1, -0.5, 1e308, -1e308, 5e-324, 180.0, 999.0,
    "", " ", "x", "0", "-1", "nan", "inf", "1e999", "\x00", "a\nb", "a\u202eb", "\ufeff", "é", "x" * 100_000,
    "0001-01-01", "2999-12-31", "0001-01-01T00:00:00Z", "2999-12-31T23:59:59.999999Z", "2025-02-30", "2025-01-31T25:00:00Z",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2025-W01-1", "20250131",
    "../../../../etc/passwd", "/dev/zero", "file:///etc/passwd", "http://127.0.0.1:9/x", "s3://bucket/key", "/vsicurl/x",
    "./catalog.json", "next", "child", "item", "Polygon", "Point", "EPSG:4326", "EPSG:32647", "EPSG:999999",
    [], {}, [[]], [None], {"type": "Point"}, [1, 2], [[1, 2], [3, 4]], [{}] * 500, *RAW,
)  # fmt: skip


class Again(str):
    """A key that stands beside one of the same text."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys or indices, from top to bottom."""
    if isinstance(tree, (dict, list)):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from places(tree[key])


def changed(rng: Random, tree: Any) -> Any:
    """The tree with one to three changes, made in place where that can be."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        where = list(places(tree))
        if not where or rng.random() < 0.02:
            return rng.choice(STRANGE)
        container, key = rng.choice(where)
        value = container[key]
        match rng.randrange(11):
            case 0:
                del container[key]
            case 1 | 2 | 3:
                container[key] = rng.choice(STRANGE)
            case 4 if isinstance(container, list):
                container.insert(rng.randrange(len(container) + 1), json.loads(json.dumps(value)))
            case 4 if isinstance(container, dict):
                container[Again(key)] = rng.choice((*STRANGE, value))
            case 5 if isinstance(container, dict):
                container[rng.choice(("", "type", key.upper(), key + "x", "\ud800"))] = container.pop(key)
            case 6:
                other, name = rng.choice(where)
                container[key] = json.loads(json.dumps(other[name])) if name in _keys(other) else value
            case 7:
                container[key] = rng.choice(([value], {"x": value}, [value] * 300, {"type": value}))
            case 8 if isinstance(value, (int, float)):
                container[key] = rng.choice((-value, value * 1e6, value + 360, str(value), value + 0.5))
            case 9 if isinstance(value, list):
                value.reverse()  # of a pair of coordinates: latitude first
            case _ if isinstance(value, str) and value:
                at = rng.randrange(len(value))
                container[key] = value[:at] + rng.choice(("", "9", " ", "\x00", "é", "-", "/")) + value[at + 1 :]
            case _:
                container[key] = rng.choice(STRANGE)
    return tree


def _keys(container: Any) -> Any:
    return container if isinstance(container, dict) else range(len(container))


def _with_raw(text: str) -> str:
    for mark, raw in RAW.items():
        text = text.replace(f'"{mark}"', raw)
    return text


def json_changed(rng: Random, content: bytes) -> bytes:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return content
    try:
        return _with_raw(json.dumps(changed(rng, tree))).encode()
    except (ValueError, RecursionError):
        return content


def json_line_changed(rng: Random, content: bytes) -> bytes:
    """One line of a file that has one object per line."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at] = json_changed(rng, lines[at])
    return b"\n".join(lines)


def lines_moved(rng: Random, content: bytes) -> bytes:
    """Lines lost, repeated, joined, or ended as on another system."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(rng.randrange(len(lines)), lines[at])
        case 2:
            return content.replace(b"\n", b"\r\n")
        case 3:
            lines[at : at + 2] = [b"".join(lines[at : at + 2])]
        case 4:
            lines[at] += rng.choice((b" ", b"\t", b",", b"}", b"\x00"))
    return b"\n".join(lines)


def _without_none(value: Any) -> Any:
    """What TOML can say."""
    if isinstance(value, dict):
        return {str(key).replace("\ud800", "?"): _without_none(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_none(part) for part in value]
    return "@nan@" if value is None else value


def toml_changed(rng: Random, content: bytes) -> bytes:
    try:
        tree = changed(rng, tomllib.loads(content.decode()))
        text = tomli_w.dumps(_without_none(tree) if isinstance(tree, dict) else {"x": _without_none(tree)})
    except (ValueError, TypeError, RecursionError):
        return content
    return _with_raw(text).replace("NaN", "nan").replace("Infinity", "inf").encode()


def toml_text_changed(rng: Random, content: bytes) -> bytes:
    extra = (
        ".".join("a" * 5000) + " = 1\n", "[" + ".".join("b" * 3000) + "]\n", "[grid]\n", "[[grid]]\n", "x = " + "{a=" * 3000 + "1" + "}" * 3000 + "\n",
        "model = '''", "model = \"\\ud800\"\n", "grid.block_px = 64\n", "[spending]\nmonthly_pu = nan\n", "model = 0001-01-01\n",
    )  # fmt: skip
    text = rng.choice(extra).encode()
    return rng.choice((text + content, content + b"\n" + text, text))


JSON = (json_changed,) * 8
"""Weighted against damage to bytes, most of which a parser refuses at once."""
