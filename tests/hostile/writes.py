#!/usr/bin/env python3
"""Bad input through a mount: writes.py BINARY [--quick] [--resident MIB]. Ends with `N passed, N failed`.

Each case is written by a small writer (the errno of write(2) and close(2) counts) and by `cat >` in a shell. It must be
refused with its errno and a sentence in errors.jsonl that says what and where; nothing of the handle is kept, the next
write works, the daemon lives and its peak of memory stays below the bound.
"""
import argparse
import errno
import json
import os
import pathlib
import subprocess
import sys
import tempfile

MIB = 1 << 20
DDL = """CREATE DATABASE d;
CREATE TABLE d.t (k INT, s STRING, d DATE, n DECIMAL(5, 2), a ARRAY<INT>, ts TIMESTAMP(3), va VARIANT,
  PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' = 'deduplicate');
CREATE TABLE d.wide (%s);
""" % ", ".join("c%d INT" % i for i in range(1000))
GOOD = b'{"k":99,"s":"good"}\n'
INVAL, RANGE, ILSEQ, MSGSIZE = errno.EINVAL, errno.ERANGE, errno.EILSEQ, errno.EMSGSIZE


def csv(k="1", s="x", d="2024-01-01", n="1.00", a="[1]", ts="2024-01-01 00:00:00.000", va="1"):
    quoted = '"%s"' % a.replace('"', '""')
    return ",".join((k, s, d, n, quoted, ts, va)).encode() + b"\n"


def parquet(binary, scratch):
    """Parquet files by the columns that they have: a table's own data files."""
    files = {}
    for number, (columns, row) in enumerate((("k INT, s STRING", {"k": 1, "s": "x"}), ("k INT, zz INT", {"k": 1}),
                                             ("k BIGINT", {"k": 2147483648}), ("k BIGINT", {"k": None}),
                                             ("k INT, s BYTES", {"k": 1, "s": "//4="}), ("k INT, d DOUBLE", {"k": 1}),
                                             ("k INT, a ARRAY<BIGINT>", {"k": 1, "a": [9999999999]}))):
        warehouse = scratch / ("files%d" % number)
        warehouse.mkdir()
        ddl = "CREATE DATABASE d; CREATE TABLE d.f (%s);" % columns
        subprocess.run([binary, "sql", warehouse], input=ddl.encode(), check=True, capture_output=True)
        subprocess.run([binary, "append", warehouse, "d/f/inbox.jsonl"], input=json.dumps(row).encode(), check=True,
                       capture_output=True)
        files[number] = next(warehouse.glob("d.db/f/bucket-0/*.parquet")).read_bytes()
    return files


