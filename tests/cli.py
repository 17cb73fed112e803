#!/usr/bin/env python3
"""Commands that need no mount: tail, expire, fsck, doctor, status: cli.py BINARY [TEST ...]. Ends with `N passed, N failed`."""
import csv
import ctypes
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Files that only save work, or that nobody may miss: their loss harms no reader.
SPARE = ("EARLIEST", "LATEST")
DAMAGED = ["partial-update", "dv-pk", "changelog-long-lived", "bucket-dynamic", "tags", "types-append-orc",
           "types-pk-avro"]


class Failed(Exception):
    pass


class Program:
    def __init__(self, binary):
        self.binary = binary

    def run(self, *words, data=None):
        done = subprocess.run([self.binary, *map(str, words)], input=data, capture_output=True, timeout=120)
        if done.returncode < 0 or b"Sanitizer" in done.stderr:
            raise Failed("%s: exit %d %s" % (words[0], done.returncode, done.stderr.decode(errors="replace")[:2000]))
        return done

    def __call__(self, *words, data=None):
        done = self.run(*words, data=data.encode() if isinstance(data, str) else data)
        if done.returncode != 0:
            raise Failed("%s: exit %d: %s" % (words[0], done.returncode, done.stderr.decode(errors="replace").strip()))
        return done.stdout.decode()

    def fsck(self, *words):
        """(exit code, findings)."""
        done = self.run("fsck", *words)
        return done.returncode, list(csv.DictReader(io.StringIO(done.stdout.decode())))


def same(got, want, what=""):
    if got != want:
        raise Failed("%s: %r, not %r" % (what or "got", got, want))


def table(program, scratch, columns, options):
    warehouse = scratch / "warehouse"
    warehouse.mkdir()
    program("sql", warehouse, data="CREATE DATABASE d; CREATE TABLE d.t (%s) WITH (%s);" % (columns, options))
    return warehouse


def copied(scratch, case):
    """A golden warehouse of Paimon's, as a copy that may be broken."""
    to = scratch / ("copy-%d" % len(list(scratch.glob("copy-*"))))
    shutil.copytree(scratch.parent / "golden" / case / "warehouse", to)
    return to


def snapshot_of(directory):
    """Everything in it: names, bytes, times of change."""
    return {p.relative_to(directory): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else None)
            for p in sorted(directory.rglob("*"))}


# ---- output and input that break off ----

def output_that_is_lost_fails_the_command(program, scratch):
    warehouse = table(program, scratch, "id INT", "'bucket' = '-1'")
    program("append", warehouse, "d/t", data="1\n")
    for words, data in ((["sql", warehouse], b"SHOW TABLES IN d;"), (["ls", warehouse], b""), (["fsck", warehouse], b""),
                        (["cat", warehouse, "d/t/snapshot/latest.csv"], b""), (["--version"], b""), (["doctor"], b"")):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([program.binary, *map(str, words)], input=data, stdout=full, stderr=subprocess.PIPE)
        same((done.returncode, b"no space left on device" in done.stderr), (1, True), words[0])


