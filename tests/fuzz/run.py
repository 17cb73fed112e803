#!/usr/bin/env python3
"""Every fuzz target for some seconds, as many at once as there are processors: run.py DIR [--seconds N] [TARGET ...]

DIR is a build made by clang with -Dfuzz=true. What is found is kept in DIR/findings. Ends with `N passed, N failed`."""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def fuzz(directory, name, seconds):
    """What is wrong, or "" and how many inputs were run."""
    findings, corpus = directory / "findings" / name, directory / "corpus" / name
    findings.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    command = [str(directory / "tests/fuzz" / ("fuzz-" + name)), "-max_total_time=%d" % seconds, "-rss_limit_mb=2048",
               "-timeout=10", "-print_final_stats=1", "-artifact_prefix=%s/" % findings, str(corpus)]
    if (HERE / "corpus" / name).is_dir():
        command.append(str(HERE / "corpus" / name))
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds + 300)
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    if done.returncode != 0:
        return done.stderr[-1500:], 0
    return "", int(runs.group(1)) if runs else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("target", nargs="*")
    args = parser.parse_intermixed_args()
    names = args.target or sorted(p.name[:-len("_fuzz.c")] for p in HERE.glob("*_fuzz.c"))
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = {name: pool.submit(fuzz, args.directory.resolve(), name, args.seconds) for name in names}
        for name, job in jobs.items():
            wrong, runs = job.result()
            if wrong or runs == 0:
                failed += 1
                print("FAIL %s: %s" % (name, wrong or "ran nothing"))
            else:
                passed += 1
                print("%s: %d inputs" % (name, runs))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


sys.exit(main())
