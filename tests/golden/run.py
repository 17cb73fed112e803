#!/usr/bin/env python3
"""Golden cases through the program: run.py BINARY [--mount | --replay | --lookup | --compact] [CASE ...]. Ends with `N passed, N failed`."""
import argparse
import collections
import csv
import gzip
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
# All but what a statement cannot say (dv-append: DELETE on an append table), and what Paimon reads the same without its
# compactions.
REPLAYED = ["agg-basic", "agg-collections", "agg-hll-theta", "agg-maps", "agg-retract", "agg-roaring",
            "append-bucketed", "append-row-tracking", "append-unaware", "branch-fallback", "branches",
            "bucket-4-partitioned", "bucket-dynamic", "bucket-dynamic-cross-partition", "changelog-full-compaction", "changelog-input",
            "changelog-long-lived", "changelog-lookup", "changelog-lookup-aggregation", "changelog-lookup-first-row",
            "changelog-lookup-partial-update", "changelog-none", "compress-avro", "compress-orc", "compress-parquet",
            "consumers", "data-directory", "dv-pk", "dv-pk-bitmap64", "dv-pk-sequence", "evolution-append",
            "evolution-casts", "evolution-pk", "expire", "extras", "file-index", "first-row", "ignore-delete",
            "key-types", "levels-auto", "levels-full", "levels-partial", "levels-uncompacted", "medium-200k",
            "overwrite", "overwrite-flat", "partial-update", "partial-update-aggregate",
            "partial-update-default-aggregate", "partial-update-remove-on-sequence-group",
            "partial-update-remove-record", "partial-update-sequence-group", "partial-update-sequence-group-delete",
            "partition-types", "partitions", "partitions-null", "record-expire", "rollback", "rowkind-field",
            "scenario-branch-correction", "scenario-click-log", "scenario-nested-uv", "scenario-order-wide", "sequence-field",
            "stats-modes", "tags", "thin-mode", "time-travel", "types-append-avro", "types-append-orc",
            "types-append-parquet", "types-extra-avro", "types-extra-orc", "types-extra-parquet", "types-pk-avro",
            "types-pk-orc", "types-pk-parquet", "wide-300"]


def lines(path):
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    return collections.Counter(line for line in data.split(b"\n") if line)


def place(read):
    """The path in the tree that shows what a read of case.json asks for; None: no path says that."""
    options = dict(read.get("options") or {})
    table = read["table"].replace(".", "/", 1)
    if "branch" in read:
        table += "/branch/" + read["branch"]
    if read["mode"] == "system":
        return None if options else "%s/system/%s.jsonl" % (table, read["system"])
    if read["mode"] == "stream":
        reader = options.pop("consumer-id", None)
        if options:
            return None
        return "%s/consumer/%s.jsonl" % (table, reader) if reader else table + "/changelog.jsonl"
    if read["mode"] == "incremental":
        between = read.get("between") or options.pop("incremental-between", None)
        if between is None:
            return None
        how = options.pop("incremental-between-scan-mode", None)
        tags = not between.replace(",", "").isdigit()
        if options or how not in (None, "diff"):
            return None
        return "%s/%s/%s.jsonl" % (table, "diff" if tags or how else "incremental", between.replace(",", ".."))
    if options:
        return None
    if "tag" in read:
        table += "/tag/" + read["tag"]
    if "columns" in read:
        table += "/select/" + ",".join(urllib.parse.quote(c, safe="") if set(c) & set("/,%") else c
                                       for c in read["columns"])
    name = str(read.get("snapshot", "latest"))
    if "timestamp" in read:
        name = "@%d" % read["timestamp"]
    return "%s/snapshot/%s.jsonl" % (table, name)


