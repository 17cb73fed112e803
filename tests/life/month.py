#!/usr/bin/env python3
"""A month in the life of a table: month.py CLOCKED [--days 30] [--seed 1] [KIND ...]

CLOCKED is tests/clocked of a build, whose clock is set: an hour passes from one commit to the next, in a zone where
summer begins meanwhile. A table partitioned by day has automatic daily tags, partitions that expire, snapshots that
expire; some rows come late. Each week it is corrected on a branch that is fast-forwarded, or taken back to a tag. After
every commit the snapshots and tags must be those that Paimon's rules keep, each day the rows and the files: every file
that a snapshot, tag or branch needs, what Paimon leaves behind of a history that was replaced, and nothing else. At the
end every tag reads as it did on its day, and once orphans are removed only what is needed is there.
Ends with `N passed, N failed`."""
import argparse
import csv
import datetime
import io
import os
import pathlib
import random
import sys
import tempfile
import time

from clocked import Clocked, Refused
from history import DAY_MS, Model

HOUR_MS = 3600000
PATIENCE_S = 5
BEGIN_MS = 1773010800000  # 2026-03-09 00:00 in Berlin; summer begins there on the 29th
RULES = {"zone": "Europe/Berlin", "tags": 7, "days": 10, "least": 5, "most": 30, "hours": 24}
COMMON = {"tag.automatic-creation": "process-time", "tag.num-retained-max": RULES["tags"],
          "partition.expiration-time": "%d d" % RULES["days"], "partition.expiration-check-interval": "0 s",
          "snapshot.num-retained.min": RULES["least"], "snapshot.num-retained.max": RULES["most"],
          "snapshot.time-retained": "%d h" % RULES["hours"]}
KEY = "PRIMARY KEY (dt, k) NOT ENFORCED"
KINDS = {"key": (KEY, {"bucket": 1}), "input": (KEY, {"bucket": 1, "changelog-producer": "input"}),
         "lookup": (KEY, {"bucket": 1, "changelog-producer": "lookup"}),
         "vectors": (KEY, {"bucket": 1, "deletion-vectors.enabled": "true"}),
         "append": (None, {"bucket": -1})}


class Wrong(RuntimeError):
    pass


