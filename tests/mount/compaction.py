"""Compaction in the background, as programs see it. Part of run.py."""
import errno
import json
import os
import time

import load
from mounted import DDL, equal, refused, test

KEYED = DDL.replace("'bucket' = '1'", "'bucket' = '1', 'num-sorted-run.compaction-trigger' = '3'")


def status(m, table="d/t"):
    return json.loads(m.read(table + "/status.json"))


def put(m, number, text, table="d/t"):
    """One commit of its own, made at once: somebody looks for its rows."""
    with open(m.at / table / ("inbox@load:%d" % number), "wb", buffering=0) as inbox:
        inbox.write(text.encode())
    os.path.exists(m.at / table / "snapshot/latest.csv")


def wait(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in %d s" % seconds
        time.sleep(0.02)


def at_rest(m, table="d/t"):
    wait(lambda: status(m, table)["compaction"]["state"] == "idle")


def kinds(m, table="d/t"):
    lines = m.read(table + "/system/snapshots.csv").splitlines()
    kind = lines[0].split(",").index("commit_kind")
    return [line.split(",")[kind] for line in lines[1:]]


def table_metric(m, name, table="d.t"):
    return m.metric('paimonfs_%s{table="%s"}' % (name, table))


def data_files(m, table="t"):
    return sorted((m.warehouse / "d.db" / table).rglob("data-*"))


@test
def runs_are_compacted_after_commits(m):
    for i in range(40):
        put(m, i, "%d,v%d,1\n%d,w,2\n" % (i, i, i % 7))
    at_rest(m)
    s = status(m)
    assert s["most_runs"] <= 5, s
    assert 4 <= s["compaction"]["done"] == kinds(m).count("COMPACT"), s
    equal(table_metric(m, "compactions_total"), s["compaction"]["done"])
    equal(table_metric(m, "table_runs_most"), s["most_runs"])
    equal(s["compaction"]["failed"], 0)
    equal(len(m.read().splitlines()), 41)
    equal(m.read("d/t/key/6.csv"), "k,v,amount\n6,w,2.00\n")


@test
def what_others_compact_is_left_alone(m):
    m.sql(KEYED.replace("CREATE DATABASE d; ", "").replace("d.t", "d.alone").replace("'bucket'", "'write-only' = 'true', 'bucket'"))
    for i in range(8):
        put(m, i, "1,a%d,1\n" % i, "d/alone")
    equal(status(m, "d/alone")["runs"], 8)
    equal(kinds(m, "d/alone"), ["APPEND"] * 8)
    assert "write-only" in status(m, "d/alone")["compaction"]["left_alone"]
    m.remount("write-only")
    for i in range(8):
        put(m, i, "1,a%d,1\n" % i)
    equal(status(m)["runs"], 8)
    equal(status(m)["compaction"]["state"], "off")


@test
def each_commit_is_compacted_whole_where_that_makes_the_changelog(m):
    m.sql(DDL.replace("CREATE DATABASE d; ", "").replace("d.t", "d.log")
          .replace("'bucket'", "'changelog-producer' = 'full-compaction', 'bucket'"))
    put(m, 1, "1,a,1\n2,b,2\n", "d/log")
    at_rest(m, "d/log")
    put(m, 2, "1,c,3\n", "d/log")
    at_rest(m, "d/log")
    equal(kinds(m, "d/log"), ["APPEND", "COMPACT", "APPEND", "COMPACT"])
    equal(m.read("d/log/changelog"), "_snapshot,_kind,k,v,amount\n2,+I,1,a,1.00\n2,+I,2,b,2.00\n"
          "4,-U,1,a,1.00\n4,+U,1,c,3.00\n")


@test
def every_third_commit_is_compacted_whole_where_the_table_says_so(m):
    m.sql(DDL.replace("CREATE DATABASE d; ", "").replace("d.t", "d.third")
          .replace("'bucket'", "'full-compaction.delta-commits' = '3', 'bucket'"))
    for i in range(7):
        put(m, i, "%d,a,1\n" % i, "d/third")
        at_rest(m, "d/third")
    equal(kinds(m, "d/third"), ["APPEND"] * 3 + ["COMPACT"] + ["APPEND"] * 3 + ["COMPACT"] + ["APPEND"])


@test
def small_files_of_append_tables_are_joined(m):
    m.sql("CREATE TABLE d.lines (line STRING); CREATE TABLE d.hashed (line STRING) WITH ('bucket' = '1', 'bucket-key' = 'line');")
    for table in ("d/lines", "d/hashed"):
        for i in range(13):
            put(m, i, "line %d\n" % i, table)
        at_rest(m, table)
        s = status(m, table)
        assert s["files"] <= 5 and s["compaction"]["done"] >= 2, s
        equal(sorted(m.read(table + "/snapshot/latest.csv").splitlines()[1:]), sorted("line %d" % i for i in range(13)))


@test
def a_compaction_that_fails_holds_writers_and_is_tried_again(m):
    m.sql(KEYED.replace("CREATE DATABASE d; ", "").replace("d.t", "d.held").replace("'3'", "'3', 'num-sorted-run.stop-trigger' = '4'"))
    put(m, 1, "1,a,1\n", "d/held")
    damaged = data_files(m, "held")[0]
    good = damaged.read_bytes()
    damaged.write_bytes(good[:100])
    for i in range(2, 6):
        put(m, i, "%d,a,1\n" % i, "d/held")
    wait(lambda: status(m, "d/held")["compaction"]["failed"] > 0)
    s = status(m, "d/held")
    equal(s["compaction"]["state"], "failing")
    assert damaged.name in s["compaction"]["error"] and s["compaction"]["retry_s"] > 0 and s["compaction"]["writers_held"], s
    equal(set(kinds(m, "d/held")), {"APPEND"})
    equal(s["runs"], 5)
    files = len(data_files(m, "held"))
    began = time.monotonic()
    refused(errno.EBUSY, lambda: put(m, 6, "6,a,1\n", "d/held"))
    assert 9 < time.monotonic() - began < 15, time.monotonic() - began
    assert "num-sorted-run.stop-trigger is 4" in m.read("d/held/errors.jsonl"), m.read("d/held/errors.jsonl")
    put(m, 1, "1,a,1\n")  # another table's writers are not held
    equal(len(data_files(m, "held")), files)
    damaged.write_bytes(good)
    put(m, 6, "6,a,1\n", "d/held")  # waits until it was tried again
    equal(m.read("d/held/snapshot/latest.csv"), "k,v,amount\n" + "".join("%d,a,1.00\n" % i for i in range(1, 7)))
    assert "COMPACT" in kinds(m, "d/held")
    at_rest(m, "d/held")
    equal(status(m, "d/held")["compaction"]["error"], None)


@test
def a_writer_that_is_held_can_be_interrupted(m):
    m.sql(KEYED.replace("CREATE DATABASE d; ", "").replace("d.t", "d.held").replace("'3'", "'3', 'num-sorted-run.stop-trigger' = '3'"))
    put(m, 1, "1,a,1\n", "d/held")
    data_files(m, "held")[0].write_bytes(b"damaged")
    for i in range(2, 5):
        put(m, i, "%d,a,1\n" % i, "d/held")
    wait(lambda: status(m, "d/held")["compaction"]["writers_held"])
    began = time.monotonic()
    equal(m.sh("timeout -s INT 1 bash -c 'echo 9,a,1 > d/held/inbox'").returncode, 124)
    assert time.monotonic() - began < 4, time.monotonic() - began
    equal(status(m, "d/held")["runs"], 4)


@test
def append_compacts_as_a_batch_writer_does(m):
    m.umount()
    run = lambda *words: m.sh("echo 1,a,1 | '%s' append %s '%s' d/t/inbox" % (m.binary, " ".join(words), m.warehouse))
    for i in range(4):
        equal(run().returncode, 0)
    equal(run("--no-compact").returncode, 0)
    m.mount()
    equal(kinds(m), ["APPEND"] * 5)
    m.umount()
    equal(run().returncode, 0)
    m.mount()
    equal(kinds(m), ["APPEND"] * 6 + ["COMPACT"])
    equal(status(m)["runs"], 1)


@test
def transactions_under_load_are_there_once_and_leave_little(m):
    figures = load.under_load(m, 300, 1, m.warehouse.parent)
    assert figures["tail late s, p99"] < 5, figures


@test
def rows_of_append_tables_are_put_in_order(m):
    m.sql("CREATE TABLE d.points (p INT, x INT, y INT) PARTITIONED BY (p);")
    points = sorted("%d,%d,%d" % (p, x, y) for p in (1, 2) for x in range(8) for y in range(8))
    m.append("".join("%s\n" % point for point in points[::-1]), "d/points")
    for strategy, where in (("order", "p = 1"), ("zorder", "p >= 1"), ("hilbert", "p in (1, 2)")):
        m.sql("CALL sys.compact(`table` => 'd.points', order_strategy => '%s', order_by => 'y,x', where => '%s');" %
              (strategy, where))
        got = m.read("d/points/snapshot/latest.csv").splitlines()[1:]
        equal(sorted(got), points)
        first = [tuple(map(int, row.split(",")))[:0:-1] for row in got if row.startswith("1,")]
        if strategy == "order":
            equal(first, [(y, x) for y in range(8) for x in range(8)])
            equal([row for row in got if row.startswith("2,")], [row for row in points[::-1] if row.startswith("2,")])
        elif strategy == "zorder":
            equal(first[:6], [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3)])
        else:
            steps = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in zip(first, first[1:])]
            equal(steps, [1] * 63)
    equal(kinds(m, "d/points"), ["APPEND", "OVERWRITE", "OVERWRITE", "OVERWRITE"])


@test
def tracked_rows_keep_their_ids_when_files_are_joined(m):
    for form in ("parquet", "orc", "avro"):
        m.sql("CREATE TABLE d.tracked_%s (v STRING) WITH ('row-tracking.enabled' = 'true', 'file.format' = '%s', "
              "'compaction.min.file-num' = '7', 'write-only' = 'true');" % (form, form))
        at = "d/tracked_" + form
        for i in range(7):
            put(m, i, "a%d\nb%d\n" % (i, i), at)
        rows = lambda: sorted(m.read(at + "/system/row_tracking.csv").splitlines())
        before = rows()
        equal(before[:2], ["a0,0,1", "a1,2,2"])
        m.sql("CALL sys.compact('d.tracked_%s');" % form)
        equal(status(m, at)["files"], 1)
        equal(rows(), before)
        put(m, 7, "c\n", at)
        equal(rows(), sorted(before + ["c,14,9"]))
        equal(sorted(m.read(at + "/snapshot/latest.csv").splitlines()), sorted(["v", "c"] + [r.split(",")[0] for r in before[:-1]]))
