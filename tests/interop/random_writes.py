#!/usr/bin/env python3
"""Random tables, written by the program, judged by Paimon Java: random_writes.py BINARY --oracle COMMAND [--seeds A..B]

Each seed is one table of random columns, keys, buckets, engines, formats and options. `BINARY sql` creates it, `BINARY
append` writes a few commits into it (JSON lines, one JSON array, CSV with all, some or no column names, inbox@user:n and
that again); Paimon Java makes a twin of it and writes the same rows in the same commits. The rows that the program reads
of its table, those that Paimon reads of it, and those of the twin must be the same, the stream of changes too, and
Paimon's fsck must find nothing that it does not find in the twin. Then Paimon appends to our table and compacts it, we
append once more and compact it, and Paimon writes on. COMMAND: see oracle.py.

A table or a statement that the program refuses as not supported is counted by its sentence and listed at the end; every
other refusal that Paimon does not share is a failure. Ends with `N passed, N failed, N tables of N refused`."""
import argparse
import collections
import csv
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import random_tables
from oracle import Oracle, Refused, counted, difference
from random import Random
from values import NESTED, SCALARS, value

# The sentences of EOPNOTSUPP; the errno itself does not leave the command.
UNSUPPORTED = re.compile(r"not there yet|not written yet|cannot be (written|compacted) yet|not supported")
DEFAULTS = {"INT": "7", "BIGINT": "-7", "STRING": "none", "BOOLEAN": "true", "DATE": "2020-02-02", "DOUBLE": "2.5"}


class Failed(Exception):
    """What the program says when it does not do something."""


class Program:
    def __init__(self, binary):
        self.binary = binary

    def __call__(self, *words, data=None):
        done = subprocess.run([self.binary, *map(str, words)], input=data, capture_output=True, timeout=300)
        if done.returncode < 0 or b"Sanitizer" in done.stderr:
            raise RuntimeError("%s: exit %d %s" % (words[0], done.returncode, done.stderr.decode(errors="replace")[:3000]))
        if done.returncode != 0:
            raise Failed(done.stderr.decode(errors="replace").strip())
        return done.stdout


