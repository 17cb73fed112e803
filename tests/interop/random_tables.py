#!/usr/bin/env python3
"""Random tables, written by Paimon Java, read by both: random_tables.py BINARY --oracle COMMAND [--seeds A..B]

COMMAND is Paimon Java as a command line that knows `serve`: one JSON request {"args": [...], "in": path, "out": path} a
line, one answer {"rc": 0, "error": text} a line. Each seed is one table of random columns, keys and options; writes,
compactions and changes of its columns follow; after them every snapshot, the stream of changes and the difference of two
snapshots are read by Paimon and by the program and compared as multisets of lines. Ends with `N passed, N failed`."""
import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from oracle import Oracle, counted
from values import KEYS, NESTED, SCALARS, value

WIDER = {"TINYINT": ["SMALLINT", "INT", "BIGINT", "DOUBLE", "STRING"], "SMALLINT": ["INT", "BIGINT", "DECIMAL(20, 3)"],
         "INT": ["BIGINT", "DOUBLE", "STRING", "DECIMAL(15, 1)"], "BIGINT": ["STRING", "DECIMAL(30, 2)", "DOUBLE"],
         "FLOAT": ["DOUBLE", "STRING"], "DECIMAL(9, 2)": ["DECIMAL(20, 4)", "STRING", "DOUBLE"],
         "DATE": ["TIMESTAMP(3)", "STRING"], "TIMESTAMP(3)": ["TIMESTAMP(6)", "STRING"], "VARCHAR(8)": ["STRING"],
         "CHAR(3)": ["STRING", "VARCHAR(8)"], "BOOLEAN": ["STRING", "INT"], "TIME(3)": ["STRING"]}


