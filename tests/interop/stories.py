#!/usr/bin/env python3
"""What the stories end with is what Paimon Java makes of the same inputs: stories.py BINARY --oracle COMMAND [NAME ...]

Each story of docs/stories is run, and keeps what went into its tables. Then Java reads every table of its warehouse and finds
the rows of our views; it makes the tables anew by itself, is given the same inputs in the same order, and has the same rows.
Needs FUSE; COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from oracle import Oracle, counted, difference

STORIES = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/stories"
NUMBERS = ("TINYINT", "SMALLINT", "INT", "BIGINT")


def base(kind):
    return kind["type"] if isinstance(kind, dict) else kind.split("(")[0].split(" ")[0]


def typed(text, kind):
    """A cell as the JSON of golden rows spells it."""
    if text is None or text == "":
        return None
    return int(text) if base(kind) in NUMBERS else json.loads(text) if base(kind) in ("ARRAY", "MAP", "ROW") else text


def moment(value, kind):
    """Debezium's times are milliseconds."""
    if not isinstance(value, int) or base(kind) != "TIMESTAMP":
        return value
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(value // 1000)) + ".%03d" % (value % 1000)


def changes(path, types):
    """The rows of one given file, as the oracle takes them."""
    kind = path.name.rpartition("-")[2].partition(".")[2] or ("jsonl" if path.read_text()[:1] == "{" else "csv")
    if kind == "csv":
        for row in csv.DictReader(path.open(newline="")):
            row.pop("_snapshot", None)
            yield {k: v if k == "_kind" else typed(v, types[k]) for k, v in row.items()}
        return
    for line in path.read_text().splitlines():
        event = json.loads(line)
        if kind == "jsonl":
            event.pop("_snapshot", None)
            yield event
        elif kind == "debezium":
            event = event.get("payload", event)
            row = event.get("after") or event.get("before")
            if row:
                row = {k: moment(v, types[k]) for k, v in row.items() if k in types}
                yield {"_kind": "-D" if event["op"] == "d" else "+U" if event["op"] == "u" else "+I", **row}
        elif not event["isDdl"]:
            for row in event["data"]:
                yield {"_kind": {"INSERT": "+I", "UPDATE": "+U", "DELETE": "-D"}[event["type"]],
                       **{k: typed(v, types[k]) for k, v in row.items() if k in types}}


def sorted_arrays(lines):
    """Elements of an array that is merged come in the order of a hash table, which depends on what came first."""
    out = []
    for line in lines.splitlines():
        row = json.loads(line)
        for name, value in row.items():
            if isinstance(value, list):
                row[name] = sorted(value, key=json.dumps)
        out.append(json.dumps(row, ensure_ascii=False).encode())
    return counted(b"\n".join(out))


def newest_of(schemas):
    return max(schemas.glob("schema-*"), key=lambda p: int(p.name[7:])).read_text()


class Story:
    def __init__(self, binary, oracle, at):
        self.binary, self.oracle, self.at, self.out = binary, oracle, at, at / "out.jsonl"
        self.wrong = []

    def tables(self):
        """(name for Java, path in the mount, directory of the schemas) of tables and branches."""
        for schema in sorted(self.at.glob("warehouse/*.db/*/schema")):
            database, table = schema.parent.parent.name[:-3], schema.parent.name
            yield "%s.%s" % (database, table), "%s/%s" % (database, table), schema
            for branch in sorted(schema.parent.glob("branch/branch-*/schema")):
                name = branch.parent.name[len("branch-"):]
                yield "%s.%s$branch_%s" % (database, table, name), "%s/%s/branch/%s" % (database, table, name), branch

    def java(self, warehouse, table):
        self.oracle("read", self.at / warehouse, table, "--no-kind", out=self.out)
        return sorted_arrays(self.out.read_text())

    def ours(self, path):
        done = subprocess.run([self.binary, "cat", self.at / "warehouse", path + "/snapshot/latest.jsonl"], capture_output=True,
                              text=True, check=True)
        return sorted_arrays(done.stdout)

    def given(self, table):
        """Copies of what went into a table, or a branch, in order."""
        return sorted(self.at.glob("given/*-%s-*" % table.replace("$branch_", ".branch.")))

    def again(self, table, schema):
        """Java makes the table and is given what it was given."""
        newest = json.loads(newest_of(schema))
        (self.at / "ddl.json").write_text(json.dumps({
            "columns": [{"name": f["name"], "type": f["type"]} for f in newest["fields"]],
            "primaryKeys": newest["primaryKeys"], "partitionKeys": newest["partitionKeys"], "options": newest["options"]}))
        types = {f["name"]: f["type"] for f in newest["fields"]}
        own = table.replace("$branch_", "_branch_")
        self.oracle("create", self.at / "java", own, self.at / "ddl.json")
        for path in self.given(table):
            given = self.at / "in.jsonl"
            given.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in changes(path, types)))
            words = ["--overwrite"] if "-overwrite" in path.name else []
            if given.stat().st_size:
                self.oracle("write", self.at / "java", own, *words, data=given)
        return self.java("java", own)

    def check(self, what, wrong):
        self.wrong.append("%s: %s" % (what, wrong) if wrong else "")

    def tell(self, name):
        run = subprocess.run([STORIES / name / "run", "--keep", self.at, self.binary], capture_output=True, text=True)
        self.check(name, "" if run.returncode == 0 else run.stdout[-2000:])
        (self.at / "java").mkdir()
        for table, path, schema in self.tables():
            rows = self.ours(path)
            self.check("Java reads " + table, difference(rows, self.java("warehouse", table)))
            if self.given(table) and "paimonfs.fields" not in newest_of(schema):
                self.check("Java makes " + table, difference(rows, self.again(table, schema)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("story", nargs="*")
    args = parser.parse_intermixed_args()
    oracle, passed, failed = Oracle(args.oracle), 0, 0
    with tempfile.TemporaryDirectory(prefix="stories-") as scratch:
        for name in args.story or sorted(p.parent.name for p in STORIES.glob("*/run")):
            at = (args.keep or pathlib.Path(scratch)) / name
            at.mkdir(parents=True)
            story = Story(args.binary.resolve(), oracle, at)
            story.tell(name)
            wrong = [w for w in story.wrong if w]
            passed, failed = passed + len(story.wrong) - len(wrong), failed + len(wrong)
            for line in wrong:
                print("FAIL %s: %s" % (name, line))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
