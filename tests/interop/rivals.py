#!/usr/bin/env python3
"""Two mounts and Paimon Java write one table at once: rivals.py BINARY --oracle COMMAND [--commits N] [--kills N]

Every transaction writes a group of rows that carry one stamp. Java has groups of its own, each mount has groups of its
own, both mounts share others, and one group goes from mount to mount like a baton. Beside it lies an append table.

  whole     every view of a mount, every read of Java and the end: all rows of a group have the same stamp
  order     a mount shows what it acknowledged before; at the end each group holds its last acknowledged stamp
  java      every write of Java is committed; now and then a mount was quicker to compact, and it gives that up
  once      every acknowledged row of the append table is there once, any other at most once
  replaced  a snapshot just published is replaced by one of Java (its rename does that): both commits are there after
            a while, and the older of two stamps does not come back

With --kills one of the mounts is killed N times and mounted again. COMMAND: see oracle.py. Needs FUSE. Ends with the
commits a second and `N passed, N failed`."""
import argparse
import collections
import csv
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from oracle import Oracle, Refused

MEMBERS = 5  # rows of a group
KEYED = "CREATE TABLE d.t (id BIGINT, stamp BIGINT, writer STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '2');"
LOG = "CREATE TABLE d.log (id BIGINT, writer STRING) WITH ('bucket' = '-1');"


class Mount:
    def __init__(self, binary, warehouse, at):
        self.binary, self.warehouse, self.at = binary, warehouse, at
        at.mkdir(parents=True)
        self.log = open(str(at) + ".log", "ab")
        self.start()

    def start(self):
        self.child = subprocess.Popen([self.binary, "mount", "-f", self.warehouse, self.at], stdout=self.log,
                                      stderr=self.log)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                if (self.at / "d").is_dir():
                    return
            except OSError:
                pass
            if self.child.poll() is not None:
                raise RuntimeError("mount ended with %d" % self.child.returncode)
            time.sleep(0.02)
        raise RuntimeError("no mount after 30 s")

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.start()

    def umount(self):
        subprocess.run([self.binary, "umount", self.at], check=True, timeout=120)
        if self.child.wait(timeout=60) != 0:
            raise RuntimeError("mount ended with %d" % self.child.returncode)

    def append(self, table, text, name="inbox"):
        """True: acknowledged; False: the mount died, nobody knows."""
        try:
            fd = os.open(self.at / "d" / table / name, os.O_WRONLY | os.O_APPEND)
        except OSError:
            return False
        try:
            os.write(fd, text.encode())
        except OSError:
            try:
                os.close(fd)
            except OSError:
                pass
            return False
        try:
            os.close(fd)
        except OSError:
            return False
        return True

    def read(self, table):
        """Its rows, or None while the mount is dead."""
        try:
            with open(self.at / "d" / table / "snapshot/latest.csv", newline="") as file:
                return list(csv.DictReader(file))
        except OSError:
            return None


def group_text(group, stamp, writer):
    return "".join("%d,%d,%s\n" % (group * MEMBERS + i, stamp, writer) for i in range(MEMBERS))