class Table(random_tables.Table):
    def __init__(self, rng):
        self.required, self.defaults = [], {}
        super().__init__(rng)

    def choose_options(self):
        rng = self.rng
        super().choose_options()
        # What is added up in another order is another number; and a DECIMAL that outgrows its precision (Paimon lets it)
        # is nothing that Avro takes.
        for key in [k for k, v in self.options.items() if v == "sum"]:
            kind = dict(self.columns)[key.split(".")[1]]
            if kind == "DOUBLE" or kind == "DECIMAL(9, 2)" and "avro" in str(self.options):
                self.options[key] = "max"
        if self.keyed:
            self.choose_keyed()
        else:
            self.pick(0.08, "row-tracking.enabled", "true")
            self.pick(0.15, "target-file-size", "1 kb", "8 kb")
        self.choose_files()
        for name, kind in self.columns:
            if name in self.keys or name in self.partitions:
                continue
            if rng.random() < 0.1 and "merge-engine" not in self.options:
                self.required.append(name)
            elif rng.random() < 0.1 and kind in DEFAULTS:
                self.defaults[name] = DEFAULTS[kind]

    def choose_keyed(self):
        rng = self.rng
        self.pick(0.05, "bucket", "-2")
        if self.partitions and rng.random() < 0.2:
            self.keys.remove("p")  # one key, whatever the partition
            if self.options["bucket"] != "-2":
                self.options["bucket"] = "-1"
            if self.options["merge-engine"] in ("partial-update", "aggregation"):
                self.options.pop("sequence.field", None)
        if self.options["bucket"] == "-1":
            self.pick(0.5, "dynamic-bucket.target-row-num", "3", "10")
            self.pick(0.2, "dynamic-bucket.max-buckets", "2")
        if self.options["bucket"] == "-1" or "deletion-vectors.enabled" in self.options:
            self.pick(0.3, "index-file-in-data-file-dir", "true")
        if self.options["bucket"].isdigit() and len(self.keys) - len(self.partitions) > 1:
            self.pick(0.4, "bucket-key", self.keys[0], self.keys[1])
        # What a function cannot take back is refused by both, and stands in nobody's way.
        for key in [k for k in self.options if k.endswith(".ignore-retract")]:
            if rng.random() < 0.2:
                del self.options[key]
        # Tables that compact at every commit are many; let others have their share.
        if rng.random() < 0.3:
            for key in ("changelog-producer", "deletion-vectors.enabled"):
                if self.options.get(key) != "input":
                    self.options.pop(key, None)
        self.pick(0.1, "write-buffer-size", "256 kb", "1 mb")
        self.pick(0.1, "write-buffer-spillable", "true")
        self.pick(0.1, "num-sorted-run.compaction-trigger", "2", "10")
        self.pick(0.1, "num-levels", "3", "7")
        if "changelog-producer" in self.options:
            self.pick(0.3, "changelog-file.format", "parquet", "avro", "orc")
            self.pick(0.2, "changelog-file.prefix", "log-")

    def choose_files(self):
        rng = self.rng
        self.pick(0.2, "manifest.compression", "zstd", "null", "snappy")
        self.pick(0.1, "manifest.merge-min-count", "2", "3")
        self.pick(0.1, "manifest.target-file-size", "2 kb")
        self.pick(0.1, "data-file.prefix", "part-")
        self.pick(0.1, "file.suffix.include.compression", "true")
        self.pick(0.1, "file.block-size", "4 kb")
        self.pick(0.1, "file.compression.zstd-level", "3", "9")
        self.pick(0.1, "parquet.enable.dictionary", "false")
        self.pick(0.05, "partition.default-name", "nothing")
        self.pick(0.2, "partition.legacy-name", "false")
        self.pick(0.05, "data-file.external-paths", "file:///elsewhere")  # without a strategy files stay in the table
        if self.keyed and rng.random() < 0.1:
            self.options["file.format.per.level"] = "0:avro,1:orc"
        if "avro" in str(self.options) and self.options.get("file.compression") == "none":
            self.options["file.compression"] = "zstd"  # Paimon's Avro has no codec of that name
        plain = [c for c, t in self.columns if t.split("(")[0] in ("INT", "BIGINT", "STRING", "DATE", "TIMESTAMP")]
        if rng.random() < 0.15 and plain:
            self.options["file-index.bloom-filter.columns"] = ",".join(rng.sample(plain, 1))
        if rng.random() < 0.05 and plain:
            self.options["file-index.%s.columns" % rng.choice(("bitmap", "bsi"))] = rng.choice(plain)
        for name, kind in self.columns:
            self.pick(0.02, "fields.%s.stats-mode" % name, "none", "counts")

    def nullable(self, name):
        return name not in self.required and name not in self.keys

    def ddl(self):
        out = super().ddl()
        for column in out["columns"]:
            if column["name"] in self.required:
                column["type"] += " NOT NULL"
            if column["name"] in self.defaults:
                column["default"] = self.defaults[column["name"]]
        return out

    def sql(self):
        rows = ["`%s` %s%s" % (c["name"], c["type"], " DEFAULT '%s'" % c["default"] if "default" in c else "")
                for c in self.ddl()["columns"]]
        if self.keys:
            rows.append("PRIMARY KEY (%s) NOT ENFORCED" % ", ".join(self.keys))
        text = "CREATE TABLE db.t (%s)" % ", ".join(rows)
        if self.partitions:
            text += " PARTITIONED BY (%s)" % ", ".join(self.partitions)
        return text + " WITH (%s);" % ", ".join("'%s' = '%s'" % o for o in self.options.items())

    def row(self):
        out = super().row()
        if self.partitions and self.rng.random() < 0.1 and "p" not in self.keys:
            out.pop("p", None)
        kinds = dict(self.columns)
        for name in self.required:
            while out.get(name) is None and self.rng.random() < 0.999:
                out[name] = value(self.rng, kinds[name])
        for name, kind in self.columns:
            if kind == "VARCHAR(8)" and out.get(name):  # the program holds to the length, Paimon's writer does not
                out[name] = out[name][:8]
        # Paimon notes the partition of a key also for deletes that are ignored, until the writer is closed.
        if self.partitions and "p" not in self.keys and "ignore-delete" in self.options:
            out.pop("_kind", None)
        return out


