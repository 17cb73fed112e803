#!/usr/bin/env python3
"""Reads that a table's own options pin: pinned.py BINARY --oracle COMMAND [--seeds A..B]

Each seed is a table with a history by Paimon Java: commits with watermarks, tags, compactions, columns that come, are
renamed and go, options that change, snapshots that expire, a branch. Then options that say where reads begin
(scan.snapshot-id and its neighbours) are stored in it, one after the other, right ones and wrong ones, and after each
`snapshot/latest`, refinements of it, partitions and system tables say what Paimon's plain read says; what Paimon refuses
to read is refused. A refused read is mended by ALTER TABLE RESET. In between both write and compact, which the options do
not touch. COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import argparse
import json
import pathlib
import random
import shutil
import sys
import tempfile

from oracle import Oracle, Refused, counted, difference
from random_writes import Failed, Program

ENGINES = ({}, {}, {"merge-engine": "aggregation", "fields.v.aggregate-function": "sum"}, {"merge-engine": "partial-update"},
           {"merge-engine": "first-row"}, {"changelog-producer": "lookup"}, {"changelog-producer": "full-compaction"},
           {"deletion-vectors.enabled": "true"})
PINS = 20
SYSTEM = ("files", "partitions", "manifests", "table_indexes", "audit_log", "ro", "buckets", "snapshots")
OF_FILES = {"files": "file_path,level,record_count,schema_id", "partitions": "partition,record_count,file_count",
            "manifests": "file_name,num_added_files", "table_indexes": "index_type,file_name", "audit_log": None, "ro": None,
            "buckets": "bucket,file_count", "snapshots": "snapshot_id"}


class Table:
    def __init__(self, seed, program, oracle, scratch):
        self.rng, self.program, self.oracle, self.scratch = random.Random("pinned %d" % seed), program, oracle, scratch
        self.warehouse = scratch / "w"
        self.keyed = self.rng.random() < 0.8
        self.parts = ["p"] if self.rng.random() < 0.6 else []
        self.columns = [["k", "INT"], ["v", "INT"], ["s", "INT"]] + [[p, "STRING"] for p in self.parts]
        self.options = {"bucket": "1" if self.keyed else "-1", "snapshot.num-retained.min": "1", "snapshot.num-retained.max": "99"}
        if self.keyed:
            self.options.update(self.rng.choice(ENGINES))
        self.tags, self.marks, self.name, self.added = [], [10], "d.t", 0
        self.branch = None
        self.trace = []

    def create(self):
        ddl = {"columns": [{"name": n, "type": t} for n, t in self.columns], "partitionKeys": self.parts,
               "primaryKeys": ["k"] + self.parts if self.keyed else [], "options": self.options}
        (self.scratch / "ddl").write_text(json.dumps(ddl))
        self.oracle("create", self.warehouse, "d.t", self.scratch / "ddl")

    # ---- what happens to it

    def rows(self):
        def value(name):
            return self.rng.choice("ab") if name in self.parts else self.rng.randint(0, 9)
        return "".join(json.dumps({n: value(n) for n, _ in self.columns}) + "\n" for _ in range(self.rng.randint(1, 5)))

    def write(self):
        (self.scratch / "rows").write_text(self.rows())
        words = []
        if self.rng.random() < 0.7:
            self.marks.append(self.marks[-1] + 10)
            words = ["--watermark", self.marks[-1]]
        self.oracle("write", self.warehouse, self.name, *words, data=self.scratch / "rows")

    def alter(self, *changes):
        self.oracle("alter", self.warehouse, self.name, json.dumps(changes))

    def change_columns(self):
        what = self.rng.choice(("add", "rename", "option"))
        if what == "add":
            self.added += 1
            self.alter({"op": "add", "name": "x%d" % self.added, "type": "INT"})
            self.columns.insert(3, ["x%d" % self.added, "INT"])
        elif what == "rename" and "merge-engine" not in self.options:
            column = self.rng.choice([c for c in self.columns if c[0][0] == "x"] or [None])
            if column is not None:
                self.added += 1
                self.alter({"op": "rename", "name": column[0], "to": "x%d" % self.added})
                column[0] = "x%d" % self.added
        elif self.keyed and not {"merge-engine", "deletion-vectors.enabled"} & set(self.options):
            self.alter({"op": "set", "key": "sequence.field", "value": self.rng.choice("vs")})

    def tag(self):
        name = self.rng.choice(("t%d" % len(self.tags), "%d" % (len(self.tags) + 2)))
        self.oracle("tag", self.warehouse, self.name, "create", name)
        self.tags.append(name)

    def step(self):
        what = self.rng.choices(("write", "compact", "columns", "tag", "expire"), (6, 2, 2, 2, 1))[0]
        self.trace.append(what)
        if what == "write":
            self.write()
        elif what == "compact":
            self.oracle("compact", self.warehouse, self.name, *self.rng.choice(((), ("--minor",))))
        elif what == "columns":
            self.change_columns()
        elif what == "tag" and self.snapshots():
            self.tag()
        elif what == "expire" and len(self.snapshots()) > 3:
            self.oracle("expire", self.warehouse, self.name, "--retain-max", len(self.snapshots()) - 1, "--retain-min", 1,
                        "--retain-time", "PT0S")

    def snapshots(self):
        return [json.loads(row) for row in self.oracle("snapshots", self.warehouse, self.name).split("\n") if row]

    # ---- what is stored, and what is read then

    def pins(self):
        """Options, right ones and wrong ones."""
        have = self.snapshots()
        ids, times = [s["id"] for s in have], [s["time"] for s in have]
        some = self.rng.choice
        for number in {ids[0], ids[-1], some(ids), ids[-1] + 1, ids[0] - 1, 0, -3}:
            yield {"scan.snapshot-id": number}
        yield {"scan.snapshot-id": some(ids), "scan.mode": "from-snapshot-full"}
        yield {"scan.mode": "compacted-full"}
        yield {"scan.mode": "latest"}
        for name in set(self.tags) | {"none"}:
            yield {"scan.tag-name": name}
        for time in {times[0], times[-1] + 1000, some(times), times[0] - 1}:
            yield {"scan.timestamp-millis": time}
        for text in ("2100-01-01", "2100-01-01 00:00:00", "2100-01-01 00:00:00.123456", "1999-12-31 23:59:59", "abc",
                     "2100-01-01 00:00", "2100-01-01T00:00:00"):
            yield {"scan.timestamp": text}
        for mark in {some(self.marks), self.marks[-1] + 1, 0}:
            if any(s.get("watermark") is not None for s in have) or len(self.marks) > 1:
                yield {"scan.watermark": mark}
        for version in set(self.tags) | {"none", str(some(ids)), "99", "watermark-%d" % some(self.marks), "", "-1"}:
            yield {"scan.version": version}
        for time in {0, some(times), times[-1] + 60000}:
            yield {"scan.file-creation-time-millis": time}
            yield {"scan.creation-time-millis": time}
        for first, last in [(ids[0] - 1, ids[-1]), sorted((some(ids), some(ids))), (ids[-1], ids[0] - 1), (ids[0], ids[-1] + 1)]:
            for mode in ("auto", "delta", "changelog"):
                yield {"incremental-between": "%d,%d" % (first, last), "incremental-between-scan-mode": mode}
        yield {"incremental-between-timestamp": "%d,%d" % (times[0] - 1, some(times))}
        yield {"incremental-between-timestamp": "%d,%d" % (times[0], times[-1])}
        yield {"incremental-between": "x,y"}
        yield {"incremental-between": "1"}
        yield {"scan.snapshot-id": some(ids), "scan.tag-name": "none"}
        yield {"scan.snapshot-id": some(ids), "scan.timestamp-millis": times[0]}
        yield {"scan.snapshot-id": "x"}
        yield {"scan.mode": "zzz"}

    def store(self, options):
        """A schema more, written as it is: most of these options Paimon would not let anybody store together."""
        folder = self.warehouse / "d.db" / "t"
        if self.branch:
            folder = folder / "branch" / ("branch-" + self.branch)
        newest = max((folder / "schema").glob("schema-*"), key=lambda p: int(p.name.split("-")[1]))
        schema = json.loads(newest.read_text())
        kept = {k: v for k, v in schema["options"].items() if not k.startswith(("scan.", "incremental"))}
        schema["id"] += 1
        schema["timeMillis"] += 1
        schema["options"] = {**kept, **{k: str(v) for k, v in options.items()}}
        (folder / "schema" / ("schema-%d" % schema["id"])).write_text(json.dumps(schema))

    def path(self, *rest):
        return "/".join(["d/t"] + (["branch", self.branch] if self.branch else []) + list(rest))

    def compare(self, what, words, path):
        """Paimon's read of what `words` say against a view; `what` for the report."""
        try:
            want, refused = self.oracle.rows(self.scratch / "out", "read", self.warehouse, *words), None
        except Refused as e:
            want, refused = None, str(e)
        try:
            got = counted(self.program("cat", self.warehouse, path))
        except Failed as e:
            if refused is None:
                raise Failed("%s: %s; Paimon reads it" % (what, e))
            return
        if refused is not None:
            raise Failed("%s is read; Paimon says %s" % (what, refused[:300]))
        said = difference(want, got)
        if said:
            raise Failed("%s: %s" % (what, said))

    def check(self, options):
        self.store(options)
        words = [self.name]
        for key, word in (("incremental-between", "--incremental"), ("incremental-between-timestamp", "--incremental-timestamp")):
            if key in options:  # the same once more, so that the kinds of rows are printed
                words += [word, options[key]]
        self.compare("latest", words, self.path("snapshot", "latest.jsonl"))
        chosen = self.rng.sample(SYSTEM if len(words) == 1 else ("manifests", "snapshots"), 2)
        for name in chosen:
            columns = ["--columns", OF_FILES[name]] if OF_FILES[name] else []
            path = self.path("system", name + ".jsonl")
            if OF_FILES[name] is None:
                self.compare(name, [self.name + "$" + name], path)
            else:
                self.compare_columns(name, OF_FILES[name].split(","), columns, path)

    def compare_columns(self, name, columns, words, path):
        try:
            want = self.oracle("read", self.warehouse, self.name + "$" + name, *words)
        except Refused:
            want = None
        try:
            got = self.program("cat", self.warehouse, path)
        except Failed:
            if want is not None and want.strip():
                raise
            return
        if want is None and name in ("buckets", "snapshots"):
            return  # they show no rows, and are there to mend such a table
        if want is None:
            raise Failed("%s is read; Paimon refuses it" % name)
        sides = [sorted(json.dumps({c: json.loads(row)[c] for c in columns}) for row in text.split("\n") if row)
                 for text in (want, got.decode())]
        if sides[0] != sides[1]:
            raise Failed("%s\n    Java %s\n    ours %s" % (name, sides[0][:5], sides[1][:5]))

    def check_unpinned(self):
        """Whatever was stored meanwhile, the table is the same for both when nothing is."""
        self.store({})
        self.compare("the newest", [self.name], self.path("snapshot", "latest.jsonl"))


