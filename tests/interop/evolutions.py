#!/usr/bin/env python3
"""Tables with data evolution, compacted by the program and by Paimon Java: evolutions.py BINARY --oracle COMMAND --seeds 1..20 [--steps 14]

A random append table with row tracking and data evolution gets random commits of both writers; columns of rows that are
there already are written again by Paimon, as its MERGE INTO does it; columns are added, renamed and dropped. Now and then
it is copied, and one copy is compacted by each of the two. Files with their row ids, numbers and columns, snapshots, and
all rows with the ids and numbers that they have must be the same, whoever reads them. COMMAND: see oracle.py; its verb
`patch` (--columns a,b --first N) writes columns of the rows from id N on. Ends with `N passed, N failed`."""
import base64
import collections
import json
import random
import shutil
import subprocess
import sys

import seeds
from oracle import Refused, counted, difference

TYPES = {"INT": lambda r: r.randrange(-99, 99), "BIGINT": lambda r: r.getrandbits(50),
         "STRING": lambda r: "%x" % r.getrandbits(4 * r.choice((1, 20, 200))), "DOUBLE": lambda r: r.randrange(999) / 8,
         "BLOB": lambda r: base64.b64encode(r.randbytes(r.choice((0, 3, 90, 900)))).decode()}


class Story:
    def __init__(self, args, scratch, oracle, seed):
        self.args, self.scratch, self.oracle, self.seed = args, scratch, oracle, seed
        self.rng = random.Random(seed)
        self.copies, self.log, self.passed, self.failures = 0, [], 0, []
        self.input, self.out = scratch / "in", scratch / "out"
        self.warehouse = self.fresh()
        self.parts = self.rng.random() < 0.3
        self.columns = {"k": "INT", "p": "INT", "a": "BIGINT", "b": "STRING"}
        if self.rng.random() < 0.3:
            self.columns["x"] = "BLOB"
            if self.rng.random() < 0.3:
                self.columns["y"] = "BLOB"
        self.names, self.changed = 0, False
        self.options = {"row-tracking.enabled": "true", "data-evolution.enabled": "true",
                        "compaction.min.file-num": self.rng.choice("2234")}
        self.pick(0.5, "file.format", "avro", "orc", "parquet")
        self.pick(0.6, "target-file-size", "1 b", "2 kb", "6 kb", "20 kb")
        self.pick(0.7, "source.split.open-file-cost", "1 b", "1 kb")
        self.pick(0.4, "metadata.stats-mode", "full", "counts", "none", "truncate(4)")
        self.pick(0.3, "metadata.stats-dense-store", "false", "true")
        if "x" in self.columns:
            self.pick(0.6, "blob.target-file-size", "1 b", "1 kb")

    def pick(self, chance, key, *values):
        if self.rng.random() < chance:
            self.options[key] = self.rng.choice(values)

    def fresh(self):
        self.copies += 1
        path = self.scratch / ("w%d-%d" % (self.seed, self.copies))
        path.mkdir()
        return path

    def program(self, *words, data=None):
        done = subprocess.run([self.args.binary, *map(str, words)], input=data, capture_output=True, timeout=300)
        if done.returncode < 0 or b"Sanitizer" in done.stderr:
            raise RuntimeError("exit %d %s" % (done.returncode, done.stderr.decode(errors="replace")[:3000]))
        if done.returncode != 0:
            raise Refused(done.stderr.decode(errors="replace").strip())
        return done.stdout

    # ---- steps of one ----

    def rows(self, columns, count):
        with self.input.open("w") as f:
            for _ in range(count):
                row = {c: TYPES[self.columns[c]](self.rng) for c in columns if self.rng.random() < 0.9}
                if "p" in columns:
                    row["p"] = self.rng.randrange(2) if self.parts else 0
                f.write(json.dumps(row) + "\n")

    def write(self):
        self.rows(self.columns, self.rng.choice((1, 3, 20, 150)))
        if self.rng.random() < 0.5 and not (self.args.no_blobs and "x" in self.columns):
            self.program("append", self.warehouse, "d/t/inbox.jsonl", data=self.input.read_bytes())
        else:
            self.oracle("write", self.warehouse, "d.t", "--set", "write-only=true", data=self.input)

    def patch(self):
        """Some columns of all rows of a file."""
        if self.parts:
            return  # a row's partition does not change, and what is patched has none
        ranges = sorted({(f["first_row_id"], f["record_count"]) for f in self.files(self.warehouse)
                         if f["file_format"] != "blob"})
        columns = [c for c in self.columns if self.columns[c] != "BLOB" and self.rng.random() < 0.4]
        if not ranges or not columns:
            return
        first, count = self.rng.choice(ranges)
        self.rows(columns, count)
        self.oracle("patch", self.warehouse, "d.t", "--columns", ",".join(columns), "--first", first, "--set",
                    "target-file-size=1 gb", data=self.input)

    def change(self):
        how = self.rng.randrange(4)
        free = [c for c in self.columns if c not in "kpxy"]
        self.names += 1
        self.changed = True
        if how == 0 or not free:
            name, kind = "c%d" % self.names, self.rng.choice(("INT", "STRING", "DOUBLE"))
            text = "ADD (%s %s)" % (name, kind)
            self.columns[name] = kind
        elif how == 1:
            old, new = self.rng.choice(free), "r%d" % self.names
            text = "RENAME %s TO %s" % (old, new)
            self.columns = {new if c == old else c: t for c, t in self.columns.items()}
        elif how == 2 and len(free) > 1:
            name = self.rng.choice(free)
            text = "DROP %s" % name
            del self.columns[name]
        else:
            text = "SET ('compaction.min.file-num' = '%d')" % self.rng.randrange(2, 5)
        self.program("sql", self.warehouse, data=("ALTER TABLE d.t %s;" % text).encode())

    # ---- steps of two ----

    def lines(self, warehouse, table):
        self.oracle("read", warehouse, table, "--no-kind", out=self.out)
        return [json.loads(line) for line in self.out.read_bytes().split(b"\n") if line]

    def files(self, warehouse):
        """By the program: Paimon 1.4's $files fails once the schema of files with some columns is an old one."""
        return [json.loads(l) for l in self.program("cat", warehouse, "d/t/system/files.jsonl").split(b"\n") if l]

    def snapshots(self, warehouse):
        facts = []
        for path in (warehouse / "d.db/t/snapshot").glob("snapshot-*"):
            s = json.loads(path.read_text())
            facts.append((s["id"], s["commitKind"], s["totalRecordCount"], s["deltaRecordCount"], s.get("nextRowId")))
        return sorted(facts)

    def facts(self, warehouse, before):
        facts = {"files": self.named(self.files(warehouse), before), "snapshots": self.snapshots(warehouse),
                 "rows": self.oracle.rows(self.out, "read", warehouse, "d.t$row_tracking", "--no-kind")}
        if not self.changed:
            facts["files, for Paimon"] = self.named(self.lines(warehouse, "d.t$files"), before)
        return facts

    def named(self, all_files, before):
        files = []
        for f in all_files:
            name = f.pop("file_path").rsplit("/", 1)[1]
            f["name"] = name if name in before else ""
            if name not in before:
                f.pop("file_size_in_bytes")
            f.pop("creation_time")
            files.append(json.dumps(f, sort_keys=True))
        return collections.Counter(files)

    def compare(self, what, ours, theirs):
        if ours == theirs:
            self.passed += 1
        elif isinstance(ours, collections.Counter):
            self.failures.append("%s: %s" % (what, difference(
                *(collections.Counter({k if isinstance(k, bytes) else k.encode(): n for k, n in side.items()})
                  for side in (theirs, ours)))))
        else:
            self.failures.append("%s:\n    - %s\n    + %s" % (what, theirs, ours))

    def compact(self):
        before = {p.name for p in (self.warehouse / "d.db" / "t").rglob("*") if p.is_file()}
        rows = self.oracle.rows(self.out, "read", self.warehouse, "d.t", "--no-kind")
        pair = [self.fresh(), self.fresh()]
        for copy in pair:
            shutil.copytree(self.warehouse, copy, dirs_exist_ok=True)
        self.program("compact", *self.rng.choice(([], ["--full"])), pair[0], "d.t")
        self.oracle("compact", pair[1], "d.t")
        ours, theirs = (self.facts(copy, before) for copy in pair)
        for key in ours:
            self.compare(key, ours[key], theirs[key])
        self.compare("rows before and after", self.oracle.rows(self.out, "read", pair[0], "d.t", "--no-kind"), rows)
        for copy in pair:
            self.compare("our rows", counted(self.program("cat", copy, "d/t/system/row_tracking.jsonl")), theirs["rows"])
        self.oracle("fsck", pair[0], "d.t")
        self.program("fsck", "--deep", pair[0])
        self.passed += 2
        if self.args.keep is None:
            shutil.rmtree(self.warehouse)
        self.warehouse = self.rng.choice(pair)

    def tell(self):
        self.program("sql", self.warehouse, data=b"CREATE DATABASE d;")
        if any(t == "BLOB" for t in self.columns.values()) and self.args.no_blobs:
            (self.scratch / "ddl").write_text(json.dumps({
                "columns": [{"name": c, "type": t} for c, t in self.columns.items()],
                "partitionKeys": ["p"] if self.parts else [], "options": self.options}))
            self.oracle("create", self.warehouse, "d.t", self.scratch / "ddl")
        else:
            self.program("sql", self.warehouse, data=("CREATE TABLE d.t (%s)%s WITH (%s);" % (
                ", ".join("%s %s" % c for c in self.columns.items()), " PARTITIONED BY (p)" if self.parts else "",
                ", ".join("'%s' = '%s'" % o for o in self.options.items()))).encode())
        for i in range(self.args.steps):
            step = self.rng.choice([self.write] * 5 + [self.patch] * 4 + [self.change] + [self.compact] * 3)
            step = self.write if i == 0 else step
            self.log.append(step.__name__)
            try:
                step()
            except (RuntimeError, Refused) as e:
                self.failures.append("%s: %s" % (self.log[-1], str(e)[:900]))
            if self.failures:
                break
        if self.failures:
            print("FAIL seed %d %s %s\n  (%s)\n  %s\n  at %s" % (self.seed, self.columns, self.options, " ".join(self.log),
                                                                 "\n  ".join(self.failures), self.warehouse), flush=True)


def main():
    parser = seeds.parser_of(__doc__, 14)
    parser.add_argument("--no-blobs", action="store_true", help="Paimon alone writes tables with BLOBs")
    return seeds.tell(Story, parser.parse_args(), "evolutions")


sys.exit(main())