def normal(counted, read, unordered):
    """Lines as they are compared: a stream from its first snapshot, columns without an order sorted."""
    out = collections.Counter()
    for line, count in counted.items():
        row = None
        if "from" in read or unordered or read.get("system") == "branches":
            row = json.loads(line, parse_float=str, parse_int=str)
        if "from" in read and int(row["_snapshot"]) < read["from"]:
            continue
        if read.get("system") == "branches":  # the time of a directory
            row.pop("create_time", None)
            line = json.dumps(row, sort_keys=True).encode()
        elif unordered:
            for column in unordered:
                if isinstance(row.get(column), list):
                    row[column].sort(key=json.dumps)
            line = json.dumps(row).encode()
        out[line] += count
    return out


class Program:
    def __init__(self, binary):
        self.binary = binary

    def __call__(self, *words, data=None):
        done = subprocess.run([self.binary, *map(str, words)], input=data, capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode("utf-8", "replace").strip())
        return done.stdout


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, action):
        """action() answers "" or says what is wrong."""
        try:
            wrong = action()
        except Exception as e:  # a failure to run is a failed test, not the end
            wrong = str(e)
        if wrong:
            self.failed += 1
            print("FAIL", what, "-", wrong)
        else:
            self.passed += 1


def difference(want, got, read, unordered):
    want = normal(want, read, unordered)
    got = normal(collections.Counter(line for line in got.split(b"\n") if line), read, unordered)
    if want == got:
        return ""
    lost, extra = want - got, got - want
    first = next(iter(lost or extra)).decode("utf-8", "replace")
    return "%d lines missing, %d unexpected, one of them %s" % (sum(lost.values()), sum(extra.values()), first[:200])


def read_case(program, case, results, mount):
    facts = json.loads((case / "case.json").read_text())
    warehouse = case / "warehouse"
    where = None
    if mount:
        where = case / "mounted"
        where.mkdir()
        program("mount", "-o", "ro", warehouse, where)
    try:
        for read in facts["reads"]:
            path = place(read)
            if path is None or read.get("optional"):
                continue
            want = lines(case / read["expected"])
            unordered = facts["tables"][read["table"]].get("unordered", [])
            get = (lambda p=path: (where / p).read_bytes()) if mount else (lambda p=path: program("cat", warehouse, p))
            results.check("%s %s" % (case.name, path), lambda: difference(want, get(), read, unordered))
    finally:
        if mount:
            program("umount", where)


def by_key(program, warehouse, path, key):
    """Each merged row, in another order, is what its key looks up; told "" or what is wrong."""
    rows = [json.loads(line, parse_float=str, parse_int=str, object_pairs_hook=list)
            for line in program("cat", warehouse, path).splitlines()]
    raw = program("cat", warehouse, path).splitlines()
    order = list(range(len(rows)))
    random.Random(7).shuffle(order)
    asked = []
    for i in order:  # members as they are spelled: numbers keep their digits
        row = json.JSONDecoder(parse_float=Spelled, parse_int=Spelled).decode(raw[i].decode())
        asked.append("{%s}" % ",".join("%s:%s" % (json.dumps(k), row[k].text if isinstance(row[k], Spelled) else
                                                 json.dumps(row[k])) for k in key))
    place = path.rsplit("/snapshot/", 1)[0] if path.endswith("/latest.jsonl") else path
    got = program("lookup", "--cache", "full", warehouse, place, data=("\n".join(asked) + "\n").encode()).splitlines()
    if len(got) != len(order):
        return "%d rows for %d keys" % (len(got), len(order))
    for line, i in zip(got, order):
        found = json.loads(line, parse_float=str, parse_int=str, object_pairs_hook=list)
        if sorted(map(repr, found)) != sorted(map(repr, rows[i])):
            return "%s is looked up as %s" % (raw[i][:200], line[:200])
    return as_csv(program, warehouse, place, path[:-len("jsonl")] + "csv", key, order)


class Spelled(str):
    @property
    def text(self):
        return str(self)


