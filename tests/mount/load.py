#!/usr/bin/env python3
"""A table under load: load.py BINARY [--commits 10000] [--oracle COMMAND].

One loader sends numbered transactions of random upserts through a mount that is killed twice meanwhile; readers look for
keys, `tail -f` follows the changelog. Afterwards every change is there once, the runs, snapshots and files are as few as
the table's options say, and the table is read about as fast as one that was just compacted. Prints what it measured.
"""
import argparse
import collections
import errno
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from mounted import Mount, equal

KEYS, ROWS = 20000, 100
RETAINED = 20
DDL = ("CREATE DATABASE d; CREATE TABLE d.load (k BIGINT, n BIGINT, last BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ("
       "'bucket' = '1', 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum', "
       "'fields.last.aggregate-function' = 'last_value', 'snapshot.time-retained' = '1 s', "
       "'snapshot.num-retained.min' = '5', 'snapshot.num-retained.max' = '%d');" % RETAINED)


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else 0.0


class Worker(threading.Thread):
    """Runs step() again and again until it is stopped; what it raises is raised by stop()."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.over.is_set():
                self.step()
        except Exception as e:
            self.error = e

    def stop(self):
        self.over.set()
        self.join(30)
        if self.error:
            raise self.error


class Snapshots(Worker):
    """Sees every snapshot come: (identifier, kind, when) by id."""

    def __init__(self, warehouse):
        super().__init__()
        self.at, self.seen, self.most = warehouse / "d.db/load/snapshot", {}, 0

    def step(self):
        names = [n for n in os.listdir(self.at) if n.startswith("snapshot-")] if self.at.exists() else []
        self.most = max(self.most, len(names))
        for name in names:
            number = int(name.split("-")[1])
            if number in self.seen:
                continue
            try:
                s = json.loads((self.at / name).read_text())
            except FileNotFoundError:
                continue
            self.seen[number] = (s["commitIdentifier"], s["commitKind"], time.monotonic())
        time.sleep(0.01)


class Tail(Worker):
    """`tail -f changelog` in one life of the mount: when the first row of each snapshot was read."""

    def __init__(self, at):
        super().__init__()
        self.at = at
        self.seen, self.rows = {}, collections.Counter()
        self.begin()

    def begin(self):
        self.child = subprocess.Popen(["tail", "-n", "+2", "-f", self.at / "d/load/changelog"], stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)

    def step(self):
        line = self.child.stdout.readline()
        if not line.endswith("\n") and not self.seen and not self.over.is_set():
            self.child.wait()  # an open that waits longer than 5 s for a commit is EBUSY: again
            time.sleep(0.1)
            self.begin()
            return
        if not line.endswith("\n"):
            self.over.set()
            return
        number, kind, key = line.split(",")[:3]
        equal(kind, "+I")
        self.seen.setdefault(int(number), time.monotonic())
        self.rows[int(number)] += 1

    def stop(self):
        self.over.set()
        self.child.kill()
        try:
            super().stop()
        finally:
            self.child.kill()  # it may have begun anew meanwhile


class Reader(Worker):
    """Reads keys; how long each took, and whether a compaction ran."""

    def __init__(self, at, table="d/load"):
        super().__init__()
        self.at, self.took, self.random = at / table / "key", [], random.Random(7)

    def step(self):
        path = self.at / ("%d.csv" % self.random.randrange(KEYS))
        began = time.monotonic()
        try:
            path.read_text()
        except FileNotFoundError:
            pass
        except OSError:
            time.sleep(0.05)  # the mount is away
            return
        self.took.append(time.monotonic() - began)
        time.sleep(0.005)


class Load:
    def __init__(self, mount, commits, kills):
        self.m, self.commits, self.random = mount, commits, random.Random(commits)
        self.sums, self.last = collections.Counter(), {}
        self.kills = {commits * (i + 1) // (kills + 1) for i in range(kills)}
        self.tails, self.held, self.killed, self.left = [], 0, [], []
        self.snapshots = Snapshots(mount.warehouse)

    def send(self, number, text):
        with open(self.m.at / ("d/load/inbox@load:%d" % number), "wb", buffering=0) as inbox:
            inbox.write(text)

    def kill_soon(self):
        pid = self.m.pid()

        def kill():
            time.sleep(self.random.random() / 20)
            os.kill(pid, 9)
            self.killed.append(time.time())
        threading.Thread(target=kill).start()

    def begin_life(self):
        while not os.path.exists(self.m.at / "d/load/changelog"):
            pass  # what waits for its snapshot after a kill takes longer than the 5 s of a look
        self.tails.append(Tail(self.m.at))
        self.tails[-1].start()

    def again(self):
        self.tails[-1].stop()
        self.m.mount()
        self.begin_life()

    def commit(self, number):
        keys = [self.random.randrange(KEYS) for _ in range(ROWS)]
        text = "".join("%d,1,%d\n" % (key, number) for key in keys).encode()
        if number in self.kills:
            self.kill_soon()
        for _ in range(20):
            began = time.monotonic()
            try:
                self.send(number, text)
                break
            except OSError as e:  # killed, or held too long: the same number again
                if e.errno in (errno.ENOTCONN, errno.ECONNABORTED):
                    time.sleep(0.2)
                    self.again()
                else:
                    print("commit %d: %s after %.1f s" % (number, e.strerror, time.monotonic() - began))
        else:
            raise AssertionError("commit %d is not taken" % number)
        self.held += time.monotonic() - began > 0.1
        self.sums.update(keys)
        self.last.update((key, number) for key in keys)

    def run(self):
        self.snapshots.start()
        self.begin_life()
        began = time.monotonic()
        for number in range(1, self.commits + 1):
            self.commit(number)
        while json.loads(self.m.read("d/load/status.json"))["rows_pending"] > 0:
            os.path.exists(self.m.at / "d/load/snapshot/latest.csv")  # asks for the commit, and waits 5 s at most
        return time.monotonic() - began

    def rest(self):
        """Until the last commit's snapshots have expired."""
        while json.loads(self.m.read("d/load/status.json"))["rows_pending"] > 0:
            os.path.exists(self.m.at / "d/load/snapshot/latest.csv")
        time.sleep(2)

    def settle(self):
        deadline = time.monotonic() + 60
        while True:
            status = json.loads(self.m.read("d/load/status.json"))
            if status["compaction"]["state"] == "idle" and status["rows_pending"] == 0:
                break
            assert time.monotonic() < deadline, status
            time.sleep(0.05)
        time.sleep(2)  # the last rows are read, the last snapshots expire
        self.snapshots.stop()
        for tail in self.tails:
            tail.stop()
        return status

    # ---- what has to be so ----

    def check_rows(self):
        lines = self.m.read("d/load/snapshot/latest.csv").splitlines()[1:]
        got = {int(k): (int(n), int(last)) for k, n, last in (line.split(",") for line in lines)}
        want = {key: (n, self.last[key]) for key, n in self.sums.items()}
        wrong = [(key, got.get(key), want.get(key)) for key in sorted(got.keys() | want.keys()) if got.get(key) != want.get(key)]
        assert not wrong, "%d rows (key, got, want): %s" % (len(wrong), wrong[:20])

    def check_once(self):
        """One snapshot a number, in order; each change told of once in each life that saw it. Snapshots that came and
        went between two looks are not known here; the sums of check_rows are."""
        appended = {number: s[0] for number, s in sorted(self.snapshots.seen.items()) if s[1] == "APPEND"}
        numbers = list(appended.values())
        pairs = list(appended.items())
        equal([(a, b) for a, b in zip(pairs, pairs[1:]) if a[1] >= b[1]], [])  # (snapshot, number) of both
        equal(numbers[-1], self.commits)
        assert len(numbers) > self.commits // 2, len(numbers)
        for tail in self.tails:
            seen = list(tail.seen)
            equal(seen, sorted(set(seen)))
            equal([a for a in appended if seen and seen[0] <= a <= seen[-1] and a not in tail.seen], [])
            assert all(90 <= n <= ROWS for n in list(tail.rows.values())[:-1]), tail.rows
        equal(list(self.tails[-1].seen)[-1:], list(appended)[-1:])

    def lateness(self):
        return [at - self.snapshots.seen[number][2] for tail in self.tails for number, at in tail.seen.items()
                if number in self.snapshots.seen and number != min(tail.seen)]

    def check_bounds(self, status):
        assert status["most_runs"] <= status["compaction"]["runs_trigger"], status
        table = self.m.warehouse / "d.db/load"
        ids = sorted(int(p.name.split("-")[1]) for p in (table / "snapshot").glob("snapshot-*"))
        assert len(ids) <= RETAINED + 2, ids  # one that was made while others expired goes with the next
        named = set()
        for number in ids:
            for text in self.m.read("d/load/snapshot/%d/system/files.csv" % number).splitlines()[1:]:
                named.update(os.path.basename(word) for word in text.split(",") if "data-" in word)
        orphans = [p for p in table.rglob("data-*") if p.name not in named and time.time() - p.stat().st_mtime > 60]
        # What was being written when the process was killed stays until sys.remove_orphan_files, as with Paimon.
        self.left = [p.name for p in orphans if any(-5 < p.stat().st_mtime - at < 1 for at in self.killed)]
        equal([p.name for p in orphans if p.name not in self.left], [])
        assert len(self.left) <= 4 * len(self.killed), self.left
        files = sum(1 for p in table.rglob("*") if p.is_file())
        assert files < 40 * RETAINED, files
        return len(ids), files


