#!/usr/bin/env python3
"""What a compaction makes, by the program and by Paimon Java: compactions.py BINARY --oracle COMMAND --seeds 1..20 [--steps 12]

A random table (engines, producers of changelogs, deletion vectors, levels and the options that choose among them, old
rows, formats of levels; or an append table) gets random commits of both writers, most of them without a compaction. Now
and then it is copied, and one copy is compacted by each of the two, full or as it comes. Levels, files that stayed or
moved, rows, deletes, numbers and keys of what is new, changes, deletion vectors and merged rows must be the same.
COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import collections
import json
import random
import re
import shutil
import subprocess
import sys
import time

import seeds
from oracle import Refused, counted, difference

TIMES = {"INT": lambda t: t, "BIGINT": lambda t: t * 1000 if t % 2 else t,
         "TIMESTAMP(3)": lambda t: time.strftime("%Y-%m-%d %H:%M:%S.120", time.gmtime(t)),
         "TIMESTAMP(9)": lambda t: time.strftime("%Y-%m-%d %H:%M:%S.123456789", time.gmtime(t)),
         "TIMESTAMP(6) WITH LOCAL TIME ZONE": lambda t: time.strftime("%Y-%m-%d %H:%M:%S.000001Z", time.gmtime(t))}


class Story:
    def __init__(self, args, scratch, oracle, seed):
        self.args, self.scratch, self.oracle = args, scratch, oracle
        self.rng = random.Random(seed)
        self.seed, self.copies, self.log = seed, 0, []
        self.passed, self.failures = 0, []
        self.input, self.out = scratch / "in", scratch / "out"
        self.warehouse = self.fresh()
        self.keyed = self.rng.random() < 0.8
        self.parts = self.rng.random() < 0.3
        self.time = self.rng.choice(("INT", *TIMES))
        self.options = {}
        self.choose()
        if "avro" in str(self.options) and self.time == "TIMESTAMP(9)":
            self.time = "TIMESTAMP(3)"  # Avro has no nanoseconds

    def pick(self, chance, key, *values):
        if self.rng.random() < chance:
            self.options[key] = self.rng.choice(values)

    def choose(self):
        self.options["bucket"] = self.rng.choice(("1", "1", "2"))
        self.pick(0.5, "file.format", "avro", "orc", "parquet")
        self.pick(0.4, "target-file-size", "1 b", "1 kb", "4 kb", "20 kb")
        self.pick(0.15, "compaction.force-rewrite-all-files", "true")
        if self.keyed:
            self.choose_keyed()
        else:
            self.pick(0.5, "bucket", "-1")
            if self.options["bucket"] != "-1":
                self.options["bucket-key"] = "k"
            self.pick(0.5, "compaction.min.file-num", "2", "3", "7")
            self.pick(0.3, "source.split.open-file-cost", "1 kb", "100 b")
            self.pick(0.3, "deletion-vectors.enabled", "true")
            self.pick(0.3, "compaction.delete-ratio-threshold", "0.05", "0.5")

    def choose_keyed(self):
        engine = self.rng.choice(("deduplicate",) * 3 + ("partial-update", "aggregation", "first-row"))
        self.options["merge-engine"] = engine
        self.pick(0.3, "num-sorted-run.compaction-trigger", "1", "2", "3", "4", "10")
        self.pick(0.3, "num-levels", "2", "3", "4", "8")
        self.pick(0.3, "compaction.size-ratio", "0", "20", "80", "150")
        self.pick(0.3, "compaction.max-size-amplification-percent", "0", "30", "100", "500")
        self.pick(0.1, "compaction.force-up-level-0", "true")
        self.pick(0.1, "compaction.total-size-threshold", "1 kb", "10 kb")
        self.pick(0.1, "compaction.incremental-size-threshold", "1 kb", "10 kb")
        self.pick(0.15, "file.format.per.level", "0:avro", "0:avro,1:orc", "5:parquet", "4:orc,5:avro")
        self.pick(0.2, "data-file.thin-mode", "true")
        if engine == "first-row":
            self.options["ignore-delete"] = "true"
            self.pick(0.6, "changelog-producer", "lookup")
            return
        self.pick(0.6, "changelog-producer", "input", "lookup", "lookup", "full-compaction")
        if self.options.get("changelog-producer") != "full-compaction":
            self.pick(0.35, "deletion-vectors.enabled", "true")
            self.pick(0.1, "force-lookup", "true")
        if self.options.get("changelog-producer") in ("lookup", "full-compaction"):
            self.pick(0.4, "changelog-producer.row-deduplicate", "true")
            self.pick(0.3, "changelog-producer.row-deduplicate-ignore-fields", "s", "a,b", "d,s")
        if self.options.get("changelog-producer") == "lookup" or "deletion-vectors.enabled" in self.options:
            if self.options.get("num-sorted-run.compaction-trigger") != "1":  # Paimon counts its looks
                self.pick(0.3, "lookup-compact", "gentle")
        self.choose_engine(engine)
        if self.rng.random() < 0.2:
            self.options["record-level.expire-time"] = "1 d"
            self.options["record-level.time-field"] = "d"

    def choose_engine(self, engine):
        if engine == "deduplicate":
            self.pick(0.4, "sequence.field", "s", "s,a")
            self.pick(0.2, "sequence.field.sort-order", "descending")
            self.pick(0.1, "ignore-delete", "true")
            self.pick(0.1, "ignore-update-before", "true")
        if engine == "partial-update":
            how = self.rng.randrange(5)
            if how == 0:
                self.options["ignore-delete"] = "true"
            elif how == 1:
                self.options["partial-update.remove-record-on-delete"] = "true"
            elif how == 2:
                self.options["fields.s.sequence-group"] = "a,b"
            elif how == 3:
                self.options.update({"fields.s.sequence-group": "a,b", "fields.a.aggregate-function": "sum",
                                     "fields.b.aggregate-function": "last_non_null_value"})
            else:
                self.options.update({"fields.s.sequence-group": "a,b",
                                     "partial-update.remove-record-on-sequence-group": "s"})
            if how > 1:
                self.pick(0.2, "ignore-delete", "true")
        if engine == "aggregation":
            self.options.update({"fields.a.aggregate-function": self.rng.choice(("sum", "max", "last_value")),
                                 "fields.b.aggregate-function": self.rng.choice(("listagg", "first_value", "last_non_null_value")),
                                 "fields.s.aggregate-function": self.rng.choice(("sum", "last_value", "first_non_null_value"))})
            for name in "bsd":
                self.options["fields.%s.ignore-retract" % name] = "true"
            if self.options["fields.a.aggregate-function"] != "sum":
                self.options["fields.a.ignore-retract"] = "true"
            if self.rng.random() < 0.3:
                self.options = {k: v for k, v in self.options.items() if not k.endswith("ignore-retract")}
                self.options["aggregation.remove-record-on-delete"] = "true"
            self.pick(0.2, "ignore-delete", "true")

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

    def ddl(self):
        columns = "k INT, p INT, a INT, b STRING, s BIGINT, d %s" % self.time
        if self.keyed:
            columns += ", PRIMARY KEY (k%s) NOT ENFORCED" % (", p" if self.parts else "")
        return "CREATE TABLE d.t (%s)%s WITH (%s);" % (columns, " PARTITIONED BY (p)" if self.parts else "",
                                                       ", ".join("'%s' = '%s'" % o for o in self.options.items()))

    # ---- steps of one ----

    def rows(self):
        rng, now = self.rng, int(time.time())
        low, width = rng.randrange(60), rng.choice((1, 4, 20, 60))
        with self.input.open("w") as f:
            for _ in range(rng.choice((1, 2, 6, 30, 150))):
                row = {"k": rng.randrange(low, low + width), "p": rng.randrange(2), "s": rng.randrange(40),
                       "d": TIMES[self.time](now - rng.choice((0, 0, 10, 100000, 10000000)))}
                if not self.parts:
                    row["p"] = 0
                if rng.random() < 0.8:
                    row["a"] = rng.randrange(-9, 99)
                if rng.random() < 0.8:
                    row["b"] = "%x" % rng.getrandbits(4 * rng.choice((1, 1, 20, 300)))
                if rng.random() < 0.1:
                    row.pop(rng.choice("sd"))
                if self.keyed and rng.random() < 0.25:
                    row["_kind"] = rng.choice(("-D", "-D", "-U", "+U"))
                f.write(json.dumps(row) + "\n")

    def write(self):
        self.rows()
        if self.rng.random() < 0.5:
            words = ("--no-compact",) if self.rng.random() < 0.8 else ()
            self.program("append", *words, self.warehouse, "d/t/inbox.jsonl", data=self.input.read_bytes())
        else:
            words = ("--set", "write-only=true") if self.rng.random() < 0.8 else ()
            self.oracle("write", self.warehouse, "d.t", *words, data=self.input)

    def delete(self):
        if "deletion-vectors.enabled" in self.options and not self.keyed:
            self.oracle("delete", self.warehouse, "d.t", json.dumps({"k": [self.rng.randrange(80) for _ in range(5)]}))

    def change(self):
        """Other options from now on: levels and ratios that files were not made for. Levels do not become fewer: Paimon's
        lookups and changelogs take what the options say for the top, wherever files are."""
        key = self.rng.choice(("num-levels", "num-sorted-run.compaction-trigger", "compaction.size-ratio", "target-file-size"))
        value = {"num-levels": ("9", "12"), "num-sorted-run.compaction-trigger": ("2", "3", "5"),
                 "compaction.size-ratio": ("1", "60"), "target-file-size": ("1 b", "2 kb", "1 mb")}[key]
        if key == "num-sorted-run.compaction-trigger" and "num-levels" not in self.options or not self.keyed:
            return
        if key == "num-levels":
            self.options[key] = "12"
        self.program("sql", self.warehouse, data=("ALTER TABLE d.t SET ('%s' = '%s');" % (
            key, self.rng.choice(value))).encode())

    # ---- steps of two ----

    def key(self, text):
        return json.loads(text or "[]")

    def files(self, warehouse, before):
        """Files by what can be compared: (partition, bucket, level, name if it was there before) -> facts summed up."""
        self.oracle("read", warehouse, "d.t$files", out=self.out)
        groups = collections.defaultdict(list)
        for line in self.out.read_bytes().split(b"\n"):
            if not line:
                continue
            f = json.loads(line)
            name = f["file_path"].rsplit("/", 1)[1]
            key = (str(f.get("partition")), f["bucket"], f["level"], name if name in before else f["file_format"])
            groups[key].append((f["record_count"], f.get("deleteRowCount", f.get("delete_row_count")),
                                self.key(f.get("min_key")), self.key(f.get("max_key")), f["min_sequence_number"], f["max_sequence_number"]))
        # How rows are distributed over new files is each one's own affair.
        return {k: (sum(f[0] for f in v), sum(f[1] or 0 for f in v), min(f[2] for f in v), max(f[3] for f in v), min(f[4] for f in v), max(f[5] for f in v)) for k, v in groups.items()}

    def names(self):
        return {p.name for p in (self.warehouse / "d.db" / "t").rglob("*") if p.is_file()}

    def latest(self, warehouse):
        return max([0] + [int(p.name[9:]) for p in (warehouse / "d.db/t/snapshot").glob("snapshot-*")])

    def snapshots(self, warehouse, since):
        kinds, sums, total = set(), [0, 0], 0
        for i in range(since + 1, self.latest(warehouse) + 1):
            s = json.loads((warehouse / ("d.db/t/snapshot/snapshot-%d" % i)).read_text())
            kinds.add(s["commitKind"])
            total = s["totalRecordCount"]
            sums[0] += s["deltaRecordCount"]
            sums[1] += s.get("changelogRecordCount") or 0
        return kinds, total, sums

    def vectors(self, warehouse):
        self.oracle("read", warehouse, "d.t$table_indexes", out=self.out)
        found = []
        for line in self.out.read_bytes().split(b"\n"):
            if line:
                i = json.loads(line)
                if not i["row_count"]:
                    continue  # a file without vectors, which Paimon leaves
                found.append((str(i.get("partition")), i["bucket"], i["index_type"], i["row_count"],
                              sorted(r.get("_CARDINALITY") or 0 for r in i.get("dv_ranges") or [])))
        return sorted(map(str, found))

    def facts(self, warehouse, before, since):
        out = {"snapshots": self.snapshots(warehouse, since), "files": self.files(warehouse, before),
               "vectors": self.vectors(warehouse)}
        for what, words in (("rows", ("read", warehouse, "d.t", "--no-kind")),
                            ("deletes", ("read", warehouse, "d.t$audit_log", "--no-kind")),
                            ("changes", ("stream", warehouse, "d.t", "--from", since + 1))):
            try:
                out[what] = self.oracle.rows(self.out, *words)
            except Refused as e:
                out[what] = counted(re.sub(r"\S*w%d-\S*" % self.seed, "", str(e)).encode())
        return out

    def compare(self, what, ours, theirs):
        for key in ours:
            if ours[key] == theirs[key]:
                continue
            if isinstance(ours[key], collections.Counter):
                text = difference(theirs[key], ours[key])
            elif isinstance(ours[key], dict):
                text = "\n    - %s\n    + %s" % tuple(
                    "; ".join("%s: %s" % i for i in sorted(a.items(), key=str) if b.get(i[0]) != i[1])[:1500]
                    for a, b in ((theirs[key], ours[key]), (ours[key], theirs[key])))
            else:
                text = "\n    - %s\n    + %s" % (theirs[key], ours[key])
            self.failures.append("%s: %s: %s" % (what, key, text))
        self.passed += not self.failures

    def compact(self):
        full = self.rng.random() < 0.35
        before, since = self.names(), self.latest(self.warehouse)
        self.pair = pair = [self.fresh(), self.fresh()]
        for copy in pair:
            shutil.copytree(self.warehouse, copy, dirs_exist_ok=True)
        for _ in range(1 if full or not self.keyed else 2):  # Paimon's writer looks again before it commits
            last = self.latest(pair[0])
            self.program("compact", *(["--full"] if full else []), pair[0], "d.t")
        try:
            self.oracle("compact", pair[1], "d.t", *([] if full else ["--minor"]))
        except Refused as e:
            if self.keyed or "File deletion conflicts" not in str(e):
                raise
            return  # two of its own picks meet in one commit
        ours, theirs = (self.facts(copy, before, since) for copy in pair)
        # Which files the second look takes is a matter of their bytes.
        if since < last < self.latest(pair[0]) or not full and ours["files"] != theirs["files"] and self.rests(pair[0]):
            for side in (ours, theirs):
                side.pop("files"), side.pop("vectors"), side.pop("snapshots")
        for bucket in self.settled() if full and not self.keyed else ():
            for side in (ours, theirs):
                side["files"] = {k: v for k, v in side["files"].items() if k[:2] != bucket}
                side.pop("snapshots", None)
        self.compare("full" if full else "minor", ours, theirs)
        if not self.failures:
            self.oracle("fsck", pair[0], "d.t")
            self.passed += 1
        if self.args.keep is None:
            shutil.rmtree(self.warehouse)
        self.warehouse = self.rng.choice(pair)

    def rests(self, warehouse):
        """Of what the program made Paimon takes no more either: its own new files were larger or smaller ones."""
        copy, last = self.fresh(), self.latest(warehouse)
        shutil.copytree(warehouse, copy, dirs_exist_ok=True)
        self.oracle("compact", copy, "d.t", "--minor")
        rests = self.latest(copy) == last
        shutil.rmtree(copy)
        return rests and self.keyed and last > self.latest(self.warehouse)

    def settled(self):
        """Buckets of one file without a deletion vector: Paimon writes it anew all the same where there may be some."""
        buckets = collections.Counter(k[:2] for k in self.files(self.warehouse, self.names()))
        marked = "".join(self.vectors(self.warehouse))
        return [b for b, files in buckets.items() if files == 1 and self.options["bucket"] != "-1" and
                "deletion-vectors.enabled" in self.options and str(b)[:-1] not in marked]

    def step(self, chosen=None):
        chosen = chosen or self.rng.choice([self.write] * 8 + [self.delete, self.change] + [self.compact] * 4)
        self.log.append(chosen.__name__)
        chosen()

    def tell(self):
        self.program("sql", self.warehouse, data=b"CREATE DATABASE d;")
        try:
            self.program("sql", self.warehouse, data=self.ddl().encode())
        except Refused as e:
            self.log.append(str(e))
            return
        for i in range(self.args.steps):
            try:
                self.step(self.write if i == 0 else None)
            except (RuntimeError, Refused) as e:
                if "does not support retraction" in str(e):
                    continue
                self.failures.append("%s: %s" % (self.log[-1], str(e)[:600]))
            if self.failures:
                break
        if self.failures:
            print("FAIL seed %d %s\n  (%s)\n  %s\n  at %s" % (self.seed, self.ddl(), " ".join(self.log),
                                                              "\n  ".join(self.failures), self.warehouse), flush=True)


def main(story_of=Story):
    return seeds.tell(story_of, seeds.parser_of(__doc__, 12).parse_args(), "compactions")


if __name__ == "__main__":
    sys.exit(main())