def as_csv(program, warehouse, place, path, key, order):
    text = program("cat", warehouse, path).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    head, rows = rows[0], rows[1:]
    if len(rows) != len(order) or sum(map(len, head)) > 4000:
        return ""  # a blank line, or too many columns to be worth it
    at = [head.index(k) for k in key]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)  # an empty one is no null
    writer.writerow(key)
    writer.writerows([rows[i][k] for k in at] for i in order)
    got = list(csv.reader(io.StringIO(program("lookup", warehouse, place, data=out.getvalue().encode()).decode(),
                                      newline="")))
    want = [[c for c in row] for row in [head] + [rows[i] for i in order]]
    turn = [want[0].index(c) for c in got[0]]
    for line, row in zip(got, want):
        if line != [row[k] for k in turn]:
            return "%s is looked up as %s" % (str(row)[:200], str(line)[:200])
    return "" if len(got) == len(want) else "%d lines of CSV for %d keys" % (len(got) - 1, len(order))


def look_up_case(program, case, results):
    facts = json.loads((case / "case.json").read_text())
    for read in facts["reads"]:
        path = place(read)
        if path is None or read.get("optional") or read["mode"] != "batch" or "columns" in read:
            continue
        table = path.split("/snapshot/", 1)[0]
        key = json.loads(program("cat", case / "warehouse", table.split("/tag/", 1)[0] + "/schema.json"))["primaryKeys"]
        if key:
            results.check("lookup %s %s" % (case.name, path),
                          lambda: by_key(program, case / "warehouse", path, key))


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def literal(text):
    return "'" + str(text).replace("'", "''") + "'"


def create(table, ddl):
    rows = ["%s %s%s%s" % (quoted(c["name"]), c["type"], " DEFAULT " + literal(c["default"]) if "default" in c else "",
                           " COMMENT " + literal(c["comment"]) if c.get("comment") else "") for c in ddl["columns"]]
    if ddl.get("primaryKeys"):
        rows.append("PRIMARY KEY (%s) NOT ENFORCED" % ", ".join(map(quoted, ddl["primaryKeys"])))
    text = "CREATE TABLE %s (%s)" % (".".join(map(quoted, table.split(".", 1))), ", ".join(rows))
    if ddl.get("partitionKeys"):
        text += " PARTITIONED BY (%s)" % ", ".join(map(quoted, ddl["partitionKeys"]))
    if ddl.get("options"):
        text += " WITH (%s)" % ", ".join("%s = %s" % (literal(k), literal(v)) for k, v in ddl["options"].items())
    return text + ";"


def write(program, case, warehouse, step, number):
    path = case / step["input"]
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    table, args = step["table"].replace(".", "/", 1).replace("$branch_", "/branch/", 1), step.get("args", [])
    if "--overwrite" in args:
        spec = "/partition/" + args[args.index("--partition") + 1].replace(",", "/") if "--partition" in args else ""
        name = ".".join(map(quoted, step["table"].split(".", 1)))
        if "--set" in args and not spec:  # not dynamic: what no row falls into goes as well
            program("sql", warehouse, data=("TRUNCATE TABLE %s;" % name).encode())
        program("overwrite", warehouse, table + spec + "/overwrite", data=data)
        return
    program("append", warehouse, "%s/inbox@replay:%d.jsonl" % (table, number), data=data)
    # The same number again changes nothing: it is committed already.
    program("append", warehouse, "%s/inbox@replay:%d.jsonl" % (table, number), data=data)


def drop_partitions(program, warehouse, step):
    specs = ["PARTITION (%s)" % ", ".join("%s = %s" % (quoted(k), literal(v)) for k, v in
                                          (pair.split("=", 1) for pair in word.split(","))) for word in step["words"]]
    text = "ALTER TABLE %s DROP %s;" % (".".join(map(quoted, step["table"].split(".", 1))), ", ".join(specs))
    program("sql", warehouse, data=text.encode())


def column(name):
    return ".".join(map(quoted, name)) if isinstance(name, list) else quoted(name)


