#!/usr/bin/env python3
"""Directories and files that people make, move and remove, and what statements do to history, against Paimon Java having
done the same: folders.py BINARY --oracle COMMAND [--seeds A..B] [--steps N]

A table of ours on a mount and its twin of Paimon's. Each seed is a random walk: mkdir, mv and rmdir of tags and branches,
tags in Spark's words, rollbacks, fast-forwards, partitions dropped and expired, truncations, lines of `options`, bookmarks of consumers, rows between them; at its
end the table is moved and copied (LIKE). After every step the schemas, snapshots, tags, branches and partitions must be
the same, at the end the rows of every branch and tag. Needs FUSE. COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import argparse
import errno
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from random import Random

from oracle import Oracle, Refused, counted, difference
from random_writes import Failed, Program
from statements import Pair, Results

DDL = {"columns": [{"name": "dt", "type": "STRING"}, {"name": "k", "type": "INT"}, {"name": "v", "type": "STRING"}],
       "primaryKeys": ["dt", "k"], "partitionKeys": ["dt"],
       "options": {"bucket": "1", "num-sorted-run.compaction-trigger": "100"}}
APPEND = dict(DDL, primaryKeys=[], options={"compaction.min.file-num": "100"})
DAYS = ("2020-01-01", "2020-01-02", "2090-01-01", "2090-01-02", "no day")
NAMES = ("a", "b", "it's", "ü x", "2026-01-01", "select", "A")


class Walk:
    def __init__(self, rng, pair, binary):
        self.rng, self.pair, self.binary = rng, pair, binary
        self.at = pair.scratch / "mnt"
        self.at.mkdir()
        self.written, self.log = 0, []
        subprocess.run([binary, "mount", pair.ours, self.at], check=True, timeout=30)

    def close(self):
        subprocess.run([self.binary, "umount", self.at], check=True, timeout=120)

    # ---- what is there, in the twin ----

    def names(self, what, prefix):
        directory = self.pair.twin / "d.db/t" / what
        return sorted(p.name[len(prefix):] for p in directory.glob(prefix + "*")) if directory.is_dir() else []

    def tag(self):
        return self.rng.choice(self.names("tag", "tag-") or NAMES) if self.rng.random() < 0.8 else self.rng.choice(NAMES)

    def branch(self):
        return self.rng.choice(self.names("branch", "branch-") or NAMES) if self.rng.random() < 0.8 else self.rng.choice(NAMES)

    def snapshot(self):
        ids = [int(n) for n in self.names("snapshot", "snapshot-")]
        return self.rng.choice(ids) if ids and self.rng.random() < 0.9 else 99

    # ---- both do it ----

    def both(self, ours, *words, theirs=None):
        """`ours`: a statement, or what is called. "" or what is wrong: done by one, refused by the other."""
        said = asked = None
        try:
            if callable(ours):
                ours()
            else:
                (self.at / "sql").write_text(ours)
        except (OSError, Failed) as e:
            said = str(e)
        try:
            theirs() if theirs is not None else self.pair.oracle(*words)
        except (Refused, OSError) as e:
            asked = str(e)
        if (said is None) != (asked is None):
            return "ours: %s, Java: %s" % (said or "done", asked or "done")
        return ""

    def oracle(self, verb, *words):
        return (verb, self.pair.twin, "d.t", *words)

    def folder(self, *parts):
        return self.at.joinpath("d", "t", *map(str, parts))

    # ---- steps: what is said of it, and what is wrong ----

    def write(self, branch="main"):
        rows = []
        for _ in range(self.rng.randrange(1, 4)):
            self.written += 1
            rows.append({"dt": self.rng.choice(DAYS), "k": self.rng.randrange(5), "v": "v%d" % self.written})
        ours, theirs = self.pair.writes(branch, rows)
        try:
            ours()
        except Failed as e:
            # A partition keeps its number of buckets until it is overwritten. Java looks at the files of the very bucket
            # alone: where there are none it takes the row, and the key is in two of them. It is not asked.
            schemas = self.pair.schemas(self.pair.ours, None if branch == "main" else branch).values()
            rescaled = len({s["options"].get("bucket") for s in schemas}) > 1
            return "" if rescaled and "`overwrite` takes its rows" in str(e) else str(e)
        try:
            theirs()
        except Refused as e:
            return str(e)
        return ""

    def write_branch(self):
        b = self.branch()
        return self.write(b) if b in self.names("branch", "branch-") else ""

    def make_tag(self):
        t = self.rng.choice(NAMES)
        return self.both(lambda: self.folder("tag", t).mkdir(), *self.oracle("tag", "create", t))

    def make_tag_of(self):
        t, s = self.rng.choice(NAMES), self.snapshot()
        return self.both(lambda: self.folder("snapshot", s, "tag", t).mkdir(),
                         *self.oracle("tag", "create", t, "--snapshot", s))

    def say_tag(self):
        t, s = self.rng.choice(NAMES), self.snapshot()
        return self.both("ALTER TABLE d.t CREATE TAG `%s` AS OF VERSION %d;" % (t, s),
                         *self.oracle("tag", "create", t, "--snapshot", s))

    def tag_of_time(self):
        """Of the first snapshot not before a time: the times of the twin are its own."""
        t, s = self.rng.choice(NAMES), self.snapshot()
        ours = self.pair.files(self.pair.ours, "snapshot").get("snapshot-%d" % s)
        ms = ours["timeMillis"] if ours else 9999999999999
        first = min((f["id"] for f in self.pair.files(self.pair.ours, "snapshot").values() if f["timeMillis"] >= ms),
                    default=99)
        return self.both("CALL sys.create_tag_from_timestamp('d.t', '%s', %d);" % (t.replace("'", "''"), ms),
                         *self.oracle("tag", "create", t, "--snapshot", first))

    def move_tag(self):
        t, to = self.tag(), self.rng.choice(NAMES)
        if t == to or to in self.names("tag", "tag-"):  # mv would put one into the other
            return ""
        return self.both(lambda: self.folder("tag", t).rename(self.folder("tag", to)),
                         *self.oracle("tag", "rename", t, to))

    def remove_tag(self):
        t = self.tag()
        if t not in self.names("tag", "tag-"):  # Paimon says nothing
            return ""
        if self.rng.random() < 0.5:
            return self.both("ALTER TABLE d.t DELETE TAG `%s`;" % t, *self.oracle("tag", "delete", t))
        return self.both(lambda: self.folder("tag", t).rmdir(), *self.oracle("tag", "delete", t))

    def make_branch(self):
        b = self.rng.choice(NAMES + ("12", "main"))
        return self.both(lambda: self.folder("branch", b).mkdir(), *self.oracle("branch", "create", b))

    def make_branch_of_tag(self):
        b, t = self.rng.choice(NAMES), self.tag()
        tags = self.names("tag", "tag-")
        if b in self.names("branch", "branch-") or t not in tags:
            return ""
        said = "ALTER TABLE d.t CREATE BRANCH `%s` AS OF TAG `%s`;" % (b, t)
        return self.both(said if self.rng.random() < 0.5 else lambda: self.folder("tag", t, "branch", b).mkdir(),
                         *self.oracle("branch", "create", b, "--tag", t))

    def move_branch(self):
        """Paimon renames the directory."""
        b, to = self.branch(), self.rng.choice(NAMES)
        if b == to or to in self.names("branch", "branch-"):
            return ""
        place = self.pair.twin / "d.db/t/branch"
        said = "CALL sys.rename_branch('d.t', '%s', '%s');" % (b.replace("'", "''"), to.replace("'", "''"))
        return self.both(said if self.rng.random() < 0.5 else lambda: self.folder("branch", b).rename(self.folder("branch", to)),
                         theirs=lambda: (place / ("branch-" + b)).rename(place / ("branch-" + to)))

    def remove_branch(self):
        b = self.branch()
        if b not in self.names("branch", "branch-"):
            return ""
        mains = {f["deltaManifestList"] for what in ("snapshot", "tag") for f in self.pair.files(self.pair.ours, what).values()}
        own = any(f["deltaManifestList"] not in mains for f in self.pair.files(self.pair.ours, "snapshot", b).values())
        try:
            self.folder("branch", b).rmdir()
            kept = False
        except OSError as e:
            kept = e.errno == errno.ENOTEMPTY
        if kept != own:
            return "rmdir of branch %s: %s" % (b, "refused" if kept else "done")
        return self.both("ALTER TABLE d.t DELETE BRANCH `%s`;" % b if kept else lambda: None,
                         *self.oracle("branch", "delete", b))

    def forward(self):
        b = self.branch()
        return self.both("CALL sys.fast_forward('d.t', '%s');" % b.replace("'", "''"),
                         *self.oracle("branch", "fast-forward", b))

    def roll_back(self):
        if self.rng.random() < 0.5:
            s = self.snapshot()
            return self.both("CALL sys.rollback_to('d.t', snapshot_id => %d);" % s,
                             *self.oracle("rollback", "--snapshot", s))
        t = self.tag()
        if t not in self.names("tag", "tag-"):
            return ""
        return self.both("CALL sys.rollback_to(`table` => 'd.t', tag => '%s');" % t.replace("'", "''"),
                         *self.oracle("rollback", "--tag", t))

    def drop_partition(self):
        p, q = self.rng.sample(DAYS, 2)
        said = self.rng.choice(("ALTER TABLE d.t DROP PARTITION (dt = '%s'), PARTITION (dt = '%s');",
                                "CALL sys.drop_partition('d.t', 'dt=%s', 'dt=%s');",
                                "CALL sys.drop_partition(`table` => 'd.t', partitions => 'dt=%s;dt=%s');"))
        return self.both(said % (p, q), *self.oracle("drop-partition", "dt=" + p, "dt=" + q))

    def expire_partitions(self):
        return self.both("CALL sys.expire_partitions(`table` => 'd.t', expiration_time => '30 d');",
                         *self.oracle("expire-partitions", "P30D"))

    def truncate(self):
        return self.both("TRUNCATE TABLE d.t;", *self.oracle("truncate"))

    def purge(self):
        """What Paimon's procedure does, verb by verb."""
        def theirs():
            for b in self.names("branch", "branch-"):
                self.pair.oracle(*self.oracle("branch", "delete", b))
            for t in self.names("tag", "tag-"):
                self.pair.oracle(*self.oracle("tag", "delete", t))
            for file in (self.pair.twin / "d.db/t").glob("consumer/consumer-*"):
                self.pair.oracle(*self.oracle("consumer", "delete", file.name[9:]))
            self.pair.oracle(*self.oracle("truncate"))
            self.pair.oracle(*self.oracle("expire", "--retain-max", 1, "--retain-min", 1))
        wrong = self.both("CALL sys.purge_files('d.t');", theirs=theirs)
        if not wrong:
            self.pair.oracle("fsck", self.pair.ours)
        return wrong

    def mark(self):
        """No directory of the twin's is like ours: what Paimon writes into it is known."""
        p = self.rng.choice(DAYS)
        (self.at / "sql").write_text("CALL sys.mark_partition_done('d.t', 'dt=%s');" % p)
        done = json.loads((self.pair.ours / "d.db/t" / ("dt=" + p) / "_SUCCESS").read_text())
        return "" if set(done) == {"creationTime", "modificationTime"} else "_SUCCESS says %s" % done

    def alter(self):
        name = "c%d" % self.written
        return self.both("ALTER TABLE d.t ADD %s INT;" % name, *self.oracle(
            "alter", json.dumps([{"op": "add", "name": name, "type": "INT"}])))

    def set_option(self):
        """A line more."""
        key, value = self.rng.choice(("x", "y", "snapshot.num-retained.min")), str(self.rng.randrange(3))

        def ours():
            with open(self.folder("options"), "a") as out:
                out.write("%s = %s\n" % (key, value))

        if self.pair.newest()["options"].get(key) == value:  # nothing to do; Paimon's API makes a schema of it all the same
            return ""
        return self.both(ours, *self.oracle("alter", json.dumps([{"op": "set", "key": key, "value": value}])))

    def edit_options(self):
        """An editor's: the file without a line, or with another value in it, renamed onto the old one, or in place. One that
        is left with nothing in it changes nothing."""
        options = dict(self.pair.newest()["options"])
        key = self.rng.choice(sorted(options))
        gone = self.rng.random() < 0.5
        change = {"op": "unset", "key": key} if gone else {"op": "set", "key": key, "value": options[key] + "0"}
        text = "".join("%s = %s\n" % (k, v if k != key else change.get("value")) for k, v in options.items()
                       if k != key or not gone)

        def ours():
            place = self.folder(self.rng.choice(("options", "options.new", ".options.swp")))
            place.write_text(text)
            if place.name != "options":
                place.replace(self.folder("options"))

        return self.both(ours, *self.oracle("alter", json.dumps([change])), theirs=None if text else lambda: None)

    def bookmark(self):
        """`echo ID >` and `rm`; who is there stands where it stood."""
        name, position = self.rng.choice(("c", "it's")), self.rng.randrange(1, 9)
        file = self.pair.twin / "d.db/t/consumer" / ("consumer-" + name)
        if file.exists() and self.rng.random() < 0.5:
            return self.both(lambda: self.folder("consumer", name).unlink(), *self.oracle("consumer", "delete", name))

        def ours():
            if not file.exists():
                self.folder("consumer", name).touch()
            self.folder("consumer", name).write_text("%d\n" % position)

        return self.both(ours, *self.oracle("consumer", "set", name, position))

    # ---- comparing ----

    def same_consumers(self):
        ours, twin = ({p.name: json.loads(p.read_text()) for p in (side / "d.db/t").glob("consumer/consumer-*")}
                      for side in (self.pair.ours, self.pair.twin))
        return "" if ours == twin else "consumers %s and Java's %s" % (ours, twin)

    def partitions(self, side):
        out = self.pair.scratch / "partitions"
        self.pair.oracle("read", side, "d.t$partitions", "--no-kind", out=out)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        return sorted((r["partition"], r["record_count"]) for r in rows)

    def shown(self):
        sql = self.at / "sql"
        sql.write_text("SHOW PARTITIONS d.t;")
        return sorted(line.partition("=")[2].replace("%20", " ") for line in sql.read_text().splitlines()[1:])

    def same_partitions(self):
        if not self.pair.files(self.pair.twin, "snapshot"):
            return ""
        ours, twin = self.partitions(self.pair.ours), self.partitions(self.pair.twin)
        if ours != twin:
            return "partitions %s and Java's %s" % (ours, twin)
        shown, want = self.shown(), sorted(p.partition("=")[2].rstrip("}") for p, _ in twin)
        return "" if shown == want else "SHOW PARTITIONS %s, Java's %s" % (shown, want)

    def same_views(self):
        """Every tag and branch, on the mount and as Paimon reads the twin."""
        views = [("d/t/tag/" + t, ["d.t", "--tag", t]) for t in self.names("tag", "tag-")]
        views += [("d/t/branch/" + b, ["d.t$branch_" + b]) for b in self.names("branch", "branch-")
                  if self.pair.files(self.pair.twin, "snapshot", b)]
        for path, words in views:
            own = counted((self.at / path / "snapshot/latest.jsonl").read_bytes())
            twin = self.pair.oracle.rows(self.pair.scratch / "out", "read", self.pair.twin, *words, "--no-kind")
            wrong = difference(twin, own)
            if wrong:
                return "%s: %s" % (path, wrong)
        return ""

    def moved(self):
        """The table goes elsewhere and comes back; another like it has its schema and nothing else."""
        sql = self.at / "sql"
        (self.at / "e").mkdir()
        (self.at / "d/t").rename(self.at / "e/t2")
        sql.write_text("CREATE TABLE d.other LIKE e.t2;")
        other = json.loads((self.pair.ours / "d.db/other/schema/schema-0").read_text())
        newest = self.pair.newest()
        same = all(other[k] == newest[k] for k in ("partitionKeys", "primaryKeys", "options")) and \
            [f["name"] for f in other["fields"]] == [f["name"] for f in newest["fields"]]
        if not same or (self.pair.ours / "d.db/other/snapshot").exists():
            return "LIKE: %s of %s" % (other, newest)
        sql.write_text("DROP TABLE d.other; ALTER TABLE e.t2 RENAME TO d.t;")
        (self.at / "e").rmdir()
        left = sorted(p.name for p in self.pair.ours.iterdir() if p.name != ".paimonfs")
        return "" if left == ["d.db"] else "left behind: %s" % left

    def __call__(self, steps):
        choices = [self.write] * 5 + [self.write_branch] * 2 + [
            self.make_tag, self.make_tag_of, self.say_tag, self.tag_of_time, self.move_tag, self.remove_tag,
            self.make_branch, self.make_branch_of_tag, self.make_branch_of_tag, self.move_branch, self.remove_branch,
            self.forward, self.roll_back, self.drop_partition, self.expire_partitions, self.truncate, self.mark,
            self.alter, self.set_option, self.edit_options, self.bookmark]
        for _ in range(steps):
            step = self.rng.choice(choices)
            self.log.append(step.__name__)
            wrong = step() or self.pair.same_history(step.__name__) or self.same_partitions() or self.same_consumers()
            if wrong:
                return "; ".join(self.log) + ": " + wrong
        wrong = self.same_views() or self.moved() or (self.rng.random() < 0.5 and (
            self.purge() or self.pair.same_history("purge") or self.write())) or (
            self.pair.same_rows("moving") if self.pair.files(self.pair.twin, "snapshot") else "")
        return wrong and "; ".join(self.log) + ": " + wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="1..20")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--keep", type=pathlib.Path)
    args = parser.parse_args()
    first, last = map(int, args.seeds.split(".."))
    binary = str(pathlib.Path(args.binary).resolve())
    program, oracle, results = Program(binary), Oracle(args.oracle), Results()
    with tempfile.TemporaryDirectory(prefix="folders-") as directory:
        for seed in range(first, last + 1):
            scratch = (args.keep or pathlib.Path(directory)) / str(seed)
            scratch.mkdir(parents=True)

            def one():
                walk = Walk(Random(seed), Pair(scratch, program, oracle, DDL if seed % 3 else APPEND), binary)
                try:
                    return walk(args.steps)
                finally:
                    walk.close()

            results.check("seed %d" % seed, one)
            if args.keep is None:
                shutil.rmtree(scratch, ignore_errors=True)
    print("%d passed, %d failed" % (results.passed, results.failed))
    return 0 if results.passed and not results.failed else 1


if __name__ == "__main__":
    sys.exit(main())
