"""Fingerprints of sources: code counts, comments and docstrings do not."""

import ast
import io
import tokenize
from pathlib import Path

from vacuagym.fingerprints import code_alone, fingerprint, fingerprint_of

ROOT = Path(__file__).parents[1]


def without_comments(source):
    """What `code_alone` should give, by the tokenizer."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            text = node.body[0]
            lines[text.lineno - 1 : text.end_lineno] = [""] * (text.end_lineno - text.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def test_the_code_of_every_source_is_what_the_tokenizer_says():
    sources = sorted((ROOT / "workflow").rglob("*.py")) + sorted((ROOT / "tests").rglob("*.py"))
    assert len(sources) > 50
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert code_alone(text) == without_comments(text), path


def test_comments_docstrings_and_blank_lines_do_not_count():
    plain = "def f(x):\n    y = 'a # b'\n    return x + 1\n"
    same = '"""About."""\n\ndef f(x):  # new\n    """Doc.\n\n    More # text.\n    """\n    # why\n    y = \'a # b\'  # c\n\n    return x + 1\n'
    assert code_alone(plain) == code_alone(same)
    assert code_alone(plain) != code_alone(plain.replace("x + 1", "x + 2"))
    assert code_alone(plain) != code_alone(plain.replace("# b", "# c"))


def test_fingerprints_do_not_depend_on_the_order_of_keys_nor_recipes_on_rows():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1}) != fingerprint({"a": 1, "b": [3]})
    recipe = {"table": "features/ks", "code": "x"}
    assert fingerprint_of(recipe | {"rows": [0, 5]}) == fingerprint_of(recipe | {"rows": [5, 9]})
    assert fingerprint_of(recipe) != fingerprint_of(recipe | {"code": "y"})