def alteration(change):
    op = change["op"]
    if op == "set":
        return "SET (%s = %s)" % (literal(change["key"]), literal(change["value"]))
    if op == "unset":
        return "RESET (%s)" % literal(change["key"])
    if op == "rename":
        return "RENAME COLUMN %s TO %s" % (column(change["name"]), quoted(change["to"]))
    if op == "drop":
        return "DROP COLUMN " + column(change["name"])
    if op == "type":
        return "ALTER COLUMN %s TYPE %s" % (column(change["name"]), change["type"])
    if op == "add":
        where = " FIRST" if change.get("first") else " AFTER " + quoted(change["after"]) if "after" in change else ""
        note = " COMMENT " + literal(change["comment"]) if change.get("comment") else ""
        return "ADD COLUMN %s %s%s%s" % (column(change["name"]), change["type"], note, where)
    raise RuntimeError("alter " + op)


def called(step):
    """The CALL of a step about tags, branches, rollback and expiry."""
    args, words, table = step.get("args", []), step.get("words", []), literal(step["table"])
    given = dict(zip(args[::2], args[1::2]))
    if step["verb"] == "rollback":
        return "CALL sys.rollback_to(%s, %s);" % (table, "snapshot_id => " + given["--snapshot"] if "--snapshot" in given
                                                  else "tag => " + literal(given["--tag"]))
    if step["verb"] == "expire-partitions":  # P30D
        return "CALL sys.expire_partitions(`table` => %s, expiration_time => '%s d');" % (table, words[0][1:-1])
    if step["verb"] == "expire":
        return "CALL sys.expire_snapshots(%s, %s, %s, '2999-01-01 00:00:00');" % (  # however young they are
            table, given["--retain-max"], given["--retain-min"])
    if step["verb"] == "branch":
        name = {"create": "create_branch", "delete": "delete_branch", "fast-forward": "fast_forward"}[words[0]]
        tag = ", tag => " + literal(given["--tag"]) if "--tag" in given else ""
        return "CALL sys.%s(%s, branch => %s%s);" % (name, table, literal(words[1]), tag)
    more = ", snapshot_id => " + given["--snapshot"] if "--snapshot" in given else ""
    if "--retained" in given:  # P36500D
        more += ", time_retained => '%s d'" % given["--retained"][1:-1]
    return "CALL sys.%s_tag(%s, tag => %s%s);" % (words[0], table, literal(words[1]), more)


def set_consumer(warehouse, step):
    """As another engine does it."""
    database, table = step["table"].split(".")
    path = warehouse / (database + ".db") / table / "consumer" / ("consumer-" + step["words"][1])
    path.parent.mkdir(exist_ok=True)
    if step["words"][0] == "delete":
        path.unlink()
    else:
        path.write_text('{\n  "nextSnapshot" : %s\n}' % step["words"][2])


def kept(warehouse, table):
    """Names of what is left of a history."""
    database, name = table.split(".")
    return sorted(p.name for directory in ("snapshot", "changelog", "tag", "consumer")
                  for p in (warehouse / (database + ".db") / name / directory).glob("*-*"))


def check_kept(results, case, table):
    ours, theirs = kept(case / "replayed", table), kept(case / "warehouse", table)
    results.check("replay %s %s: what is left" % (case.name, table),
                  lambda: "" if ours == theirs else "%s, not %s" % (ours, theirs))


