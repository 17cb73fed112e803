"""A warehouse mounted for a test, and what tests say of it."""
import errno
import os
import pathlib
import subprocess

TESTS = []
DDL = ("CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, v STRING, amount DECIMAL(10, 2), PRIMARY KEY (k) NOT ENFORCED) "
       "WITH ('bucket' = '1');")


def test(function):
    TESTS.append(function)
    return function


class Mount:
    def __init__(self, binary, scratch, ddl=DDL):
        self.binary, self.warehouse, self.at = binary, scratch / "warehouse", scratch / "mnt"
        self.log = scratch / "log"
        self.warehouse.mkdir(exist_ok=True)
        self.at.mkdir(exist_ok=True)
        if ddl:
            self.sql(ddl)
        self.mount()

    def mount(self, *options):
        subprocess.run([self.binary, "mount", "-o", ",".join(["log=%s" % self.log, *options]), self.warehouse, self.at],
                       check=True, timeout=30)

    def remount(self, *options):
        self.umount()
        self.mount(*options)

    def pid(self):
        return int(subprocess.run(["pgrep", "-f", "^%s mount .* %s$" % (self.binary, self.at)], capture_output=True,
                                  text=True).stdout.split()[0])

    def status(self, field):
        """A line of the daemon's /proc/<pid>/status, in KiB where it is a size."""
        for line in pathlib.Path("/proc/%d/status" % self.pid()).read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])

    def metric(self, name):
        for line in self.read(".paimonfs/metrics").splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])

    def umount(self):
        subprocess.run([self.binary, "umount", self.at], check=True, timeout=30)

    def sql(self, text):
        subprocess.run([self.binary, "sql", self.warehouse], input=text.encode(), check=True, capture_output=True)

    def sh(self, script):
        return subprocess.run(["bash", "-c", script], cwd=self.at, capture_output=True, text=True, timeout=120)

    def append(self, text, table="d/t", name="inbox"):
        with open(self.at / table / name, "ab", buffering=0) as inbox:
            inbox.write(text.encode())
        os.stat(self.at / table / "snapshot/latest.csv")  # a reader: what was acknowledged becomes a snapshot

    def read(self, path="d/t/snapshot/latest.csv"):
        return (self.at / path).read_text()


def equal(got, want):
    assert got == want, "got %r, want %r" % (got if len(repr(got)) < 400 else repr(got)[:400], want)


def refused(code, action):
    try:
        action()
    except OSError as e:
        assert e.errno == code, "errno %s instead of %s" % (errno.errorcode.get(e.errno), errno.errorcode[code])
        return
    raise AssertionError("was not refused")


def rows(count, start=0):
    return "".join("%d,value %d,%d.%02d\n" % (i, i, i % 1000, i % 100) for i in range(start, start + count))


def cpu(m):
    """Seconds that the daemon computed."""
    pid = subprocess.run(["pgrep", "-f", "^%s mount .* %s$" % (m.binary, m.at)], capture_output=True,
                         text=True).stdout.split()[0]
    words = pathlib.Path("/proc/%s/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
