"""Damaged input from outside: seeds, mutators, one kind per format, and a corpus of what once went wrong.

`python -m tests.fuzz --inputs 1000` tries so many inputs of each kind; `tests/test_fuzz.py` tries a few and the corpus.
To add a kind: a class in `kinds.py`, or in a file beside it, and its name in `KINDS`.
"""