class Text:
    """Rows as one of the texts that an inbox takes; `rows` changes with them where the text cannot carry all."""
    def __init__(self, rng, table, rows):
        how = rng.choice(("lines", "lines", "array", "header", "header", "some", "plain"))
        self.name = ""
        columns = [c for c, t in table.columns]
        if how in ("lines", "array"):
            if rng.random() < 0.3:
                for row in rows:  # a null that is written is one that is left out
                    row.update({c: None for c in columns if c not in row and c not in table.defaults})
            texts = [json.dumps(r, ensure_ascii=rng.random() < 0.5) for r in rows]
            self.data = "[%s]" % ",\n".join(texts) if how == "array" else "\n".join(texts) + "\n"
            self.name = rng.choice(("", ".jsonl"))
            return
        if how == "some":
            must = table.keys + table.required + table.partitions
            some = [c for c in columns if c in must or rng.random() < 0.6]
            columns = some if len(some) > 1 else columns  # a null in a column alone is a blank line
            rng.shuffle(columns)
            for row in rows:
                for gone in [c for c in row if c not in columns + ["_kind"]]:
                    del row[gone]
        if how != "plain" and any("_kind" in r for r in rows):
            columns.insert(rng.randrange(len(columns) + 1), "_kind")
        self.fill(rng, table, rows, columns, how)

    def fill(self, rng, table, rows, columns, how):
        out = io.StringIO()
        end = rng.choice(("\n", "\n", "\r\n"))
        if how != "plain":
            out.write(",".join(columns) + end)
        else:
            self.name = ".csv"
        for row in rows:
            if how == "plain":
                row.pop("_kind", None)
            row.update({c: None for c in columns if c not in row and c in table.defaults})
            out.write(",".join(self.cell(rng, row.get(c, "+I" if c == "_kind" else None)) for c in columns) + end)
        self.data = out.getvalue()

    def cell(self, rng, v):
        if v is None:
            return ""
        if isinstance(v, bool):
            return "true" if v else "false"
        text = v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)
        if text == "" or rng.random() < 0.2 or set(text) & set(',"\r\n') or text != text.strip():
            return '"%s"' % text.replace('"', '""')
        return text


