#!/usr/bin/env python3
"""Counts the instructions of each path under callgrind and compares them with those written down.

Usage: instructions.py PROGRAM [--record]. Exit status 1 if a path takes more than LIMIT above what instructions.csv
says, or less than that below it: then something has become faster, and --record writes that down.
"""

import csv
import re
import subprocess
import sys
from pathlib import Path

LIMIT = 0.03
PATHS = ["hit", "set", "miss", "batch_get", "batch_write"]
RECORD = Path(__file__).with_name("instructions.csv")


def count(program, path):
    """Instructions that one operation takes."""
    run = subprocess.run(["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null",
                          program, path], capture_output=True, text=True, check=False)
    operations = re.search(r"^operations (\d+)$", run.stdout, re.MULTILINE)
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not operations or not collected:
        sys.exit(f"{path}: callgrind failed:\n{run.stdout}{run.stderr}")
    return int(collected[1]) / int(operations[1])


def main():
    program, record = sys.argv[1], "--record" in sys.argv[2:]
    known = {}
    if RECORD.exists():
        with RECORD.open(encoding="utf-8") as file:
            known = {row["path"]: float(row["instructions"]) for row in csv.DictReader(file)}
    counts = {path: count(program, path) for path in PATHS}
    failed = False
    for path, now in counts.items():
        before = known.get(path)
        change = now / before - 1 if before else None
        verdict = ""
        if not record and (change is None or abs(change) > LIMIT):
            failed, verdict = True, "  NOT as written down"
        told = f"{change:+.1%}" if change is not None else "new"
        print(f"  {path:<12} {now:9.1f} instructions an operation  {told}{verdict}")
    if record:
        with RECORD.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "instructions"])
            writer.writerows([path, f"{now:.1f}"] for path, now in counts.items())
    return 1 if failed else 0


sys.exit(main())
