#!/usr/bin/env python3
"""Tables that both make, or that both refuse: creations.py BINARY --oracle COMMAND [--only TEXT]

Each table is made by `BINARY sql` and by Paimon's API, in two warehouses, and two rows are written to it. What one of
them refuses, when the table is made or when it is written to, the other one refuses, too; a table that is taken has the
same schema file (but for the time), and its rows are the same for the program and for Paimon.
Ends with `N passed, N failed`."""
import argparse
import json
import pathlib
import shutil
import sys
import tempfile

from oracle import Oracle, Refused, counted, difference
from random_writes import Failed, Program
from statements import Results, quoted, text

COLUMNS = ["k INT", "v INT", "s STRING"]


def table(columns=(), keys=(), partitions=(), **options):
    return {"columns": [dict(zip(("name", "type"), c.split(" ", 1))) for c in COLUMNS + list(columns)],
            "primaryKeys": list(keys), "partitionKeys": list(partitions), "options": options}


def keyed(options, columns=(), keys=("k",), partitions=()):
    return table(columns, keys, partitions, **dict({"bucket": "1"}, **options))


def append(options, columns=(), partitions=()):
    return table(columns, (), partitions, **options)


def of(key, *values):
    return [{key: v} for v in values]


# Options that tables with a primary key are made with.
KEYED = (
    of("num-levels", "0", "1", "2", "x") + of("num-sorted-run.compaction-trigger", "-5", "0", "1", "5.0")
    + [{"num-sorted-run.compaction-trigger": "0", "num-levels": "3"}]
    + of("file.format.per.level", "0:avro,0:orc", "0:avro", "0:zz", "x:avro", "0:avro,1:orc", "0: avro", "", "9:avro")
    + of("file.compression.per.level", "0:lz4,0:lz4", "0:zz", "0:snappy") + of("metadata.stats-mode.per.level", "0:zz", "0:full")
    + of("write-buffer-size", "64 kb", "191 kb", "192 kb", "0", "10 zb") + of("page-size", "0", "1000 b", "1 kb", "-1")
    + of("sort-spill-threshold", "1", "2") + of("ignore-delete", "maybe", "TRUE") + of("first-row.ignore-delete", "maybe")
    + of("ignore-update-before", "maybe") + of("sequence.field", "k", "v,v", "", " v", "zz", "v,", "v, s")
    + of("sequence.field.sort-order", "up", "DESCENDING") + of("rowkind.field", "zz", "")
    + of("record-level.expire-time", "1 d", "x")
    + [{"record-level.expire-time": "1 d", "record-level.time-field": f} for f in ("s", "zz")]
    + [{"merge-engine": "partial-update", "fields.v.sequence-group": g} for g in ("s", "k", "v", "", "s,", " s", "zz")]
    + [{"merge-engine": "partial-update", "fields.%s.sequence-group" % g: "s"} for g in ("zz", "v,zz", "v, k", "k")]
    + [{"merge-engine": "partial-update", "fields.s.aggregate-function": "max"},
       {"merge-engine": "aggregation", "fields.s.aggregate-function": "zz"}, {"fields.v.aggregate-function": "zz"},
       {"merge-engine": "first-row", "changelog-producer": "input"}, {"merge-engine": "first-row", "sequence.field": "v"}]
    + of("merge-engine", "x", "DEDUPLICATE") + of("changelog-producer", "x", "LOOKUP") + of("upsert-key", "v", "zz")
    + of("bucket-key", "zz", "v", "k,k", " k", "k,", "", " ") + of("bucket", "x", "0", "-2", "-3", "2147483648")
    + of("clustering.incremental", "true", "maybe") + [{"lookup-compact": c, "changelog-producer": "lookup"} for c in ("zz", "GENTLE")] + of("sort-engine", "zz", "min-heap"))
