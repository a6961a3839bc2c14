#!/usr/bin/env python3
"""Goal: the checker finds what it is there to find. Method: a clean tree in a temporary directory, one fault at a
time put into it, and the finding that must come of it."""

import sys
import tempfile
from pathlib import Path

import tidy_test

CLEAN = {
    "src/base/CMakeLists.txt": "target_sources(x PRIVATE bytes.cpp)",
    "src/base/bytes.cpp": '#include "base/bytes.hpp"\n',
    "src/base/bytes.hpp": "// nothing\n",
    "src/ring/CMakeLists.txt": "target_sources(x PRIVATE ring.cpp)",
    "src/ring/ring.cpp": '#include "base/bytes.hpp"\na.store(1);  // (R1) with (R2)\na.load();  // (R2) with (R1)\n',
    "include/dictsqlite/value.hpp": "#include <dictsqlite/export.hpp>\n",
    "README.md": "# Top\nSee [style](docs/style.md#names) and [top](#top), not `[a](b)`.\n",
    "docs/style.md": "## Names\n",
    "docs/concurrency.md": "## Atomics\n| tag | where |\n| R1–R2 | `ring.cpp` |\n## More\n| X1 | not a tag |\n",
}

# file to write, its text, file and line of the finding, a word of it
FAULTS = [
    ("src/base/bytes.hpp", '#include "ring/ring.hpp"\n', "src/base/bytes.hpp:1", "may not include ring"),
    ("src/ring/ring.cpp", '\n#include "cache/c.hpp"\n', "src/ring/ring.cpp:2", "may not include cache"),
    ("src/base/bytes.cpp", '#include "task/task.hpp"\n', "src/base/bytes.cpp:1", "may not include task"),
    ("src/ring/ring.cpp", "#include <liburing.h>\n", "src/ring/ring.cpp:1", "src/io alone"),
    ("src/misc/misc.cpp", "\n", "src/misc/misc.cpp:1", "not on the map"),
    ("include/dictsqlite/value.hpp", "#include <sqlite3.h>\n", "include/dictsqlite/value.hpp:1", "sqlite3.h"),
    ("include/dictsqlite/value.hpp", '#include "base/bytes.hpp"\n', "include/dictsqlite/value.hpp:1", "is public"),
    ("src/ring/lost.cpp", "\n", "src/ring/lost.cpp:1", "dead file"),
    ("src/ring/lost.hpp", "\n", "src/ring/lost.hpp:1", "dead file"),
    ("tests/unit/lost_test.cpp", "\n", "tests/unit/lost_test.cpp:1", "dead file"),
    ("src/ring/ring.cpp", "std::atomic_thread_fence(x);\n", "src/ring/ring.cpp:1", "atomic_thread_fence"),
    ("src/ring/ring.cpp", "\na.store(1);  // (R1)\n", "src/ring/ring.cpp:2", "(R1) stands alone"),
    ("src/ring/ring.cpp", "// (R1) (R2) (R3)\n// (R1) (R2) (R3)\n", "src/ring/ring.cpp:1", "(R3) is not in the table"),
    ("src/ring/ring.cpp", "// (R1)\n// (R1)\n", "docs/concurrency.md:3", "no source has the ordering tag (R2)"),
    ("docs/concurrency.md", "## Atomics\n| R1 | `ring.cpp` |\n", "src/ring/ring.cpp:2", "(R2) is not in the table"),
    ("docs/concurrency.md", "## Atomics\n| R1 R2 | a |\n| S1 | b |\n", "docs/concurrency.md:3", "tag (S1)"),
    ("src/ring/ring.cpp", "\n" * 501, "src/ring/ring.cpp:501", "501 lines"),
    ("README.md", "\n[a](docs/gone.md)\n", "README.md:2", "link to nowhere"),
    ("README.md", "[a](docs/style.md#gone)\n", "README.md:1", "no such heading"),
]


def findings_with(changes):
    with tempfile.TemporaryDirectory() as root:
        for name, text in {**CLEAN, **changes}.items():
            path = Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tidy_test.findings_in(root)


def main():
    failures = [f"clean tree: {finding}" for finding in findings_with({})]
    for name, text, place, word in FAULTS:
        findings = findings_with({name: text})
        if not any(finding.startswith(place + ":") and word in finding for finding in findings):
            failures.append(f"{name}: no finding '{word}' at {place}, but {findings}")
    print("\n".join(failures) if failures else f"{len(FAULTS)} faults, all found")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
