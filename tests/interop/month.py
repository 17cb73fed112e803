#!/usr/bin/env python3
"""A month in the life of a table, with Paimon Java as the witness: month.py CLOCKED --oracle COMMAND [KIND ...]

What tests/life/month.py lives through; at its end Paimon's fsck finds nothing, Paimon reads of every tag and of the table
what was there on that day, its own expiry by the same rules finds nothing left to take, and where every tag is deleted,
on a copy by each of the two, the same files are left. COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "life"))

import month  # noqa: E402
from clocked import Clocked  # noqa: E402
from oracle import Oracle, Refused  # noqa: E402

TABLE = "d.t"


def files(warehouse):
    table = warehouse / "d.db" / "t"
    return {str(p.relative_to(table)) for p in table.rglob("*") if p.is_file() and p.name not in ("EARLIEST", "LATEST")}


class Witness:
    def __init__(self, oracle, story, scratch):
        self.oracle, self.story, self.scratch = oracle, story, scratch

    def rows(self, *words):
        out = self.scratch / "rows"
        self.oracle("read", self.story.warehouse, TABLE, "--no-kind", *words, out=out)
        listed = [json.loads(line) for line in out.read_text().splitlines()]
        return {(r["dt"], r["k"]): r["v"] for r in listed}

    def same(self, what, got, want):
        if got != want:
            raise month.Wrong("Paimon reads %s: %d rows are missing, %d are not what they were" % (
                what, len(want.keys() - got.keys()), sum(want.get(k) != v for k, v in got.items())))

    def whole(self):
        """A tag goes on to name the changelog of its snapshot, which went with that: no other file may be missing."""
        gone = {s["changelogManifestList"] for line in self.story.model.lines.values() for s in line.tags.values()
                if s.get("changelogManifestList")}
        try:
            self.oracle("fsck", self.story.warehouse)
        except Refused as e:
            defects = [line for line in str(e).splitlines() if ": snapshot " in line]
            if not defects or any(line.rpartition("/")[2] not in gone for line in defects):
                raise month.Wrong("fsck: " + str(e)[:1000]) from e

    def copy(self, name):
        path = self.scratch / name
        shutil.copytree(self.story.warehouse, path)
        return path

    def expire(self):
        copy = self.copy("expired")
        hours = month.RULES["hours"] + (month.time.time() * 1000 - self.story.now) / month.HOUR_MS
        before = files(copy)
        self.oracle("expire", copy, TABLE, "--retain-max", month.RULES["most"], "--retain-min", month.RULES["least"],
                    "--retain-time", "PT%dS" % (hours * 3600))
        if files(copy) != before:
            raise month.Wrong("Paimon expires %s" % sorted(before - files(copy))[:4])
        shutil.rmtree(copy)

    def untag(self):
        theirs, ours = self.copy("theirs"), self.copy("ours")
        program = Clocked(self.story.binary, ours, month.RULES["zone"])
        program("at", self.story.now)
        for tag in sorted(self.story.model.lines[None].tags):
            self.oracle("tag", theirs, TABLE, "delete", tag)
            program.sql("CALL sys.delete_tag('%s', '%s');" % (TABLE, tag))
        program.close()
        lost, kept = files(theirs) - files(ours), files(ours) - files(theirs)
        if lost or kept:
            raise month.Wrong("without tags %d files too many are gone %s, %d too many are left %s" % (
                len(lost), sorted(lost)[:3], len(kept), sorted(kept)[:3]))
        shutil.rmtree(theirs)
        shutil.rmtree(ours)

    def look(self):
        self.story.program("end")
        main = self.story.model.lines[None]
        self.whole()
        self.same("the table", self.rows(), main.seen)
        for tag, s in main.tags.items():
            self.same("tag " + tag, self.rows("--tag", tag), self.story.model.held[s["deltaManifestList"]][1])
        self.expire()
        self.untag()


def look(args, story):
    if not hasattr(args, "java"):
        args.java = Oracle(args.oracle)
    scratch = story.warehouse.with_name(story.warehouse.name + "-java")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        Witness(args.java, story, scratch).look()
    except Refused as e:
        raise month.Wrong("Paimon: %s" % e) from e


if __name__ == "__main__":
    sys.exit(month.main(look, lambda parser: parser.add_argument("--oracle", required=True)))