class Rivals:
    def __init__(self, args, scratch):
        self.args, self.scratch = args, scratch
        self.warehouse = scratch / "warehouse"
        self.warehouse.mkdir()
        self.oracle = Oracle(args.oracle)
        self.failures, self.passed = collections.Counter(), collections.Counter()
        self.lock = threading.Lock()
        self.clock = 0
        self.acknowledged = {}                    # group -> the last acknowledged stamp
        # group -> writer -> its last acknowledged stamp (None: there is none so far), and those after it
        self.written = collections.defaultdict(dict)
        self.log_rows = {}                        # id -> acknowledged
        self.stopping = threading.Event()
        self.unknown = 0
        self.ours = self.javas = 0                # transactions
        self.given_up = 0                         # compactions of Java

    def program(self, *words, data=None):
        return subprocess.run([self.args.binary, *map(str, words)], input=data, check=True, capture_output=True).stdout

    def check(self, what, wrong):
        with self.lock:
            if wrong:
                if self.failures[what] < 5:
                    print("FAIL %s: %s" % (what, str(wrong)[:600]), flush=True)
                self.failures[what] += 1
            else:
                self.passed[what] += 1

    def stamp(self):
        with self.lock:
            self.clock += 1
            return self.clock

    # ---- what views must show ----

    def whole(self, who, rows):
        """group -> stamp; all of a group or nothing."""
        stamps, count = {}, collections.Counter()
        torn = ""
        for row in rows:
            group, stamp = int(row["id"]) // MEMBERS, int(row["stamp"])
            count[group] += 1
            if stamps.setdefault(group, stamp) != stamp:
                torn = "group %d has stamps %d and %d" % (group, stamps[group], stamp)
        for group, members in count.items():
            if members != MEMBERS:
                torn = "group %d has %d rows" % (group, members)
        self.check("whole in " + who, torn)
        return stamps

    def pace(self):
        """Java is slower: it gets its share."""
        self.ours += 1
        while self.ours > self.args.share * (self.javas + 1) and not self.stopping.is_set():
            time.sleep(0.01)

    def put(self, mount, group, writer, name="inbox"):
        """A transaction on a group that this writer alone has, or shares with others."""
        self.pace()
        stamp = self.stamp()
        with self.lock:
            self.written[group].setdefault(writer, [None]).append(stamp)
        if mount.append("t", group_text(group, stamp, writer), name):
            with self.lock:
                self.written[group][writer] = [stamp]
            return stamp
        self.unknown += 1
        time.sleep(0.05)
        return None

    def shows(self, mount, who, group, writer):
        """What was acknowledged before the view was opened is in it."""
        with self.lock:
            allowed = list(self.written[group].get(writer, []))
        rows = mount.read("t")
        if rows is None or not allowed:
            return
        stamps = self.whole(who, rows)
        self.check("order in " + who, "" if stamps.get(group) in allowed else "group %d shows %s, not one of %s" % (
            group, stamps.get(group), allowed))

    # ---- writers ----

    def own(self, index):
        """Groups of one mount: every view shows the last one."""
        mount, rng, n = self.mounts[index], random.Random(index), 0
        writer = "own%d" % index
        while not self.stopping.is_set():
            group = index * 10 + rng.randrange(10)
            n += 1
            self.put(mount, group, writer, rng.choice(("inbox", "inbox@own%d:%d" % (index, n))))
            if rng.random() < 0.3:
                self.shows(mount, "mount", group, writer)

    def shared(self, index):
        mount, rng = self.mounts[index], random.Random(100 + index)
        while not self.stopping.is_set():
            self.put(mount, 20 + rng.randrange(10), "shared%d" % index)
            time.sleep(rng.random() * 0.05)

    def baton(self):
        """Writes that follow one another over both mounts: each is read, so committed, before the next."""
        rng = random.Random(7)
        while not self.stopping.is_set():
            mount = self.mounts[rng.randrange(2)]
            if self.put(mount, 30, "baton") is not None:
                self.shows(mount, "turns", 30, "baton")
            time.sleep(rng.random() * 0.2)

    def logs(self, index):
        mount, rng, n = self.mounts[index], random.Random(200 + index), 0
        while not self.stopping.is_set():
            self.pace()
            n += 1
            ids = [index * 10**9 + n * 10 + i for i in range(rng.randrange(1, 8))]
            self.log_rows.update((i, False) for i in ids)
            text = "".join("%d,log%d\n" % (i, index) for i in ids)
            name = rng.choice(("inbox", "inbox", "inbox@log%d:%d" % (index, n)))
            done = mount.append("log", text, name)
            if not done and "@" in name:  # under its number it may be repeated
                time.sleep(0.5)
                done = mount.append("log", text, name)
            if done:
                self.log_rows.update((i, True) for i in ids)
            time.sleep(rng.random() * 0.05)

    def java(self):
        rng, n, rows = random.Random(9), 0, self.scratch / "java.in"
        while not self.stopping.is_set():
            group, n = 1000 + rng.randrange(10), n + 1
            stamp = self.stamp()
            self.written[group].setdefault("java", [None]).append(stamp)
            rows.write_text("".join(json.dumps({"id": group * MEMBERS + i, "stamp": stamp, "writer": "java"}) + "\n"
                                    for i in range(MEMBERS)))
            before, wrong = self.snapshots("t")[-1], ""
            try:
                self.oracle("write", self.warehouse, "d.t", "--commit-user", "java", "--compact",
                            rng.choice(("none",) * 6 + ("minor", "full")), data=rows)
            except Refused as e:
                # Of two who compact the same files the later one gives up, among Paimon's own writers too: that one's rows
                # were committed before.
                self.given_up += 1
                wrong = "" if "File deletion conflicts" in str(e) and self.appended("java", before) else e
            self.check("java writes", wrong)
            if not wrong:
                self.written[group]["java"] = [stamp]
            self.javas += 1
            if n % 3 == 0:
                rows.write_text('{"id":%d,"writer":"java"}\n' % (3 * 10**9 + n))
                self.oracle("write", self.warehouse, "d.log", "--commit-user", "java", data=rows)
                self.log_rows[3 * 10**9 + n] = True
            if n % 10 == 0:
                self.read_java()
            time.sleep(rng.random() * 0.1)

    def read_java(self):
        out = self.scratch / "java.out"
        try:
            self.oracle("read", self.warehouse, "d.t", "--no-kind", out=out)
        except Refused as e:
            self.check("java reads", e)
            return {}
        return self.whole("java", map(json.loads, out.read_text().splitlines()))

    # ---- the run ----

    def snapshots(self, table):
        return sorted(int(p.name.split("-")[1]) for p in (self.warehouse / "d.db" / table / "snapshot").glob("snapshot-*"))

    def snapshot(self, table, number):
        return json.loads((self.warehouse / "d.db" / table / ("snapshot/snapshot-%d" % number)).read_text())

    def appended(self, user, after):
        return any((s["commitUser"], s["commitKind"]) == (user, "APPEND")
                   for s in (self.snapshot("t", i) for i in self.snapshots("t") if i > after))

    def guarded(self, function, *args):
        def run():
            try:
                function(*args)
            except Exception as e:
                self.check("threads", "%s: %s: %s" % (function.__name__, type(e).__name__, e))
        return threading.Thread(target=run, daemon=True)

    def race(self):
        threads = [self.guarded(f, i) for f in (self.own, self.shared, self.logs) for i in (0, 1)]
        threads += [self.guarded(self.baton), self.guarded(self.java)]
        start, rng, kills, count = time.monotonic(), random.Random(5), 0, 0
        for thread in threads:
            thread.start()
        next_kill = self.args.commits // (self.args.kills + 1)
        while count < self.args.commits and time.monotonic() - start < self.args.seconds:
            time.sleep(0.5)
            count = len(self.snapshots("t")) + len(self.snapshots("log"))
            if kills < self.args.kills and count >= next_kill * (kills + 1):
                self.mounts[rng.randrange(2)].kill()
                kills += 1
        seconds = time.monotonic() - start
        self.stopping.set()
        for thread in threads:
            thread.join(timeout=120)
        self.check("threads", [t for t in threads if t.is_alive()])
        print("%d commits in %.1f s: %.1f a second; %d kills, %d writes of unknown end, Java gave up %d compactions in %d writes" % (
            count, seconds, count / seconds, kills, self.unknown, self.given_up, self.javas))

    def last(self):
        """After both mounts are gone."""
        rows = list(csv.DictReader(self.program("cat", self.warehouse, "d/t/snapshot/latest.csv").decode().splitlines()))
        stamps = self.whole("the end", rows)
        self.check("the end, read by java", self.read_java() != stamps and "it differs")
        for group, writers in sorted(self.written.items()):
            allowed = [s for stamps_of in writers.values() for s in stamps_of]
            if any(stamps_of[0] is not None for stamps_of in writers.values()):
                allowed = [s for s in allowed if s is not None]
            self.check("order at the end", "" if stamps.get(group) in allowed else "group %d is %s, not one of %s" % (
                group, stamps.get(group), writers))
        log = list(csv.DictReader(self.program("cat", self.warehouse, "d/log/snapshot/latest.csv").decode().splitlines()))
        found = collections.Counter(int(r["id"]) for r in log)
        self.check("once", [i for i, n in found.items() if n > 1])
        self.check("nothing lost", [i for i, sure in self.log_rows.items() if sure and not found[i]])
        self.check("nothing made up", [i for i in found if i not in self.log_rows])
        for table in ("t", "log"):
            ids = self.snapshots(table)
            self.check("no gap of snapshots", ids != list(range(1, len(ids) + 1)) and ids)
            made = collections.Counter((s["commitUser"], s["commitKind"]) for s in (self.snapshot(table, i) for i in ids))
            javas = sum(n for (user, _), n in made.items() if user == "java")
            if table == "t":
                self.check("java compacts, too", not made["java", "COMPACT"] and "never")
            print("  d.%s: %d snapshots, %d of java, %d rows" % (table, len(ids), javas,
                                                             len(rows if table == "t" else log)))
        for table in ("d.t", "d.log"):
            try:  # each snapshot is read whole: the newest are enough
                self.oracle("expire", self.warehouse, table, "--retain-max", 20, "--retain-min", 1, "--retain-time", "PT0S")
                self.oracle("fsck", self.warehouse, table)
                self.check("fsck", "")
            except Refused as e:
                self.check("fsck", e)

    def replaced(self, table, mine, java, again):
        """Java's rename puts its snapshot over ours: played with a copy of the table as it was before ours."""
        before = self.scratch / ("before-" + table)
        mount = self.mounts[0]
        mount.read(table)
        shutil.copytree(self.warehouse / "d.db", before / "d.db")
        here, there = self.warehouse / "d.db" / table, before / "d.db" / table
        self.check("replaced", not mount.append(table, mine) and "not acknowledged")
        mount.read(table)
        newest = self.snapshots(table)[-1]
        given = self.scratch / "replaced.in"
        given.write_text(java)
        self.oracle("write", before, "d." + table, "--commit-user", "java", data=given)
        for path in there.rglob("*"):  # what Java wrote, its snapshot last
            to = here / path.relative_to(there)
            if path.is_file() and not to.exists():
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)
        # An engine that took part in the race made its snapshot's text before ours was there.
        ours = json.loads((here / ("snapshot/snapshot-%d" % newest)).read_text())
        theirs = json.loads((there / ("snapshot/snapshot-%d" % newest)).read_text())
        theirs["timeMillis"] = ours["timeMillis"] - 5
        (here / "snapshot/tmp").write_text(json.dumps(theirs))
        os.rename(here / "snapshot/tmp", here / ("snapshot/snapshot-%d" % newest))
        if again:
            self.check("replaced", not mount.append(table, again) and "not acknowledged")
        start = time.monotonic()
        while time.monotonic() - start < self.args.heal:
            if self.healed(table, mount.read(table)) == "":
                break
            time.sleep(0.25)
        wrong = self.healed(table, mount.read(table))
        self.check("replaced " + table, wrong)
        print("  d.%s: snapshot %d replaced by Java's, %s after %.1f s" % (
            table, newest, "lost" if wrong else "healed", time.monotonic() - start))

    def healed(self, table, rows):
        want = {"t": {(50, 2), (51, 1), (1050, 1)}, "log": {7, 8}}[table]
        if table == "t":
            have = {(int(r["id"]) // MEMBERS, int(r["stamp"])) for r in rows}
            have = {h for h in have if h[0] in (50, 51, 1050)}
        else:
            have = {int(r["id"]) for r in rows} & {7, 8}
            if sum(int(r["id"]) in have for r in rows) != len(have):
                return "rows are there twice"
        return "" if have == want else "want %s, have %s" % (sorted(want), sorted(have))

    def __call__(self):
        self.program("sql", self.warehouse, data=("CREATE DATABASE d; " + KEYED + LOG).encode())
        self.mounts = [Mount(self.args.binary, self.warehouse, self.scratch / ("mnt%d" % i)) for i in range(2)]
        try:
            java = "".join('{"id":%d,"stamp":1,"writer":"java"}\n' % (1050 * MEMBERS + i) for i in range(MEMBERS))
            self.replaced("t", group_text(50, 1, "own") + group_text(51, 1, "own"), java, group_text(50, 2, "own"))
            self.replaced("log", "7,own\n", '{"id":8,"writer":"java"}\n', "")
            for group, stamp in ((50, 2), (51, 1), (1050, 1)):
                self.written[group]["replaced"] = [stamp]
            self.log_rows.update({7: True, 8: True})
            self.race()
        finally:
            for mount in self.mounts:
                try:
                    mount.umount()
                except (RuntimeError, subprocess.SubprocessError) as e:
                    self.check("umount", e)
                    mount.child.kill()
        self.last()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda p: str(pathlib.Path(p).resolve()))
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--commits", type=int, default=1000, help="snapshots of both tables together")
    parser.add_argument("--seconds", type=int, default=1800, help="the longest that the race goes on")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--share", type=int, default=15, help="transactions of the mounts for one of Java, at most")
    parser.add_argument("--heal", type=int, default=60, help="seconds within which a replaced snapshot is to be healed")
    parser.add_argument("--keep", type=pathlib.Path, help="a directory for the warehouse and the logs")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paimonfs-rivals-") as scratch:
        if args.keep:
            args.keep.mkdir(exist_ok=True)
        rivals = Rivals(args, args.keep or pathlib.Path(scratch))
        rivals()
    for what in sorted(rivals.passed | rivals.failures):
        print("  %-24s %5d checked, %d wrong" % (what, rivals.passed[what] + rivals.failures[what],
                                                 rivals.failures[what]))
    print("%d passed, %d failed" % (rivals.passed.total(), rivals.failures.total()))
    return 1 if rivals.failures else 0


if __name__ == "__main__":
    sys.exit(main())
