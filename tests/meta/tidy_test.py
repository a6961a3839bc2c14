#!/usr/bin/env python3
"""What no compiler checks about this tree. Prints `file:line: sentence` for each finding; exit status 1 if any.

Usage: tidy_test.py [root of the tree]
"""

import re
import sys
from pathlib import Path

LEVELS = [
    {"base", "task", "entry"},
    {"io", "crypto"},
    {"ring", "cache", "journal", "store"},
    {"flush", "load"},
    {"database"},
]
LEVEL_OF = {module: level for level, modules in enumerate(LEVELS) for module in modules}
SIDEWAYS = {("task", "base"), ("entry", "base")}  # the only includes within a level

# Other people's headers and the one module that may see them.
FOREIGN = {"liburing": "io", "sqlite3": "store", "botan": "crypto", "xxhash": "journal"}
LINES_MAX = 500
FENCES = "asymmetric_fence"  # the one module that may use them

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ORDERING_TAG = re.compile(r"\(([A-Z]{1,3}[0-9]{1,2}[a-z]?)\)")
TABLE_TAGS = re.compile(r"\b([A-Z]{1,3}[0-9]{1,2})(?:[–-]([A-Z]{1,3}[0-9]{1,2}))?")
ATOMICS = "docs/concurrency.md"
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


class Tree:
    def __init__(self, root):
        self.root = Path(root).resolve()
        self.findings = []

    def files(self, *patterns):
        """Files that match, sorted, without what a build left behind."""
        found = {path for pattern in patterns for path in self.root.glob(pattern) if path.is_file()}
        return sorted(path for path in found if path.relative_to(self.root).parts[0] != "build")

    def report(self, path, line, sentence):
        self.findings.append(f"{path.relative_to(self.root)}:{line}: {sentence}")


def lines_of(path):
    return enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)


def includes_of(path):
    for number, line in lines_of(path):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def foreign_library(name):
    return next((library for library in FOREIGN if re.match(rf"{library}(\d*/|[\w-]*\.h)", name)), None)


def check_layers(tree):
    """Includes go down the module map; a foreign library stays behind its module."""
    for path in tree.files("src/*/**/*.[ch]pp"):
        module = path.relative_to(tree.root / "src").parts[0]
        if module not in LEVEL_OF:
            tree.report(path, 1, f"module '{module}' is not on the map")
            continue
        for number, quoted, name in includes_of(path):
            library = foreign_library(name)
            if library and FOREIGN[library] != module:
                tree.report(path, number, f"<{name}> is for src/{FOREIGN[library]} alone")
            if not quoted:
                continue
            target = name.split("/")[0]
            if "/" not in name or target not in LEVEL_OF:
                tree.report(path, number, f'"{name}": quoted includes name a module of src')
            elif target != module and (module, target) not in SIDEWAYS and LEVEL_OF[target] >= LEVEL_OF[module]:
                tree.report(path, number, f"{module} (level {LEVEL_OF[module]}) may not include "
                                          f"{target} (level {LEVEL_OF[target]})")


def check_public_headers(tree):
    """Users need neither our internals nor the libraries behind them."""
    for path in tree.files("include/**/*"):
        for number, quoted, name in includes_of(path):
            if quoted or name.split("/")[0] in LEVEL_OF:
                tree.report(path, number, f'public header includes "{name}"; only <dictsqlite/...> is public')
            if foreign_library(name):
                tree.report(path, number, f"public header includes <{name}>")


def check_dead_files(tree):
    """Every source is built, every internal header is used."""
    named = set()  # what the words of the CMake files stand for: a path, or a name that a loop completes
    for path in tree.files(*(f"{top}/**/CMakeLists.txt" for top in ("src", "tests", "examples", "benchmarks"))):
        text = re.sub(r"\$\{CMAKE_CURRENT_(SOURCE|LIST)_DIR\}/", "", path.read_text(encoding="utf-8"))
        for word in re.findall(r"[\w./-]+", text):
            named.update((path.parent / f"{word}{suffix}").resolve() for suffix in ("", ".cpp", "_test.cpp"))
    code = tree.files(*(f"{top}/**/*.[ch]pp" for top in ("src", "include", "tests", "examples", "benchmarks")))
    included = {name.split("/")[-1] for path in code for _, _, name in includes_of(path)}
    for path in code:
        if path.is_relative_to(tree.root / "include"):
            continue
        if path not in named and (path.suffix == ".cpp" or path.name not in included):
            tree.report(path, 1, "dead file: no CMakeLists.txt names it" +
                        (" and nothing includes it" if path.suffix == ".hpp" else ""))


