#!/usr/bin/env python3
"""Statements against Paimon Java having done the same: statements.py BINARY --oracle COMMAND [--seeds A..B]

A table of ours and its twin of Paimon's, in two warehouses. Each listed change is made to both, by `BINARY sql` in the
words of Flink or Spark and by Paimon's API; each seed is a random walk of changes to a random table, with rows written
between them by both. The schema files must be the same (but for the time), a refusal must be shared and say the same,
and the rows that the program reads of its table, Paimon of it, and Paimon of the twin, must be the same.
COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import argparse
import json
import pathlib
import shutil
import sys
import tempfile
from random import Random

from oracle import Oracle, Refused, counted, difference
from random_writes import Failed, Program
from values import value

DDL = {"columns": [{"name": "k", "type": "INT"}, {"name": "p", "type": "STRING"}, {"name": "v", "type": "INT"},
                   {"name": "s", "type": "STRING", "comment": "text"}, {"name": "d", "type": "DECIMAL(12, 2)"},
                   {"name": "n", "type": "BIGINT NOT NULL"}, {"name": "r", "type": "ROW<a INT, b STRING>"},
                   {"name": "l", "type": "ARRAY<INT>"}, {"name": "m", "type": "MAP<STRING, INT>"},
                   {"name": "e", "type": "ARRAY<ROW<x INT, y STRING>>"}],
       "primaryKeys": ["k", "p"], "partitionKeys": ["p"], "options": {"bucket": "2"}}
APPEND = dict(DDL, primaryKeys=[], partitionKeys=[], options={})


def op(name, column=None, **more):
    return dict({"op": name}, **({} if column is None else {"name": column}), **more)


# The table's options beyond bucket; what is said; what Paimon is asked for. A list of statements is one walk.
CHANGES = [
    ({}, "ADD c INT", [op("add", "c", type="INT")]),
    ({}, "ADD c INT COMMENT 'it''s' FIRST", [op("add", "c", type="INT", comment="it's", first=True)]),
    ({}, "ADD (c ROW<x INT, y ROW<z STRING>> AFTER k, f DOUBLE AFTER c)",
     [op("add", "c", type="ROW<x INT, y ROW<z STRING>>", after="k"), op("add", "f", type="DOUBLE", after="c")]),
    ({}, "ADD COLUMNS (c INT COMMENT 'x' AFTER s, g ARRAY<STRING>)",
     [op("add", "c", type="INT", comment="x", after="s"), op("add", "g", type="ARRAY<STRING>")]),
    ({}, "ADD COLUMN r.c INT", [op("add", ["r", "c"], type="INT")]),
    ({}, "ADD COLUMN r.c INT AFTER a", [op("add", ["r", "c"], type="INT", after="a")]),
    ({}, "ADD COLUMN e.element.c DATE FIRST", [op("add", ["e", "element", "c"], type="DATE", first=True)]),
    ({}, "ADD COLUMNS c INT, f STRING", [op("add", "c", type="INT"), op("add", "f", type="STRING")]),
    ({"add-column-before-partition": "true"}, "ADD c INT", [op("add", "c", type="INT")]),
    ({}, "ADD c INT NOT NULL", [op("add", "c", type="INT NOT NULL")]),
    ({}, "ADD v INT", [op("add", "v", type="INT")]),
    ({}, "ADD COLUMN r.a INT", [op("add", ["r", "a"], type="INT")]),
    ({}, "ADD COLUMN zz.a INT", [op("add", ["zz", "a"], type="INT")]),
    ({}, "ADD c INT AFTER zz", [op("add", "c", type="INT", after="zz")]),
    ({}, "ADD _KEY_x INT", [op("add", "_KEY_x", type="INT")]),
    ({}, "ADD rowkind INT", [op("add", "rowkind", type="INT")]),
    ({}, "DROP v", [op("drop", "v")]),
    ({}, "DROP (v, s)", [op("drop", "v"), op("drop", "s")]),
    ({}, "DROP COLUMNS v, r.a", [op("drop", "v"), op("drop", ["r", "a"])]),
    ({}, "DROP COLUMN e.element.x", [op("drop", ["e", "element", "x"])]),
    ({}, "DROP k", [op("drop", "k")]),
    ({}, "DROP p", [op("drop", "p")]),
    ({}, "DROP zz", [op("drop", "zz")]),
    ({}, "DROP COLUMN r.zz", [op("drop", ["r", "zz"])]),
    ({}, "DROP COLUMN zz.a", [op("drop", ["zz", "a"])]),
    ({}, "DROP COLUMNS (r.a, r.b)", [op("drop", ["r", "a"]), op("drop", ["r", "b"])]),
    ({"sequence.field": "v"}, "DROP v", [op("drop", "v")]),
    ({"merge-engine": "aggregation", "fields.v.aggregate-function": "sum"}, "DROP v", [op("drop", "v")]),
    ({"bucket-key": "k"}, "RENAME k TO kk", [op("rename", "k", to="kk")]),
    ({}, "RENAME COLUMN v TO `ü v`", [op("rename", "v", to="ü v")]),
    ({}, "RENAME COLUMN r.a TO c", [op("rename", ["r", "a"], to="c")]),
    ({}, "RENAME p TO q", [op("rename", "p", to="q")]),
    ({}, "RENAME v TO s", [op("rename", "v", to="s")]),
    ({}, "RENAME zz TO s", [op("rename", "zz", to="s")]),
    ({}, "RENAME COLUMN r.a TO b", [op("rename", ["r", "a"], to="b")]),
    ({"sequence.field": "v,n"}, "RENAME v TO w", [op("rename", "v", to="w")]),
    ({"merge-engine": "aggregation", "fields.v.aggregate-function": "sum", "fields.v.ignore-retract": "true",
      "fields.s.aggregate-function": "listagg", "fields.s.list-agg-delimiter": ";", "fields.s.distinct": "true"},
     "RENAME v TO w", [op("rename", "v", to="w")]),
    ({"merge-engine": "aggregation", "fields.s.aggregate-function": "listagg", "fields.s.list-agg-delimiter": ";",
      "fields.s.distinct": "true"}, "RENAME s TO w", [op("rename", "s", to="w")]),
    ({"merge-engine": "partial-update", "fields.v.sequence-group": "s,d"}, "RENAME v TO w", [op("rename", "v", to="w")]),
    ({"merge-engine": "partial-update", "fields.v,n.sequence-group": "s,d"}, "RENAME d TO w",
     [op("rename", "d", to="w")]),
    ({"merge-engine": "aggregation", "fields.e.aggregate-function": "nested_update", "fields.e.nested-key": "x"},
     "RENAME e TO w", [op("rename", "e", to="w")]),
    ({"rowkind.field": "s"}, "RENAME s TO w", [op("rename", "s", to="w")]),
    ({"fields.v.stats-mode": "none"}, "RENAME v TO w", [op("rename", "v", to="w")]),
    ({}, "ALTER COLUMN v TYPE BIGINT", [op("type", "v", type="BIGINT")]),
    ({}, "ALTER n TYPE STRING", [op("type", "n", type="STRING")]),
    ({}, "MODIFY v BIGINT", [op("type", "v", type="BIGINT")]),
    ({}, "MODIFY (v BIGINT COMMENT 'x' FIRST, s VARCHAR(20) AFTER d)",
     [op("column-comment", "v", comment="x"), op("type", "v", type="BIGINT"), op("move", "v", first=True),
      op("type", "s", type="VARCHAR(20)"), op("move", "s", after="d")]),
    ({}, "MODIFY n BIGINT", [op("nullable", "n", nullable=True)]),
    ({}, "MODIFY n STRING", [op("type", "n", type="STRING"), op("nullable", "n", nullable=True)]),
    ({}, "MODIFY v INT NOT NULL", [op("nullable", "v", nullable=False)]),
    ({"alter-column-null-to-not-null.disabled": "false"}, "MODIFY v INT NOT NULL", [op("nullable", "v", nullable=False)]),
    ({}, "MODIFY k INT COMMENT 'key'", [op("column-comment", "k", comment="key")]),
    ({}, "MODIFY k BIGINT", [op("type", "k", type="BIGINT")]),
    ({}, "MODIFY p VARCHAR(20)", [op("type", "p", type="VARCHAR(20)")]),
    ({}, "MODIFY r ROW<a BIGINT, c INT COMMENT 'new', b STRING COMMENT 'was'>",
     [op("type", ["r", "a"], type="BIGINT"), op("add", ["r", "c"], type="INT", comment="new", after="a"),
      op("column-comment", ["r", "b"], comment="was")]),
    ({}, "MODIFY r ROW<b STRING, c ROW<q INT>>", [op("drop", ["r", "a"]), op("add", ["r", "c"], type="ROW<q INT>", after="b")]),
    ({}, "MODIFY e ARRAY<ROW<x BIGINT, y STRING, z DATE>>",
     [op("type", ["e", "element", "x"], type="BIGINT"), op("add", ["e", "element", "z"], type="DATE", after="y")]),
    ({}, "MODIFY l ARRAY<BIGINT>", [op("type", ["l", "element"], type="BIGINT")]),
    ({}, "MODIFY m MAP<STRING, DOUBLE>", [op("type", ["m", "value"], type="DOUBLE")]),
    ({}, "ALTER COLUMN l.element TYPE DOUBLE", [op("type", ["l", "element"], type="DOUBLE")]),
    ({}, "ALTER COLUMN l TYPE ARRAY<BIGINT>", [op("type", "l", type="ARRAY<BIGINT>")]),
    ({}, "ALTER COLUMN l TYPE STRING", [op("type", "l", type="STRING")]),
    ({}, "ALTER COLUMN d TYPE BOOLEAN", [op("type", "d", type="BOOLEAN")]),
    ({}, "ALTER COLUMN v TYPE DATE", [op("type", "v", type="DATE")]),
    ({"disable-explicit-type-casting": "true"}, "ALTER COLUMN v TYPE SMALLINT", [op("type", "v", type="SMALLINT")]),
    ({"disable-explicit-type-casting": "true"}, "ALTER COLUMN v TYPE BIGINT", [op("type", "v", type="BIGINT")]),
    ({}, "ALTER COLUMN zz TYPE INT", [op("type", "zz", type="INT")]),
    ({}, "ALTER COLUMN v SET NOT NULL", [op("nullable", "v", nullable=False)]),
    ({}, "ALTER COLUMN n DROP NOT NULL", [op("nullable", "n", nullable=True)]),
    ({}, "ALTER COLUMN k DROP NOT NULL", [op("nullable", "k", nullable=True)]),
    ({}, "ALTER COLUMN s COMMENT 'other'", [op("column-comment", "s", comment="other")]),
    ({}, "ALTER COLUMN r.a COMMENT 'other'", [op("column-comment", ["r", "a"], comment="other")]),
    ({}, "CHANGE COLUMN s s VARCHAR(9) COMMENT 'o' FIRST",
     [op("type", "s", type="VARCHAR(9)"), op("column-comment", "s", comment="o"), op("move", "s", first=True)]),
    ({}, "ALTER COLUMN v SET DEFAULT 7", [op("default", "v", default="7")]),
    ({}, "ALTER COLUMN v SET DEFAULT 'abc'", [op("default", "v", default="abc")]),
    ({}, "ALTER COLUMN d SET DEFAULT '1.5'", [op("default", "d", default="1.5")]),
    ({}, "ALTER COLUMN v FIRST", [op("move", "v", first=True)]),
    ({}, "ALTER COLUMN k FIRST", [op("move", "k", first=True)]),
    ({}, "ALTER COLUMN k AFTER d", [op("move", "k", after="d")]),
    ({}, "ALTER COLUMN d AFTER k", [op("move", "d", after="k")]),
    ({}, "ALTER COLUMN k AFTER k", [op("move", "k", after="k")]),
    ({}, "ALTER COLUMN k AFTER zz", [op("move", "k", after="zz")]),
    ({}, "SET ('comment' = 'a table')", [op("comment", comment="a table")]),
    ({}, "SET TBLPROPERTIES (comment = 'x', write.only = true, 'a' = 1)",
     [op("comment", comment="x"), op("set", key="write.only", value="true"), op("set", key="a", value="1")]),
    ({"x": "1", "y": "2"}, "RESET ('x', 'zz')", [op("unset", key="x"), op("unset", key="zz")]),
    ({"x": "1"}, "UNSET TBLPROPERTIES IF EXISTS ('x')", [op("unset", key="x")]),
    ({}, "SET ('merge-engine' = 'first-row')", [op("set", key="merge-engine", value="first-row")]),
    ({}, "SET ('bucket' = '4')", [op("set", key="bucket", value="4")]),
    ({}, "SET ('bucket' = '-1')", [op("set", key="bucket", value="-1")]),
    ({}, "SET ('bucket' = '0')", [op("set", key="bucket", value="0")]),
    ({"bucket": "-1"}, "SET ('bucket' = '2')", [op("set", key="bucket", value="2")]),
    ({}, "RESET ('bucket')", [op("unset", key="bucket")]),
    ({}, "SET ('bucket-key' = 'k')", [op("set", key="bucket-key", value="k")]),
    ({}, "SET ('bucket-key' = 'v')", [op("set", key="bucket-key", value="v")]),
    ({}, "SET ('bucket-key' = 'zz')", [op("set", key="bucket-key", value="zz")]),
    ({}, "SET ('sequence.field' = 'v')", [op("set", key="sequence.field", value="v")]),
    ({}, "SET ('sequence.field' = 'zz')", [op("set", key="sequence.field", value="zz")]),
    ({}, "SET ('sequence.field' = 'v', 'fields.v.aggregate-function' = 'max')",
     [op("set", key="sequence.field", value="v"), op("set", key="fields.v.aggregate-function", value="max")]),
    ({}, "SET ('deletion-vectors.enabled' = 'true')", [op("set", key="deletion-vectors.enabled", value="true")]),
    ({"ignore-delete": "true"}, "SET ('ignore-delete' = 'false')", [op("set", key="ignore-delete", value="false")]),
    ({"ignore-delete": "true"}, "RESET ('ignore-delete')", [op("unset", key="ignore-delete")]),
    ({}, "SET ('snapshot.num-retained.min' = '0')", [op("set", key="snapshot.num-retained.min", value="0")]),
    ({}, "SET ('snapshot.num-retained.max' = '2')", [op("set", key="snapshot.num-retained.max", value="2")]),
    ({}, "SET ('changelog.num-retained.max' = '5')", [op("set", key="changelog.num-retained.max", value="5")]),
    ({}, "SET ('record-level.time-field' = 's')", [op("set", key="record-level.time-field", value="s")]),
    ({}, "SET ('changelog-producer' = 'lookup')", [op("set", key="changelog-producer", value="lookup")]),
    ({}, "SET ('scan.fallback-branch' = 'nope')", [op("set", key="scan.fallback-branch", value="nope")]),
    ({}, "SET ('file.format' = 'orc', 'x' = '')", [op("set", key="file.format", value="orc"), op("set", key="x", value="")]),
    ({}, "SET ('file.format' = 'docx')", [op("set", key="file.format", value="docx")]),
    ({}, "SET ('primary-key' = 'v')", [op("set", key="primary-key", value="v")]),
]


def call(name, *words):
    return "CALL sys.%s(%s);" % (name, ", ".join(w if "=>" in w else "'%s'" % w for w in ("d.t",) + words))


W = ("write", "main")
# Walks of what is said and what Paimon is asked for: W writes a row, ("write", b) one into a branch.
HISTORIES = [
    [W, (call("create_tag", "a"), "tag create a"), W, (call("create_tag", "a"), "tag create a"),
     (call("create_tag", "b", "snapshot_id => 1"), "tag create b --snapshot 1"),
     (call("create_tag", "c", "snapshot_id => 9"), "tag create c --snapshot 9"),
     (call("rename_tag", "a", "z"), "tag rename a z"), (call("rename_tag", "nope", "y"), "tag rename nope y"),
     (call("rename_tag", "z", "b"), "tag rename z b"), (call("delete_tag", "b"), "tag delete b"),
     (call("delete_tag", "nope"), "tag delete nope"), (call("replace_tag", "z", "snapshot_id => 2"),
                                                       "tag replace z --snapshot 2")],
    [(call("create_tag", "a"), "tag create a"), (call("rollback_to", "snapshot_id => 1"), None),
     (call("create_branch", "b"), "branch create b"), (call("fast_forward", "b"), "branch fast-forward b"), ("write", "b"),
     W, (call("fast_forward", "b"), "branch fast-forward b"), W],
    [W, (call("create_tag", "t1"), "tag create t1"), (call("create_branch", "b", "t1"), "branch create b --tag t1"),
     ("alter", "ADD c INT", [op("add", "c", type="INT")]), W, W, (call("create_tag", "t3"), "tag create t3"), ("write", "b"),
     (call("fast_forward", "b"), "branch fast-forward b"), W, ("write", "b")],
    [W, (call("create_branch", "b"), "branch create b"), (call("create_branch", "b"), "branch create b"),
     (call("create_branch", "main"), "branch create main"), (call("create_branch", "12"), "branch create 12"),
     (call("create_branch", "c", "nope"), "branch create c --tag nope"), (call("create_branch", "ü"), "branch create ü"),
     (call("delete_branch", "ü"), "branch delete ü"), (call("delete_branch", "ü"), "branch delete ü"),
     (call("fast_forward", "main"), "branch fast-forward main"), ("write", "b"),
     ("alter", "SET ('scan.fallback-branch' = 'b')", [op("set", key="scan.fallback-branch", value="b")]),
     (call("delete_branch", "b"), "branch delete b")],
    [W, W, (call("create_tag", "t2"), "tag create t2"), W, (call("create_tag", "t3"), "tag create t3"), W,
     (call("rollback_to", "snapshot_id => 9"), "rollback --snapshot 9"), (call("rollback_to", "nope"), "rollback --tag nope"),
     (call("rollback_to", "snapshot_id => 3"), "rollback --snapshot 3"), W, (call("rollback_to", "t2"), "rollback --tag t2"),
     W, ("alter", "ADD c INT", [op("add", "c", type="INT")]), W,
     (call("rollback_to", "snapshot_id => 2"), "rollback --snapshot 2"), W],
]


def kind_of(t):
    """The text of a type in a schema file, as values.py reads it."""
    if isinstance(t, str):
        return t.replace(" NOT NULL", "")
    word = t["type"].split(" ")[0]
    if word == "ROW":
        return "ROW<%s>" % ", ".join("%s %s" % (f["name"], kind_of(f["type"])) for f in t["fields"])
    if word == "MAP":
        return "MAP<%s, %s>" % (kind_of(t["key"]), kind_of(t["value"]))
    return "%s<%s>" % (word, kind_of(t["element"]))


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def text(v):
    return "'" + str(v).replace("'", "''") + "'"


def create_sql(ddl):
    rows = ["%s %s%s" % (quoted(c["name"]), c["type"], " COMMENT " + text(c["comment"]) if "comment" in c else "")
            for c in ddl["columns"]]
    if ddl["primaryKeys"]:
        rows.append("PRIMARY KEY (%s) NOT ENFORCED" % ", ".join(map(quoted, ddl["primaryKeys"])))
    out = "CREATE TABLE d.t (%s)" % ", ".join(rows)
    if ddl["partitionKeys"]:
        out += " PARTITIONED BY (%s)" % ", ".join(map(quoted, ddl["partitionKeys"]))
    if ddl["options"]:
        out += " WITH (%s)" % ", ".join("%s = %s" % (text(k), text(v)) for k, v in ddl["options"].items())
    return out + ";"


class Pair:
    """One table twice."""

    def __init__(self, scratch, program, oracle, ddl):
        self.scratch, self.program, self.oracle = scratch, program, oracle
        self.ours, self.twin = scratch / "ours", scratch / "twin"
        self.commits = 0
        for w in (self.ours, self.twin):
            w.mkdir()
        (scratch / "ddl.json").write_text(json.dumps(ddl))
        self.said("CREATE DATABASE d;")
        self.said(create_sql(ddl))
        oracle("create", self.twin, "d.t", scratch / "ddl.json")

    def said(self, sql):
        return self.program("sql", self.ours, data=sql.encode())

    def files(self, side, what, branch=None):
        where = side / "d.db/t" / (what if branch is None else "branch/branch-%s/%s" % (branch, what))
        return {f.name: json.loads(f.read_text()) for f in where.iterdir()
                if f.name.startswith(what + "-") and f.is_file()} if where.is_dir() else {}

    def schemas(self, side, branch=None):
        out = self.files(side, "schema", branch)
        for schema in out.values():
            schema.pop("timeMillis")
        return out

    def newest(self):
        return max(self.schemas(self.twin).values(), key=lambda s: s["id"])

    def writes(self, branch, rows):
        """What writes the rows into ours, and what into the twin."""
        data = b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in rows)
        self.commits += 1
        place = "d/t%s/inbox@walk:%d.jsonl" % ("" if branch == "main" else "/branch/" + branch, self.commits)
        (self.scratch / "rows").write_bytes(data)
        return (lambda: self.program("append", self.ours, place, data=data),
                lambda: self.oracle("write", self.twin, "d.t" if branch == "main" else "d.t$branch_" + branch,
                                    data=self.scratch / "rows"))

    def write_to(self, branch, rows):
        for write in self.writes(branch, rows):
            write()

    def history(self, side, branch=None):
        """What is there: ids and schemas of snapshots and tags. Names of files are everyone's own."""
        keep = ("id", "schemaId", "commitKind", "totalRecordCount", "deltaRecordCount", "changelogRecordCount")
        return {what: {name: {k: f.get(k) for k in keep} for name, f in self.files(side, what, branch).items()}
                for what in ("snapshot", "tag")}

    def same_history(self, when):
        branches = [sorted(d.name[7:] for d in (side / "d.db/t/branch").iterdir() if d.name.startswith("branch-"))
                    if (side / "d.db/t/branch").is_dir() else [] for side in (self.ours, self.twin)]
        # A branch that Paimon fails to make stays as a directory without a schema: we leave none.
        branches[1] = [b for b in branches[1] if self.schemas(self.twin, b)]
        if branches[0] != branches[1]:
            return "%s: branches %s and Java's %s" % (when, *branches)
        for branch in [None] + branches[0]:
            ours = (self.history(self.ours, branch), self.schemas(self.ours, branch))
            twin = (self.history(self.twin, branch), self.schemas(self.twin, branch))
            if ours != twin:
                return "%s: %s\n    ours  %s\n    Java  %s" % (when, branch or "main", json.dumps(ours), json.dumps(twin))
        return ""

    def write(self, rows):
        data = b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in rows)
        self.commits += 1
        self.program("append", self.ours, "d/t/inbox@walk:%d.jsonl" % self.commits, data=data)
        (self.scratch / "rows").write_bytes(data)
        self.oracle("write", self.twin, "d.t", data=self.scratch / "rows")

    def both(self, sql, *words):
        """Both do it, or both refuse it with the same sentence. "" or what is wrong; did: whether it was done."""
        said = asked = None
        try:
            self.said(sql)
        except Failed as e:
            said = str(e)
        try:
            self.oracle(*words)
        except Refused as e:
            asked = str(e)
        self.did = said is None and asked is None
        if said is None or asked is None:
            return "" if self.did else "%s\n    ours  %s\n    Java  %s" % (sql, said or "done", asked or "done")
        sentence = said.split("paimonfs: sql: ")[-1]
        return "" if sentence in asked.replace("\n", " ") else "%s\n    ours  %s\n    Java  %s" % (sql, said, asked)

    def alter(self, words, changes):
        wrong = self.both("ALTER TABLE d.t %s;" % words, "alter", self.twin, "d.t", json.dumps(changes))
        return wrong or self.same_schemas(words)

    def same_schemas(self, when):
        ours, twin = self.schemas(self.ours), self.schemas(self.twin)
        return "" if ours == twin else "%s\n    ours  %s\n    Java  %s" % (when, json.dumps(ours), json.dumps(twin))

    def same_rows(self, when):
        twin = self.oracle.rows(self.scratch / "out", "read", self.twin, "d.t", "--no-kind")
        theirs = self.oracle.rows(self.scratch / "out", "read", self.ours, "d.t", "--no-kind")
        own = counted(self.program("cat", self.ours, "d/t/snapshot/latest.jsonl"))
        wrong = difference(twin, own) or difference(twin, theirs)
        return wrong and "rows after %s: %s" % (when, wrong)


