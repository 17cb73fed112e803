#!/usr/bin/env python3
"""One directory, several engines at the same time: engines.py BINARY [TEST ...]

Flink SQL, Paimon Java and PyPaimon create, write, read and follow the tables that the program writes and reads at that
moment, through a mount where there is FUSE, else through its commands. The engines are installed below the cache directory
when they are asked for first; a test whose engine is not to be had is skipped, by name. Ends with `N passed, N failed`,
and `, N skipped` if so."""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import install
from flink import Flink, counted

WAIT = 240  # seconds, for what a machine with other work does late


class Skipped(Exception):
    pass


class Wrong(Exception):
    pass


def same(got, want, what):
    if got == want:
        return
    if isinstance(want, collections.Counter):
        raise Wrong("%s: missing %s, unexpected %s" % (what, dict((want - got).most_common(3)),
                                                      dict((got - want).most_common(3))))
    raise Wrong("%s: %r, not %r" % (what, got, want))


def until(what, check):
    """Waits for check() to give something; what it gave last is in the complaint."""
    end = time.monotonic() + WAIT
    while True:
        done = check()
        if done:
            return done
        if time.monotonic() > end:
            raise Wrong("%s: not within %d s" % (what, WAIT))
        time.sleep(0.2)


class Warehouse:
    """The program's side: the same calls with a mount and without."""

    def __init__(self, binary, scratch):
        self.binary, self.path, self.mount = binary, scratch / "warehouse", None
        self.path.mkdir()
        if os.path.exists("/dev/fuse") and not subprocess.run(["which", "fusermount3"], capture_output=True).returncode:
            self.mount = scratch / "mnt"
            self.mount.mkdir()
            subprocess.run([binary, "mount", self.path, self.mount], check=True, timeout=60)

    def program(self, *words, data=None):
        done = subprocess.run([self.binary, *map(str, words)], input=data, capture_output=True, timeout=300, text=True)
        if done.returncode != 0:
            raise Wrong("%s: %s" % (words[0], done.stderr.strip()))
        return done.stdout

    def sql(self, text):
        if self.mount:
            (self.mount / "sql").write_text(text)
        else:
            self.program("sql", self.path, data=text)

    def append(self, table, text, inbox="inbox"):
        if self.mount:
            with open(self.mount / table / inbox, "a") as out:
                out.write(text)
        else:
            self.program("append", self.path, "%s/%s" % (table, inbox), data=text)

    def settle(self, table):
        """What was appended is a snapshot, and nobody compacts: an engine whose files are compacted away meanwhile gives up."""
        self.read(table + "/snapshot/latest.csv")
        deadline = time.monotonic() + 60
        while self.mount and json.loads(self.read(table + "/status.json"))["compaction"]["state"] in ("due", "running"):
            if time.monotonic() > deadline:
                raise Wrong("%s is not compacted: %s" % (table, self.read(table + "/status.json")))
            time.sleep(0.05)

    def read(self, path):
        return (self.mount / path).read_text() if self.mount else self.program("cat", self.path, path)

    def rows(self, table, kind="+I", view="snapshot/latest.csv"):
        """As Flink's are written: kind and values, tabs between. For texts without quotes."""
        lines = self.read("%s/%s" % (table, view)).splitlines()[1:]
        return collections.Counter("\t".join([kind] + [v or "\\N" for v in line.split(",")]) for line in lines)

    def changes(self, table):
        """Of the changelog, kind first, without the snapshot."""
        lines = self.read(table + "/changelog").splitlines()[1:]
        return collections.Counter("\t".join(v or "\\N" for v in line.split(",")[1:]) for line in lines)

    def close(self):
        if self.mount:
            subprocess.run([self.binary, "umount", self.mount], timeout=120, capture_output=True)
            subprocess.run(["fusermount3", "-u", "-z", self.mount], capture_output=True)


