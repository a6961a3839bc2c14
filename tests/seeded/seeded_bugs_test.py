#!/usr/bin/env python3
"""Whether the tests notice a bug: runs those that are meant to, once as the library is and then with each seeded bug.

Goal: every bug of src/base/seeded_bug.hpp makes one of its tests fail. Method: CATCHES says by which tests each is to be
caught; they are linked into one program with a library that has all bugs in it, of which an environment variable chooses
one. A test that fails has caught it, and so has an assertion, and a simulation that finds that nobody will wake anybody.
A run that does not end has not, nor has a crash.

Usage: seeded_bugs_test.py <seeded_bug.hpp> <program> [bug...]
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import time

TIMEOUT_SECONDS = 120  # on a machine that is busy with other things
ABORTS_KNOWN = re.compile("assertion failed|everybody waits and nobody will wake them|a wake-up was lost")

POWER_CUT = "All/PowerCut.*"
SIMULATION = "*SimulatedDatabase.TheDictionaryIsRight*"

# Where less is enough than what the tests do alone: see tests/support/scale.hpp.
FACTORS = {POWER_CUT: "0.3", SIMULATION: "0.05"}

# Bug: the tests that have to catch it, as a filter of googletest's.
CATCHES = {
    # io, ring, cache
    "kLostDoorbell": "WritePathDoorbell.*",
    "kClosedRingAccepts": "WriteRingStress.ClosingFreezes*",
    "kDirtyEvicted": "TableTest.*",
    "kFillOverWrite": "TableTest.*",
    "kOlderInstalled": "TableTest.*",
    "kBatchGateIgnored": "WritePathBatch.*",
    # journal
    "kAckAtSubmission": POWER_CUT,
    "kFailedLogWriteIsGood": "*LogWriterTest.EachFailure*",
    "kShortLogWriteIsWhole": "*LogWriterTest.AShortWrite*",
    "kFailedLogSyncIsGood": "*LogWriterTest.EachFailure*",
    "kLogSyncRetried": "*LogWriterTest.EachFailure*",
    "kSeveralLogSyncs": "LogWriterFallback.*",
    "kDurableEndAhead": POWER_CUT,
    "kSegmentReusedEarly": "*LogWriterTest.APowerCut*",
    "kDirectoryNotSynced": POWER_CUT,
    "kSegmentHeaderNotDurable": POWER_CUT,
    "kNoHeadChecksum": "Block.*",
    "kNoPayloadChecksum": POWER_CUT,
    "kOldLifeReplayed": "Block.*",
    "kNoChain": "LogReader.*",
    "kReplaySkipsFirst": POWER_CUT,
    "kDamageUnnoticed": "LogReader.*",
    "kOldLogReplayed": "FoundLogTest.*",
    # store
    "kLastSequenceLate": POWER_CUT,
    "kTransactionSplit": POWER_CUT,
    "kEpochNotSynced": POWER_CUT,
    "kWalNotRewritten": "Recovery.*",
    "kCheckpointSyncRetried": "Failure.*",
    "kNoFailureMark": "FailureMark*",
    "kCloseWithoutSync": POWER_CUT,
    # flush
    "kParkedOvertaken": "WritePath.*",
    "kBatchRowNotLogged": POWER_CUT,
    "kOlderFolded": POWER_CUT,
    "kEraseFolded": POWER_CUT,
    "kDiskFullDropped": "FlusherOnAFullDisk.*",
    "kFailedSyncIsGood": "FlusherFails.*",
    "kSyncRetried": "JournalFaults.AFailedSync*",
    "kDurableAtCommit": POWER_CUT,
    "kSettledAtCommit": "FlusherSyncs.*",
    "kAnsweredAtCommit": POWER_CUT,
    "kAnsweredAfterFailure": "FlusherFails.*",
    "kBudgetLost": "FlusherFails.*",
    "kParkedForgotten": SIMULATION,
    "kApplierNotWoken": SIMULATION,
    "kNewsNotTold": SIMULATION,
    "kClosedBeforeDrained": SIMULATION,
    "kReplayTailForgotten": POWER_CUT,
    "kReplaySplitsWrites": POWER_CUT,
    "kReplayOlderWins": POWER_CUT,
    "kLogRemovedBeforeSettled": POWER_CUT,
}


def bugs_of(header):
    """Name and sentence of each, in the header's order."""
    with open(header, encoding="utf-8") as text:
        return dict(re.findall(r'BUG\((k\w+),\s*"([^"]+)"\)', text.read().replace("\\\n", "")))


def run(program, filter_, bug=None):
    """Exit status (None: it did not end), and what the tests said."""
    environment = dict(os.environ)
    environment.pop("DICTSQLITE_SEEDED_BUG", None)
    environment["DICTSQLITE_TEST_FACTOR"] = FACTORS.get(filter_, "1")
    environment.pop("DICTSQLITE_CRASH_RUNS", None)
    if bug is not None:
        environment["DICTSQLITE_SEEDED_BUG"] = bug
    command = [program, f"--gtest_filter={filter_}", "--gtest_break_on_failure"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        try:
            return process.communicate(timeout=TIMEOUT_SECONDS)[0], process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0], None


def verdict(output, status):
    """How the bug was caught, and None; or None, and why that is not so."""
    begun = re.findall(r"^\[ RUN      \] (\S+)", output, re.MULTILINE)
    if status is None:
        return None, f"still running after {TIMEOUT_SECONDS} s"
    if status != 0 and begun and (re.search(r": Failure$", output, re.MULTILINE) or ABORTS_KNOWN.search(output)):
        return begun[-1], None  # it ends at the first failure
    if status != 0:
        return None, f"ended with status {status} and no failure of a test"
    return None, "unnoticed" if "seeded bug met" in output else "never met"


def passes(program, filter_):
    begin = time.monotonic()
    output, status = run(program, filter_)
    if status == 0 and "[  PASSED  ] 0 tests" not in output:
        return True, time.monotonic() - begin
    print(f"without a bug {filter_} ends with status {status}:\n{output[-4000:]}")
    return False, time.monotonic() - begin


def main():
    header, program, *chosen = sys.argv[1:]
    bugs = bugs_of(header)
    if bugs.keys() != CATCHES.keys():
        print("not in both lists:", *sorted(bugs.keys() ^ CATCHES.keys()))
        return 1
    chosen = chosen or list(bugs)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as workers:
        filters = sorted({CATCHES[bug] for bug in chosen})
        if not all([passed for passed, _ in workers.map(lambda filter_: passes(program, filter_), filters)]):
            return 1

        def judge(bug):
            begin = time.monotonic()
            output, status = run(program, CATCHES[bug], bug)
            caught, why_not = verdict(output, status)
            return caught, why_not, time.monotonic() - begin, output

        count = 0
        for bug, (caught, why_not, seconds, output) in zip(chosen, workers.map(judge, chosen)):
            if caught is None:
                print(f"NOT CAUGHT  {bug} ({bugs[bug]}): {why_not}\n{output[-2000:]}")
            else:
                count += 1
                print(f"caught  {bug}: {bugs[bug]}\n        {seconds:4.1f} s, {caught}")
    print(f"seeded bugs {count}/{len(chosen)}")
    return 0 if count == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