def parquet_cases(files):
    good, footer = files[0], int.from_bytes(files[0][-8:-4], "little")
    yield "Parquet: an unknown column", "inbox", files[1], INVAL, None, None, "zz is no column of the table"
    yield "Parquet: an integer too large", "inbox", files[2], RANGE, 1, "k", "does not fit"
    yield "Parquet: a null key", "inbox", files[3], INVAL, 1, "k", "NULL is not allowed"
    yield "Parquet: not UTF-8", "inbox", files[4], ILSEQ, 1, "s", "not UTF-8"
    yield "Parquet: a type that never fits", "inbox", files[5], INVAL, None, None, "DOUBLE of the file cannot become DATE"
    yield "Parquet: an element too large", "inbox", files[6], RANGE, 1, "a", "element 1"
    yield "Parquet: cut in the middle", "inbox", good[:len(good) // 2], INVAL, None, None, "its end is missing"
    yield "Parquet: the magic alone", "inbox", b"PAR1", INVAL, None, None, "its end is missing"
    yield "Parquet: nothing between two magics", "inbox", b"PAR1" + b"\0" * 100 + b"PAR1", errno.EIO, None, None, "footer"
    yield "Parquet: a footer longer than the file", "inbox", good[:-8] + b"\xff\xff\xff\x7fPAR1", errno.EIO, None, None, "footer"
    yield "Parquet: a damaged footer", "inbox", good[:-8 - footer] + b"\xff" * footer + good[-8:], errno.EIO, None, None, "footer"
    yield "Parquet: damaged pages", "inbox", good[:4] + b"\xff" * 40 + good[44:], errno.EIO, None, None, "Parquet"
    yield "Parquet: text behind the file", "inbox", good + b"1,x\n", INVAL, None, None, "its end is missing"
    yield "Parquet: a bad file behind a good one", "inbox", good + files[2], RANGE, 2, "k", "does not fit"
    yield "Parquet: a good file behind half of one", "inbox", good[:50] + good, None, None, None, "Parquet"


def cases(quick):
    """(name, file, bytes, errno, row or None, column or None, words of the sentence)"""
    ok = csv()
    big = (8 if quick else 100) * MIB
    limit = MSGSIZE if big > 64 * MIB else INVAL
    yield "not UTF-8", "inbox", ok + csv(k="2", s="@").replace(b"@", b"\xff\xfe"), ILSEQ, 2, "s", "not UTF-8"
    yield "a cut UTF-8 sequence", "inbox", csv(s="@").replace(b"@", b"\xe2\x82"), ILSEQ, 1, None, "not UTF-8"
    yield "a NUL in a number", "inbox", csv(k="1\0"), INVAL, 1, "k", "is not an integer"
    yield "a NUL in JSON", "inbox", b'{"k":1,"s":"a\0b"}\n', INVAL, 1, None, "control character"
    yield "a long line without newline", "inbox", b"1," + b"x" * big, limit, None, None, ""
    yield "a long JSON string", "inbox", b'{"k":1,"s":"' + b"x" * big, limit, None, None, ""
    yield "a quote that stays open", "inbox", b'1,"x,2024-01-01\n2,y\n', INVAL, 1, None, "quote"
    yield "text behind a quote", "inbox", b'1,"x"y,,,,,\n', INVAL, 1, None, "quote"
    yield "too few columns", "inbox", ok + b"2,x\n", INVAL, 2, None, "2 "
    yield "too many columns", "inbox", ok + ok[:-1] + b",9\n", INVAL, 2, None, "8 "
    yield "an integer too large", "inbox", csv(k="2147483648"), RANGE, 1, "k", "does not fit"
    yield "a decimal too large", "inbox", csv(n="1000.00"), RANGE, 1, "n", "does not fit"
    yield "a decimal too fine", "inbox", csv(n="1.001"), RANGE, 1, "n", "does not fit"
    yield "no date", "inbox", csv(d="2024-02-30"), INVAL, 1, "d", "is not a date"
    yield "no timestamp", "inbox", csv(ts="yesterday"), INVAL, 1, "ts", "is not a timestamp"
    yield "an array that stays open", "inbox", csv(a="[1"), INVAL, 1, "a", "belongs"
    yield "an element too large", "inbox", csv(a="[1,9999999999]"), RANGE, 1, "a", "element 2"
    yield "no variant", "inbox", csv(va="nothing"), INVAL, 1, "va", "is no variant"
    yield "a number for a string", "inbox", b'{"k":1,"s":5}\n', INVAL, 1, "s", "is not a string"
    yield "an object for an integer", "inbox", b'{"k":{"a":1}}\n', INVAL, 1, "k", "is not an integer"
    yield "a key twice", "inbox", b'{"k":1,"k":2}\n', INVAL, 1, None, 'twice the column "k"'
    yield "an unknown key", "inbox", b'{"k":1,"zz":2}\n', INVAL, 1, None, 'unknown column "zz"'
    yield "an unknown header field", "inbox", b"k,zz\n1,2\n", INVAL, 0, "zz", "zz"
    yield "a missing key", "inbox", b'{"s":"x"}\n', INVAL, 1, "k", "NULL is not allowed"
    yield "a null key", "inbox", csv(k=""), INVAL, 1, "k", "NULL is not allowed"
    yield "an unknown row kind", "inbox", b'{"_kind":"?","k":1}\n', INVAL, 1, None, "kind"
    yield "deep nesting", "inbox", b'{"k":1,"va":' + b"[" * 100 + b"1" + b"]" * 100 + b"}\n", INVAL, 1, None, "deep"
    yield "very deep nesting", "inbox", b'{"k":1,"va":' + b"[" * 100000, INVAL, 1, None, "deep"
    yield "ten thousand fields", "inbox", b",".join(b"1" for _ in range(10000)) + b"\n", INVAL, None, None, "10000"
    yield "a wide row cut", "../wide/inbox", b",".join(b"1" for _ in range(999)) + b"\n", INVAL, 1, None, "999"
    yield "an ELF file", "inbox", b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 64, None, None, None, ""
    yield "a gzip file", "inbox", b"\x1f\x8b\x08\x00" + bytes((i * 37 + 11) % 256 for i in range(9000)), None, None, None, ""
    yield "rows of JSON without comma", "inbox", b'[{"k":1} {"k":2}]', INVAL, None, None, ""
    for kind, envelope in (("debezium", b'{"op":"c","before":null,"after":{"k":1,"s":"x"}}\n'),
                           ("canal", b'{"type":"INSERT","isDdl":false,"data":[{"k":"1","s":"x"}]}\n'),
                           ("maxwell", b'{"type":"insert","data":{"k":1,"s":"x"}}\n')):
        inbox = "inbox." + kind
        yield kind + " is cut", inbox, envelope[:-5], INVAL, None, None, "not closed"
        yield kind + " is no object", inbox, b"[1]\n", INVAL, None, None, "object"
        yield kind + " with a bad value", inbox, envelope.replace(b'"k":1', b'"k":"x"').replace(b'"k":"1"', b'"k":"x"'), \
            INVAL, 1, "k", "is not an integer"
        yield kind + " with a null key", inbox, envelope.replace(b'"k":1', b'"k":null').replace(b'"k":"1"', b'"k":null'), \
            INVAL, 1, "k", "NULL is not allowed"
        yield kind + " not UTF-8", inbox, envelope.replace(b'"x"', b'"\xff"'), ILSEQ, 1, "s", "not UTF-8"
    yield "debezium of an unknown operation", "inbox.debezium", b'{"op":"?","after":{"k":1}}\n', INVAL, None, None, ""


class Mount:
    def __init__(self, binary, scratch):
        self.binary, self.warehouse, self.at = binary, scratch / "warehouse", scratch / "mnt"
        self.warehouse.mkdir()
        self.at.mkdir()
        subprocess.run([binary, "sql", self.warehouse], input=DDL.encode(), check=True, capture_output=True)
        self.said = open(scratch / "said", "w+b")
        self.daemon = subprocess.Popen([binary, "mount", "-f", self.warehouse, self.at], stdout=subprocess.DEVNULL,
                                       stderr=self.said)
        while not os.path.ismount(self.at):
            assert self.daemon.poll() is None, "the mount does not start"

    def umount(self):
        self.daemon.terminate()
        code = self.daemon.wait(60)
        if code != 0:
            self.said.seek(0)
            print("FAIL the end of the mount: exit code %d\n%s" % (code, self.said.read()[-8000:].decode(errors="replace")))
        return code

    def errors(self, table):
        return (self.at / "d" / table / "errors.jsonl").read_text().splitlines()

    def peak_mib(self):
        for line in pathlib.Path("/proc/%d/status" % self.daemon.pid).read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) >> 10
        return 0