class Engines:
    """Each is started when it is asked for first."""

    def __init__(self, scratch):
        self.scratch, self.started, self.interpreter = scratch, None, None

    def flink(self, warehouse):
        if self.started is None:
            command = install.flink()
            self.started = Flink(command, self.scratch) if command else False
        if not self.started:
            raise Skipped("Flink")
        name = "c%d" % int(time.monotonic() * 1e6)
        self.started("CREATE CATALOG %s WITH ('type'='paimon', 'warehouse'='file:%s')" % (name, warehouse.path),
                     "USE CATALOG " + name)
        return self.started

    def python(self, warehouse, table, **request):
        if self.interpreter is None:
            self.interpreter = install.python() or False
        if not self.interpreter:
            raise Skipped("PyPaimon")
        script = pathlib.Path(__file__).resolve().parent / "python_peer.py"
        text = json.dumps({"warehouse": str(warehouse.path), "table": table, **{k: str(v) for k, v in request.items()}})
        done = subprocess.run([self.interpreter, script], input=text + "\n", capture_output=True, text=True, timeout=WAIT)
        answer = json.loads(done.stdout or '{"error": %s}' % json.dumps(done.stderr[-500:]))
        if "error" in answer:
            raise Wrong("PyPaimon: " + answer["error"])

    def close(self):
        if self.started:
            self.started.close()


ORDERS = """CREATE TABLE shop.orders (id BIGINT, status STRING, amount DECIMAL(10, 2), at_time TIMESTAMP(3),
 PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '2', 'changelog-producer' = 'input')"""
SHOWN = "SELECT CAST(id AS STRING), status, CAST(amount AS STRING), CAST(at_time AS STRING) FROM shop.orders"


def orders(numbers, status="new"):
    return "".join("%d,%s,%d.50,2026-11-20 08:00:%02d.000\n" % (n, status, n, n % 60) for n in numbers)


# ---- the tests ----

def flink_creates_and_writes_what_is_read_here(engines, warehouse):
    flink = engines.flink(warehouse)
    flink("CREATE DATABASE shop", ORDERS,
          "INSERT INTO shop.orders VALUES (1, 'new', 1.50, TIMESTAMP '2026-11-20 08:00:01'), (2, CAST(NULL AS STRING),"
          " 2.50, CAST(NULL AS TIMESTAMP(3)))", "INSERT INTO shop.orders VALUES (1, 'paid', 1.75, TIMESTAMP"
          " '2026-11-20 09:00:00')")
    want = counted("+I\t1\tpaid\t1.75\t2026-11-20 09:00:00.000\n+I\t2\t\\N\t2.50\t\\N\n")
    same(warehouse.rows("shop/orders"), want, "a view")
    same(warehouse.changes("shop/orders"), want + counted("+I\t1\tnew\t1.50\t2026-11-20 08:00:01.000\n"), "the changelog")
    warehouse.append("shop/orders", orders([3]))
    warehouse.settle("shop/orders")
    same(flink(SHOWN), warehouse.rows("shop/orders") + collections.Counter(), "Flink's batch read")
    same(len(warehouse.rows("shop/orders")), 3, "rows")


def tables_made_here_are_read_by_flink_and_java(engines, warehouse):
    flink = engines.flink(warehouse)
    warehouse.sql("CREATE DATABASE shop; %s;" % ORDERS)
    warehouse.append("shop/orders", orders(range(200)))
    warehouse.append("shop/orders", orders(range(50, 150, 2), "paid"))
    want = warehouse.rows("shop/orders")
    same(len(want), 200, "rows of a view")
    same(flink(SHOWN), want, "Flink's batch read")
    same(flink.java_read(warehouse.path, "shop.orders"), want, "Paimon Java's read")


