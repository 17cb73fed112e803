#!/usr/bin/env python3
"""Tags that make themselves and tags that end: tags.py BINARY --oracle COMMAND --seeds 1..20 [--steps 25]

A random table whose tags are made by the time of its snapshots or by watermarks, of any period, delay, zone and name, and
have their time to live, their mark of completion and their greatest number, or not. It is written by both writers over
days that pass by a clock of our own: times are written into the snapshots and tags. Now and then it is copied, and one
copy is handed to each of the two: to do what is due (by the procedure, or after a commit), to make a tag, replace, rename
or delete one, or to go back. The tags, what they say, their marks, the snapshots, and what is left of the files that were
there before must be the same. COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import calendar
import json
import random
import shutil
import subprocess
import sys
import time

import seeds
from oracle import Refused

HOUR = 3600 * 1000
PERIODS = {"daily": 24 * HOUR, "hourly": HOUR, "two-hours": 2 * HOUR, "10 min": HOUR // 6, "5 h": 5 * HOUR, "7 d": 168 * HOUR}
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "+05:30", "GMT+8", "Australia/Lord_Howe")
NAMES = ("a", "b", "2026-11-02", "20261102", "2026-11-02 08", "202611020000", "12", "ü x")
RETAINED = {"1 d": "P1D", "1 h": "PT1H", "10 d": "P10D", "1 ms": "PT0.001S", "0 s": "PT0S"}


def stamp(ms):
    """As a tag's file has a time of day, to the second."""
    return list(time.gmtime(ms // 1000)[:6])


def instant(stamped):
    return calendar.timegm((*stamped, 0)[:6]) * 1000


class Story:
    def __init__(self, args, scratch, oracle, seed):
        self.args, self.scratch, self.oracle = args, scratch, oracle
        self.rng = random.Random(seed)
        self.seed, self.copies, self.log = seed, 0, []
        self.passed, self.failures = 0, []
        self.input = scratch / "in"
        self.warehouse = self.fresh()
        self.keyed = self.rng.random() < 0.6
        self.period = self.rng.choice(list(PERIODS))
        self.clock = int(time.time() * 1000) - int(PERIODS[self.period] * self.rng.uniform(10, 20))

    def fresh(self):
        self.copies += 1
        path = self.scratch / ("w%d-%d" % (self.seed, self.copies))
        path.mkdir()
        return path

    def table(self, warehouse):
        return warehouse / "d.db" / "t"

    def files(self, warehouse):
        table = self.table(warehouse)
        return {str(p.relative_to(table)) for p in table.rglob("*") if p.is_file()}

    def ids(self):
        return sorted(int(p.name[9:]) for p in self.table(self.warehouse).glob("snapshot/snapshot-*"))

    def tags(self, warehouse):
        return {p.name[4:]: json.loads(p.read_text()) for p in self.table(warehouse).glob("tag/tag-*") if p.is_file()}

    def program(self, *words, data=None):
        done = subprocess.run([self.args.binary, *map(str, words)], input=data, capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode()

    def sql(self, warehouse, text):
        return self.program("sql", warehouse, data=text.encode())

    def options(self):
        rng = self.rng
        o = {"bucket": "1" if self.keyed else "-1", "write-only": "true"}
        mode = rng.choice(("process-time", "process-time", "watermark", "none"))
        if mode != "none" or rng.random() < 0.3:
            o["tag.automatic-creation"] = mode
        if self.period[0].isdigit():
            o["tag.creation-period-duration"] = self.period
        elif self.period != "daily" or rng.random() < 0.3:
            o["tag.creation-period"] = self.period

        def pick(chance, key, *values):
            if rng.random() < chance:
                o[key] = rng.choice(values)
        pick(0.5, "tag.period-formatter", "with_dashes", "without_dashes", "without_dashes_and_spaces")
        pick(0.3, "tag.creation-delay", "1 min", "9 min", "50 min", "1 h")
        pick(0.4, "tag.num-retained-max", "1", "2", "3", "5")
        pick(0.5, "tag.default-time-retained", "1 h", "1 d", "10 d")  # not over before the step is
        pick(0.3, "tag.automatic-completion", "true")
        pick(0.4, "tag.create-success-file", "true")
        pick(0.3, "tag.time-expire-enabled", "true", "false")
        pick(0.5, "sink.%s-time-zone" % ("watermark" if mode == "watermark" else "process-time"), *ZONES)
        if rng.random() < 0.5:
            least = rng.randrange(1, 4)
            o["snapshot.num-retained.min"], o["snapshot.num-retained.max"] = str(least), str(least + rng.randrange(3))
        return o

    def create(self):
        options = self.options()
        self.default = options.get("tag.default-time-retained")
        self.log.append("%s %s" % ("key" if self.keyed else "append", options))
        key = ", PRIMARY KEY (k) NOT ENFORCED" if self.keyed else ""
        self.sql(self.warehouse, "CREATE DATABASE d; CREATE TABLE d.t (k INT, v STRING%s) WITH (%s);" % (
            key, ", ".join("'%s' = '%s'" % item for item in options.items())))

    # ---- steps of one ----

    def rows(self):
        self.input.write_text("".join(json.dumps({"k": self.rng.randrange(20), "v": "v%d" % self.rng.randrange(99)}) + "\n"
                                      for _ in range(self.rng.randrange(1, 4))))

    def write(self):
        """And some time passes."""
        before = self.ids()
        self.rows()
        if self.rng.random() < 0.5:
            self.program("append", self.warehouse, "d/t/inbox.jsonl", data=self.input.read_bytes())
        else:
            self.oracle("write", self.warehouse, "d.t", data=self.input)
        for number in self.ids():
            if number in before:
                continue
            self.clock = min(self.clock + int(PERIODS[self.period] * self.rng.choice((0, 0.1, 0.5, 0.9, 1, 1.5, 3))),
                             int(time.time() * 1000) - 1)
            path = self.table(self.warehouse) / ("snapshot/snapshot-%d" % number)
            text = json.loads(path.read_text())
            text["timeMillis"] = self.clock
            if self.rng.random() < 0.9:
                text["watermark"] = self.clock if self.rng.random() < 0.9 else -2**63
            path.write_text(json.dumps(text, indent=2))

    def age(self):
        """Tags that have an end become older, or as young as can be."""
        for name, tag in self.tags(self.warehouse).items():
            if tag.get("tagCreateTime") is not None:
                tag["tagCreateTime"] = stamp((time.time() - 5 - self.rng.choice((0.5, 1.5)) * tag["tagTimeRetained"]) * 1000)
                (self.table(self.warehouse) / ("tag/tag-" + name)).write_text(json.dumps(tag, indent=2))

    # ---- comparing ----

    def state(self, warehouse, before, made, began):
        """made: the snapshots that the step itself made; what it writes has names of its own. began: when the step did."""
        old = self.tags(self.warehouse)
        tags, out = self.tags(warehouse), {"files": self.files(warehouse) & before}
        for name, tag in tags.items():
            created = tag.get("tagCreateTime")
            if created is not None and tag != old.get(name):  # of this step
                tag["tagCreateTime"] = "now" if instant(created) > began - 1000 else created
            out["tag " + name] = {k: tag.get(k) for k in ("id", "tagCreateTime", "tagTimeRetained")} \
                if tag["id"] in made else tag
        table = self.table(warehouse)
        out["snapshots"] = sorted(p.name for p in table.glob("snapshot/snapshot-*"))
        for path in table.glob("tag/tag-success-file/*"):
            mark = json.loads(path.read_text())
            out["mark " + path.name] = {k: "now" if v >= began else v for k, v in mark.items()}
        return out

    def both(self, what, ours, theirs, made=(), go_on=True):
        """The same request to a copy each; the story goes on with one of them, or as if nothing had been asked."""
        before, answers = self.files(self.warehouse), []
        pair = [self.fresh(), self.fresh()]
        for copy, ask in zip(pair, (ours, theirs)):
            shutil.copytree(self.warehouse, copy, dirs_exist_ok=True)
            time.sleep(0.002)
            began = time.time() * 1000 // 1
            try:
                ask(copy)
                answers.append(self.state(copy, before, made, began))
            except (RuntimeError, Refused) as e:
                answers.append(str(e) or "refused")
        if answers[0] == answers[1] or isinstance(answers[0], str) and isinstance(answers[1], str) or \
                "more than 1 auto-created tags" in answers[1]:  # by another name: the program takes the latest of them
            self.passed += 1
        elif isinstance(answers[0], str) or isinstance(answers[1], str):
            self.failures.append("%s: %s / %s" % (what, *("ok" if isinstance(a, dict) else a[:300] for a in answers)))
        else:
            a, b = answers
            self.failures.append("%s: %s" % (what, "; ".join(
                "files: too many gone %s, too many left %s" % (sorted(b[k] - a[k])[:4], sorted(a[k] - b[k])[:4])
                if k == "files" else "%s: %s / %s" % (k, a.get(k), b.get(k))
                for k in sorted({**a, **b}) if a.get(k) != b.get(k))[:1500]))
        kept = self.rng.choice(pair) if go_on else self.warehouse
        if self.args.keep is None:
            for path in {self.warehouse, *pair} - {kept}:
                shutil.rmtree(path)
        self.warehouse = kept

    # ---- steps of two ----

    def due(self):
        self.both("due", lambda w: self.sql(w, "CALL sys.trigger_tag_automatic_creation('d.t');"),
                  lambda w: self.oracle("tag", w, "d.t", "auto", "x"))

    def commit(self):
        """What a writer does by itself; its snapshot is of this very moment, which is never to come back."""
        self.rows()
        kept = self.warehouse
        self.warehouse = self.fresh()
        shutil.copytree(kept, self.warehouse, dirs_exist_ok=True)
        self.sql(self.warehouse, "ALTER TABLE d.t RESET ('write-only');")
        newest = self.ids()[-1]
        self.both("commit", lambda w: self.program("append", w, "d/t/inbox.jsonl", data=self.input.read_bytes()),
                  lambda w: self.oracle("write", w, "d.t", data=self.input), (newest + 1, newest + 2), False)
        if self.args.keep is None:
            shutil.rmtree(self.warehouse)
        self.warehouse = kept

    def make(self):
        name, number = self.rng.choice(NAMES), self.rng.choice(self.ids())
        kept = self.rng.choice((None, None, *RETAINED))
        verb = self.rng.choice(("create", "create", "replace"))
        # Paimon's option says that its default is of tags by procedure, too; its procedures forget it.
        asked = kept if kept or verb == "replace" else self.default
        self.both("%s tag %s of %d %s" % (verb, name, number, kept),
                  lambda w: self.sql(w, "CALL sys.%s_tag(`table` => 'd.t', tag => '%s', snapshot_id => %d%s);" % (
                      verb, name, number, ", time_retained => '%s'" % kept if kept else "")),
                  lambda w: self.oracle("tag", w, "d.t", verb, name, "--snapshot", number,
                                        *(("--retained", RETAINED[asked]) if asked else ())))

    def some(self):
        return self.rng.choice([*self.tags(self.warehouse), "nope"])

    def delete(self):
        name = self.some()
        self.both("delete tag " + name, lambda w: self.sql(w, "CALL sys.delete_tag('d.t', '%s');" % name),
                  lambda w: self.oracle("tag", w, "d.t", "delete", name))

    def rename(self):
        name, to = self.some(), self.rng.choice((*NAMES, self.some()))
        self.both("rename tag %s to %s" % (name, to),
                  lambda w: self.sql(w, "CALL sys.rename_tag('d.t', '%s', '%s');" % (name, to)),
                  lambda w: self.oracle("tag", w, "d.t", "rename", name, to))

    def back(self):
        if self.rng.random() < 0.5:
            name = self.some()
            self.both("back to tag " + name, lambda w: self.sql(w, "CALL sys.rollback_to('d.t', '%s');" % name),
                      lambda w: self.oracle("rollback", w, "d.t", "--tag", name))
        else:
            number = self.rng.choice(self.ids())
            self.both("back to %d" % number,
                      lambda w: self.sql(w, "CALL sys.rollback_to(`table` => 'd.t', snapshot_id => %d);" % number),
                      lambda w: self.oracle("rollback", w, "d.t", "--snapshot", number))

    def expire(self):
        least = self.rng.randrange(1, 4)
        self.both("expire %d" % least,
                  lambda w: self.sql(w, "CALL sys.expire_snapshots(`table` => 'd.t', retain_max => %d, retain_min => %d, "
                                     "older_than => '2999-01-01 00:00:00', max_deletes => 1000);" % (least, least)),
                  lambda w: self.oracle("expire", w, "d.t", "--retain-max", least, "--retain-min", least))

    def step(self):
        chosen = self.rng.choice([self.write] * 8 + [self.due] * 4 + [self.commit] * 2 + [self.age] * 2 + [self.make] * 2 +
                                 [self.delete, self.rename, self.back, self.expire])
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
        if self.failures:
            print("FAIL seed %d (%s)\n  %s\n  at %s" % (self.seed, " ".join(self.log), "\n  ".join(self.failures),
                                                         self.warehouse), flush=True)


def main():
    return seeds.tell(Story, seeds.parser_of(__doc__, 25).parse_args(), "tags")


sys.exit(main())