def row_of(rng, schema, key):
    row = {}
    for f in schema["fields"]:
        required = not isinstance(f["type"], dict) and "NOT NULL" in f["type"]
        v = value(rng, kind_of(f["type"]))
        while required and v is None:
            v = value(rng, kind_of(f["type"]))
        row[f["name"]] = v
    for name in schema["primaryKeys"]:
        kind = next(f["type"] for f in schema["fields"] if f["name"] == name)
        row[name] = key % 7 if "INT" in kind else "p%d" % (key % 2)
    for name in schema["partitionKeys"]:
        row[name] = "p%d" % (key % 2)
    return row


def listed(make, results):
    for options, words, changes in CHANGES:
        for rows in (0, 3):  # options are immutable once there is a snapshot
            what = "%s with %s, %d rows" % (words, options, rows)

            def one():
                ddl = dict(DDL, options=dict(DDL["options"], **options))
                pair = make(ddl)
                rng = Random(words)
                if rows and "rowkind.field" not in options:
                    pair.write([row_of(rng, pair.newest(), i) for i in range(rows)])
                wrong = pair.alter(words, changes)
                if wrong or not pair.did or not rows or "rowkind.field" in options:
                    return wrong
                return pair.same_rows(words) if pair.newest()["options"].get("changelog-producer") is None else ""

            results.check(what, one)