class Table:
    def __init__(self, rng):
        self.rng = rng
        self.keyed = rng.random() < 0.8
        self.options = {"bucket": str(rng.choice((1, 1, 2, 3)))}
        self.columns, self.keys, self.partitions = [], [], []
        if self.keyed:
            for i in range(rng.choice((1, 1, 2))):
                self.columns.append(["k%d" % i, rng.choice(KEYS)])
                self.keys.append("k%d" % i)
        if rng.random() < 0.35:
            self.columns.append(["p", rng.choice(("STRING", "DATE", "INT"))])
            self.partitions = ["p"]
            if self.keyed:
                self.keys.append("p")
        for i in range(rng.randrange(2, 8)):
            self.columns.append(["c%d" % i, rng.choice(NESTED if rng.random() < 0.3 else SCALARS)])
        self.columns.append(["s", "BIGINT"])
        self.choose_options()

    def pick(self, chance, key, *values):
        if self.rng.random() < chance:
            self.options[key] = self.rng.choice(values)

    def choose_options(self):
        rng = self.rng
        self.pick(0.6, "file.format", "parquet", "orc", "avro")
        self.pick(0.3, "file.compression", "zstd", "lz4", "snappy", "none")
        self.pick(0.2, "metadata.stats-mode", "none", "counts", "full", "truncate(4)")
        if not self.keyed:
            if rng.random() < 0.5:
                self.options["bucket"] = "-1"
            else:
                self.options["bucket-key"] = self.columns[0 if not self.partitions else 1][0]
                if self.columns[0 if not self.partitions else 1][1] in NESTED:
                    self.options.pop("bucket-key")
                    self.options["bucket"] = "-1"
            return
        self.pick(0.15, "bucket", "-1")
        engine = rng.choice(("deduplicate", "deduplicate", "partial-update", "aggregation", "first-row"))
        self.options["merge-engine"] = engine
        self.engine = engine
        self.pick(0.15, "data-file.thin-mode", "true")
        if engine == "first-row":
            self.options["ignore-delete"] = "true"
            self.pick(0.5, "changelog-producer", "lookup")
            return
        self.pick(0.6, "changelog-producer", "input", "lookup", "full-compaction")
        if self.options.get("changelog-producer") != "full-compaction":
            self.pick(0.25, "deletion-vectors.enabled", "true")
        if engine == "deduplicate":
            self.pick(0.3, "sequence.field", "s")
            if "sequence.field" in self.options:
                self.pick(0.3, "sequence.field.sort-order", "descending")
            self.pick(0.2, "ignore-delete", "true")
        plain = [c for c, t in self.columns if c not in self.keys and c != "s"]
        if engine == "partial-update":
            self.pick(0.5, "ignore-delete", "true")
            if "ignore-delete" not in self.options:
                if rng.random() < 0.5 and plain:
                    self.options["fields.s.sequence-group"] = ",".join(rng.sample(plain, rng.randrange(1, len(plain) + 1)))
                else:
                    self.options["partial-update.remove-record-on-delete"] = "true"
        if engine == "aggregation":
            self.pick(0.5, "ignore-delete", "true")
            for c, t in self.columns:
                if c in self.keys:
                    continue
                numeric = t.split("(")[0] in ("INT", "BIGINT", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "DECIMAL")
                names = ["last_value", "last_non_null_value", "first_value", "first_non_null_value"]
                if numeric:
                    names += ["sum", "max", "min"]
                if t in ("STRING",):
                    names += ["max", "min", "listagg"]
                if t == "BOOLEAN":
                    names += ["bool_and", "bool_or"]
                if t.startswith("MAP<"):
                    names += ["merge_map"]
                if t == "ARRAY<INT>":
                    names += ["collect"]
                self.options["fields.%s.aggregate-function" % c] = rng.choice(names)
                self.options["fields.%s.ignore-retract" % c] = "true"

    def ddl(self):
        return {"columns": [{"name": n, "type": t} for n, t in self.columns], "primaryKeys": self.keys,
                "partitionKeys": self.partitions, "options": self.options}

    def row(self):
        out = {}
        for name, kind in self.columns:
            v = None
            if name in self.keys or name in self.partitions:
                small = random.Random(self.rng.randrange(12))
                while v is None:
                    v = value(small, kind)
            else:
                v = value(self.rng, kind)
            if v is not None:
                out[name] = v
        if self.keyed and self.rng.random() < 0.2 and self.options.get("merge-engine") != "first-row":
            out["_kind"] = self.rng.choice(("-D", "+U", "-U", "-D"))
        return out

    def change(self):
        """One change of the columns that Paimon may refuse, and what is then to be kept in mind."""
        rng = self.rng
        free = [c for c in self.columns if c[0] not in self.keys + self.partitions + ["s"]]
        what = rng.choice(("add", "rename", "drop", "type", "type"))
        if what == "add":
            column = ["n%d" % rng.randrange(10**6), rng.choice(SCALARS + NESTED)]
            return {"op": "add", "name": column[0], "type": column[1]}, lambda: self.columns.append(column)
        if not free:
            return None
        column = rng.choice(free)
        if any(column[0] in v.split(",") or ".%s." % column[0] in k for k, v in self.options.items()):
            return None
        if what == "drop" and len(free) > 1:
            return {"op": "drop", "name": column[0]}, lambda: self.columns.remove(column)
        if what == "rename":
            new = "r%d" % rng.randrange(10**6)
            return {"op": "rename", "name": column[0], "to": new}, lambda: column.__setitem__(0, new)
        if what == "type" and column[1] in WIDER:
            new = rng.choice(WIDER[column[1]])
            return {"op": "type", "name": column[0], "type": new}, lambda: column.__setitem__(1, new)
        return None