class Month:
    def __init__(self, args, warehouse, kind, seed):
        self.kind, self.rng = kind, random.Random(seed)
        self.keyed = KINDS[kind][0] is not None
        self.binary, self.warehouse, self.now = args.clocked, warehouse, BEGIN_MS
        self.program = Clocked(args.clocked, warehouse, RULES["zone"])
        self.model = Model(warehouse / "d.db" / "t", RULES, kind == "vectors")
        self.made = 0
        options = {**COMMON, **KINDS[kind][1]}
        self.program("at", self.now)
        self.program.sql("CREATE DATABASE d; CREATE TABLE d.t (dt STRING, k INT, v STRING%s) PARTITIONED BY (dt) WITH (%s);" % (
            ", " + KEY if self.keyed else "", ", ".join("'%s' = '%s'" % i for i in options.items())))

    def ok(self, check, *words):
        """Now, or soon."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                wrong = check(*words)
            except FileNotFoundError as e:  # it goes while it is looked at
                wrong = str(e)
            if not wrong:
                return
            if time.monotonic() > until:
                raise Wrong(wrong)
            time.sleep(0.001)

    # ---- a commit an hour ----

    def some_rows(self):
        """Of today; some come late, some too late."""
        out = {}
        for _ in range(self.rng.randrange(1, 6)):
            late = self.rng.choice((0, 0, 0, 0, 0, 1, 1, 2, 30))
            self.made += 1
            k = self.rng.randrange(12) if self.keyed else self.made
            out[(self.model.day(self.model.local(self.now) - late * DAY_MS), k)] = "v%d" % self.made
        return out

    def commit(self, branch=None, rows=None):
        rows = self.some_rows() if rows is None else rows
        text = "".join("%s,%d,%s\n" % (dt, k, v) for (dt, k), v in rows.items())
        where = "d/t" if branch is None else "d/t/branch/" + branch
        self.program("put", where + "/inbox", data=text.encode())
        if self.rng.random() < 0.7:  # else the next one commits them, and compacts
            self.program("end")
            self.model.began()
        else:
            self.program("get", where + "/snapshot/latest.csv")
        self.ok(self.model.committed, branch, rows, self.now)

    def hour(self, branch=None):
        self.now += HOUR_MS
        self.program("at", self.now)
        self.commit(branch)

    # ---- what is read ----

    def rows_at(self, path):
        listed = csv.reader(io.StringIO(self.program("get", path)))
        return {(r[0], int(r[1])): r[2] for r in list(listed)[1:]}

    def read(self):
        """Every line's newest rows, and those of every tag."""
        for name, line in self.model.lines.items():
            where = "d/t" if name is None else "d/t/branch/" + name
            self.same(where, line.seen)
            for tag, s in line.tags.items():
                self.same(where + "/tag/" + tag, self.model.held[s["deltaManifestList"]][1])

    def same(self, where, want):
        got = self.rows_at(where + "/snapshot/latest.csv")
        if got != want:
            raise Wrong("%s: %d rows are missing, %d are not what they were" % (
                where, len(want.keys() - got.keys()), sum(want.get(k) != v for k, v in got.items())))

    # ---- once a week ----

    def call(self, text, *words):
        self.program.sql("CALL sys.%s(%s);" % (text, ", ".join(["'d.t'"] + ["'%s'" % w for w in words])))

    def tag_now(self, name):
        main = self.model.lines[None]
        self.call("create_tag", name)
        main.tags[name] = main.snapshots[max(main.snapshots)]

    def branch(self, name, tag):
        self.call("create_branch", name, tag)
        self.model.branched(name, tag)

    def forward(self, name):
        self.call("fast_forward", name)
        self.model.leaks(lambda: self.model.forwarded(name))
        self.program("end")
        self.model.began()

    def drop_branch(self, name):
        self.call("delete_branch", name)
        self.model.leaks(lambda: self.model.lines.pop(name))

    def drop_tag(self, name):
        self.call("delete_tag", name)
        del self.model.lines[None].tags[name]

    def corrected(self):
        """On a branch, while main is quiet."""
        self.tag_now("before")
        self.branch("fix", "before")
        self.hour("fix")
        self.hour("fix")
        self.forward("fix")
        self.drop_branch("fix")
        self.drop_tag("before")

    def taken_over(self):
        """From the tag of a day; what main got since then is replaced. The branch stays."""
        self.branch("kept", self.model.automatic(self.model.lines[None])[-1][1])
        self.hour()
        for _ in range(3):
            self.hour("kept")
        self.forward("kept")

    def went_back(self):
        tag = self.model.automatic(self.model.lines[None])[-1][1]
        main = self.model.lines[None]
        s = main.tags[tag]
        self.call("rollback_to", tag)
        self.model.leaks(lambda: self.model.went_back(s["id"] + 1))
        main.snapshots.setdefault(s["id"], s)
        main.rows, main.seen = self.model.held[s["deltaManifestList"]]
        self.program("end")
        self.model.began()

    def let_go(self):
        """The branch of two weeks ago; it held what main has let go of since."""
        self.drop_branch("kept")
        self.corrected()

    def live(self, days):
        weeks = {7: self.corrected, 14: self.taken_over, 21: self.went_back, 28: self.let_go}
        self.commit()
        for day in range(1, days + 1):
            for _ in range(24):
                self.hour()
            if day in weeks:
                weeks[day]()
                self.ok(self.model.compare, None)
            self.ok(self.model.compare_files)
            self.same("d/t", self.model.lines[None].seen)
        self.read()

    def clean(self):
        """Orphans go by the time of their files, which no clock of ours sets."""
        time.sleep(1.1)
        older = datetime.datetime.now(self.model.zone).strftime("%Y-%m-%d %H:%M:%S")
        self.program.sql("CALL sys.remove_orphan_files(`table` => 'd.t', older_than => '%s');" % older)
        self.model.leaked = set()
        self.ok(self.model.compare_files)
        self.read()


def one(args, scratch, kind, seed, also=None):
    warehouse = scratch / ("%s-%d" % (kind, seed))
    warehouse.mkdir()
    month = Month(args, warehouse, kind, seed)
    try:
        month.live(args.days)
        if also is not None:
            also(month)
        month.clean()
        if also is not None:
            also(month)
        return ""
    except (Wrong, Refused, RuntimeError) as e:
        passed = (month.now - BEGIN_MS) // HOUR_MS
        return "day %d, hour %d: %s: %s" % (passed // 24, passed % 24, type(e).__name__, e)
    finally:
        month.program.close()


def main(also=None, more=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clocked", type=pathlib.Path)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="of " + ", ".join(KINDS))
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path)
    if more is not None:
        more(parser)
    args = parser.parse_args()
    args.clocked = args.clocked.resolve()
    passed = failed = 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # nothing of it needs a disk, and it syncs a lot
    with tempfile.TemporaryDirectory(prefix="month-", dir=memory) as directory:
        scratch = args.keep or pathlib.Path(directory)
        scratch.mkdir(exist_ok=True)
        for kind in args.kinds or KINDS:
            wrong = one(args, scratch, kind, args.seed, None if also is None else lambda m: also(args, m))
            if wrong:
                failed += 1
                print("FAIL %s, seed %d - %s" % (kind, args.seed, wrong))
            else:
                passed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
