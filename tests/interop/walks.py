#!/usr/bin/env python3
"""Tables that the program and Flink write in turns: walks.py BINARY [--seeds A..B] [--only TEXT] [--keep DIR]

Each seed takes a random walk over a table of each kind: the program or Flink's SQL inserts, deletes, updates, overwrites,
drops partitions, compacts, rolls back, expires and changes columns, what comes next finds what the other one
left. After each step Paimon and the program read the same rows (where the walk can tell them, those), the same changes
between two snapshots, and the same rows of a condition that Flink pushes down; at the end `fsck --deep` finds nothing.
Flink is installed when it is asked for first (install.py). Ends with `N passed, N failed`."""
import argparse
import collections
import copy
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import install
from flink import Flink, Refused

TYPES = {"dt": "STRING", "k": "INT", "v": "STRING", "n": "BIGINT", "s": "INT"}
DYNAMIC, VECTORS = {"bucket": "-1"}, {"deletion-vectors.enabled": "true"}
# Keys, partitions and options. A table with keys whose rows the walk can tell has the engine deduplicate and no sequence.
KINDS = {
    "append": ("", "dt", {"bucket": "-1", "file-index.bloom-filter.columns": "k", "file-index.bitmap.columns": "v",
                          "file-index.bsi.columns": "n", "compaction.min.file-num": "3"}),
    "append-range": ("", "dt", {"bucket": "-1", "file-index.range-bitmap.columns": "n,v",
                                "file-index.in-manifest-threshold": "0 b"}),
    "append-dv64": ("", "", {"bucket": "-1", **VECTORS, "deletion-vectors.bitmap64": "true",
                             "compaction.min.file-num": "4"}),
    "append-bucketed": ("", "dt", {"bucket": "2", "bucket-key": "k", "compaction.min.file-num": "3"}),
    "tracking": ("", "dt", {"bucket": "-1", "row-tracking.enabled": "true"}),
    "clustered": ("", "dt", {"bucket": "-1", "clustering.incremental": "true", "clustering.columns": "n,k"}),
    "dynamic": ("dt, k", "dt", {**DYNAMIC, "dynamic-bucket.target-row-num": "5"}),
    "dynamic-dv": ("dt, k", "dt", {**DYNAMIC, **VECTORS, "dynamic-bucket.target-row-num": "4",
                                   "index-file-in-data-file-dir": "true"}),
    "cross": ("k", "dt", {**DYNAMIC, "dynamic-bucket.target-row-num": "5"}),
    "cross-dv": ("k", "dt", {**DYNAMIC, **VECTORS, "changelog-producer": "lookup"}),
    "dv64": ("dt, k", "dt", {"bucket": "2", **VECTORS, "deletion-vectors.bitmap64": "true"}),
    "lookup": ("dt, k", "dt", {"bucket": "1", "changelog-producer": "lookup",
                               "changelog-producer.row-deduplicate": "true",
                               "changelog-producer.row-deduplicate-ignore-fields": "s"}),
    "full": ("dt, k", "dt", {"bucket": "1", "changelog-producer": "full-compaction", "full-compaction.delta-commits": "2"}),
    "local": ("dt, k", "dt", {"bucket": "2", "local-merge-buffer-size": "1 mb", "changelog-producer": "input"}),
    "thin": ("dt, k", "dt", {"bucket": "1", "data-file.thin-mode": "true", "file.format": "avro",
                             "changelog-producer": "input"}),
    "orc": ("dt, k", "dt", {"bucket": "1", "file.format": "orc", **VECTORS, "metadata.stats-mode": "full"}),
    "postpone": ("dt, k", "dt", {"bucket": "-2"}),
    "sequence": ("dt, k", "dt", {"bucket": "1", "sequence.field": "s,n", "sequence.field.sort-order": "descending"}),
    "first-row": ("dt, k", "dt", {"bucket": "1", "merge-engine": "first-row", "ignore-delete": "true",
                                  "changelog-producer": "lookup"}),
    "aggregation": ("dt, k", "dt", {"bucket": "1", "merge-engine": "aggregation", "fields.n.aggregate-function": "sum",
                                    "fields.v.aggregate-function": "listagg", "fields.v.distinct": "true",
                                    "fields.s.aggregate-function": "max", "fields.v.ignore-retract": "true",
                                    "fields.s.ignore-retract": "true"}),
    "partial": ("dt, k", "dt", {"bucket": "2", "merge-engine": "partial-update", "fields.s.sequence-group": "v,n",
                                "fields.n.aggregate-function": "sum", "changelog-producer": "lookup"}),
    "partial-removing": ("dt, k", "dt", {"bucket": "1", "merge-engine": "partial-update",
                                         "partial-update.remove-record-on-delete": "true"}),
    "expiring": ("dt, k", "dt", {"bucket": "1", "record-level.expire-time": "1 d", "record-level.time-field": "s",
                                 "num-sorted-run.compaction-trigger": "3"}),
}
TOLD = ("append", "append-range", "append-dv64", "append-bucketed", "tracking", "clustered", "dynamic", "dynamic-dv", "cross",
        "cross-dv", "dv64", "lookup", "full", "local", "thin", "orc")