def python_reads_and_writes_tables_made_here(engines, warehouse):
    warehouse.sql("CREATE DATABASE shop; %s;" % ORDERS)
    warehouse.append("shop/orders", orders(range(200)))
    warehouse.append("shop/orders", orders(range(50, 150, 2), "paid"))
    view, out = "shop/orders/snapshot/latest.jsonl", engines.scratch / "python.rows"
    want = counted(warehouse.read(view))
    engines.python(warehouse, "shop.orders", read=out)
    same(counted(out.read_text()), want, "PyPaimon's read")
    out.write_text('{"id":7,"status":"theirs","amount":"0.50","at_time":"2026-11-20 08:00:00.000"}\n')
    engines.python(warehouse, "shop.orders", write=out)
    same(len(warehouse.rows("shop/orders")), 200, "rows")
    same(warehouse.read("shop/orders/key/7.csv").splitlines()[1], "7,theirs,0.50,2026-11-20 08:00:00.000", "a row of theirs")


def engines_and_inbox_write_one_table_in_turns(engines, warehouse):
    flink = engines.flink(warehouse)
    warehouse.sql("CREATE DATABASE shop; %s;" % ORDERS)
    given = engines.scratch / "python.in"
    want = {}
    for turn in range(3):
        for who, numbers in (("inbox", range(0, 40)), ("java", range(20, 60)), ("python", range(30, 50)),
                             ("flink", range(45, 47))):
            status = "%s-%d" % (who, turn)
            text = orders(numbers, status)
            want.update({n: status for n in numbers})
            if who == "inbox":
                warehouse.append("shop/orders", text)
                warehouse.settle("shop/orders")
            elif who == "java":
                flink.java_write(warehouse.path, "shop.orders", "".join(
                    "+I\t" + line.replace(",", "\t") + "\n" for line in text.splitlines()))
            elif who == "python":
                given.write_text("".join(json.dumps(dict(zip(("id", "status", "amount", "at_time"), [int(n), s, a, t])))
                                         + "\n" for n, s, a, t in (line.split(",") for line in text.splitlines())))
                engines.python(warehouse, "shop.orders", write=given)
            else:
                flink("INSERT INTO shop.orders VALUES " + ", ".join(
                    "(%s, '%s', %s, TIMESTAMP '%s')" % tuple(line.split(",")) for line in text.splitlines()))
    got = {int(row.split("\t")[1]): row.split("\t")[2] for row in warehouse.rows("shop/orders")}
    same(got, want, "the last one of each key")
    same(flink(SHOWN), warehouse.rows("shop/orders"), "Flink's batch read")


class Writer:
    """Writes through the inbox until it is stopped; what it wrote last of each key."""

    def __init__(self, warehouse, table, pause):
        self.last, self.batches, self.failure = {}, 0, None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(warehouse, table, pause))
        self.thread.start()

    def run(self, warehouse, table, pause):
        try:
            while not self.stopping.is_set():
                numbers = [(self.batches * 7 + i) % 90 for i in range(20)]
                lines = ["_kind,id,status,amount,at_time"]
                for n in dict.fromkeys(numbers):
                    gone = (n + self.batches) % 11 == 0 and n in self.last
                    lines.append("%s,%s" % ("-D" if gone else "+I", orders([n], "s%d" % self.batches).strip()))
                    self.last.pop(n, None) if gone else self.last.update({n: "s%d" % self.batches})
                warehouse.append(table, "\n".join(lines) + "\n")
                self.batches += 1
                if warehouse.mount:
                    warehouse.read(table + "/status.json")
                self.stopping.wait(pause)
        except Exception as e:  # the test tells of it
            self.failure = e

    def stop(self):
        self.stopping.set()
        self.thread.join()
        if self.failure:
            raise self.failure


def applied(text):
    """The rows that a stream of changes comes to, by key."""
    rows = {}
    for line in text.splitlines():
        kind, key, rest = line.split("\t", 2)
        rows.pop(key, None) if kind in ("-D", "-U") else rows.update({key: rest})
    return rows


