#!/usr/bin/env python3
"""Random tables, written by Paimon Java, read by both: random_tables.py BINARY --oracle COMMAND [--seeds A..B]

COMMAND is Paimon Java as a command line that knows `serve`: one JSON request {"args": [...], "in": path, "out": path} a
line, one answer {"rc": 0, "error": text} a line. Each seed is one table of random columns, keys and options; writes,
compactions and changes of its columns follow; after them every snapshot, the stream of changes and the difference of two
snapshots are read by Paimon and by the program and compared as multisets of lines. Ends with `N passed, N failed`."""
import argparse
import collections
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

SCALARS = ["INT", "BIGINT", "SMALLINT", "TINYINT", "BOOLEAN", "DOUBLE", "FLOAT", "STRING", "VARCHAR(8)", "CHAR(3)",
           "DECIMAL(9, 2)", "DECIMAL(30, 10)", "DATE", "TIME(3)", "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP(9)",
           "TIMESTAMP(3) WITH LOCAL TIME ZONE", "BYTES", "BINARY(4)"]
NESTED = ["ARRAY<INT>", "ARRAY<STRING>", "MAP<STRING, INT>", "ROW<a INT, b STRING>", "ARRAY<ROW<x INT, y STRING>>",
          "MAP<INT, ARRAY<STRING>>", "ROW<p DECIMAL(10, 2), q ROW<r DATE, s ARRAY<BIGINT>>>", "MULTISET<STRING>"]
KEYS = ["INT", "BIGINT", "STRING", "DATE", "DECIMAL(9, 2)", "TIMESTAMP(3)", "SMALLINT", "BOOLEAN"]
WIDER = {"TINYINT": ["SMALLINT", "INT", "BIGINT", "DOUBLE", "STRING"], "SMALLINT": ["INT", "BIGINT", "DECIMAL(20, 3)"],
         "INT": ["BIGINT", "DOUBLE", "STRING", "DECIMAL(15, 1)"], "BIGINT": ["STRING", "DECIMAL(30, 2)", "DOUBLE"],
         "FLOAT": ["DOUBLE", "STRING"], "DECIMAL(9, 2)": ["DECIMAL(20, 4)", "STRING", "DOUBLE"],
         "DATE": ["TIMESTAMP(3)", "STRING"], "TIMESTAMP(3)": ["TIMESTAMP(6)", "STRING"], "VARCHAR(8)": ["STRING"],
         "CHAR(3)": ["STRING", "VARCHAR(8)"], "BOOLEAN": ["STRING", "INT"], "TIME(3)": ["STRING"]}
WORDS = ["", "a", "alpha", "Ünï", "with,comma", 'q"uote', "line\nbreak", "%20", "omega", "zz"]


def value(rng, kind, depth=0):
    if rng.random() < (0.15 if depth else 0.12):
        return None
    name = kind.split("(")[0].split(" ")[0].split("<")[0]
    if name in ("INT", "BIGINT", "SMALLINT", "TINYINT"):
        bits = {"TINYINT": 7, "SMALLINT": 15, "INT": 31, "BIGINT": 63}[name]
        return rng.choice((0, 1, -1, rng.randrange(100), rng.randrange(-2**bits, 2**bits)))
    if name == "BOOLEAN":
        return rng.random() < 0.5
    if name == "DOUBLE":
        return rng.choice((0.0, 1.5, -2.25, 1e10, 1e-5, rng.uniform(-1e6, 1e6)))
    if name == "FLOAT":
        return rng.choice((0.0, 1.5, -2.25, 0.125, 1024.0))
    if name == "DECIMAL":
        precision, scale = map(int, kind[8:-1].split(","))
        unscaled = rng.randrange(-10**precision + 1, 10**precision) if rng.random() < 0.3 else rng.randrange(-9999, 9999)
        text = "%0*d" % (scale + 1, abs(unscaled))
        return ("-" if unscaled < 0 else "") + text[:len(text) - scale] + ("." + text[len(text) - scale:] if scale else "")
    if name in ("STRING", "VARCHAR"):
        word = rng.choice(WORDS)
        return word if name == "VARCHAR" else word + str(rng.randrange(50))
    if name == "CHAR":
        return "".join(rng.choice("abc") for _ in range(3))
    if name == "DATE":
        return "%04d-%02d-%02d" % (rng.choice((1969, 1970, 2024, 2026, 1900)), rng.randrange(1, 13), rng.randrange(1, 29))
    if name == "TIME":
        return "%02d:%02d:%02d.%03d" % (rng.randrange(24), rng.randrange(60), rng.randrange(60), rng.randrange(1000))
    if name == "TIMESTAMP":
        digits = int(kind[10])
        text = "%s %02d:%02d:%02d" % (value(random.Random(rng.random()), "DATE", -99) or "2000-01-01", rng.randrange(24),
                                      rng.randrange(60), rng.randrange(60))
        text += ".%0*d" % (digits, rng.randrange(10**digits))
        return text + ("Z" if "ZONE" in kind else "")
    if name in ("BYTES", "BINARY"):
        return rng.choice(("AAECAw==", "/////w==", "YWJjZA=="))
    if name == "ARRAY":
        return [value(rng, kind[6:-1], depth + 1) for _ in range(rng.randrange(4))]
    if name in ("MAP", "MULTISET"):
        inner = kind[kind.index("<") + 1:-1]
        key, of = inner.split(", ", 1) if name == "MAP" else (inner, None)
        out = {}
        for _ in range(rng.randrange(4)):
            k = value(rng, key, -99)
            if k is not None:
                out[json.dumps(k)] = [k, value(rng, of, depth + 1) if of else rng.randrange(1, 5)]
        return list(out.values())
    if name == "ROW":
        out = {}
        for field in parts(kind[4:-1]):
            column, of = field.split(" ", 1)
            out[column] = value(rng, of, depth + 1)
        return out
    raise ValueError(kind)


def parts(text):
    """Fields of a ROW: commas outside of brackets."""
    out, level, start = [], 0, 0
    for i, c in enumerate(text):
        level += (c in "<(") - (c in ">)")
        if c == "," and level == 0:
            out.append(text[start:i].strip())
            start = i + 1
    return out + [text[start:].strip()]


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


class Oracle:
    def __init__(self, command):
        self.child = subprocess.Popen([command, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)

    def __call__(self, *words, data=None, out=None):
        request = {"args": [str(w) for w in words]}
        if data is not None:
            request["in"] = str(data)
        if out is not None:
            request["out"] = str(out)
        self.child.stdin.write(json.dumps(request) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        if answer["rc"] != 0:
            raise RuntimeError(answer.get("error") or "rc %d" % answer["rc"])
        return answer.get("out")


def counted(data):
    return collections.Counter(line for line in data.split(b"\n") if line)


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