class Run:
    def __init__(self, args, scratch, program, oracle, seed, totals):
        self.program, self.oracle, self.seed, self.totals = program, oracle, seed, totals
        self.rng = Random(seed)
        self.table = Table(self.rng)
        self.ours, self.twin = scratch / ("ours%d" % seed), scratch / ("twin%d" % seed)
        self.out, self.input = scratch / "out", scratch / "in"
        self.number = 0
        self.failures = []

    def unsupported(self, sentence):
        sentence = re.sub(r"^paimonfs: (\S+: )*", "", sentence)
        sentence = re.sub(r"column \w+", "column", re.sub(r"db[./]t\S*", "", sentence))
        self.totals["refused"][sentence] += 1

    def lenient(self, why):
        cause = re.sub(r"\b[ckns]\d*\b", "COLUMN", why.split(" <- ")[-1])
        self.totals["lenient"]["%s (seed %d)" % (cause[:200], self.seed)] += 1

    def create(self):
        """Both or neither; False when there is no table."""
        ddl = self.input.with_suffix(".json")
        ddl.write_text(json.dumps(self.table.ddl()))
        why = None
        try:
            self.oracle("create", self.twin, "db.t", ddl)
        except Refused as e:
            why = str(e)
        self.ours.mkdir()
        self.program("sql", self.ours, data=b"CREATE DATABASE db;")
        try:
            self.program("sql", self.ours, data=self.table.sql().encode())
        except Failed as e:
            if why is None and UNSUPPORTED.search(str(e)):
                self.unsupported(str(e))
            elif why is None:
                self.failures.append("only the program refuses the table: %s" % e)
            else:
                self.totals["both refuse"] += 1
            return False
        if why is not None:
            self.lenient(why)
            return False
        want, got = (json.loads((w / "db.db/t/schema/schema-0").read_text()) for w in (self.twin, self.ours))
        for schema in (want, got):
            schema.pop("timeMillis")
        if want != got:
            self.failures.append("schema files differ\n    - %s\n    + %s" % (json.dumps(want), json.dumps(got)))
        return True

    def rows(self):
        return [self.table.row() for _ in range(self.rng.choice((1, 3, 5, 20, 60, 200)))]

    def append(self):
        """The same rows into both tables. False when the table cannot be written."""
        rng, rows = self.rng, self.rows()
        text = Text(rng, self.table, rows)
        self.number += 1
        by_number = rng.random() < 0.5
        inbox = "db/t/inbox%s%s" % ("@loader:%d" % self.number if by_number else "", text.name)
        why = None
        self.input.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
        # Whose changelog full compactions make is compacted by the program at every commit, as by Flink; Paimon's
        # writer alone waits to be asked. Deletes that are gone let late rows in, so that it is to be asked.
        asked = ("--compact", "full") if self.table.options.get("changelog-producer") == "full-compaction" else ()
        try:
            self.oracle("write", self.twin, "db.t", "--commit-user", "twin", *asked, data=self.input)
        except Refused as e:
            why = str(e)
        try:
            for _ in range(2 if by_number and rng.random() < 0.5 else 1):
                self.program("append", self.ours, inbox, data=text.data.encode())
        except Failed as e:
            if UNSUPPORTED.search(str(e)):
                self.unsupported(str(e))
                return False
            if why is None:
                self.failures.append("only the program refuses the rows: %s" % e)
                return False
            self.totals["rows both refuse"] += 1
            return True
        if why is not None:
            self.lenient(why)
            return False
        return True

    def foreign(self):
        """Paimon writes the same rows into both tables; True when it can."""
        rows = self.rows()
        self.input.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
        compact = self.rng.choice(("none", "minor", "full"))
        try:
            self.oracle("write", self.twin, "db.t", "--commit-user", "twin", "--compact", compact, data=self.input)
        except Refused:
            return False
        try:
            self.oracle("write", self.ours, "db.t", "--commit-user", "twin", "--compact", compact, data=self.input)
        except Refused as e:
            self.failures.append("Paimon cannot append to our table: %s" % str(e)[:600])
            return False
        return True

    def compare(self, when, stream=False):
        latest = ("read", "db.t", "--no-kind")
        self.compare_one(when, latest, "db/t/snapshot/latest.jsonl")
        if stream:
            self.compare_one(when + ", changes", ("stream", "db.t", "--from", "1"), "db/t/changelog.jsonl")
        if "partition.default-name" in self.table.options or self.table.options["bucket"] == "-2":
            return  # fsck takes the name for a value, and wants keys in order where rows wait for their buckets
        ours = self.findings(self.ours)
        # Of a partition column it counts what its readers put there, which is no NULL where an aggregation left one.
        if ours and ours != self.findings(self.twin):
            self.failures.append("%s: fsck: %s" % (when, " | ".join(ours)[:600]))
        else:
            self.totals["passed"] += 1

    def findings(self, warehouse):
        """What Paimon's fsck says of each file, without the files' own names."""
        try:
            self.oracle("fsck", warehouse, "db.t")
        except Refused as e:
            return sorted(re.sub(r"data-\S+: ", "data: ", line) for line in str(e).splitlines())
        return []

    def compare_one(self, when, words, path):
        verb, table, *rest = words
        try:
            want = self.oracle.rows(self.out, verb, self.twin, table, *rest)
        except Refused:
            return  # Paimon itself cannot
        try:
            theirs = difference(want, self.oracle.rows(self.out, verb, self.ours, table, *rest))
        except Refused as e:
            theirs = str(e)[:600]
        got = collections.Counter()
        try:
            got = counted(self.program("cat", self.ours, path))
            if verb == "stream":
                got = counted(re.sub(rb'"_snapshot":\d+,', b"", b"\n".join(got.elements())))
            mine = difference(want, got)
        except Failed as e:
            mine = str(e)
        for who, wrong in (("Paimon reads our table", theirs), ("the program reads", mine)):
            self.totals["passed"] += not wrong
            if wrong:
                self.failures.append("%s: %s: %s" % (when, who, wrong))

    def one(self):
        if not self.create():
            return
        streams = self.table.options.get("changelog-producer", "none") in ("none", "input")
        for i in range(self.rng.randrange(2, 6)):
            if not self.append():
                return
        self.compare("appended", streams and "merge-engine" not in self.table.options
                     or self.table.options.get("changelog-producer") in ("input", "lookup", "full-compaction"))
        if not self.foreign():
            return
        self.compare("Paimon appended")
        if self.table.keyed:
            try:
                self.oracle("compact", self.twin, "db.t")
            except Refused:
                return
            try:
                self.oracle("compact", self.ours, "db.t")
            except Refused as e:
                self.failures.append("Paimon cannot compact our table: %s" % str(e)[:600])
                return
            self.compare("Paimon compacted")
        if self.append():
            self.compare("appended again")
            self.compact()

    def compact(self):
        """We compact our table, Paimon its twin; then Paimon writes on. Rows that wait for their buckets get them from
        engines and from us, not from Paimon's API."""
        if self.table.options["bucket"] == "-2":
            return
        try:
            self.program("sql", self.ours, data=b"CALL sys.compact(`table` => 'db.t');")
        except Failed as e:
            if not UNSUPPORTED.search(str(e)):
                self.failures.append("the program cannot compact: %s" % e)
            else:
                self.unsupported(str(e))
            return
        try:
            self.oracle("compact", self.twin, "db.t")
        except Refused:
            return
        self.compare("compacted")
        if self.foreign():
            self.compare("Paimon appended to what we compacted")

    def __call__(self):
        self.one()
        if self.failures:
            print("FAIL seed %d %s" % (self.seed, self.table.sql()))
            for failure in self.failures:
                print("  ", failure, flush=True)
        else:
            shutil.rmtree(self.ours, ignore_errors=True)
            shutil.rmtree(self.twin, ignore_errors=True)


