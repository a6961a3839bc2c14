#!/usr/bin/env python3
"""Code in README.md is code that compiles: every C++ block repeats a region of a file in examples/.

A block stands under a comment that names its region:

    <!-- examples/quickstart.cpp: tour -->
    ```cpp
    ...
    ```

and the file marks the region by `// [readme:tour]` and `// [/readme:tour]`. Common indentation does not count.
Prints `file:line: sentence` for each finding; exit status 1 if any. Usage: check_readme.py [--update] [root of the tree]
--update rewrites the blocks from the regions.
"""

import re
import sys
import textwrap
from pathlib import Path

BLOCK = re.compile(r"^```(?:cpp|c\+\+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOURCE = re.compile(r"<!-- (examples/[\w./-]+): ([\w-]+) -->\n\Z")
BEGIN = re.compile(r"^[ \t]*// \[readme:", re.MULTILINE)
REGION = re.compile(r"^[ \t]*// \[readme:([\w-]+)\]\n(.*?)^[ \t]*// \[/readme:\1\]\n", re.MULTILINE | re.DOTALL)


def regions_of(root):
    """(file, name) -> text and line of every marked region."""
    regions = {}
    for path in sorted((root / "examples").rglob("*.[ch]pp")):
        text = path.read_text(encoding="utf-8")
        for match in REGION.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            regions[str(path.relative_to(root)), match[1]] = textwrap.dedent(match[2]), line
        if len(BEGIN.findall(text)) != len(REGION.findall(text)):
            regions[str(path.relative_to(root)), None] = "", 1
    return regions


def check(root, readme):
    """The findings, and the README as it should be."""
    findings, unused = [], regions_of(root)
    regions = dict(unused)

    def repeat(match):
        line = readme.count("\n", 0, match.start()) + 1
        source = SOURCE.search(readme[: match.start()])
        if not source:
            findings.append(f"README.md:{line}: C++ block without the comment that names its region in examples/")
            return match[0]
        unused.pop(source.groups(), None)
        if source.groups() not in regions:
            findings.append(f"README.md:{line}: no region '{source[2]}' in {source[1]}")
            return match[0]
        text = regions[source.groups()][0]
        if match[1] != text:
            findings.append(f"README.md:{line}: differs from region '{source[2]}' of {source[1]}; "
                            "bring it up to date with examples/check_readme.py --update")
        return f"```cpp\n{text}```"

    expected = BLOCK.sub(repeat, readme)
    for (file, name), (_, line) in unused.items():
        what = f"region '{name}' is not in README.md" if name else "a [readme:...] region has no end"
        findings.append(f"{file}:{line}: {what}")
    return findings, expected


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    root = Path(arguments[0] if arguments else Path(__file__).parents[1]).resolve()
    path = root / "README.md"
    findings, expected = check(root, path.read_text(encoding="utf-8"))
    if "--update" in sys.argv:
        path.write_text(expected, encoding="utf-8")
        findings, _ = check(root, expected)
    print("\n".join(findings) if findings else "README.md repeats the examples")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
