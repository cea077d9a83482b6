"""Damage to XML: DOCTYPEs, entities, encodings, depth, and elements that are lost, repeated or say something else."""

import re
from random import Random

from tests.fuzz.trees import STRANGE

ELEMENT = re.compile(rb"<(\w+)([^<>]*)>([^<>]*)</\1>")
"""One without children."""
BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPES = (
    "<!DOCTYPE x>",
    '<!DOCTYPE x [<!ENTITY a "b">]>',
    '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>',
    f'<!DOCTYPE x [<!ENTITY l0 "lol">{BOMB}]>',
)


def with_doctype(rng: Random, content: bytes) -> bytes:
    head, close, rest = content.partition(b"?>")
    return head + close + rng.choice(DOCTYPES).encode() + rest.replace(b"S2", rng.choice((b"&l9;", b"&a;", b"S2")))


def encoded(rng: Random, content: bytes) -> bytes:
    """In another encoding than it says, or in one that hides what is in it."""
    if rng.random() < 0.5:
        content = with_doctype(rng, content)
    code = rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "latin-1", "cp037"))
    text = content.decode("utf-8", "replace").replace(
        'encoding="UTF-8"', rng.choice((f'encoding="{code}"', "", 'encoding="UTF-8"'))
    )
    return text.encode(code, "replace")


def nested(rng: Random, content: bytes) -> bytes:
    depth = rng.choice((1000, 100_000))
    return content.replace(b"</Product_Info>", b"<a>" * depth + b"x" + b"</a>" * depth + b"</Product_Info>", 1)


def element_changed(rng: Random, content: bytes) -> bytes:
    found = list(ELEMENT.finditer(content))
    if not found:
        return content
    one = rng.choice(found)
    name, attributes, text = one.groups()
    strange = str(rng.choice(STRANGE)).encode("utf-8", "replace").replace(b"<", b"").replace(b"&", b"")
    fresh = rng.choice(
        (
            b"",
            one[0] * 2,
            b"<" + name + attributes + b">" + strange + b"</" + name + b">",
            b"<" + name + b">" + text + b"</" + name + b">",
            b"<" + name + attributes + b"><![CDATA[" + text + b"]]></" + name + b">",
            b"<" + name + attributes + b"/>",
            b"<" + name + attributes + b">" + rng.choice(found)[3] + b"</" + name + b">",
            b"<" + name + attributes + b">-" + text + b"</" + name + b">",
            b"<" + name + attributes + b">" + text.replace(b"_", b"/../") + b"</" + name + b">",
        )
    )
    return content[: one.start()] + fresh + content[one.end() :]


XML = (with_doctype, encoded, nested, *(element_changed,) * 5)