def flink_streams_our_changelog_while_we_write(engines, warehouse):
    flink = engines.flink(warehouse)
    warehouse.sql("CREATE DATABASE shop; %s;" % ORDERS)
    warehouse.append("shop/orders", orders(range(5)))
    warehouse.read("shop/orders/snapshot/latest.csv")
    out = flink.stream(SHOWN + " /*+ OPTIONS('continuous.discovery-interval' = '200 ms') */")
    until("Flink's job reads what there is", lambda: out.read_text().count("\n") >= 5)
    writer = Writer(warehouse, "shop/orders", 0.3)
    try:
        until("Flink's job reads what is written meanwhile", lambda: out.read_text().count("\n") > 400)
    finally:
        writer.stop()
    want = {row.split("\t", 2)[1]: row.split("\t", 2)[2] for row in warehouse.rows("shop/orders")}
    until("Flink's job comes to the end", lambda: applied(out.read_text()) == want)
    flink.stop()
    same({int(k): v.split("\t")[0] for k, v in want.items() if int(k) >= 5 or v.startswith("s")}.items()
         >= {k: v for k, v in writer.last.items()}.items(), True, "what was written last is there")
    # Each change of ours is one of the stream's: an update that Flink shows in two halves is one row here.
    mine, theirs = warehouse.changes("shop/orders"), counted(out.read_text())
    same(theirs, mine, "the changes that Flink's job read, of %d batches" % writer.batches)


def flink_streams_from_one_table_to_another_and_we_follow(engines, warehouse):
    flink = engines.flink(warehouse)
    warehouse.sql("CREATE DATABASE shop; %s; CREATE TABLE shop.log (id BIGINT, status STRING, amount DECIMAL(10, 2))"
                  " WITH ('bucket' = '-1');" % ORDERS.replace("shop.orders", "shop.source").replace(
                      "PRIMARY KEY (id) NOT ENFORCED", "line BIGINT").replace("'bucket' = '2', 'changelog-producer' = 'input'",
                                                                             "'bucket' = '-1'"))
    follower = subprocess.Popen([warehouse.binary, "tail", "-n", "+1", warehouse.path, "shop/log"],
                                stdout=open(engines.scratch / "followed", "wb"))
    try:
        flink.stream("INSERT INTO shop.log SELECT id, status, amount FROM shop.source"
                     " /*+ OPTIONS('continuous.discovery-interval' = '200 ms') */ WHERE id < 1000")
        for i in range(10):
            warehouse.append("shop/source", "".join("%d,w,1.25,,\n" % (i * 120 + k) for k in range(120)))
            warehouse.read("shop/source/snapshot/latest.csv")
            time.sleep(0.2)
        followed = engines.scratch / "followed"
        until("what Flink's job wrote is followed", lambda: followed.read_text().count("\n") >= 1001)
    finally:
        follower.terminate()
        follower.wait()
        flink.stop()
    rows = [line.split(",") for line in followed.read_text().splitlines()[1:]]
    same(sorted(int(r[2]) for r in rows), list(range(1000)), "rows, each once")
    same({r[1] for r in rows}, {"+I"}, "kinds")


def tags_and_branches_go_both_ways(engines, warehouse):
    flink = engines.flink(warehouse)
    warehouse.sql("CREATE DATABASE shop; %s;" % ORDERS)
    warehouse.append("shop/orders", orders(range(3)))
    before = warehouse.rows("shop/orders")
    flink("CALL sys.create_tag(`table` => 'shop.orders', tag => 'theirs')")
    if warehouse.mount:
        (warehouse.mount / "shop/orders/tag/ours").mkdir()
    else:
        warehouse.sql("CALL sys.create_tag('shop.orders', 'ours');")
    warehouse.append("shop/orders", orders(range(6), "paid"))
    warehouse.read("shop/orders/snapshot/latest.csv")
    same(warehouse.rows("shop/orders/tag/theirs"), before, "a tag of Flink's, here")
    same(flink(SHOWN + " /*+ OPTIONS('scan.tag-name' = 'ours') */"), before, "a tag of ours, in Flink")
    flink("CALL sys.create_branch('shop.orders', 'b', 'theirs')")
    warehouse.append("shop/orders/branch/b", orders([9]))
    same(len(warehouse.rows("shop/orders/branch/b")), 4, "rows of the branch, here")
    same(len(flink(SHOWN.replace("shop.orders", "shop.`orders$branch_b`"))), 4, "rows of the branch, in Flink")
    same(len(flink(SHOWN)), 6, "rows of the main table")


