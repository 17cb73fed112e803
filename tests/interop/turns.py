#!/usr/bin/env python3
"""One table, written in turns by the program, Paimon Java and PyPaimon: turns.py BINARY --oracle COMMAND --python PYTHON

Append tables and primary-key tables of fixed buckets; each turn one of the three writes rows (the program and Java with
deletes among them), or Java compacts, or a column is added. Every few turns all three read the table: the same rows, and
those that a dictionary of the keys holds. COMMAND: see oracle.py; PYTHON: an interpreter with pypaimon, see
python_peer.py. Ends with `N passed, N failed`."""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from oracle import Oracle, Refused, counted, difference
from values import value

COLUMNS = [["k", "BIGINT"], ["p", "STRING"], ["v", "STRING"], ["amount", "DECIMAL(10, 2)"], ["day", "DATE"],
           ["at", "TIMESTAMP(3)"], ["price", "DOUBLE"], ["yes", "BOOLEAN"], ["small", "SMALLINT"], ["raw", "BYTES"]]
TABLES = {
    "append": ("", {"bucket": "-1"}),
    "append-bucketed": ("", {"bucket": "2", "bucket-key": "k"}),
    "key": ("PRIMARY KEY (k)", {"bucket": "1"}),
    "key-partitioned": ("PRIMARY KEY (k, p)", {"bucket": "2"}),
    "key-avro-file": ("PRIMARY KEY (k)", {"bucket": "2", "file.format": "avro"}),
    "key-orc-file": ("PRIMARY KEY (k)", {"bucket": "3", "file.format": "orc"}),
    "key-partial-update": ("PRIMARY KEY (k)", {"bucket": "2", "merge-engine": "partial-update"}),
}


