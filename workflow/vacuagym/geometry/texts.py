"""Texts of geometries: how each kind of list is divided into its entries, and what numbers stand in them.

This is all that counting the geometries of a list needs.
"""

import re
from collections.abc import Iterable, Iterator


def lines_with_text(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers: the entries of a list with one geometry per line."""
    return ((number, line) for number, line in enumerate(lines, start=1) if not line.isspace())


def blocks(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Blocks of fields, ``name : value``, if there are any, and the rows of a matrix, each with its first line.

    A block ends with a blank line after a row, or before the next field.
    """
    first, held = 0, []
    for number, line in enumerate(lines, start=1):
        blank, has_rows = line.isspace(), held and ":" not in held[-1]
        if held and (blank and has_rows or ":" in line and has_rows):
            yield first, "".join(held)
            held = []
        if not blank:
            first = first if held else number
            held.append(line)
    if held:
        yield first, "".join(held)


def braced(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The inner lists of a list as Mathematica writes it, or what stands in the place of one, each with its line."""
    first, inner = 1, None  # where a list began, and what stands after its opening brace; None outside of one
    for number, line in enumerate(_without_comments(lines), start=1):
        for piece in re.findall(r"[{}]|[^{}]+", line):
            if piece == "{":
                if inner and not inner.isspace():
                    yield first, inner
                first, inner = number, ""
            elif piece == "}":
                if inner is not None:
                    yield first, inner
                inner = None
            elif inner is not None:
                inner += piece
            elif not re.fullmatch(r"(\w+\s*=)?[\s,;]*", piece):
                yield number, piece
    if inner is not None:
        yield first, inner + "…"


def _without_comments(lines: Iterable[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        kept = ""
        while line:
            part, mark, line = line.partition("*)" if inside else "(*")
            kept += "" if inside else part
            inside ^= bool(mark)
        yield kept


HEADER = re.compile(r"\s*(\d{1,4})\s+(\d{1,4})(\s.*)?")


def matrices(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Matrices as PALP has them, each with its first line: a header ``rows columns …``, then the rows."""
    held, first, missing = [], 0, 0
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        if not held:
            header = HEADER.fullmatch(line.rstrip("\n"))
            first, missing = number, int(header[1]) if header else 0
        else:
            missing -= 1
        held.append(line)
        if missing == 0:
            yield first, "".join(held)
            held = []
    if held:
        yield first, "".join(held)


def integers(text: str) -> list[int]:
    """The integers of a text, which blanks, commas or braces part; ValueError if there is anything else."""
    try:
        return [int(word) for word in re.split(r"[\s,{}]+", text) if word]
    except ValueError:
        raise ValueError("is not a list of integers") from None


_PALP = re.compile(r"M:(\d+) (\d+) N:(\d+) (\d+) H:(\d+),(\d+)(?: \[(-?\d+)\])?")
_PALP_FEATURES = ("n_points_m", "n_vertices_m", "n_points_n", "n_vertices_n", "h11", "h21", "euler_characteristic")


def palp_results(text: str) -> tuple[str, dict[str, int]]:
    """What PALP says of a polytope in a text, by the names of the features; and the text without that."""
    found = _PALP.search(text)
    if not found:
        return text, {}
    given = {name: int(number) for name, number in zip(_PALP_FEATURES, found.groups(), strict=True) if number}
    return text[: found.start()] + text[found.end() :], given