def broken_input(rows):
    """A descriptor that gives these bytes, then EIO: memory of this process, and what is behind it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    page = os.sysconf("SC_PAGE_SIZE")
    at = libc.mmap(None, 2 * page, 3, 0x22, -1, 0)
    libc.munmap(at + page, page)
    ctypes.memmove(at, rows.rjust(page, b"\n"), page)
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    os.lseek(memory, at, os.SEEK_SET)
    return memory


def rows_of_an_input_that_breaks_off_are_not_there(program, scratch):
    warehouse = table(program, scratch, "id INT", "'bucket' = '-1'")
    program("append", warehouse, "d/t", data="1\n2\n3\n")
    for words in (["append", warehouse, "d/t"], ["overwrite", warehouse, "d/t/overwrite"]):
        memory = broken_input(b"4\n5\n")
        done = subprocess.run([program.binary, *map(str, words)], stdin=memory, capture_output=True)
        os.close(memory)
        same((done.returncode, b"standard input: input/output error" in done.stderr), (1, True), words[0])
        same(program("cat", warehouse, "d/t/snapshot/latest.csv"), "id\n1\n2\n3\n", words[0])
        same(program("ls", warehouse, "d/t/snapshot").split(), ["latest.csv", "1/"], words[0])


def sizes_are_numbers_with_one_unit(program, scratch):
    warehouse = table(program, scratch, "id INT", "'bucket' = '-1'")
    for text, code in (("16m", 0), ("16M", 0), ("16mb", 0), ("16777216", 0), ("1g", 0), ("15m", 2), ("16mk", 2), ("16m ", 2),
                       ("1gbb", 2), ("16777216b", 2), ("m", 2), ("", 2), ("-1", 2), ("9223372036854775807k", 2)):
        same(program.run("cat", "--memory", text, warehouse, "d/t/snapshot/latest.csv").returncode, code, text)


# ---- tail ----

class Tail:
    def __init__(self, program, *words):
        self.child = subprocess.Popen([program.binary, "tail", *map(str, words)], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
        os.set_blocking(self.child.stdout.fileno(), False)
        self.text = b""

    def until(self, want):
        """What is printed, as soon as it is at least that."""
        end = time.monotonic() + 20
        while len(self.text) < len(want) and time.monotonic() < end and self.child.poll() is None:
            self.text += self.child.stdout.read() or b""
            time.sleep(0.01)
        same(self.text, want, "tail prints")

    def end(self, number=signal.SIGINT):
        self.child.send_signal(number)
        same(self.child.wait(10), -number, "tail ends")


HEADER = b"_snapshot,_kind,id,s\n"


def tail_shows_the_last_rows_and_follows(program, scratch):
    warehouse = table(program, scratch, "id INT, s STRING", "'bucket' = '-1'")
    program("append", warehouse, "d/t/inbox", data="1,a\n2,\"b\nb\"\n3,c\n")
    tail = Tail(program, "-n", "2", warehouse, "d/t/changelog")
    want = HEADER + b"1,+I,2,\"b\nb\"\n1,+I,3,c\n"
    tail.until(want)
    program("append", warehouse, "d/t", data="4,d\n")  # a table stands for its inbox
    tail.until(want + b"2,+I,4,d\n")
    tail.end()


def tail_counts_from_the_start_and_a_table_stands_for_its_changelog(program, scratch):
    warehouse = table(program, scratch, "id INT, s STRING", "'bucket' = '-1'")
    program("append", warehouse, "d/t/inbox", data="1,a\n2,b\n3,c\n")
    tail = Tail(program, "-n+2", warehouse, "d/t")
    tail.until(HEADER + b"1,+I,2,b\n1,+I,3,c\n")
    tail.end()
    tail = Tail(program, "-n", "+5", warehouse, "d/t/changelog.jsonl")
    time.sleep(0.3)
    program("append", warehouse, "d/t/inbox", data="4,d\n5,e\n6,f\n")
    tail.until(b'{"_snapshot":2,"_kind":"+I","id":5,"s":"e"}\n{"_snapshot":2,"_kind":"+I","id":6,"s":"f"}\n')
    tail.end(signal.SIGTERM)
    tail = Tail(program, "-n0", warehouse, "d/t")
    tail.until(HEADER)
    program("append", warehouse, "d/t/inbox", data="7,g\n")
    tail.until(HEADER + b"3,+I,7,g\n")
    tail.end()


def tail_ends_when_its_reader_does(program, scratch):
    warehouse = table(program, scratch, "id INT, s STRING", "'bucket' = '-1'")
    program("append", warehouse, "d/t/inbox", data="1,a\n")
    tail = Tail(program, warehouse, "d/t")
    tail.until(HEADER + b"1,+I,1,a\n")
    tail.child.stdout.close()
    tail.child.wait(10)
    same(tail.child.stderr.read(), b"", "complaints")


def tail_tells_json_by_the_end_of_the_name(program, scratch):
    warehouse = table(program, scratch, "id INT", "'bucket' = '-1'")
    program("sql", warehouse, data="CREATE TABLE d.`a.jsonl` (id INT);")
    program("append", warehouse, "d/a.jsonl", data="1\n2\n")
    for path, want in (("d/a.jsonl", b"_snapshot,_kind,id\n1,+I,2\n"),
                       ("d/a.jsonl/changelog.jsonl", b'{"_snapshot":1,"_kind":"+I","id":2}\n')):
        tail = Tail(program, "-n", 1, warehouse, path)
        tail.until(want)
        tail.child.kill()
        tail.child.wait()


def tail_of_nothing_is_an_error(program, scratch):
    warehouse = table(program, scratch, "id INT, s STRING", "'bucket' = '-1'")
    done = program.run("tail", warehouse, "d/nothing/changelog")
    same(done.returncode, 1, "exit")
    same(b"nothing" in done.stderr, True, "named")
    same(program.run("tail", warehouse).returncode, 2, "usage")
    same(program.run("tail", "-n", "x", warehouse, "d/t").returncode, 2, "usage")


def postponed_rows_lie_in_avro_unless_that_cannot_have_them(program, scratch):
    cases = [("BIGINT", "1", "", "avro"), ("BIGINT", "1", ", 'file.format' = 'orc'", "avro"),
             ("BIGINT", "1", ", 'file.format.per.level' = '0:orc'", "orc"),
             ("TIMESTAMP(6)", "2024-01-01 00:00:00.123456", "", "avro"),
             ("TIMESTAMP(9)", "2024-01-01 00:00:00.123456789", "", "parquet"),
             ("TIMESTAMP(9)", "2024-01-01 00:00:00.123456789", ", 'file.format' = 'orc'", "orc"),
             ("ARRAY<TIMESTAMP(9)>", '"[""2024-01-01 00:00:00""]"', "", "parquet"), ("TIME(3)", "12:00:00.123", "", "avro"),
             ("TIME(6)", "12:00:00.123", "", "parquet")]
    for number, (kind, value, options, extension) in enumerate(cases):
        place = scratch / str(number)
        place.mkdir()
        warehouse = table(program, place, "k INT, v %s, PRIMARY KEY (k) NOT ENFORCED" % kind, "'bucket' = '-2'" + options)
        program("append", warehouse, "d/t", data="1,%s\n" % value)
        files = list((warehouse / "d.db/t/bucket-postpone").iterdir())
        same([f.suffix for f in files], ["." + extension], "%s%s" % (kind, options))
        same(program.fsck(warehouse), (0, []))


# ---- expire ----

def postponed_or_not_rows_that_no_file_can_have_are_refused(program, scratch):
    for number, options in enumerate(("'bucket' = '1', 'file.format.per.level' = '0:avro'",
                                      "'bucket' = '-2', 'file.format.per.level' = '0:avro'",
                                      "'bucket' = '1', 'changelog-producer' = 'input', 'changelog-file.format' = 'avro'")):
        place = scratch / str(number)
        place.mkdir()
        warehouse = table(program, place, "k INT, v TIMESTAMP(9), PRIMARY KEY (k) NOT ENFORCED", options)
        done = program.run("append", warehouse, "d/t", data=b"1,2024-01-01 00:00:00.123456789\n")
        same((done.returncode, b"which Avro files cannot have" in done.stderr), (1, True), options)
        same(list(warehouse.glob(".paimonfs/journal-*")), [], "what was acknowledged")


def rows_that_no_commit_takes_are_refused(program, scratch):
    keyed, listed = "k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED", "k INT, v STRING"
    largest = "'merge-engine' = 'aggregation', 'fields.v.aggregate-function' = 'max'"
    yes = "k BOOLEAN, v BOOLEAN, PRIMARY KEY (k) NOT ENFORCED"
    cases = [(listed, "'bucket' = '-1'", '{"k":1,"_kind":"-D"}', "takes +I rows only, not -D"),
             (listed, "'bucket' = '-1', 'rowkind.field' = 'v'", '{"k":1,"v":"+U"}', "takes +I rows only, not +U"),
             (keyed, "'rowkind.field' = 'v'", '{"k":1,"v":"X"}', "Unsupported short string 'X' for row kind."),
             (keyed, "'rowkind.field' = 'v'", '{"k":1}', "Row kind cannot be null."),
             (keyed, largest, '{"k":1}\n{"k":1,"_kind":"-U"}', "Aggregate function 'max' does not support retraction"),
             (keyed, largest + ", 'changelog-producer' = 'lookup'", '{"k":1,"_kind":"-D"}', "does not support retraction"),
             (keyed, "'merge-engine' = 'first-row'", '{"k":1,"_kind":"-D"}', "can not accept DELETE/UPDATE_BEFORE records"),
             (keyed, "'merge-engine' = 'partial-update'", '{"k":1}\n{"k":1,"_kind":"-D"}', "can not accept delete records"),
             (listed, "'bucket' = '2', 'bucket-function.type' = 'mod', 'bucket-key' = 'k,v'", '{"k":1,"v":"a"}',
              "bucket key must have exactly one field in mod bucket function"),
             (listed, "'bucket' = '-1', 'file-index.bsi.columns' = 'v'", '{"k":1,"v":"a"}',
              "column v of type STRING cannot have a bsi index"),
             ("k FLOAT, v STRING, PRIMARY KEY (k) NOT ENFORCED", "'bucket' = '1'", '{"k":1.5}\n{"k":"NaN"}', "k is NaN, which no key can be"),
             (yes, largest, '{"k":true,"v":true}\n{"k":true,"v":false}', "Incomparable type of column v")]
    for number, (columns, options, rows, why) in enumerate(cases):
        place = scratch / str(number)
        place.mkdir()
        warehouse = table(program, place, columns, options)
        done = program.run("append", warehouse, "d/t/inbox.jsonl", data=(rows + "\n").encode())
        same((done.returncode, why in done.stderr.decode()), (1, True), "%s: %s" % (options, done.stderr.decode()))
        same(list(warehouse.glob(".paimonfs/journal-*")), [], "what was acknowledged")
        if "bucket-function" in options or "file-index" in options:
            continue
        program("append", warehouse, "d/t/inbox.jsonl", data='{"k":%s,"v":%s}\n' % (
            ("true", "true") if columns == yes else (1, '"+I"')))
        same(len(program("cat", warehouse, "d/t/snapshot/latest.jsonl").splitlines()), 1, "rows of " + options)


def rows_are_not_awaited_by_a_table_that_could_not_take_them(program, scratch):
    (scratch / "w").mkdir()
    done = program.run("sql", scratch / "w", data=b"CREATE DATABASE d; CREATE TABLE d.t (k INT) WITH ('manifest.format' = 'orc');")
    same((done.returncode, b"manifest.format = orc is not there yet" in done.stderr), (1, True), "sentence")


def rows_may_have_bit_slices_of_wide_decimals(program, scratch):
    warehouse = table(program, scratch, "k INT, v DECIMAL(30, 2)", "'bucket' = '-1', 'file-index.bsi.columns' = 'v', "
                      "'file-index.in-manifest-threshold' = '1 b'")
    program("append", warehouse, "d/t", data="1,1.00\n2,\n3,-2.50\n")
    same(len(list(warehouse.glob("d.db/t/bucket-0/*.index"))), 1, "indexes")
    program("append", warehouse, "d/t", data="4,1234567890123456789012345678.00\n")  # more than a word: it says nothing
    same(program("cat", warehouse, "d/t/where/v<0/snapshot/latest.csv"), "k,v\n3,-2.50\n")
    same(program("cat", warehouse, "d/t/where/v>5/snapshot/latest.csv"), "k,v\n4,1234567890123456789012345678.00\n")


def rows_get_defaults_as_a_cast_makes_them(program, scratch):
    defaults = {"BYTES": ("abc", '"YWJj"'), "CHAR(3)": ("a", '"a  "'), "VARCHAR(2)": ("abc", '"ab"'), "INT": ("7", "7"),
                "DECIMAL(9, 2)": ("1.5", '"1.50"'), "ARRAY<INT>": ("[1, 2]", "[1,2]"), "STRING": ("x y", '"x y"')}
    columns = ", ".join("c%d %s DEFAULT '%s'" % (i, kind, text) for i, (kind, (text, _)) in enumerate(defaults.items()))
    warehouse = table(program, scratch, "k INT, %s, PRIMARY KEY (k) NOT ENFORCED" % columns, "'bucket' = '1'")
    program("append", warehouse, "d/t/inbox.jsonl", data='{"k":1}\n')
    program("append", warehouse, "d/t/inbox.csv", data="k\n2\n")
    want = ",".join('"c%d":%s' % (i, shown) for i, (_, shown) in enumerate(defaults.values()))
    same(program("cat", warehouse, "d/t/snapshot/latest.jsonl"), '{"k":1,%s}\n{"k":2,%s}\n' % (want, want))


def expire_goes_by_the_options_of_the_table(program, scratch):
    warehouse = table(program, scratch, "id INT, s STRING, PRIMARY KEY (id) NOT ENFORCED",
                      "'bucket' = '1', 'write-only' = 'true', 'changelog-producer' = 'input'")
    for i in range(6):
        program("append", "--no-compact", warehouse, "d/t/inbox", data="%d,a\n" % i)
    program("sql", warehouse, data="CALL sys.create_tag('d.t', 'old', 1, '1 ms'); CALL sys.create_tag('d.t', 'kept', 2);"
            "ALTER TABLE d.t SET ('snapshot.num-retained.min' = '1', 'snapshot.num-retained.max' = '2',"
            "'snapshot.time-retained' = '1 ms', 'changelog.num-retained.min' = '1', 'changelog.num-retained.max' = '4',"
            "'changelog.time-retained' = '1 ms', 'consumer.expiration-time' = '1 h', 'snapshot.expire.limit' = '2');")
    consumer = warehouse / "d.db/t/consumer/consumer-gone"
    consumer.parent.mkdir()
    consumer.write_text('{"nextSnapshot":1}')
    os.utime(consumer, (1, 1))
    time.sleep(0.05)
    same(program("expire", warehouse, "d.t"), "d.t: 5 snapshots, 4 changelogs, 1 tags, 0 partitions, 1 consumers\n")
    same(sorted(p.name for p in (warehouse / "d.db/t/snapshot").glob("snapshot-*")), ["snapshot-6"])
    same(sorted(p.name for p in (warehouse / "d.db/t/tag").iterdir()), ["tag-kept"])
    same(program("expire", warehouse), "d.t: nothing to do\n")
    same(program("cat", warehouse, "d/t/snapshot/latest.csv").count("\n"), 7)
    same(program.fsck("--deep", warehouse)[0], 0, "fsck")


def expire_drops_partitions_that_are_too_old(program, scratch):
    warehouse = table(program, scratch, "id INT, dt STRING) PARTITIONED BY (dt", "'bucket' = '-1'")
    program("append", warehouse, "d/t/inbox", data="1,2001-01-01\n2,2001-01-02\n3,2999-01-01\n")
    program("sql", warehouse, data="ALTER TABLE d.t SET ('partition.expiration-time' = '7 d',"
            "'partition.timestamp-formatter' = 'yyyy-MM-dd');")
    same(program("expire", warehouse), "d.t: 0 snapshots, 0 changelogs, 0 tags, 2 partitions, 0 consumers\n")
    same(program("cat", warehouse, "d/t/snapshot/latest.csv"), "id,dt\n3,2999-01-01\n")


def expire_of_no_table_is_an_error(program, scratch):
    warehouse = table(program, scratch, "id INT, s STRING", "'bucket' = '-1'")
    for words in ((warehouse, "d.x"), (warehouse, "t")):
        done = program.run("expire", *words)
        same((done.returncode, done.stdout), (1, b""), "expire %s" % words[1])
    same(program.run("expire").returncode, 2, "usage")


# ---- fsck ----

def fsck_finds_nothing_in_what_paimon_wrote_and_writes_nothing(program, scratch):
    for case in sorted((scratch.parent / "golden").iterdir()):
        before = snapshot_of(case / "warehouse")
        for words in ((), ("--deep",)):
            code, findings = program.fsck(*words, case / "warehouse")
            same((code, [f for f in findings if f["severity"] == "wrong"]), (0, []), case.name)
        same(snapshot_of(case / "warehouse") == before, True, case.name + " is as it was")


def named_files(warehouse):
    return [p for p in sorted(warehouse.rglob("*")) if p.is_file() and p.name not in SPARE and ".paimonfs" not in p.parts]


def orphans(program, warehouse):
    """Does anything lie about that nobody names?"""
    return any(f["kind"] == "orphans" for f in program.fsck(warehouse)[1])


def fsck_finds_each_file_that_is_gone(program, scratch):
    for case in DAMAGED:
        warehouse = copied(scratch, case)
        if orphans(program, warehouse):
            continue
        for path in named_files(warehouse):
            if path.parent.name in ("tag", "snapshot", "changelog", "consumer", "schema"):
                continue  # a history that is shorter is none that is damaged; schemas: below
            data = path.read_bytes()
            path.unlink()
            code, findings = program.fsck(warehouse)
            wrong = [f for f in findings if f["severity"] == "wrong"]
            same(code, 1, "%s without %s" % (case, path.name))
            same(any(path.name in f["file"] + f["finding"] for f in wrong), True, "%s tells of %s" % (case, path.name))
            same(all(f["kind"] == "missing" for f in wrong if f["file"].endswith(path.name)), True, "its kind")
            path.write_bytes(data)
        same(program.fsck(warehouse)[0], 0, case + " is whole again")


def fsck_finds_each_file_that_is_cut(program, scratch):
    for case in DAMAGED:
        warehouse = copied(scratch, case)
        if orphans(program, warehouse):
            continue
        for path in named_files(warehouse):
            data = path.read_bytes()
            path.write_bytes(data[:len(data) // 2])
            code, findings = program.fsck(warehouse)
            # An index beside a data file is found by its name alone.
            same(code, 0 if path.suffix == ".index" else 1, "%s with half of %s" % (case, path.name))
            path.write_bytes(data)


def fsck_finds_a_schema_that_is_gone(program, scratch):
    warehouse = copied(scratch, "evolution-pk")
    program.fsck(warehouse)
    schema = sorted(warehouse.rglob("schema-0"))[0]
    schema.unlink()
    code, findings = program.fsck(warehouse)
    same(code, 1, "without schema-0")
    same(any("schema" in f["finding"] for f in findings), True, "it is told of")


def fsck_finds_flipped_bits_that_readers_find(program, scratch):
    rng, seen, flips = random.Random(7), 0, 0
    for case in DAMAGED:
        warehouse = copied(scratch, case)
        views = ["db/%s/snapshot/latest.jsonl" % t.name for t in sorted((warehouse / "db.db").iterdir())]
        good = program.run("cat", warehouse, *views).stdout.count(b"\n")
        for path in named_files(warehouse):
            if path.suffix not in (".parquet", ".orc", ".avro"):
                continue
            data, at = path.read_bytes(), rng.randrange(path.stat().st_size)
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:])
            read = program.run("cat", warehouse, *views)
            code = program.fsck("--deep", warehouse)[0]
            if read.returncode != 0 or read.stdout.count(b"\n") != good:
                same(code, 1, "%s with a flipped bit at %d of %s" % (case, at, path.name))
            seen, flips = seen + code, flips + 1
            path.write_bytes(data)
    same(seen > flips / 3, True, "%d of %d flips were found" % (seen, flips))


def fsck_finds_a_row_count_that_is_wrong_without_looking_deep(program, scratch):
    warehouse = table(program, scratch, "id INT, s STRING", "'bucket' = '-1'")
    program("append", warehouse, "d/t/inbox", data="1,a\n2,b\n")
    program("append", warehouse, "d/t/inbox", data="3,c\n4,d\n")
    one, two = sorted(warehouse.rglob("data-*.parquet"))
    two.write_bytes(one.read_bytes())
    same(program.fsck(warehouse)[0], 0, "twins have the same size and as many rows")
    program("append", warehouse, "d/t/inbox", data="5,e\n")
    snapshot = warehouse / "d.db/t/snapshot/snapshot-3"
    text = json.loads(snapshot.read_text())
    text["totalRecordCount"] = 7
    snapshot.write_text(json.dumps(text))
    code, findings = program.fsck(warehouse)
    same((code, [(f["kind"], f["named_by"]) for f in findings]), (1, [("count", "snapshot 3")]))


def fsck_finds_other_keys_in_the_place_of_a_file_when_it_looks_deep(program, scratch):
    warehouse = table(program, scratch, "id INT, PRIMARY KEY (id) NOT ENFORCED", "'bucket' = '1', 'write-only' = 'true'")
    for row in ("1\n2\n", "3\n4\n"):
        program("append", "--no-compact", warehouse, "d/t/inbox", data=row)
    one, two = sorted(warehouse.rglob("data-*.parquet"))
    if one.stat().st_size != two.stat().st_size:
        raise Failed("the files are not of one size")
    two.write_bytes(one.read_bytes())
    same(program.fsck(warehouse)[0], 0, "length and rows are right")
    code, findings = program.fsck("--deep", warehouse)
    same((code, {f["kind"] for f in findings if f["severity"] == "wrong"}), (1, {"range"}))


def fsck_finds_hints_that_lead_astray(program, scratch):
    warehouse = table(program, scratch, "id INT", "'bucket' = '-1'")
    for i in range(3):
        program("append", warehouse, "d/t/inbox", data="%d\n" % i)
    hints = warehouse / "d.db/t/snapshot"
    (hints / "LATEST").write_text("2")
    same(program.fsck(warehouse)[0], 0, "a hint that is late is passed over")
    (hints / "LATEST").write_text("9")
    code, findings = program.fsck(warehouse)
    same((code, findings[0]["kind"], findings[0]["finding"]), (1, "hint", "it leads to snapshot 9, and the newest one is 3"))
    (hints / "LATEST").write_text("3")
    (hints / "snapshot-2").unlink()
    code, findings = program.fsck(warehouse)
    same((code, findings[0]["kind"]), (0, "gap"), "a gap")


def fsck_counts_orphans_and_prints_json(program, scratch):
    warehouse = table(program, scratch, "id INT", "'bucket' = '-1'")
    program("append", warehouse, "d/t/inbox", data="1\n")
    (warehouse / "d.db/t/bucket-0/data-lost-0.parquet").write_bytes(b"12345")
    time.sleep(0.01)
    done = program.run("fsck", "--json", warehouse)
    findings = json.loads(done.stdout)
    same((done.returncode, len(findings), findings[0]["kind"], findings[0]["finding"]),
         (0, 1, "orphans", "1 files of 5 bytes are named by nothing"))
    same(done.stderr.startswith(b"d.t: 1 snapshots, 0 tags, 0 changelogs, 1 files, "), True, done.stderr)
    same(json.loads(program.run("fsck", "--json", warehouse, "d.t").stdout), findings, "of one table")
    same(program.run("fsck", warehouse, "d.x").returncode, 1, "no such table")
    same(program.run("fsck", "--shallow", warehouse).returncode, 2, "usage")


def doctor_says_the_same_in_json(program, scratch):
    plain, done = program.run("doctor", "/nowhere"), program.run("doctor", "--json", "/nowhere")
    told = json.loads(done.stdout)
    same([(t["state"] + " " * 8)[:9] + t["what"] + (": " + t["why"] if t["why"] else "") for t in told],
         plain.stdout.decode().splitlines())
    same((done.returncode, told[-1]),
         (1, {"what": "/nowhere", "state": "missing", "why": "no warehouse is mounted there"}))
    same(program.run("doctor", "/a", "/b").returncode, 2, "usage")


def status_prints_json(program, scratch):
    for mount in json.loads(program("status", "--json")):
        same(sorted(mount), ["mountpoint", "read_only", "warehouse"])
    same(program.run("status", "--json", "/nowhere").returncode, 1, "not mounted")


def rows_that_a_snapshot_changed_go_with_it_though_a_tag_stays(program, scratch):
    table(program, scratch, "k INT, PRIMARY KEY (k) NOT ENFORCED", "'bucket' = '1', 'changelog-producer' = 'input'")
    program("append", scratch / "warehouse", "d/t/inbox", data="1\n")
    program("sql", scratch / "warehouse", data="CALL sys.create_tag('d.t', 'kept', 1);")
    same(program("cat", scratch / "warehouse", "d/t/tag/kept/changes.csv"), "_kind,k\n+I,1\n")
    program("append", scratch / "warehouse", "d/t/inbox", data="2\n")
    program("sql", scratch / "warehouse", data="CALL sys.expire_snapshots('d.t', retain_max => 1, retain_min => 1);")
    same(program("cat", scratch / "warehouse", "d/t/tag/kept/snapshot/latest.csv"), "k\n1\n")
    refused = program.run("cat", scratch / "warehouse", "d/t/tag/kept/changes.csv")
    same(b"snapshot 1 expired or was rolled back" in refused.stderr, True, refused.stderr)


def status_of_a_mount_on_a_file_is_none_for_it_is_refused(program, scratch):
    (scratch / "warehouse").mkdir()
    (scratch / "file").write_text("kept")
    refused = program.run("mount", scratch / "warehouse", scratch / "file")
    same(refused.returncode, 1, "mounted on a file")
    same(b"not a directory" in refused.stderr, True, refused.stderr)
    same((scratch / "file").read_text(), "kept")


def help_is_there_for_each_command_and_options_that_are_not_known_are_no_names(program, scratch):
    """`demo --help` made a warehouse of that name."""
    whole = program("--help")
    for name in re.findall(r"^  paimonfs ([a-z]+) ", whole, re.M):
        for text in program(name, "--help"), program("help", name):
            same(text.startswith("usage: paimonfs %s " % name), True, text)
        for option in "--nonsense", "-X":
            refused = program.run(name, option, scratch / "new")
            same(refused.returncode, 2, "%s %s" % (name, option))
    same("commit-interval=" in program("mount", "--help"), True, "mount --help")
    refused = program.run("mount", "-o", "remount,ro", scratch, scratch)
    same((refused.returncode, b"unmount it" in refused.stderr), (2, True), refused.stderr)
    same(os.listdir(scratch), [], "made")


TESTS = [value for value in list(globals().values()) if callable(value) and getattr(value, "__module__", "") == "__main__"
         and value.__name__.split("_")[0] in ("tail", "postponed", "rows", "expire", "fsck", "doctor", "status", "help", "output",
                                              "sizes")]


def main():
    program, only = Program(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2:]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="cli-") as name:
        base = pathlib.Path(name)
        with tarfile.open(ROOT / "tests/golden/cases.tar.xz") as tar:
            tar.extractall(base / "golden", filter="data")
        os.environ["XDG_CACHE_HOME"] = str(base / "cache")
        for test in TESTS:
            if only and test.__name__ not in only:
                continue
            scratch = base / test.__name__
            scratch.mkdir()
            try:
                test(program, scratch)
                passed += 1
            except Exception as e:  # whatever it is, the test failed
                failed += 1
                print("FAIL %s: %s" % (test.__name__, e))
            shutil.rmtree(scratch, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
