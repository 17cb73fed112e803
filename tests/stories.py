#!/usr/bin/env python3
"""The stories of docs/stories, each run as it stands: stories.py BINARY [NAME ...]

Their checks are added up. Ends with `N passed, N failed`."""
import pathlib
import re
import subprocess
import sys
import time

STORIES = pathlib.Path(__file__).resolve().parent.parent / "docs/stories"
SECONDS_MAX = 120


def tell(binary, name):
    """(passed, failed) of a story."""
    began = time.monotonic()
    try:
        done = subprocess.run([STORIES / name / "run", binary], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=2 * SECONDS_MAX)
    except subprocess.TimeoutExpired:
        print("FAIL %s: it does not end" % name)
        return 0, 1
    took = time.monotonic() - began
    sums = re.findall(r"^(\d+) passed, (\d+) failed", done.stdout, re.M)
    passed, failed = (int(n) for n in sums[-1]) if sums else (0, 1)
    late = took > SECONDS_MAX
    print("%s: %d passed, %d failed, %.0f s%s" % (name, passed, failed, took, ", too slow" if late else ""))
    if failed or done.returncode:
        print(done.stdout[-4000:])
    return passed, max(failed + late, int(done.returncode != 0))


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or sorted(p.parent.name for p in STORIES.glob("*/run"))
    sums = [tell(binary, name) for name in names]
    passed, failed = sum(p for p, _ in sums), sum(f for _, f in sums)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
