#!/usr/bin/env python3
"""Damaged and malicious warehouses through the program: run.py BINARY [--mount]. Ends with `N passed, N failed`.

Copies of golden tables, each with one mutation, stand side by side in one warehouse. Of each, every kind of view is
read: the answer must come within 10 s, and be an error with a sentence or what the sound table gives (bytes that nobody
looks at may change; a flipped bit inside a value that no checksum covers gives other rows, but as many). What the newest
view cannot be made of, fsck finds, where there is no mount. The tables beside it read as ever, the program lives, stays under
512 MiB, and never opens what lies outside of the warehouse.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASES = ["partial-update", "levels-full", "dv-pk", "file-index", "types-append-parquet", "types-append-orc",
         "types-append-avro", "changelog-input", "partitions", "tags"]
VIEWS = ["snapshot/latest.jsonl", "snapshot/1.csv", "changelog.jsonl", "system/files.jsonl", "system/snapshots.csv",
         "diff/1..latest.csv", "schema.sql", "schema.json", "status.json"]
SECRET = "a-line-that-nobody-may-read"
TIMEOUT = 10


# ---- mutations: (name, which file, what happens to its bytes) ----

def flip(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]


def cut(data, rng):
    return data[:rng.randrange(len(data))]


def empty(data, rng):
    return b""


def noise(data, rng):
    at = rng.randrange(max(1, len(data) - 32))
    return data[:at] + rng.randbytes(32) + data[at + 32:]


def huge(data, rng):
    at = rng.randrange(max(1, len(data) - 8))
    return data[:at] + rng.choice((b"\xff" * 8, b"\xff\xff\xff\x7f" * 2, b"\x7f" + b"\xff" * 7, b"\0" * 8)) + data[at + 8:]


def doubled(data, rng):
    return data + data


BYTES = {f.__name__: f for f in (flip, cut, empty, noise, huge, doubled)}


def deep(table, rng):
    for path in (table / "schema").iterdir():
        path.write_text("[" * 10000 + "]" * 10000)


def deep_type(table, rng):
    path = table / "schema/schema-0"
    schema = json.loads(path.read_text())
    schema["fields"][-1]["type"] = "ARRAY<" * 10000 + "INT" + ">" * 10000
    path.write_text(json.dumps(schema))


def long_json(table, rng):
    for path in (table / "snapshot").glob("snapshot-*"):
        path.write_text('{"version":3,"id":1,"properties":{' + ",".join('"k%d":"v"' % i for i in range(200000)) + "}}")


def outside(name):
    """A name in the metadata that leads elsewhere."""
    def mutate(table, rng):
        for path in (table / "snapshot").glob("snapshot-*"):
            snapshot = json.loads(path.read_text())
            snapshot["deltaManifestList"] = snapshot["baseManifestList"] = name
            path.write_text(json.dumps(snapshot))
    return mutate


def linked_files(table, rng):
    for path in list(table.rglob("data-*")):
        path.unlink()
        path.symlink_to(table.parents[2] / "secret")


def linked_manifests(table, rng):
    for path in list((table / "manifest").iterdir()):
        path.unlink()
        path.symlink_to(table.parents[2] / "secret")


def linked_directory(table, rng):
    shutil.move(table / "manifest", table.parents[2] / ("away-" + table.name))
    (table / "manifest").symlink_to(table.parents[2] / ("away-" + table.name))


def many_numbers(table, rng):
    for path in (table / "snapshot").glob("snapshot-*"):
        snapshot = json.loads(path.read_text())
        for key, value in snapshot.items():
            if isinstance(value, int) and key not in ("version", "id"):
                snapshot[key] = rng.choice((-1, 2**63 - 1, -2**63, 10**30))
        path.write_text(json.dumps(snapshot))


def lying_hints(table, rng):
    for name in ("LATEST", "EARLIEST"):
        (table / "snapshot" / name).write_text(rng.choice(("999999999999", "-1", "", "x" * 5000, "0")))


def missing(pattern):
    def mutate(table, rng):
        for path in sorted(table.rglob(pattern))[:1]:
            path.unlink()
    return mutate


def pipes(table, rng):
    for path in list((table / "manifest").iterdir())[:3]:
        path.unlink()
        os.mkfifo(path)


# ---- bombs: valid containers that decode to a thousand times their size ----

def container(records_zstd):
    """An Avro file whose block is given compressed; its count is as large as its bytes could hold."""
    schema = b'{"type":"record","name":"record","fields":[{"name":"_VERSION","type":"int"}]}'
    return (b"Obj\x01\x04\x16avro.schema" + varint(len(schema)) + schema + b"\x14avro.codec\x12zstandard\0" +
            b"0123456789abcdef" + varint(1 << 20) + varint(len(records_zstd)) + records_zstd + b"0123456789abcdef")


def varint(n):
    n, out = n << 1, b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def avro_bomb(table, rng):
    bomb = subprocess.run(["zstd", "-q", "-19", "-c"], input=bytes(2 << 30), capture_output=True, check=True).stdout
    for path in (table / "manifest").iterdir():
        path.write_bytes(container(bomb))


SPECIAL = {"deep JSON": deep, "a deep type": deep_type, "long JSON": long_json,
           "a list outside": outside("../../../../../secret"), "an absolute list": outside("/etc/passwd"),
           "a list with a slash": outside("a/b"), "a list of no name": outside(""), "an endless name": outside("x" * 5000),
           "linked data files": linked_files, "linked manifests": linked_manifests, "a linked directory": linked_directory,
           "numbers beyond reason": many_numbers, "lying hints": lying_hints, "a data file that is gone": missing("data-*"),
           "a manifest that is gone": missing("manifest-*"), "a schema that is gone": missing("schema-0"),
           "pipes for manifests": pipes, "a bomb of manifests": avro_bomb}
KINDS = ["schema/schema-*", "snapshot/snapshot-*", "manifest/manifest-list-*", "manifest/manifest-*",
         "manifest/index-manifest-*", "index/*", "data-*", "changelog-*"]


def plan(table, rng, rounds):
    """Names and actions of all mutations that make sense for a table."""
    for kind in KINDS:
        found = [p for p in table.rglob(kind.split("/")[-1]) if p.is_file() and kind.split("/")[0] in (p.parent.name, kind)]
        if kind == "manifest/manifest-*":
            found = [p for p in found if not p.name.startswith("manifest-list")]
        if not found:
            continue
        for name, change in BYTES.items():
            for _ in range(rounds):
                path = rng.choice(found).relative_to(table)

                def mutate(copy, rng, path=path, change=change):
                    data = (copy / path).read_bytes()
                    (copy / path).write_bytes(change(data, rng))
                yield "%s: %s" % (path.name.split("-")[0] + "-" if kind != "index/*" else "index", name), mutate
    yield from SPECIAL.items()


# ---- the program ----

class Reader:
    """Reads paths of a warehouse: by a mount, or by a process for each."""

    def __init__(self, binary, warehouse, point):
        self.binary, self.warehouse, self.point, self.peak = binary, warehouse, point, 0
        self.daemon = None
        if point:
            self.daemon = subprocess.Popen([binary, "mount", "-f", "-o", "ro", warehouse, point],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while not os.path.ismount(point):
                if self.daemon.poll() is not None:
                    raise RuntimeError("the mount did not come up")
                time.sleep(0.02)

    def __call__(self, path):
        """(bytes, None) or (what was read, error text)."""
        command = ["cat", self.point / path] if self.point else [self.binary, "cat", self.warehouse, path]
        done = subprocess.run(["/usr/bin/env", "time", "-q", "-f", "KIB %M", *map(str, command)], capture_output=True,
                              timeout=TIMEOUT)
        error = done.stderr.decode(errors="replace").rsplit("KIB ", 1)
        if not self.point:
            self.peak = max(self.peak, int(error[1]))
        if done.returncode not in (0, 1):
            raise RuntimeError("exit %d: %s" % (done.returncode, error[0][-300:]))
        return done.stdout, None if done.returncode == 0 else error[0].strip()

    def check(self, table, unreadable):
        """What is wrong with fsck: what a reader cannot read it must find."""
        done = subprocess.run([self.binary, "fsck", "--deep", self.warehouse, "db." + table], capture_output=True,
                              timeout=3 * TIMEOUT)
        said = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode not in (0, 1):
            return "exit %d: %s" % (done.returncode, said[-300:])
        if SECRET in said:
            return "read a file outside of the warehouse"
        return "found nothing where a reader says: " + unreadable if unreadable and done.returncode == 0 else ""

    def stop(self):
        """Whatever happened."""
        if self.daemon and self.daemon.poll() is None:
            subprocess.run(["fusermount3", "-u", "-z", self.point])
            self.daemon.kill()
            self.daemon.wait()

    def close(self):
        """What is wrong with the program at the end."""
        if not self.point:
            return ""
        if self.daemon.poll() is not None:
            return "the daemon died: " + self.daemon.stderr.read().decode(errors="replace")[-500:]
        status = pathlib.Path("/proc/%d/status" % self.daemon.pid).read_text()
        self.peak = int(status.split("VmHWM:")[1].split()[0])
        subprocess.run(["fusermount3", "-u", self.point], check=True)
        if self.daemon.wait(timeout=30) == 0:
            return ""
        said = self.daemon.stderr.read().decode(errors="replace")
        return "the daemon exited with %d: %s" % (self.daemon.returncode, said[-3000:].strip().replace("\n", " | "))


def judge(view, got, error, sound, sound_error):
    if SECRET.encode() in got or (error and SECRET in error):
        return "read a file outside of the warehouse"
    if error is not None:
        return "" if len(error) > 20 else "no sentence: %r" % error
    if sound_error is not None or got == sound:
        return ""
    if view.startswith(("system/", "schema", "status")):
        return ""  # what the metadata says now
    if got.count(b"\n") == sound.count(b"\n"):
        return ""  # a value that no checksum covers
    return "looks whole but has %d lines of %d" % (got.count(b"\n"), sound.count(b"\n"))


def run_case(binary, case, args):
    rng = random.Random(case.name)
    with tempfile.TemporaryDirectory(prefix="paimonfs-hostile-") as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "secret").write_text(SECRET + "\n")
        source = min(p for p in (case / "warehouse/db.db").iterdir() if (p / "schema").is_dir())
        database = scratch / "warehouse/db.db"
        database.mkdir(parents=True)
        shutil.copytree(source, database / "sound")
        names = []
        for number, (name, mutate) in enumerate(plan(source, rng, args.rounds)):
            copy = database / ("t%d" % number)
            shutil.copytree(source, copy)
            mutate(copy, rng)
            names.append(name)
        point = scratch / "mnt" if args.mount else None
        if point:
            point.mkdir()
        reader = Reader(binary, scratch / "warehouse", point)
        try:
            return read_all(reader, case, names, args.resident * 1024)
        finally:
            reader.stop()


def read_all(reader, case, names, resident):
    failures, passed = [], 0
    sound = {view: reader("db/sound/" + view) for view in VIEWS}
    for number, name in enumerate(names):
        unreadable = None
        for view in VIEWS:
            error = None
            try:
                got, error = reader("db/t%d/%s" % (number, view))
                wrong = judge(view, got, error, *sound[view])
            except subprocess.TimeoutExpired:
                wrong = "no answer within %d s" % TIMEOUT
            except RuntimeError as e:
                wrong = str(e)
            if view == VIEWS[0]:
                unreadable = error
            if wrong:
                failures.append("%s, %s, %s: %s" % (case.name, name, view, wrong))
            else:
                passed += 1
        if not reader.point:
            try:
                wrong = reader.check("t%d" % number, unreadable)
            except subprocess.TimeoutExpired:
                wrong = "no answer within %d s" % (3 * TIMEOUT)
            passed += not wrong
            failures += ["%s, %s, fsck: %s" % (case.name, name, wrong)] if wrong else []
    for view in VIEWS:
        if reader("db/sound/" + view) != sound[view] and view != "status.json":
            failures.append("%s: %s of the sound table changed" % (case.name, view))
    wrong = reader.close()
    if not wrong and reader.peak > resident:
        wrong = "%d KiB resident" % reader.peak
    return passed, failures + (["%s: %s" % (case.name, wrong)] if wrong else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda p: str(pathlib.Path(p).resolve()))
    parser.add_argument("--mount", action="store_true")
    parser.add_argument("--rounds", type=int, default=2, help="mutations of each kind of bytes for each kind of file")
    parser.add_argument("--resident", type=int, default=512, help="MiB; sanitizers take more")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_intermixed_args()
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory(prefix="paimonfs-cases-") as scratch:
        with tarfile.open(ROOT / "golden/cases.tar.xz") as packed:
            packed.extractall(scratch, filter="data")
        for name in args.cases or CASES:
            good, failures = run_case(args.binary, pathlib.Path(scratch) / name, args)
            passed += good
            failed += len(failures)
            for failure in failures:
                print("FAIL", failure)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