def histories(make, results):
    for number, steps in enumerate(HISTORIES, 1):
        def one():
            pair, rng, done = make(dict(DDL, options={"bucket": "1"})), Random(number), []
            for key, step in enumerate(steps):
                done.append(str(step[:2]))
                if step[0] == "write":
                    schema = max(pair.schemas(pair.twin, None if step[1] == "main" else step[1]).values(),
                                 key=lambda s: s["id"])
                    pair.write_to(step[1], [row_of(rng, schema, key)])
                    wrong = ""
                elif step[0] == "alter":
                    wrong = pair.alter(step[1], step[2])
                elif step[1] is None:  # only we refuse it so early
                    try:
                        pair.said(step[0])
                        wrong = step[0] + " was done"
                    except Failed:
                        wrong = ""
                else:
                    verb, *words = step[1].split(" ")
                    wrong = pair.both(step[0], verb, pair.twin, "d.t", *words)
                wrong = wrong or pair.same_history(step[0])
                if wrong:
                    return "; ".join(done) + ": " + wrong
            return pair.same_rows("; ".join(done)) if pair.files(pair.twin, "snapshot") else ""

        results.check("history %d" % number, one)


TYPES = ["INT", "BIGINT", "SMALLINT", "TINYINT", "BOOLEAN", "DOUBLE", "FLOAT", "STRING", "VARCHAR(20)", "CHAR(3)",
         "DECIMAL(9, 2)", "DECIMAL(30, 10)", "DATE", "TIME(3)", "TIMESTAMP(3)", "TIMESTAMP(6)",
         "TIMESTAMP(3) WITH LOCAL TIME ZONE", "BYTES", "BINARY(4)", "ARRAY<INT>", "MAP<STRING, INT>",
         "ROW<a INT, b STRING>", "ARRAY<ROW<x INT, y STRING>>"]
