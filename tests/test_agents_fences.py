import pytest

from mapcoder_lite.agents import fences
from mapcoder_lite.problem import Language

PROGRAM = "n = int(input())\nprint(n)"


def found(reply: str, language: Language = Language.PYTHON) -> str | None:
    block = fences.find_program(reply, language)
    return block.text if block else None


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{PROGRAM}\n```",
        f"```Python3\n{PROGRAM}\n```\nIt reads and prints.",
        f"```\n{PROGRAM}\n```",
        f"~~~py\n{PROGRAM}\n~~~",
        f"Here it is: ```python\n{PROGRAM}```",
        f"```python\n{PROGRAM}",
        f"```{{.python}}\n{PROGRAM}\n```",
        PROGRAM,
        f"Here is the program:\n{PROGRAM}",
        "1. Do:\n   ```python\n   n = int(input())\n   print(n)\n   ```",
        f"```cpp\nint main() {{}}\n```\n```python\n{PROGRAM}\n```",
        f"Input\n```\n5\n```\n```python\n{PROGRAM}\n```\nOutput\n```\n5\n```",
        f"```python\nimport draft\n```\nBetter:\n```python\n{PROGRAM}\n```",
        f"```python\n{PROGRAM}\n```\nUse it so:\n```python\nprint(solve(5))\n```",
        f"```python\n{PROGRAM}\n```\nIn short:\n```python\nimport ...\n```",
        f"```python\nimport cut\n```python\n{PROGRAM}\n```",
    ],
)
def test_program_is_found(reply: str):
    assert found(reply) == PROGRAM


@pytest.mark.parametrize(
    "reply",
    ["", "I cannot solve it.", "```\n5\n```", "```\n5 3\n```", "```cpp\nint x;\n```", "Hello"],
)
def test_no_program_is_found(reply: str):
    assert found(reply) is None


def test_program_that_does_not_parse_is_still_one_when_tagged():
    assert found("```python\nprint(\n```") == "print("


def test_asking_for_c_does_not_take_cpp_or_csharp_tags_for_c():
    reply = "```cpp\nint main() { return 1; }\n```\n```c\nint main() { return 0; }\n```"
    assert found(reply, Language.C) == "int main() { return 0; }"
    assert found(reply, Language.CPP) == "int main() { return 1; }"


def test_other_languages_forgive_a_wrong_tag_but_not_python():
    assert found("```python\n<?php echo 1; ?>\n```", Language.PHP) == "<?php echo 1; ?>"
    assert found(f"```python\n{PROGRAM}\n```", Language.CSHARP) is None
    assert found("function f() {\n  return 1;\n}\necho f();", Language.PHP) is not None
    assert found("It cannot be done at all", Language.PHP) is None


def test_string_literals_keep_their_blank_lines():
    program = "import a\nx = '''\n   \n'''"
    assert found(f"```python\n{program}\n```") == program


def test_deeply_nested_python_is_no_crash():
    for source in ("(" * 50_000, "x = a" + "[0]" * 50_000, "x = " + "-" * 50_000 + "1"):
        assert fences.is_python(source) is False


@pytest.mark.parametrize("white", ["\r", "\x0b", "\x0c", "\u00a0", "\u2028", " \r"])
def test_white_space_behind_a_fence_is_no_tag(white: str) -> None:
    assert found(f"```{white}\nprint(1)\n```{white}\n") == "print(1)"