def replay_case(program, case, results):
    facts = json.loads((case / "case.json").read_text())
    warehouse = case / "replayed"
    warehouse.mkdir()
    for database in sorted({step["table"].split(".")[0] for step in facts["steps"]}):
        program("sql", warehouse, data=("CREATE DATABASE %s;" % quoted(database)).encode())
    for number, step in enumerate(facts["steps"], 1):
        if step["verb"] == "create":
            ddl = json.loads((case / step["words"][0]).read_text())
            program("sql", warehouse, data=create(step["table"], ddl).encode())
        elif step["verb"] == "write":
            write(program, case, warehouse, step, number)
        elif step["verb"] == "truncate":
            name = ".".join(map(quoted, step["table"].split(".", 1)))
            program("sql", warehouse, data=("TRUNCATE TABLE %s;" % name).encode())
        elif step["verb"] == "drop-partition":
            drop_partitions(program, warehouse, step)
        elif step["verb"] == "alter":
            name = ".".join(map(quoted, step["table"].split(".", 1)))
            for change in json.loads(step["words"][0]):
                program("sql", warehouse, data=("ALTER TABLE %s %s;" % (name, alteration(change))).encode())
        elif step["verb"] in ("branch", "expire", "expire-partitions", "rollback", "tag"):
            program("sql", warehouse, data=called(step).encode())
        elif step["verb"] == "consumer":
            set_consumer(warehouse, step)
        elif step["verb"] == "compact" and "record-level.expire-time" in facts["tables"][step["table"]]["options"]:
            program("sql", warehouse, data=("CALL sys.compact(%s);" % literal(step["table"])).encode())
    for table in sorted({step["table"] for step in facts["steps"] if step["verb"] == "expire"}):
        check_kept(results, case, table)
    for read in facts["reads"]:
        tags = read["mode"] == "incremental" and not read["between"].replace(",", "").isdigit() if "between" in read else False
        if tags and place(read) is not None:
            results.check("replay %s %s" % (case.name, place(read)),
                          lambda: difference(lines(case / read["expected"]), program("cat", warehouse, place(read)), read,
                                             facts["tables"][read["table"]].get("unordered", [])))
        if read["mode"] == "batch" and not set(read) & {"snapshot", "timestamp", "options", "columns"}:
            want = lines(case / read["expected"])
            results.check("replay %s %s" % (case.name, place(read)),
                          lambda: difference(want, program("cat", warehouse, place(read)), read,
                                             facts["tables"][read["table"]].get("unordered", [])))


def hides(program, warehouse, table):
    """Rows that show after the next compaction only, or go with it."""
    return json.loads(program("cat", warehouse, table + "/status.json"))["rows_hidden"] > 0


def unless_idle(text):
    return "" if text.endswith(": nothing to do\n") else text


def compact_case(program, case, results):
    """What was written by Paimon is the same after a full compaction, and the second one finds nothing to do."""
    facts = json.loads((case / "case.json").read_text())
    reads = [read for read in facts["reads"] if read["mode"] == "batch" and not read.get("optional")
             and "record-level.expire-time" not in facts["tables"][read["table"]]["options"]  # rows go with the years
             and not set(read) & {"snapshot", "timestamp", "tag", "options", "columns", "branch"}
             and not hides(program, case / "warehouse", read["table"].replace(".", "/", 1))]
    for read in reads:
        program("compact", "--full", case / "warehouse", read["table"])
        want = lines(case / read["expected"])
        unordered = facts["tables"][read["table"]].get("unordered", [])
        results.check("compact %s %s" % (case.name, place(read)),
                      lambda: difference(want, program("cat", case / "warehouse", place(read)), read, unordered))
        results.check("compact %s %s: again" % (case.name, place(read)),
                      lambda: unless_idle(program("compact", "--full", case / "warehouse", read["table"]).decode()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--mount", action="store_true")
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--lookup", action="store_true")
    parser.add_argument("--compact", action="store_true")
    args = parser.parse_args()
    program, results = Program(os.path.abspath(args.binary)), Results()
    with tempfile.TemporaryDirectory(prefix="golden-") as scratch:
        with tarfile.open(HERE / "cases.tar.xz") as archive:
            archive.extractall(scratch)
        for case in sorted(pathlib.Path(scratch).iterdir()):
            if args.cases and case.name not in args.cases:
                continue
            if args.lookup:
                results.check("lookup " + case.name, lambda: look_up_case(program, case, results) or "")
            elif args.compact:
                results.check("compact " + case.name, lambda: compact_case(program, case, results) or "")
            elif not args.replay:
                read_case(program, case, results, args.mount)
            elif case.name in REPLAYED:
                results.check("replay " + case.name, lambda: replay_case(program, case, results) or "")
    print("%d passed, %d failed" % (results.passed, results.failed))
    return 0 if results.passed and not results.failed else 1


sys.exit(main())