TEXTUAL = ("STRING", "VARCHAR", "CHAR")


class Walk:
    def __init__(self, rng, pair):
        self.rng, self.pair, self.fresh = rng, pair, 0

    def name(self, nested=False):
        self.fresh += 1
        return self.rng.choice(("c%d", "Ü%d", "select%d", "c%d" if nested else "a b%d")) % self.fresh

    def column(self):
        """A path of the newest schema, now and then one that is not there, and its type."""
        schema = self.pair.newest()
        if self.rng.random() < 0.05:
            return ["nope"], "INT"
        f = self.rng.choice(schema["fields"])
        path, t = [f["name"]], f["type"]
        while isinstance(t, dict) and self.rng.random() < 0.6:
            if t["type"].startswith("ROW"):
                f = self.rng.choice(t["fields"])
                path, t = path + [f["name"]], f["type"]
            elif t["type"].startswith("ARRAY") and isinstance(t["element"], dict):
                path, t = path + ["element"], t["element"]
            else:
                break
        return (path[:-1] if path[-1] == "element" else path), t

    def step(self):
        rng = self.rng
        path, t = self.column()
        at, spark = ".".join(map(quoted, path)), rng.random() < 0.5
        name = path if len(path) > 1 else path[0]
        kind = rng.choice(("add", "add", "drop", "rename", "rename", "type", "type", "type", "nullable", "comment",
                           "move", "set", "unset", "nested"))
        if kind in ("add", "nested"):
            new, of, words, more = self.name(kind == "nested"), rng.choice(TYPES), "", {}
            if rng.random() < 0.3:
                words, more = " COMMENT 'n'", {"comment": "n"}
            if kind == "nested" and isinstance(t, dict) and t["type"].startswith("ROW"):
                full = path + [new]
                return ("ADD COLUMN %s %s%s" % (".".join(map(quoted, full)), of, words), [op("add", full, type=of, **more)])
            if rng.random() < 0.2:
                words, more = words + " FIRST", dict(more, first=True)
            elif rng.random() < 0.4:
                words, more = words + " AFTER " + quoted(path[0]), dict(more, after=path[0])
            return ("ADD %s%s %s%s" % ("COLUMN " if spark else "", quoted(new), of, words), [op("add", new, type=of, **more)])
        if kind == "drop":
            return ("DROP %s%s" % ("COLUMN " if spark or len(path) > 1 else "", at), [op("drop", name)])
        if kind == "rename":
            new = self.name(len(path) > 1)
            return ("RENAME %s%s TO %s" % ("COLUMN " if spark or len(path) > 1 else "", at, quoted(new)),
                    [op("rename", name, to=new)])
        if kind == "type":
            of = rng.choice(TYPES)
            # The same type is no change in Flink and Spark; random text is no number, and fails the reads that cast it.
            while of == kind_of(t) or kind_of(t).startswith(TEXTUAL + ("BYTES", "BINARY")) and not of.startswith("STRING") \
                    or "INT" in kind_of(t) and of.startswith("TIMESTAMP"):  # years of many digits
                of = rng.choice(TYPES + ["STRING"])
                if kind_of(t) == "STRING":
                    return ("ALTER COLUMN %s COMMENT 'd'" % at, [op("column-comment", name, comment="d")])
            return ("ALTER COLUMN %s TYPE %s" % (at, of), [op("type", name, type=of)])
        if kind == "nullable":
            nullable = rng.random() < 0.5
            return ("ALTER COLUMN %s %s NOT NULL" % (at, "DROP" if nullable else "SET"),
                    [op("nullable", name, nullable=nullable)])
        if kind == "comment":
            return ("ALTER COLUMN %s COMMENT 'c'" % at, [op("column-comment", name, comment="c")])
        if kind == "move":
            to = rng.choice(self.pair.newest()["fields"])["name"]
            return ("ALTER COLUMN %s AFTER %s" % (quoted(path[0]), quoted(to)), [op("move", path[0], after=to)])
        key = rng.choice(("x", "y", "sequence.field", "snapshot.num-retained.min"))
        if kind == "unset":
            return ("RESET ('%s')" % key, [op("unset", key=key)])
        v = path[0] if key == "sequence.field" else str(rng.randrange(4))
        return ("SET ('%s' = %s)" % (key, text(v)), [op("set", key=key, value=v)])

    def __call__(self):
        done = []
        for turn in range(12):
            words, changes = self.step()
            done.append(words)
            wrong = self.pair.alter(words, changes)
            if wrong:
                return "; ".join(done) + ": " + wrong
            if turn % 3:
                continue
            self.pair.write([row_of(self.rng, self.pair.newest(), self.rng.randrange(20)) for _ in range(4)])
            wrong = self.pair.same_rows("; ".join(done))
            if wrong:
                return wrong
        return ""


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, action):
        try:
            wrong = action()
        except (Failed, Refused, RuntimeError) as e:
            wrong = "%s: %s" % (type(e).__name__, e)
        if wrong:
            self.failed += 1
            print("FAIL", what, "-", wrong, flush=True)
        else:
            self.passed += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="1..20")
    parser.add_argument("--only", help="listed changes that contain this text")
    parser.add_argument("--keep", type=pathlib.Path)
    args = parser.parse_args()
    first, last = map(int, args.seeds.split(".."))
    program, oracle, results = Program(str(pathlib.Path(args.binary).resolve())), Oracle(args.oracle), Results()
    if args.only is not None:
        CHANGES[:] = [c for c in CHANGES if args.only in c[1]]
    with tempfile.TemporaryDirectory(prefix="statements-") as directory:
        root, made = args.keep or pathlib.Path(directory), [0]

        def make(ddl):
            made[0] += 1
            if made[0] > 1 and args.keep is None:
                shutil.rmtree(root / str(made[0] - 1), ignore_errors=True)
            (root / str(made[0])).mkdir(parents=True)
            return Pair(root / str(made[0]), program, oracle, ddl)

        listed(make, results)
        histories(make, results)
        for seed in range(first, last + 1):
            rng = Random(seed)
            results.check("seed %d" % seed, lambda: Walk(rng, make(DDL if seed % 2 else APPEND))())
    print("%d passed, %d failed" % (results.passed, results.failed))
    return 0 if results.passed and not results.failed else 1


if __name__ == "__main__":
    sys.exit(main())
