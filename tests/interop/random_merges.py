#!/usr/bin/env python3
"""What a compaction makes of merged rows, by the program and by Paimon Java: random_merges.py BINARY --oracle COMMAND --seeds 1..20

The steps of compactions.py over the tables of random_engines.py: every merge engine, aggregate function (sketches and
bitmaps, too) and sequence group with their options, retracts among the rows, columns that change. One copy of the table is
compacted by each of the two; beside what compactions.py compares, the statistics of files that one alone stands for, the
sequence numbers of rows, and rows that both write then into their own copy.
COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import collections
import json
import random
import re
import sys

import compactions
import random_engines
from oracle import Refused, difference

SKETCHES = {"rbm32": "rbm32", "rbm64": "rbm64", "hll_sketch": "hll", "theta_sketch": "theta"}


class Table(random_engines.Table):
    def __init__(self, rng, sketches):
        self.sketches = sketches
        super().__init__(rng)

    def values(self):
        super().values()
        if self.engine_name != "aggregation":
            return
        for function in SKETCHES:
            if self.rng.random() < 0.15:
                name = "z%d" % len(self.columns)
                self.columns.append([name, "VARBINARY(100000)"])
                self.options["fields.%s.aggregate-function" % name] = function
                self.options["fields.%s.ignore-retract" % name] = "true"

    def files(self):
        super().files()
        rng, o = self.rng, self.options
        o["bucket"] = rng.choice(("1", "1", "2"))
        self.pick(0.5, "num-levels", "2", "3", "4", "8")
        self.pick(0.3, "compaction.size-ratio", "0", "20", "80", "150")
        self.pick(0.3, "target-file-size", "1 kb", "4 kb")
        self.pick(0.1, "compaction.force-up-level-0", "true")
        self.pick(0.5, "deletion-vectors.bitmap64", "true")
        self.pick(0.2, "metadata.stats-mode", "none", "counts", "full", "truncate(3)")
        self.pick(0.1, "file.format.per.level", "0:orc", "0:parquet,5:orc")
        if o.get("changelog-producer") in ("lookup", "full-compaction"):
            free = [c for c, t in self.columns if c not in self.keys]
            self.pick(0.4, "changelog-producer.row-deduplicate", "true")
            self.pick(0.3, "changelog-producer.row-deduplicate-ignore-fields", ",".join(rng.sample(free, 1)))
            self.pick(0.2, "lookup-compact", "gentle")
        self.pick(0.1, "local-merge-buffer-size", "256 kb")
        o.pop("write-only", None)
        if o.get("aggregation.remove-record-on-delete") == "true":
            o.update({k: "false" for k in o if k.endswith(".ignore-retract")})
        for key in [k for k in o if k.endswith(".ts-field")]:
            o.pop(key)  # Paimon reads all times of maps as text where they are wider than the map's rows say
            name = key.split(".")[1]
            self.columns = [[n, random_engines.KEYTIMES[0] if n == name else t] for n, t in self.columns]

    def row(self):
        out = super().row()
        for name, kind in self.columns:
            if name[0] == "z":
                function = self.options["fields.%s.aggregate-function" % name]
                out.pop(name, None)
                if self.rng.random() < 0.8:
                    out[name] = self.rng.choice(self.sketches[function])
            if "orc" in str(self.options) and str(kind).startswith("TIMESTAMP") and out.get(name, "")[:4] in ("0001", "1582"):
                out[name] = "1801" + out[name][4:]  # older ones lose or gain days in Paimon's ORC files
        return out

    def change(self):
        change = super().change()
        if change is None:
            return None
        for op in change[0] if isinstance(change[0], list) else [change[0]]:
            name = op.get("name")
            name = name[0] if isinstance(name, list) else name
            told = ",".join(["%s,%s" % (k.removeprefix("fields."), v) for k, v in self.options.items()])
            if name in self.keys + self.sequences or name is not None and any(
                    name in word.split(".") for word in told.split(",")):
                return None
        return change


class Merge(compactions.Story):
    sketches = {}

    def __init__(self, args, scratch, oracle, seed):
        super().__init__(args, scratch, oracle, seed)
        self.rng = random.Random("merge %d" % seed)
        if not self.sketches:
            for function, verb in SKETCHES.items():
                self.sketches[function] = [oracle("sketch", verb, ",".join(map(str, some)))
                                           for some in ([], [1], [1, 2, 3], [7, 2**31 - 1], range(0, 5000, 3), range(100, 400))]
        self.table = Table(self.rng, self.sketches)
        self.options, self.keyed, self.parts = self.table.options, True, bool(self.table.partitions)

    def ddl(self):
        t = self.table
        return "CREATE TABLE d.t (%s, PRIMARY KEY (%s) NOT ENFORCED)%s WITH (%s);" % (
            ", ".join("`%s` %s" % (n, random_engines.random_views.sql(k)) for n, k in t.columns), ", ".join(t.keys),
            " PARTITIONED BY (%s)" % ", ".join(t.partitions) if t.partitions else "",
            ", ".join("'%s' = '%s'" % (k, v.replace("'", "''")) for k, v in t.options.items()))

    def rows(self):
        rows = [self.table.row() for _ in range(self.rng.choice((1, 3, 8, 20, 60)))]
        self.input.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))

    def change(self):
        change = self.table.change() if self.rng.random() < 0.6 else None
        if change is None:
            return
        try:
            self.oracle("alter", self.warehouse, "d.t", json.dumps(change[0] if isinstance(change[0], list) else [change[0]]))
        except Refused:
            return
        self.log[-1] += " " + json.dumps(change[0])
        change[1]()

    def key(self, text):
        return text if dict(self.table.columns)["k"] == "STRING" else super().key(text)

    def files(self, warehouse, before):
        groups = super().files(warehouse, before)
        facts = collections.defaultdict(list)
        for line in self.out.read_bytes().splitlines():
            f = json.loads(line)
            name = f["file_path"].rsplit("/", 1)[1]
            key = (str(f.get("partition")), f["bucket"], f["level"], name if name in before else f["file_format"])
            facts[key].append([f[k] for k in ("null_value_counts", "min_value_stats", "max_value_stats", "schema_id")])
        self.alone = {k: tuple(f[0]) for k, f in facts.items() if len(f) == 1}
        return groups

    def facts(self, warehouse, before, since):
        out = super().facts(warehouse, before, since)
        out["statistics"] = self.alone
        try:
            out["numbers"] = self.oracle.rows(self.out, "read", warehouse, "d.t$audit_log", "--no-kind", "--set",
                                              "table-read.sequence-number.enabled=true")
        except Refused as e:
            out["numbers"] = compactions.counted(b"refused")
        return out

    def step(self, chosen=None):
        """What Java's arithmetic does not do (the product of nothing, taken back) is refused by both."""
        try:
            super().step(chosen)
        except Refused as e:
            lines = str(e).splitlines()
            if lines and re.match(r"\d+ defects", lines[-1]) and all(re.search(
                    r": 0\.0 outside of .*-0\.0$|\.avro: column \w+: \d+ nulls, statistics say", line) for line in lines[1:-1]):
                return  # fsck takes the zeros for one, here they are two; and what has outgrown its precision reads as NULL
            if "by zero" not in str(e) and "overflow" not in str(e):
                raise
            self.log[-1] += " refused"

    def compare(self, what, ours, theirs):
        both = ours["statistics"].keys() & theirs["statistics"].keys()
        for side in (ours, theirs):
            side["statistics"] = {k: v for k, v in side["statistics"].items() if k in both}
        super().compare(what, ours, theirs)
        if self.failures:
            return
        # What both read of what the program made.
        copy = self.pair[0]
        for view, words in (("snapshot/latest", ("read", copy, "d.t", "--no-kind")),
                            ("changelog", ("stream", copy, "d.t", "--from", "1", "--with-snapshot")),
                            ("system/audit_log", ("read", copy, "d.t$audit_log", "--no-kind")),
                            ("system/files", ("read", copy, "d.t$files", "--no-kind"))):
            try:
                want = self.oracle.rows(self.out, *words)
            except Refused:
                continue
            got = compactions.counted(self.program("cat", copy, "d/t/%s.jsonl" % view))
            wrong = difference(want, got)
            self.passed += not wrong
            if wrong:
                self.failures.append("%s: our %s: %s" % (what, view, wrong))


if __name__ == "__main__":
    sys.exit(compactions.main(Merge))