def read_seconds(binary, warehouse):
    """Of the processor: other programs of this machine take turns."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    times = []
    for _ in range(20):
        began = used()
        subprocess.run([binary, "cat", warehouse, "d/load/snapshot/latest.csv"], check=True, stdout=subprocess.DEVNULL)
        times.append(used() - began)
    return min(times)


def check_reading(m, scratch):
    """Seconds that reading takes, and what the same rows take when they were just compacted."""
    copy = scratch / "copy"
    shutil.copytree(m.warehouse, copy)
    subprocess.run([m.binary, "compact", copy, "d.load", "--full"], check=True, stdout=subprocess.DEVNULL)
    now, compacted = read_seconds(m.binary, m.warehouse), read_seconds(m.binary, copy)
    shutil.rmtree(copy)
    return now, compacted


def keys_meanwhile(m, rows):
    """Milliseconds of key reads while a large compaction runs: p50, p99, the longest; and how many."""
    m.sql("CREATE TABLE d.big (k BIGINT, n BIGINT, last STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', "
          "'num-sorted-run.compaction-trigger' = '4');")

    def state():
        return json.loads(m.read("d/big/status.json"))["compaction"]

    for run in range(4):
        with open(m.at / "d/big/inbox", "wb") as inbox:
            for k in range(rows):
                inbox.write(b"%d,%d,row %d of run %d\n" % (k * 4 + run, k, k, run))
        os.path.exists(m.at / "d/big/snapshot/latest.csv")
    reader = Reader(m.at, "d/big")
    while state()["state"] != "running":
        time.sleep(0.01)
    reader.start()
    while state()["state"] == "running":
        time.sleep(0.02)
    reader.over.set()
    took = len(reader.took)
    reader.stop()
    equal((state()["done"], state()["failed"]), (1, 0))
    return [1000 * percentile(reader.took[:took], part) for part in (0.5, 0.99, 1)] + [took]


def under_load(m, commits, kills, scratch):
    """The whole of it; figures by name."""
    m.sql(DDL.replace("CREATE DATABASE d; ", "") if (m.warehouse / "d.db").exists() else DDL)
    load = Load(m, commits, kills)
    reader = Reader(m.at)
    reader.start()
    took = load.run()
    reader.stop()
    status = load.settle()
    load.check_rows()
    load.check_once()
    load.commit(commits + 1)  # what a reader of the changelog had not been given stayed till now
    load.rest()
    snapshots, files = load.check_bounds(status)
    now, compacted = check_reading(m, scratch)
    late = load.lateness()
    return {"commits": commits, "commits a second": commits / took, "held over 0.1 s": load.held,
            "compactions in the last life": status["compaction"]["done"], "most runs": status["most_runs"],
            "snapshots, most": load.snapshots.most, "snapshots": snapshots, "files": files,
            "files left by kills": len(load.left),
            "read s": now, "read s, compacted": compacted, "fresh key reads": len(reader.took),
            "fresh key ms, median": 1000 * percentile(reader.took, 0.5), "fresh key ms, p99": 1000 * percentile(reader.took, 0.99),
            "tail late s, median": percentile(late, 0.5), "tail late s, p99": percentile(late, 0.99)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--commits", type=int, default=10000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--only-keys", action="store_true", help="only the reads beside a large compaction")
    parser.add_argument("--oracle", help="Paimon Java as a command, for fsck")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-", dir=os.environ.get("TMPDIR"), ignore_cleanup_errors=True) as scratch:
        scratch = pathlib.Path(scratch)
        m = Mount(os.path.abspath(args.binary), scratch, DDL.split(";")[0] + ";")
        try:
            figures = {} if args.only_keys else under_load(m, args.commits, args.kills, scratch)
            for name, value in figures.items():
                print("%-32s %s" % (name, "%.3f" % value if isinstance(value, float) else value))
            if figures:
                assert figures["read s"] <= 1.5 * figures["read s, compacted"] + 0.02, "reading is slow"
            print("keys while 2000000 rows are compacted: p50 %.1f ms, p99 %.1f ms, longest %.1f ms, %d reads" %
                  tuple(keys_meanwhile(m, 500000)))
            m.umount()
            if args.oracle and figures:
                print(subprocess.run([args.oracle, "fsck", m.warehouse, "d.load"], capture_output=True, text=True).stdout)
        finally:
            subprocess.run(["fusermount3", "-u", "-z", m.at], capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