def life(seed, program, oracle, scratch, say):
    t = Table(seed, program, oracle, scratch)
    t.create()
    t.write()
    for _ in range(t.rng.randint(4, 9)):
        t.step()
    if t.rng.random() < 0.3:
        t.write()
        t.oracle("tag", t.warehouse, t.name, "create", "base")
        t.oracle("branch", t.warehouse, t.name, "create", "b", "--tag", "base")
        t.branch, t.name, t.tags = "b", "d.t$branch_b", []  # Paimon 1.4.2 looks for a branch's tags in the table's own
        for _ in range(3):
            t.write()
    pins = list(t.pins())
    for options in t.rng.sample(pins, min(len(pins), PINS)):
        if t.branch and "scan.tag-name" in options:
            continue
        what = "seed %d %s %s" % (seed, t.name, json.dumps(options))
        say(what, lambda: t.check(options))
        if t.rng.random() < 0.1:
            say(what + ", and both write", lambda: write_pinned(t))
    say("seed %d without any" % seed, t.check_unpinned)


def write_pinned(t):
    """The program writes the newest columns to the newest snapshot; Paimon, by the same table without the options."""
    folder = t.warehouse / t.path("").replace("d/t", "d.db/t").replace("branch/b", "branch/branch-b") / "snapshot"
    before = len(list(folder.iterdir()))
    t.program("append", t.warehouse, t.path("inbox.jsonl"), data=t.rows().encode())
    t.program("compact", t.warehouse, "d.t")
    if len(list(folder.iterdir())) <= before:
        raise Failed("no snapshot was made")
    t.check_unpinned()
    t.write()
    t.check_unpinned()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="1..10")
    args = parser.parse_args()
    program, oracle = Program(str(pathlib.Path(args.binary).resolve())), Oracle(args.oracle)
    first, _, last = args.seeds.partition("..")
    count = {"passed": 0, "failed": 0}

    def say(what, action):
        try:
            action()
            count["passed"] += 1
        except (Failed, Refused, RuntimeError, OSError, ValueError, KeyError) as e:
            count["failed"] += 1
            print("FAIL %s: %s" % (what, str(e)[:700]))

    with tempfile.TemporaryDirectory(prefix="pinned-") as directory:
        for seed in range(int(first), int(last or first) + 1):
            scratch = pathlib.Path(directory) / str(seed)
            scratch.mkdir()
            (scratch / "w").mkdir()
            say("seed %d" % seed, lambda: life(seed, program, oracle, scratch, say))
            shutil.rmtree(scratch)
    print("%d passed, %d failed" % (count["passed"], count["failed"]))
    return 0 if count["passed"] and not count["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