def write(path, data):
    """The errno of the first call that fails: write(2) or close(2); 0 = none."""
    code = 0
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        for at in range(0, len(data), MIB):
            os.write(fd, data[at:at + MIB])
    except OSError as e:
        code = e.errno
    try:
        os.close(fd)
    except OSError as e:
        code = code or e.errno
    return code


def check(mount, case, resident):
    name, file, data, code, row, column, words = case
    table = "wide" if "wide" in file else "t"
    path = mount.at / "d/t" / file
    before = len(mount.errors(table))
    got = write(path, data)
    if code is not None or got == 0:
        want = errno.errorcode.get(code, "an error")
        tail = name.endswith("is cut") or "open" in name or "long" in name or "very" in name or "comma" in name
        if not (got == 0 and tail):  # what ends too early is found at RELEASE, which nobody hears
            assert got == code, "errno %s instead of %s" % (errno.errorcode.get(got, got), want)
    os.stat(mount.at / "d" / table / "snapshot/latest.csv")
    lines = mount.errors(table)
    assert len(lines) > before, "errors.jsonl tells nothing"
    told = json.loads(lines[-1])
    for key, want in (("row", row), ("column", column)):
        assert want is None or told.get(key) == want, "%s %r instead of %r: %s" % (key, told.get(key), want, lines[-1][:300])
    assert words in told["reason"], "%r is not in: %s" % (words, told["reason"])
    by_shell = subprocess.run(["bash", "-c", 'cat > "$0"', path], input=data, capture_output=True, timeout=120)
    assert got == 0 or by_shell.returncode != 0, "cat heard nothing"
    if table == "t":
        assert write(mount.at / "d/t/inbox", GOOD) == 0, "the next write is refused"
    kept = (mount.at / "d" / table / "snapshot/latest.csv").read_bytes().splitlines()[1:]
    assert len(kept) == (1 if table == "t" else 0), "kept: %r" % kept[:3]
    assert mount.daemon.poll() is None, "the daemon is gone"
    assert mount.peak_mib() < resident, "VmHWM %d MiB" % mount.peak_mib()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="8 MiB for what is long")
    parser.add_argument("--resident", type=int, default=512, help="MiB that the daemon may take")
    arguments = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="paimonfs-writes") as scratch:
        mount = Mount(arguments.binary.resolve(), pathlib.Path(scratch))
        try:
            files = parquet(mount.binary, pathlib.Path(scratch))
            for case in [*cases(arguments.quick), *parquet_cases(files)]:
                try:
                    check(mount, case, arguments.resident)
                    passed += 1
                except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as e:
                    failed += 1
                    print("FAIL %s: %s" % (case[0], e))
            print("peak of memory: %d MiB" % mount.peak_mib())
        finally:
            left = mount.umount()
        passed, failed = (passed + 1, failed) if left == 0 else (passed, failed + 1)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
