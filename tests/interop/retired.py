#!/usr/bin/env python3
"""A mount killed between publishing and retiring: retired.py BINARY --oracle COMMAND [--rounds N]

Rows are appended and read, which commits them; an entry of the journal is retired a minute later, or when a further
snapshot stands on its files. Before that the mount is killed, Paimon Java commits twenty times and keeps two snapshots, so
that nothing tells of ours any more, and the warehouse is mounted again: the rows are there once. In an append table,
whose rows nothing would merge, in one that Java compacts meanwhile, and in partitions. Needs FUSE; COMMAND: see
oracle.py. Ends with `N passed, N failed`."""
import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile
import time

from oracle import Oracle
from rivals import Mount

TABLES = {
    "log": "CREATE TABLE d.log (id BIGINT, s STRING) WITH ('bucket' = '-1'%s);",
    "sums": "CREATE TABLE d.sums (id BIGINT, s BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1',"
            " 'merge-engine' = 'aggregation', 'fields.s.aggregate-function' = 'sum'%s);",
    "parts": "CREATE TABLE d.parts (id BIGINT, s STRING, dt STRING) PARTITIONED BY (dt) WITH ('bucket' = '-1'%s);",
}
KEEP = ", 'snapshot.num-retained.min' = '1', 'snapshot.num-retained.max' = '2', 'snapshot.time-retained' = '1 ms'"
ROWS = {"log": "%d,7\n", "sums": "%d,7\n", "parts": "%d,7,a\n"}
JSON = {"log": '{"id":%d,"s":"7"}\n', "sums": '{"id":%d,"s":7}\n', "parts": '{"id":%d,"s":"7","dt":"b"}\n'}


def one(mount, oracle, scratch, table, first):
    """Appends, commits by a look, is killed; Java goes on; the mount comes back. What is wrong, or ''."""
    inbox, view = mount.at / "d" / table / "inbox", mount.at / "d" / table / "snapshot/latest.csv"
    for k in range(3):
        with open(inbox, "a") as out:
            out.write(ROWS[table] % (first + k))
    before = view.read_text().count("\n")
    if before < 4:
        return "%d lines are read" % before
    mount.child.kill()
    mount.child.wait()
    subprocess.run(["fusermount3", "-u", "-z", mount.at], check=True)
    for k in range(20):
        given = scratch / "in"
        given.write_text(JSON[table] % (first + 100 + k))
        oracle("write", mount.warehouse, "d." + table, "--commit-user", "java", data=given)
    began = time.monotonic()
    mount.start()
    rows = collections.Counter(line.split(",")[0] for line in view.read_text().splitlines()[1:])
    took = time.monotonic() - began
    wanted = [str(first + k) for k in range(3)] + [str(first + 100 + k) for k in range(20)]
    wrong = {w: rows[w] for w in wanted if rows[w] != 1}
    sums = [line for line in view.read_text().splitlines()[1:] if line.split(",")[1] != "7"]
    if wrong or sums:
        return "rows that are not there once: %s; sums %s" % (wrong, sums[:3])
    return "" if took < 2 else "the first view took %.1f s" % took


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    oracle, passed, failed = Oracle(args.oracle), 0, 0
    with tempfile.TemporaryDirectory(prefix="retired-") as name:
        scratch = pathlib.Path(name)
        (scratch / "warehouse").mkdir()
        statements = "CREATE DATABASE d;" + "".join(sql % KEEP for sql in TABLES.values())
        subprocess.run([args.binary, "sql", scratch / "warehouse"], input=statements.encode(), check=True, capture_output=True)
        mount = Mount(args.binary.resolve(), scratch / "warehouse", scratch / "mnt")
        for number in range(args.rounds):
            for table in TABLES:
                wrong = one(mount, oracle, scratch, table, 1000 * (number + 1))
                passed, failed = passed + (not wrong), failed + bool(wrong)
                if wrong:
                    print("FAIL %s: %s" % (table, wrong))
        ids = [len(list((scratch / "warehouse/d.db" / t / "snapshot").glob("snapshot-*"))) for t in TABLES]
        print("snapshots that are left: %s" % ids)
        mount.umount()
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
