#!/usr/bin/env python3
"""What is let go of, by the program and by Paimon Java: expiry.py BINARY --oracle COMMAND --seeds 1..20 [--steps 25]

A random table (key or append, with and without a changelog producer, partitioned or not, with long-lived changelogs or
not) gets random commits of both writers, compactions, overwrites, tags and consumers. Now and then it is copied, and
one copy is handed to each of the two, with the same request: expire snapshots, changelogs or partitions, delete a tag,
or commit rows under options by which old things go. Of the files that were there before, the same ones must be left.
COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import json
import random
import shutil
import subprocess
import sys

import seeds
from oracle import Refused

FAR = "2999-01-01 00:00:00"


def files(warehouse):
    table = warehouse / "d.db" / "t"
    return {str(p.relative_to(table)) for p in table.rglob("*") if p.is_file()}


class Story:
    def __init__(self, args, scratch, oracle, seed):
        self.args, self.scratch, self.oracle = args, scratch, oracle
        self.rng = random.Random(seed)
        self.seed, self.copies, self.tags, self.log = seed, 0, [], []
        self.passed, self.failures = 0, []
        self.input = scratch / "in"
        self.warehouse = self.fresh()
        self.keyed = self.rng.random() < 0.7
        self.parts = self.rng.random() < 0.4
        self.producer = self.rng.choice(("none", "none", "input", "lookup", "full-compaction")) if self.keyed else "none"
        self.vectors = self.producer != "full-compaction" and self.rng.random() < 0.3
        self.auto = self.rng.random() < 0.5
        self.decoupled = self.rng.random() < 0.4

    def fresh(self):
        self.copies += 1
        path = self.scratch / ("w%d-%d" % (self.seed, self.copies))
        path.mkdir()
        return path

    def program(self, *words, data=None):
        done = subprocess.run([self.args.binary, *map(str, words)], input=data, capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode()

    def sql(self, warehouse, text):
        return self.program("sql", warehouse, data=text.encode())

    def options(self):
        o = {"bucket": self.rng.choice(("1", "2")) if self.keyed else "-1", "changelog-producer": self.producer,
             "num-sorted-run.compaction-trigger": "100", "manifest.merge-min-count": self.rng.choice(("3", "30")),
             "snapshot.clean-empty-directories": self.rng.choice(("true", "false")),
             "snapshot.expire.limit": self.rng.choice(("2", "50")) if self.producer != "full-compaction" else "50"}
        if self.producer == "none":
            del o["changelog-producer"]
        if self.producer in ("lookup", "full-compaction") or self.vectors:
            o["compaction.size-ratio"] = "100000"  # all is compacted by both, however large the files of each are
        if self.vectors:
            o["deletion-vectors.enabled"] = "true"
        least = self.rng.randrange(1, 4) if self.auto else 1000
        o["snapshot.num-retained.min"] = str(least)
        o["snapshot.num-retained.max"] = str(least + (self.rng.randrange(3) if self.auto else 0))
        if self.decoupled:
            more = least + self.rng.randrange(1, 5)
            o["changelog.num-retained.min"], o["changelog.num-retained.max"] = str(more), str(more + 1)
        if self.auto and self.rng.random() < 0.3:
            o["snapshot.time-retained"] = "1 ms"
        return o

    def create(self):
        options = self.options()
        self.log.append("%s%s %s" % ("key" if self.keyed else "append", " partitioned" if self.parts else "", options))
        columns = "k INT, p STRING, v STRING" + (
            ", PRIMARY KEY (k%s) NOT ENFORCED" % (", p" if self.parts else "") if self.keyed else "")
        self.sql(self.warehouse, "CREATE DATABASE d; CREATE TABLE d.t (%s)%s WITH (%s);" % (
            columns, " PARTITIONED BY (p)" if self.parts else "",
            ", ".join("'%s' = '%s'" % item for item in options.items())))

    # ---- steps of one ----

    def rows(self):
        self.input.write_text("".join(
            json.dumps({"k": self.rng.randrange(20), "p": self.rng.choice(("2020-01-01", "2020-01-02", "2090-01-01")),
                        "v": "v%d" % self.rng.randrange(99)}) + "\n" for _ in range(self.rng.randrange(1, 6))))

    def write(self):
        self.rows()
        if self.rng.random() < 0.5:
            self.program("append", self.warehouse, "d/t/inbox.jsonl", data=self.input.read_bytes())
        else:
            self.oracle("write", self.warehouse, "d.t", data=self.input)

    def compact(self):
        if self.rng.random() < 0.5:
            self.sql(self.warehouse, "CALL sys.compact('d.t');")
        else:
            self.oracle("compact", self.warehouse, "d.t")

    def overwrite(self):
        self.rows()
        self.program("overwrite", self.warehouse, "d/t/overwrite", data=self.input.read_bytes())

    def truncate(self):
        self.sql(self.warehouse, "TRUNCATE TABLE d.t;")

    def tag(self):
        ids = [int(p.name[9:]) for p in (self.warehouse / "d.db/t/snapshot").glob("snapshot-*")]
        name = "t%d" % len(self.log)
        self.sql(self.warehouse, "CALL sys.create_tag('d.t', '%s', %d);" % (name, self.rng.choice(ids)))
        self.tags.append(name)

    def consumer(self):
        latest = max(int(p.name[9:]) for p in (self.warehouse / "d.db/t/snapshot").glob("snapshot-*"))
        if self.rng.random() < 0.5:
            self.oracle("consumer", self.warehouse, "d.t", "set", "c", self.rng.randrange(max(1, latest - 4), latest + 2))
        else:
            self.oracle("consumer", self.warehouse, "d.t", "delete", "c")

    # ---- steps of two ----

    def both(self, what, ours, theirs):
        """The same request to a copy each; the story goes on with one of them."""
        before = files(self.warehouse)
        pair = [self.fresh(), self.fresh()]
        for copy in pair:
            shutil.copytree(self.warehouse, copy, dirs_exist_ok=True)
        answers = []
        for copy, ask in zip(pair, (ours, theirs)):
            try:
                ask(copy)
                answers.append(files(copy) & before)
            except (RuntimeError, Refused) as e:
                answers.append(str(e))
        if answers[0] == answers[1] or "Fails to read changelog" in answers[1]:  # a gap stops Java, but not the program
            self.passed += 1
        elif isinstance(answers[0], str) or isinstance(answers[1], str):
            self.failures.append("%s: %s / %s" % (what, *("ok" if isinstance(a, set) else a[:300] for a in answers)))
        else:
            lost, kept = answers[1] - answers[0], answers[0] - answers[1]
            self.failures.append("%s: %d too many gone %s, %d too many left %s" % (
                what, len(lost), sorted(lost)[:4], len(kept), sorted(kept)[:4]))
        if self.args.keep is None:
            shutil.rmtree(self.warehouse)
        self.warehouse = self.rng.choice(pair)

    def expire(self):
        least = self.rng.randrange(1, 4)
        most = least + self.rng.randrange(3)
        self.both("expire %d..%d" % (least, most),
                  lambda w: self.sql(w, "CALL sys.expire_snapshots(`table` => 'd.t', retain_max => %d, retain_min => %d, "
                                     "older_than => '%s', max_deletes => 1000);" % (most, least, FAR)),
                  lambda w: self.oracle("expire", w, "d.t", "--retain-max", most, "--retain-min", least))

    def expire_changelogs(self):
        least = self.rng.randrange(1, 8)
        most = least + self.rng.randrange(3)
        self.both("expire changelogs %d..%d" % (least, most),
                  lambda w: self.sql(w, "CALL sys.expire_changelogs(`table` => 'd.t', retain_max => %d, retain_min => %d, "
                                     "older_than => '%s');" % (most, least, FAR)),
                  lambda w: self.oracle("expire-changelog", w, "d.t", "--retain-max", most, "--retain-min", least))

    def untag(self):
        if not self.tags:
            return
        name = self.tags.pop(self.rng.randrange(len(self.tags)))
        self.both("delete tag " + name, lambda w: self.sql(w, "CALL sys.delete_tag('d.t', '%s');" % name),
                  lambda w: self.oracle("tag", w, "d.t", "delete", name))

    def commit(self):
        self.rows()
        asked = ("--compact", "full") if self.producer == "full-compaction" else ()
        self.both("commit", lambda w: self.program("append", w, "d/t/inbox.jsonl", data=self.input.read_bytes()),
                  lambda w: self.oracle("write", w, "d.t", *asked, data=self.input))

    def step(self):
        steps = [self.write] * 8 + [self.compact] * 2 + [self.overwrite, self.truncate, self.tag, self.tag, self.untag,
                                                          self.untag, self.consumer, self.expire, self.expire,
                                                          self.expire_changelogs] + [self.commit] * (6 if self.auto else 2)
        chosen = self.rng.choice(steps)
        self.log.append(chosen.__name__)
        chosen()

    def tell(self):
        self.create()
        self.write()
        for _ in range(self.args.steps):
            try:
                self.step()
            except (RuntimeError, Refused) as e:
                self.failures.append("%s: %s" % (self.log[-1], str(e)[:300]))
            if self.failures:
                break
        # A tag goes on to name the changelog of its snapshot, which expires; and a changelog without a producer the lists
        # that go with a tag.
        if not self.failures and not self.tags and not (self.decoupled and self.producer == "none"):
            try:
                self.oracle("fsck", self.warehouse)
                self.passed += 1
            except Refused as e:
                self.failures.append("fsck: " + str(e)[:600])
        if self.failures:
            print("FAIL seed %d (%s)\n  %s\n  at %s" % (self.seed, " ".join(self.log), "\n  ".join(self.failures),
                                                         self.warehouse))


def main():
    return seeds.tell(Story, seeds.parser_of(__doc__, 25).parse_args(), "expiry")


sys.exit(main())