def ordering_tags(tree):
    """Where each ordering tag stands in the comments of the sources."""
    places = {}
    for path in tree.files("src/**/*.[ch]pp", "include/**/*.hpp"):
        for number, line in lines_of(path):
            for tag in sorted(set(ORDERING_TAG.findall(line.partition("//")[2]))):
                places.setdefault(tag, []).append((path, number))
    return places


def check_orderings(tree):
    """Fences stay in one place (ThreadSanitizer does not see them); an ordering tag has a partner."""
    for path in tree.files("src/**/*.[ch]pp", "include/**/*.hpp"):
        if path.stem == FENCES:
            continue
        for number, line in lines_of(path):
            if "atomic_thread_fence" in line.split("//")[0]:
                tree.report(path, number, "atomic_thread_fence: put the ordering on the operations")
    for tag, places in ordering_tags(tree).items():
        if len(places) == 1:
            tree.report(*places[0], f"ordering tag ({tag}) stands alone: name its partner")


def tags_of_cell(cell):
    """The tags in a cell of the table of atomics: `W1 W2`, `D1–D4`."""
    for first, last in TABLE_TAGS.findall(cell):
        letters, low = first.rstrip("0123456789"), int(first.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        high = int(last.removeprefix(letters)) if last else low
        yield from (f"{letters}{number}" for number in range(low, high + 1))


def check_table_of_atomics(tree):
    """The table of atomics lists every ordering tag of the sources, and no other."""
    table = tree.root / ATOMICS
    listed = {}
    heading = ""
    for number, line in lines_of(table):
        heading = line if line.startswith("#") else heading
        if heading == "## Atomics" and line.startswith("|"):
            for tag in tags_of_cell(line.split("|")[1]):
                listed.setdefault(tag, number)
    places = ordering_tags(tree)
    for tag in sorted(places.keys() - listed.keys()):
        tree.report(*places[tag][0], f"ordering tag ({tag}) is not in the table of {ATOMICS}")
    for tag in sorted(listed.keys() - places.keys()):
        tree.report(table, listed[tag], f"no source has the ordering tag ({tag})")


def check_length(tree):
    for path in tree.files("src/**/*.[ch]pp", "include/**/*.hpp"):
        count = sum(1 for _ in lines_of(path))
        if count > LINES_MAX:
            tree.report(path, count, f"{count} lines: a file has one idea and at most {LINES_MAX} lines")


def anchors_of(path):
    """The anchors that GitHub makes of a document's headings."""
    anchors = set()
    for _, line in lines_of(path):
        match = re.match(r"#+\s+(.*)", line)
        if match:
            text = re.sub(r"[^\w\- ]", "", match.group(1).strip().lower())
            anchors.add(text.replace(" ", "-"))
    return anchors


def check_links(tree):
    """Relative links of the documents lead somewhere."""
    for path in tree.files("*.md", "docs/**/*.md", "benchmarks/**/*.md", "examples/**/*.md"):
        fenced = False
        for number, line in lines_of(path):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            for link in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z+]+:", link):
                    continue
                name, _, anchor = link.partition("#")
                target = (path.parent / name) if name else path
                if not target.exists():
                    tree.report(path, number, f"link to nowhere: {link}")
                elif anchor and target.suffix == ".md" and anchor not in anchors_of(target):
                    tree.report(path, number, f"no such heading: {link}")


CHECKS = [
    check_layers,
    check_public_headers,
    check_dead_files,
    check_orderings,
    check_table_of_atomics,
    check_length,
    check_links,
]


def findings_in(root):
    tree = Tree(root)
    for check in CHECKS:
        check(tree)
    return tree.findings


def main():
    findings = findings_in(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2])
    print("\n".join(findings) if findings else "tidy")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