class Python:
    def __init__(self, python):
        script = pathlib.Path(__file__).resolve().parent / "python_peer.py"
        self.child = subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)

    def __call__(self, **request):
        self.child.stdin.write(json.dumps({k: str(v) for k, v in request.items()}) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        if "error" in answer:
            raise RuntimeError("PyPaimon: " + answer["error"])


class Turns:
    def __init__(self, args, scratch, peers, name):
        self.binary, self.oracle, self.python = args.binary, *peers
        self.rng = random.Random("%s %d" % (name, args.seed))
        self.name = name
        self.keys, self.options = TABLES[name]
        self.columns = [list(c) for c in COLUMNS]
        self.warehouse, self.input, self.out = scratch / name, scratch / "in", scratch / "out"
        self.model = {}
        self.appended = []
        self.passed, self.failures = 0, []
        self.log = []

    def program(self, *words, data=None):
        done = subprocess.run([self.binary, *map(str, words)], input=data, capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def create(self):
        self.warehouse.mkdir()
        columns = ", ".join("%s %s" % tuple(c) for c in self.columns)
        key = ", %s NOT ENFORCED" % self.keys if self.keys else ""
        parts = " PARTITIONED BY (p)" if "partitioned" in self.name else ""
        options = ", ".join("'%s' = '%s'" % o for o in self.options.items())
        self.program("sql", self.warehouse, data=("CREATE DATABASE d; CREATE TABLE d.t (%s%s)%s WITH (%s);" % (
            columns, key, parts, options)).encode())

    def rows(self, deletes):
        out = []
        for _ in range(self.rng.choice((1, 5, 40, 300))):
            row = {}
            for name, kind in self.columns:
                row[name] = value(self.rng, kind)
            row["k"] = self.rng.randrange(200)
            row["p"] = "p%d" % (row["k"] % 3)
            if self.keys and deletes and self.rng.random() < 0.1:
                row["_kind"] = "-D"
            out.append(row)
        return out

    def keep(self, rows):
        """What the table holds after them."""
        for row in rows:
            row = dict(row)
            kind = row.pop("_kind", "+I")
            if not self.keys:
                self.appended.append(row)
            elif kind == "-D":
                self.model.pop(row["k"], None)
            elif "partial-update" in self.name:
                old = self.model.setdefault(row["k"], {})
                old.update({c: v for c, v in row.items() if v is not None or c not in old})
            else:
                self.model[row["k"]] = row

    def turn(self, who):
        rows = self.rows(who != "python" and "partial-update" not in self.name)
        self.input.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
        if who == "program":
            self.program("append", self.warehouse, "d/t/inbox.jsonl", data=self.input.read_bytes())
        elif who == "java":
            compact = self.rng.choice(("none", "none", "minor", "full")) if self.keys else "none"
            self.oracle("write", self.warehouse, "d.t", "--compact", compact, data=self.input)
        elif who == "python":
            self.python(warehouse=self.warehouse, table="d.t", write=self.input)
        if who in ("program", "java", "python"):
            self.keep(rows)
        elif who == "compact":
            self.oracle("compact", self.warehouse, "d.t")
        elif who == "column":
            column = ["n%d" % len(self.columns), self.rng.choice(("INT", "STRING", "DATE"))]
            self.oracle("alter", self.warehouse, "d.t",
                        json.dumps([{"op": "add", "name": column[0], "type": column[1]}]))
            self.columns.append(column)

    def wanted(self):
        rows = self.model.values() if self.keys else self.appended
        return counted(b"\n".join(json.dumps({c: r.get(c) for c, t in self.columns}, ensure_ascii=False,
                                             separators=(",", ":")).encode() for r in rows))

    def normal(self, lines):
        """Numbers are compared as numbers: 1e+10 and 10000000000.0 are one DOUBLE."""
        return counted(b"\n".join(json.dumps(json.loads(l), ensure_ascii=False, separators=(",", ":")).encode()
                                  for l in lines.elements()))

    def read(self):
        want = self.wanted()

        def python():
            self.python(warehouse=self.warehouse, table="d.t", read=self.out)
            return counted(self.out.read_bytes())
        for who, get in (("program", lambda: counted(self.program("cat", self.warehouse, "d/t/snapshot/latest.jsonl"))),
                         ("java", lambda: self.oracle.rows(self.out, "read", self.warehouse, "d.t", "--no-kind")),
                         ("python", python)):
            try:
                wrong = difference(want, self.normal(get()))
            except (RuntimeError, Refused) as e:
                wrong = str(e)[:400]
            self.passed += not wrong
            if wrong:
                self.failures.append("after %s: %s reads: %s" % (" ".join(self.log[-8:]), who, wrong))

    def __call__(self, turns):
        self.create()
        for i in range(turns):
            who = self.rng.choice(("program", "java", "python") * 3 + ("column",) + (("compact",) if self.keys else ()))
            self.log.append(who)
            try:
                self.turn(who)
            except RuntimeError as e:
                self.failures.append("turn %d of %s: %s" % (i, who, str(e)[:600]))
                return
            if i % 3 == 2 or i == turns - 1:
                self.read()
        try:
            self.oracle("fsck", self.warehouse, "d.t")
            self.passed += 1
        except Refused as e:
            self.failures.append("fsck: %s" % str(e)[:600])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda p: str(pathlib.Path(p).resolve()))
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="a directory for the warehouses")
    parser.add_argument("tables", nargs="*", default=list(TABLES), metavar="TABLE", help=", ".join(TABLES))
    args = parser.parse_args()
    passed = failed = 0
    peers = Oracle(args.oracle), Python(args.python)
    with tempfile.TemporaryDirectory(prefix="paimonfs-turns-") as scratch:
        if args.keep:
            args.keep.mkdir(exist_ok=True)
        for name in args.tables:
            turns = Turns(args, args.keep or pathlib.Path(scratch), peers, name)
            turns(args.turns)
            passed += turns.passed
            failed += len(turns.failures)
            for failure in turns.failures:
                print("FAIL %s: %s" % (name, failure), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