# Options of any table.
ANY = (
    of("snapshot.time-retained", "x", "1 y", "-1", "1 d", "PT1H", "1 h 30 min", "5 ns", "5 micros", " 5 min ", "5min", "5 M")
    + of("snapshot.num-retained.max", "9", "99999999999") + of("snapshot.num-retained.min", "0", "1.5", "+5")
    + of("target-file-size", "x", "1 kib", " 10 MB ") + of("manifest.target-file-size", "1 y")
    + of("manifest.merge-min-count", "x", "1") + of("manifest.compression", "none", "zstd", "ZSTD", "SNAPPY", "snappy", "null", "zz")
    + of("commit.force-compact", "maybe") + of("async-file-write", "maybe", "true") + of("write-only", "maybe", "True")
    + of("deletion-vectors.bitmap64", "maybe") + of("file-index.read.enabled", "maybe")
    + of("metadata.stats-keep-first-n-columns", "99999999999", "1") + of("metadata.stats-mode", "truncate(0)", "TRUNCATE(16)", "zz")
    + of("tag.automatic-creation", "zzz", "none") + of("snapshot.expire.execution-mode", "zzz", "ASYNC")
    + of("scan.mode", "zzz", "from-snapshot", "from-timestamp", "incremental", "from-snapshot-full", "compacted-full",
         "from-file-creation-time", "full", "latest")
    + of("scan.snapshot-id", "x", "1.5") + of("scan.timestamp-millis", "x") + of("scan.version", "1")
    + of("incremental-to-auto-tag", "zz") + of("read.batch-size", "x", "10")
    + [{"scan.timestamp-millis": "5", "scan.snapshot-id": "1"}, {"scan.mode": "latest", "scan.snapshot-id": "1"},
       {"incremental-between": "1,2", "scan.snapshot-id": "1"}]
    + of("scan.fallback-branch", "zz", "", "main") + of("scan.primary-branch", "zz") + of("path", "/x", "") + of("branch", "zz")
    + of("auto-create", "true", "maybe", "false") + of("blob-descriptor-field", "v") + of("vector-field", "v")
    + of("fields.", "1") + of("fields", "1") + of("fields..x", "1") + of("fields.v", "1") + of("fields.zz.stats-mode", "none")
    + of("fields.v.stats-mode", "none", "zz") + of("file.compression.zstd-level", "0", "-1", "22", "99", "x")
    + of("type", "zz", "TABLE") + of("owner", "x") + of("comment", "hello") + of("a b", "c") + of("", "x") + of("bucket-function.type", "zz"))
CODECS = ("none", "zstd", "snappy", "lz4", "gzip", "zlib", "deflate", "uncompressed", "null", "zz", "ZSTD", "None", "SNAPPY", "")
TYPES = ("VARIANT", "ARRAY<INT>", "ROW<a INT>", "ROW<a INT, a INT>", "MAP<STRING, ROW<b INT, b INT>>", "MULTISET<STRING>",
         "DECIMAL(10, 2)", "DECIMAL(39, 0)", "DECIMAL(3, 5)", "CHAR(0)", "VARCHAR(0)", "TIMESTAMP(9)", "TIMESTAMP(10)", "TIME(10)",
         "TIME(3)", "BLOB", "TIMESTAMP(3)", "TIMESTAMP(3) WITH LOCAL TIME ZONE", "DATE", "BYTES", "DOUBLE", "BOOLEAN")
VALUES = {"DECIMAL": "1.50", "TIMESTAMP": "2026-11-20 08:00:00", "TIME": "08:00:00", "DATE": "2026-11-20", "BYTES": "aGk=",
          "DOUBLE": 1.5, "BOOLEAN": True, "ARRAY": [1], "CHAR": "", "VARCHAR": "", "VARIANT": "1", "BLOB": "aGk="}
NAMES = ("_VALUE_KIND", "_ROW_ID", "rowkind", "_LEVEL", "_SEQUENCE_NUMBER", "_KEY_x", "_key_x", "ROWKIND", "a b", "a.b", "a,b", "a/b",
         "Ü", "a'b", 'a"b', "a`b", "a=b", "\\", "%", "x" * 300)