def report(totals):
    for what, title in (("refused", "refused as not supported"), ("lenient", "only Paimon refuses")):
        if totals[what]:
            print("%s:" % title)
            for sentence, count in totals[what].most_common():
                print("  %4d %s" % (count, sentence))
    print("both refuse: %d tables, %d sets of rows" % (totals["both refuse"], totals["rows both refuse"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda p: str(pathlib.Path(p).resolve()))
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="1..20")
    parser.add_argument("--keep", type=pathlib.Path, help="a directory for the warehouses that failed")
    args = parser.parse_args()
    first, last = map(int, args.seeds.split(".."))
    totals = {"passed": 0, "refused": collections.Counter(), "lenient": collections.Counter(), "both refuse": 0,
              "rows both refuse": 0}
    oracle, failed = Oracle(args.oracle), 0
    with tempfile.TemporaryDirectory(prefix="paimonfs-writes-") as scratch:
        if args.keep:
            args.keep.mkdir(exist_ok=True)
        for seed in range(first, last + 1):
            run = Run(args, args.keep or pathlib.Path(scratch), Program(args.binary), oracle, seed, totals)
            run()
            failed += len(run.failures)
    report(totals)
    print("%d passed, %d failed, %d tables of %d refused" % (totals["passed"], failed, totals["refused"].total(),
                                                            last - first + 1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