class Run:
    def __init__(self, args, scratch, oracle, seed):
        self.args, self.oracle, self.seed = args, oracle, seed
        self.rng = random.Random(seed)
        self.warehouse = scratch / ("w%d" % seed)
        self.table = Table(self.rng)
        self.out, self.input = scratch / "out", scratch / "in"
        self.passed, self.failures = 0, []

    def write_all(self):
        ddl = self.input.with_suffix(".json")
        ddl.write_text(json.dumps(self.table.ddl()))
        self.oracle("create", self.warehouse, "db.t", ddl)
        for _ in range(self.rng.randrange(2, 7)):
            rows = [self.table.row() for _ in range(self.rng.choice((1, 5, 20, 60)))]
            self.input.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
            self.oracle("write", self.warehouse, "db.t", "--compact",
                        self.rng.choice(("none", "none", "minor", "full")), data=self.input)
            if self.rng.random() < 0.25:
                change = self.table.change()
                if change:
                    try:
                        self.oracle("alter", self.warehouse, "db.t", json.dumps([change[0]]))
                        change[1]()
                    except RuntimeError:
                        pass  # Paimon refuses some
            if self.rng.random() < 0.1 and self.table.keyed:
                self.oracle("compact", self.warehouse, "db.t")

    def compare(self, what, words, path, first=None):
        try:
            self.oracle(*words, out=self.out)
            want = counted(self.out.read_bytes())
        except RuntimeError as e:
            return  # Paimon itself cannot
        done = subprocess.run([self.args.binary, "cat", self.warehouse, path], capture_output=True, timeout=120)
        if done.returncode != 0:
            self.failures.append("%s: %s" % (what, done.stderr.decode(errors="replace").strip()[:300]))
            return
        got = counted(done.stdout)
        if want == got:
            self.passed += 1
            return
        lost, extra = want - got, got - want
        self.failures.append("%s: %d missing, %d unexpected\n    - %s\n    + %s" % (
            what, sum(lost.values()), sum(extra.values()), *(next(iter(c or {b"": 1})).decode()[:400]
                                                             for c in (lost, extra))))

    def read_all(self):
        ids = sorted(int(p.name.split("-")[1]) for p in (self.warehouse / "db.db/t/snapshot").glob("snapshot-*"))
        self.compare("latest", ("read", self.warehouse, "db.t", "--no-kind"), "db/t/snapshot/latest.jsonl")
        for i in self.rng.sample(ids, min(3, len(ids))):
            self.compare("snapshot %d" % i, ("read", self.warehouse, "db.t", "--snapshot", i, "--no-kind"),
                         "db/t/snapshot/%d.jsonl" % i)
        if ids:
            self.compare("changelog", ("stream", self.warehouse, "db.t", "--from", ids[0], "--with-snapshot"),
                         "db/t/changelog.jsonl")
            self.compare("files", ("read", self.warehouse, "db.t$files", "--no-kind"), "db/t/system/files.jsonl")
        if len(ids) > 2:
            self.compare("incremental", ("read", self.warehouse, "db.t", "--incremental", "%d,%d" % (ids[0], ids[-1])),
                         "db/t/incremental/%d..%d.jsonl" % (ids[0], ids[-1]))

    def __call__(self):
        try:
            self.write_all()
        except RuntimeError as e:
            if self.args.verbose:
                print("seed %d: Paimon refuses: %s" % (self.seed, str(e)[:200]))
        if (self.warehouse / "db.db/t/snapshot").exists():
            self.read_all()
        if self.failures:
            print("FAIL seed %d %s" % (self.seed, json.dumps(self.table.ddl())))
            for failure in self.failures:
                print("  ", failure, flush=True)
        else:
            shutil.rmtree(self.warehouse, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda p: str(pathlib.Path(p).resolve()))
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="1..20")
    parser.add_argument("--keep", type=pathlib.Path, help="a directory for the warehouses that failed")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    first, last = map(int, args.seeds.split(".."))
    oracle, passed, failed = Oracle(args.oracle), 0, 0
    with tempfile.TemporaryDirectory(prefix="paimonfs-random-") as scratch:
        if args.keep:
            args.keep.mkdir(exist_ok=True)
        for seed in range(first, last + 1):
            run = Run(args, args.keep or pathlib.Path(scratch), oracle, seed)
            run()
            passed += run.passed
            failed += len(run.failures)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