def tables():
    for options in KEYED + ANY:
        yield keyed(options)
    for options in ANY:
        yield append(options)
    for form in ("avro", "orc", "parquet"):
        for codec in CODECS:
            yield append({"file.format": form, "file.compression": codec})
    for kind in TYPES:
        for form in ("avro", "orc", "parquet"):
            yield append({"file.format": form}, ["x " + kind])
        if kind != "BYTES":  # Paimon names such a partition by the address of the bytes, and does not find it again
            yield append({}, ["x " + kind], ["x"])
        for function in ("default", "mod", "hive"):
            yield append({"bucket": "2", "bucket-key": "x", "bucket-function.type": function}, ["x " + kind])
            yield keyed({"bucket": "2", "bucket-function.type": function}, ["x " + kind], ["x"])
        yield keyed({"record-level.expire-time": "10000 d", "record-level.time-field": "x"}, ["x " + kind])
    for name in NAMES:
        made = keyed({})
        made["columns"].append({"name": name, "type": "INT"})
        yield made
    for keys, partitions in ((("k", "k"), ()), (("k",), ("k",)), (("zz",), ()), (("k", "v"), ("k",)), ((), ("k", "k")), ((), ("zz",))):
        yield table((), keys, partitions)
    for options in ({"primary-key": ""}, {"primary-key": " "}, {"primary-key": "k"}, {"primary-key": "k, v"}, {"primary-key": "k,"},
                    {"partition": ""}, {"partition": "k , v"}, {"partition": "zz"}):
        yield append(options)


def sql_of(made):
    rows = ["%s %s" % (quoted(c["name"]), c["type"]) for c in made["columns"]]
    if made["primaryKeys"]:
        rows.append("PRIMARY KEY (%s) NOT ENFORCED" % ", ".join(map(quoted, made["primaryKeys"])))
    out = "CREATE DATABASE d; CREATE TABLE d.t (%s)" % ", ".join(rows)
    if made["partitionKeys"]:
        out += " PARTITIONED BY (%s)" % ", ".join(map(quoted, made["partitionKeys"]))
    if made["options"]:
        out += " WITH (%s)" % ", ".join("%s = %s" % (text(k), text(v)) for k, v in made["options"].items())
    return out + ";"


def rows_of(made):
    value = {}
    for c in made["columns"][3:]:
        kind = c["type"].split("(")[0].split("<")[0].split(" ")[0]
        if kind in VALUES:
            value[c["name"]] = VALUES[kind]
    return b"".join(json.dumps(dict(value, k=k, v=k + 1, s="x")).encode() + b"\n" for k in (1, 2))


def schema_of(side):
    out = json.loads((side / "d.db/t/schema/schema-0").read_text())
    out.pop("timeMillis")
    return out


def refusal(action):
    try:
        action()
    except (Failed, Refused) as e:
        return str(e)
    return ""


def compare(made, scratch, program, oracle):
    ours, twin = scratch / "ours", scratch / "twin"
    for side in (ours, twin):
        shutil.rmtree(side, ignore_errors=True)
        side.mkdir()
    (scratch / "ddl").write_text(json.dumps(made))
    (scratch / "rows").write_bytes(rows_of(made))
    said = refusal(lambda: program("sql", ours, data=sql_of(made).encode()))
    asked = refusal(lambda: oracle("create", twin, "d.t", scratch / "ddl"))
    if not said and not asked and schema_of(ours) != schema_of(twin):
        return "the schemas differ\n    ours  %s\n    Java  %s" % (json.dumps(schema_of(ours)), json.dumps(schema_of(twin)))
    said = said or refusal(lambda: program("append", ours, "d/t/inbox.jsonl", data=rows_of(made)))
    asked = asked or refusal(lambda: oracle("write", twin, "d.t", data=scratch / "rows"))
    if bool(said) != bool(asked):
        return "\n    ours  %s\n    Java  %s" % (said or "done", asked or "done")
    if said or any(k.startswith(("scan.", "incremental")) for k in made["options"]) or "rowkind.field" in made["options"]:
        return ""
    want = oracle.rows(scratch / "out", "read", twin, "d.t", "--no-kind")
    return (difference(want, oracle.rows(scratch / "out", "read", ours, "d.t", "--no-kind"))
            or difference(want, counted(program("cat", ours, "d/t/snapshot/latest.jsonl"))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--only", help="tables whose description contains this text")
    args = parser.parse_args()
    program, oracle, results = Program(str(pathlib.Path(args.binary).resolve())), Oracle(args.oracle), Results()
    with tempfile.TemporaryDirectory(prefix="creations-") as directory:
        for made in tables():
            what = json.dumps({"columns": made["columns"][3:], **{k: v for k, v in made.items() if k != "columns"}},
                              ensure_ascii=False)[:300]
            if args.only is None or args.only in what:
                results.check(what, lambda: compare(made, pathlib.Path(directory), program, oracle))
    print("%d passed, %d failed" % (results.passed, results.failed))
    return 0 if results.passed and not results.failed else 1


if __name__ == "__main__":
    sys.exit(main())
