#!/usr/bin/env python3
"""Behaviour of a real mount, as programs see it: run.py BINARY. Ends with `N passed, N failed`.

Each test is a function on a fresh warehouse mounted for it; its name is the sentence that it proves. They are in the
modules imported below, by what they are about.
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import changes  # noqa: F401: tests, as in the next ones
import compaction  # noqa: F401
import journal  # noqa: F401
import keys  # noqa: F401
import pinned  # noqa: F401
import statements  # noqa: F401
import surface  # noqa: F401
import writing  # noqa: F401
from budgets import (a_row_in_each_of_many_partitions_is_loaded_and_compacted_within_memory,
                     a_table_ten_times_larger_than_memory_is_read_within_it, many_runs_are_merged_within_memory,
                     ten_thousand_columns_are_written_and_read_within_memory)
from mounted import TESTS, Mount
from reading import slow_renders_hold_nobody_else_up


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it, and its programs too
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("tests", nargs="*")
    parser.add_argument("--quick", action="store_true",
                        help="without the tests that measure time or memory: sanitizers take more of both")
    parser.add_argument("--untimed", action="store_true", help="without the test that measures tenths of a second")
    args = parser.parse_args()
    passed = failed = 0
    for function in TESTS:
        if args.tests and function.__name__ not in args.tests:
            continue
        if args.untimed and function is slow_renders_hold_nobody_else_up:
            continue
        if args.quick and function in (slow_renders_hold_nobody_else_up, many_runs_are_merged_within_memory,
                                       a_table_ten_times_larger_than_memory_is_read_within_it,
                                       a_row_in_each_of_many_partitions_is_loaded_and_compacted_within_memory,
                                       ten_thousand_columns_are_written_and_read_within_memory):
            continue
        with tempfile.TemporaryDirectory(prefix="mount-", ignore_cleanup_errors=True) as scratch:
            m = None
            try:
                m = Mount(os.path.abspath(args.binary), pathlib.Path(scratch))
                function(m)
                passed += 1
            except Exception as e:
                failed += 1
                print("FAIL mount %s - %s: %s" % (function.__name__, type(e).__name__, str(e)[:400]))
            finally:
                try:
                    subprocess.run([args.binary, "umount", os.path.join(scratch, "mnt")], capture_output=True, timeout=60)
                finally:
                    subprocess.run(["fusermount3", "-u", "-z", os.path.join(scratch, "mnt")], capture_output=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


sys.exit(main())