ORDERS = ("order_strategy => 'zorder', order_by => 'k,n'", "order_strategy => 'order', order_by => 'n'",
          "order_strategy => 'hilbert', order_by => 'k,n'")
# What Flink's connector does not do to a table of that kind, and says so before it did anything.
DECLINES = ("UnsupportedOperationException", "ValidationException", "Only support")


class Wrong(Exception):
    pass


def literal(value, kind):
    return "CAST(%s AS %s)" % ("NULL" if value is None else "'%s'" % value if isinstance(value, str) else value, kind)


def lines(rows, columns):
    """As the peer writes them: kind and values, tabs between."""
    return collections.Counter("\t".join([r.get("_kind", "+I")] + ["\\N" if r.get(c) is None else str(r[c]) for c in columns])
                               for r in rows)


def without_kinds(rows):
    """A read may tell of a row that it came as an update."""
    return collections.Counter(r.replace("+U", "+I", 1) if r.startswith("+U") else r for r in rows.elements())


def same(want, got, what):
    if want != got:
        raise Wrong("%s: missing %s, unexpected %s" % (what, dict((want - got).most_common(3)),
                                                      dict((got - want).most_common(3))))


class Walk:
    def __init__(self, args, flink, scratch, name, seed):
        self.binary, self.flink, self.warehouse = args.binary, flink, scratch / ("%s-%d" % (name, seed))
        self.rng, self.name, self.types = random.Random("%s %d" % (name, seed)), name, dict(TYPES)
        self.keys, self.partition, options = KINDS[name]
        self.options = dict(options)
        if self.rng.random() < 0.3:
            self.options.setdefault("file.format", self.rng.choice(("orc", "avro", "parquet")))
        if self.keys and self.rng.random() < 0.4:
            self.options.setdefault("num-sorted-run.compaction-trigger", self.rng.choice(("2", "3")))
        self.rows = [] if name in TOLD else None
        self.awaits = bool(self.keys) and "deletion-vectors.enabled" in self.options  # reads see what is compacted
        self.kept = {}      # the rows as of each snapshot
        self.log, self.passed, self.failures = [], 0, []

    # ---- the two sides ----

    def program(self, *words, data=None):
        done = subprocess.run([self.binary, *map(str, words)], input=data, capture_output=True, timeout=300, text=True)
        if done.returncode != 0:
            raise Wrong("the program refuses %s: %s" % (words[0], done.stderr.strip()[:600]))
        return done.stdout

    def sql(self, text):
        self.program("sql", self.warehouse, data=text + ";")

    def either(self, text, flinks=None):
        """A statement that both understand, or one for each."""
        ours = self.rng.random() < 0.5
        text = text if ours else flinks or text
        self.log[-1] += " %s: %s" % ("program" if ours else "Flink", text)
        (self.sql if ours else self.flink)(text)

    def view(self, path):
        return lines(map(json.loads, self.program("cat", self.warehouse, "db/t/" + path).splitlines()), self.types)

    # ---- rows ----

    def row(self):
        rng = self.rng
        row = {"dt": rng.choice("ab"), "k": rng.randrange(14), "v": rng.choice("xyzw"), "n": rng.randrange(100),
               "s": int(time.time()) - rng.choice((0, 100, 200000)) if self.name == "expiring" else rng.randrange(5)}
        for c in list(self.types)[2:]:
            row[c] = None if rng.random() < 0.15 else row.get(c, rng.randrange(9))
        return row

    def some(self, *counts):
        return [self.row() for _ in range(self.rng.choice(counts))]

    def key(self, row):
        return row["k"] if self.keys == "k" else (row["dt"], row["k"])

    def keep(self, rows):
        """What the table holds after them."""
        if self.rows is None:
            return
        if self.keys:
            held = {self.key(r): r for r in self.rows}
            for row in rows:
                held.pop(self.key(row), None)
                if row.get("_kind") != "-D":
                    held[self.key(row)] = row
            self.rows = list(held.values())
        else:
            self.rows = self.rows + rows

    def drop(self, gone):
        if self.rows is not None:
            self.rows = [r for r in self.rows if not gone(r)]

    def values(self, rows, columns):
        return "VALUES " + ", ".join("(%s)" % ", ".join(literal(r[c], self.types[c]) for c in columns) for r in rows)

    def text(self, rows):
        return "".join(json.dumps(r) + "\n" for r in rows)

    # ---- steps ----

    def program_appends(self):
        rows = self.some(1, 5, 30)
        if self.keys and self.rng.random() < 0.5:
            for row in rows:
                if self.rng.random() < 0.2:
                    row["_kind"] = "-D"
        alone = ["--no-compact"] if not self.awaits and self.rng.random() < 0.4 else []
        self.program("append", *alone, self.warehouse, "db/t/inbox.jsonl", data=self.text(rows))
        self.keep([r for r in rows if self.keys or "_kind" not in r])

    def flink_inserts(self):
        columns, rows = list(self.types), self.some(1, 5, 20)
        if self.rng.random() < 0.25:
            columns = ["dt", "k"] + self.rng.sample(columns[2:], self.rng.randrange(1, 3))
            rows = [{c: r[c] if c in columns else None for c in self.types} for r in rows]
        hints = ["", "", "", " /*+ OPTIONS('file.format'='orc') */"]
        hint = self.rng.choice(hints if self.awaits else hints + [" /*+ OPTIONS('write-only'='true') */"])
        self.log[-1] += hint
        self.flink("INSERT INTO db.t%s (%s) %s" % (hint, ", ".join(columns), self.values(rows, columns)))
        self.keep(rows)

    def flink_deletes(self):
        k = self.rng.randrange(14)
        self.flink("DELETE FROM db.t WHERE k = %d" % k)
        self.drop(lambda r: r["k"] == k)

    def flink_updates(self):
        k = self.rng.randrange(14)
        self.flink("UPDATE db.t SET v = 'new', n = 7 WHERE k > %d" % k)
        if self.rows is not None:
            self.rows = [dict(r, v="new", n=7) if r["k"] > k else r for r in self.rows]

    def overwritten(self):
        rows = self.some(0, 3, 10) if not self.partition else [dict(r, dt="b") for r in self.some(1, 3, 10)]
        if self.rng.random() < 0.5 and rows:
            self.log[-1] += " Flink"
            self.flink("INSERT OVERWRITE db.t " + self.values(rows, self.types))
        else:
            self.program("overwrite", self.warehouse, "db/t/overwrite", data=self.text(rows))
        self.drop(lambda r: not self.partition or r["dt"] == "b")
        self.keep(rows)

    def partition_dropped(self):
        dt = self.rng.choice("ab")
        self.either("ALTER TABLE db.t DROP IF EXISTS PARTITION (dt = '%s')" % dt)
        self.drop(lambda r: r["dt"] == dt)

    def program_compacts(self):
        self.program("compact", *self.rng.choice(((), ("--full",))), self.warehouse, "db.t")

    def flink_compacts(self):
        more = ["", "compact_strategy => 'full'", "compact_strategy => 'minor'",
                "`partitions` => 'dt=a'" if self.partition and self.name != "postpone" else ""]
        if self.name in ("append", "append-range", "tracking"):
            more += ORDERS
        more = self.rng.choice(more)
        self.log[-1] += " " + more
        self.flink("CALL sys.compact(`table` => 'db.t'%s)" % (more and ", " + more))

    def columns_changed(self):
        free = [c for c in self.types if c not in TYPES]
        name = "x%d" % len(self.log)
        what = self.rng.choice(("ADD", "ADD", "DROP", "RENAME", "MODIFY")) if free else "ADD"
        if what == "ADD":
            self.either("ALTER TABLE db.t ADD %s INT" % name)
            self.types[name] = "INT"
        elif what == "DROP":
            self.either("ALTER TABLE db.t DROP %s" % free[0])
            del self.types[free[0]]
            for past in [self.rows, *self.kept.values()]:
                for row in past or []:
                    row.pop(free[0], None)
        elif what == "RENAME":
            self.either("ALTER TABLE db.t RENAME %s TO %s" % (free[0], name))
            self.types = {name if c == free[0] else c: t for c, t in self.types.items()}
            for row in self.rows or []:
                if free[0] in row:
                    row[name] = row.pop(free[0])
        else:
            self.either("ALTER TABLE db.t MODIFY %s BIGINT" % free[0])
            self.types[free[0]] = "BIGINT"

    def rolled_back(self):
        ids = [i for i in self.snapshots() if i in self.kept]
        if ids and len(self.types) == len(TYPES):
            to = self.rng.choice(ids)
            text = "CALL sys.rollback_to(`table` => 'db.t', snapshot_id => %s)"
            self.either(text % to, text % ("CAST(%d AS BIGINT)" % to))
            self.rows = copy.deepcopy(self.kept[to])
            self.kept = {i: rows for i, rows in self.kept.items() if i <= to}

    def expired(self):
        self.either("CALL sys.expire_snapshots(`table` => 'db.t', retain_min => 1, retain_max => 2)")

    # ---- what both read ----

    def snapshots(self):
        return sorted(int(p.name.split("-")[1]) for p in (self.warehouse / "db.db/t/snapshot").glob("snapshot-*"))

    def check(self):
        ids, rng = self.snapshots(), self.rng
        if not ids:
            return
        theirs = without_kinds(self.flink.java_read(self.warehouse, "db.t"))
        if self.rows is not None:
            told = [{c: v for c, v in r.items() if c != "_kind"} for r in self.rows]
            same(lines(told, self.types), theirs, "what Paimon reads")
        same(theirs, self.view("snapshot/latest.jsonl"), "latest")
        self.kept[ids[-1]] = copy.deepcopy(self.rows)
        self.passed += 1
        if len(ids) > 1:
            first, last = sorted(rng.sample(ids, 2))
            same(self.flink.java_read(self.warehouse, "db.t", {"incremental-between": "%d,%d" % (first, last)}),
                 self.view("incremental/%d..%d.jsonl" % (first, last)), "incremental %d..%d" % (first, last))
            self.passed += 1
        if rng.random() < 0.5:
            condition = rng.choice(("k = %d" % rng.randrange(14), "v = '%s'" % rng.choice("xyz"), "n < %d" % rng.randrange(100),
                                    "n >= %d" % rng.randrange(100), "s IS NULL", "v <> 'x'", "n = 7", "dt = 'a' AND n > 50"))
            theirs = self.flink("SELECT %s FROM db.t WHERE %s" % (", ".join(self.types), condition))
            same(without_kinds(theirs),
                 self.view("where/%s/snapshot/latest.jsonl" % condition), "where " + condition)
            self.passed += 1

    def steps(self):
        steps = [self.program_appends] * 5 + [self.flink_inserts] * 5 + [self.program_compacts, self.flink_compacts] * 2
        steps += [self.overwritten, self.columns_changed, self.rolled_back, self.expired]
        if self.partition:
            steps.append(self.partition_dropped)
        if self.keys:
            steps += [self.flink_deletes, self.flink_updates] * 2
        return steps

    def create(self):
        self.warehouse.mkdir()
        catalog = "c%d" % int(time.monotonic() * 1e6)
        self.flink("CREATE CATALOG %s WITH ('type'='paimon', 'cache-enabled'='false', 'warehouse'='file:%s')" % (
            catalog, self.warehouse), "USE CATALOG " + catalog)
        self.sql("CREATE DATABASE db")
        self.either("CREATE TABLE db.t (%s%s)%s WITH (%s)" % (
            ", ".join("%s %s" % c for c in self.types.items()),
            ", PRIMARY KEY (%s) NOT ENFORCED" % self.keys if self.keys else "",
            " PARTITIONED BY (%s)" % self.partition if self.partition else "",
            ", ".join("'%s'='%s'" % o for o in self.options.items())))

    def __call__(self, steps):
        self.log.append("create")
        try:
            self.create()
            for i in range(steps):
                step = self.rng.choice([self.program_appends, self.flink_inserts] if i == 0 else self.steps())
                self.log.append(step.__name__)
                try:
                    step()
                except Refused as e:
                    self.log[-1] += " DECLINED: " + str(e)[:200].replace("\n", " ")
                    if not any(d in str(e) for d in DECLINES):
                        raise Wrong("Flink refuses " + str(e)[:600])
                self.check()
            self.program("fsck", "--deep", self.warehouse)
            self.passed += 1
        except (Wrong, Refused) as e:
            print("FAIL %s\n    %s\n    %s" % (self.warehouse.name, "\n    ".join(self.log), e), flush=True)
            return 1
        shutil.rmtree(self.warehouse)
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda p: str(pathlib.Path(p).resolve()))
    parser.add_argument("--seeds", default="1..1")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", default="", help="kinds whose name has one of these texts, commas between")
    parser.add_argument("--keep", type=pathlib.Path, help="a directory for the warehouses that failed")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    first, last = map(int, args.seeds.split(".."))
    command = install.flink()
    if command is None:
        return 1
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="paimonfs-walks-") as scratch:
        if args.keep:
            args.keep.mkdir(exist_ok=True)
        flink = Flink(command, pathlib.Path(scratch))
        for seed in range(first, last + 1):
            for name in KINDS:
                if any(text in name for text in args.only.split(",")):
                    walk = Walk(args, flink, args.keep or pathlib.Path(scratch), name, seed)
                    failed += walk(args.steps)
                    passed += walk.passed
                    if args.verbose:
                        print("%s %d: %s" % (name, seed, "; ".join(walk.log)), flush=True)
        flink.close()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