def flink_overwrites_deletes_and_changes_columns(engines, warehouse):
    flink = engines.flink(warehouse)
    warehouse.sql("CREATE DATABASE shop; CREATE TABLE shop.daily (dt STRING, id INT, n INT, PRIMARY KEY (dt, id) NOT ENFORCED)"
                  " PARTITIONED BY (dt) WITH ('bucket' = '1', 'deletion-vectors.enabled' = 'true');")
    warehouse.append("shop/daily", "".join("d%d,%d,1\n" % (d, i) for d in range(3) for i in range(4)))
    warehouse.settle("shop/daily")
    flink("INSERT OVERWRITE shop.daily PARTITION (dt = 'd1') VALUES (7, 7)",
          "DELETE FROM shop.daily WHERE dt = 'd2' AND id < 2", "UPDATE shop.daily SET n = 5 WHERE id = 3",
          "ALTER TABLE shop.daily ADD (note STRING)")
    warehouse.append("shop/daily", "d0,0,9,seen\n")
    warehouse.settle("shop/daily")
    want = counted("".join("+I\t%s\n" % r.replace(" ", "\t") for r in (
        "d0 0 9 seen", "d0 1 1 \\N", "d0 2 1 \\N", "d0 3 5 \\N", "d1 7 7 \\N", "d2 2 1 \\N", "d2 3 5 \\N")))
    same(warehouse.rows("shop/daily"), want, "a view")
    same(flink("SELECT dt, CAST(id AS STRING), CAST(n AS STRING), note FROM shop.daily"), want, "Flink's batch read")


TESTS = [flink_creates_and_writes_what_is_read_here, tables_made_here_are_read_by_flink_and_java,
         python_reads_and_writes_tables_made_here, engines_and_inbox_write_one_table_in_turns, flink_streams_our_changelog_while_we_write,
         flink_streams_from_one_table_to_another_and_we_follow, tags_and_branches_go_both_ways,
         flink_overwrites_deletes_and_changes_columns]


def one(test, engines, binary, scratch):
    """"" or what is wrong; every table is whole at the end."""
    scratch.mkdir()
    warehouse = Warehouse(binary, scratch)
    try:
        test(engines, warehouse)
        warehouse.close()
        done = subprocess.run([binary, "fsck", "--deep", warehouse.path], capture_output=True, text=True, timeout=300)
        return "" if done.returncode == 0 else "fsck: " + done.stdout[:600] + done.stderr[:300]
    except Skipped:
        raise
    except Exception as e:
        return "%s: %s" % (type(e).__name__, str(e)[:1200])
    finally:
        warehouse.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("test", nargs="*")
    args = parser.parse_args()
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="engines-", ignore_cleanup_errors=True) as name:
        engines = Engines(pathlib.Path(name))
        for test in TESTS:
            if args.test and test.__name__ not in args.test:
                continue
            began = time.monotonic()
            try:
                wrong = one(test, engines, args.binary.resolve(), pathlib.Path(name) / test.__name__)
                passed, failed = passed + (not wrong), failed + bool(wrong)
                print("%s %s (%.0f s)%s" % ("FAIL" if wrong else "ok", test.__name__, time.monotonic() - began,
                                            ": " + wrong if wrong else ""), flush=True)
            except Skipped as what:
                skipped += 1
                print("skipped, there is no %s here: %s" % (what, test.__name__), flush=True)
        engines.close()
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
