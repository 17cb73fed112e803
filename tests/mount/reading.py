"""Views: sizes, handles, damage."""
import errno
import mmap
import os
import signal
import subprocess
import threading
import time
from random import Random

from mounted import equal, refused, rows, test


@test
def every_reader_and_every_size_agree(m):
    m.append(rows(200000))
    want = "k,v,amount\n" + rows(200000)
    script = ("f=d/t/snapshot/latest.csv; stat -c %s $f; wc -c < $f; wc -l < $f; tail -1 $f; cp $f ../copy; cmp $f ../copy"
              " && head -c 5 $f")
    size = len(want)
    equal(m.sh(script).stdout, "%d\n%d\n200001\n199999,value 199999,999.99\nk,v,a" % (size, size))
    with open(m.at / "d/t/snapshot/latest.csv", "rb") as f:
        with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as view:
            assert view[:].decode() == want


@test
def readers_and_stats_from_before_the_first_render_are_exact(m):
    m.append(rows(300000))
    want, wrong = "k,v,amount\n" + rows(300000), []
    path, stop = m.at / "d/t/snapshot/latest.csv", threading.Event()

    def read():
        if path.read_text() != want:
            wrong.append("read")

    def stat():
        while not stop.is_set():
            if os.stat(path).st_size != len(want):
                wrong.append("stat")

    readers = [threading.Thread(target=read) for _ in range(3)]
    stats = [threading.Thread(target=stat) for _ in range(3)]
    for t in readers + stats:
        t.start()
    for t in readers:
        t.join()
    stop.set()
    for t in stats:
        t.join()
    equal(wrong, [])


@test
def an_open_handle_stays_on_its_snapshot(m):
    m.append(rows(50))
    with open(m.at / "d/t/snapshot/latest.csv") as f:
        first = f.read(10)
        for i in range(100):
            m.append("%d,changed,0\n" % (i % 50))
        equal(first + f.read(), "k,v,amount\n" + rows(50))
    assert "changed" in m.read()


@test
def slow_renders_hold_nobody_else_up(m):
    with open(m.at / "d/t/inbox", "wb", buffering=0) as inbox:
        for start in range(0, 5000000, 100000):
            inbox.write(rows(100000, start).encode())
    path = str(m.at / "d/t/snapshot/latest.jsonl")
    stats = [subprocess.Popen(["stat", "-c", "%s", path], stdout=subprocess.PIPE) for _ in range(100)]
    waiting = [p for p in stats if p.poll() is None]
    began = time.monotonic()
    os.listdir(m.at / "d")
    os.listdir(m.at / "d/t")
    listed = time.monotonic() - began
    interrupted = 0.0
    if waiting:
        began = time.monotonic()
        waiting[0].send_signal(signal.SIGTERM)
        waiting[0].wait(10)
        interrupted = time.monotonic() - began
    sizes = {p.communicate()[0] for p in stats if not waiting or p is not waiting[0]}
    equal(len(sizes), 1)
    equal(int(sizes.pop()), len((m.at / "d/t/snapshot/latest.jsonl").read_bytes()))
    assert waiting, "the render was over before anybody waited"
    assert listed < 0.05, "ls took %.3f s" % listed
    assert interrupted < 0.1, "the interrupted stat took %.3f s" % interrupted


@test
def a_damaged_file_is_an_error_of_its_view_alone(m):
    m.sql("CREATE TABLE d.other (k INT, PRIMARY KEY (k) NOT ENFORCED);")
    m.append("1\n", "d/other")
    m.append(rows(1000))
    data = next((m.warehouse / "d.db/t/bucket-0").glob("*.parquet"))
    whole = data.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-3] + b"xyz", whole[: len(whole) * 6 // 10] + b"\xff" * 200 + whole[len(whole) * 6 // 10 + 200 :], b""):
        data.write_bytes(damaged)
        m.umount()
        m.mount()
        refused(errno.EIO, lambda: m.read())
        equal(m.read("d/other/snapshot/latest.csv"), "k\n1\n")
    assert data.name in m.log.read_text(), "the log does not name the file"
    data.write_bytes(whole)
    m.umount()
    m.mount()
    equal(m.read(), "k,v,amount\n" + rows(1000))


@test
def damaged_metadata_is_an_error_of_its_table_alone(m):
    m.sql("CREATE TABLE d.other (k INT, PRIMARY KEY (k) NOT ENFORCED);")
    m.append("1\n", "d/other")
    m.append(rows(10))
    for pattern in ("snapshot/snapshot-1", "manifest/manifest-list-*-1", "manifest/manifest-*-0"):
        file = sorted((m.warehouse / "d.db/t").glob(pattern))[-1]
        whole = file.read_bytes()
        for damaged in (whole[: len(whole) // 2], bytes(len(whole)), whole[:20] + bytes([whole[20] ^ 255]) + whole[21:-9]):
            file.write_bytes(damaged)
            m.umount()
            m.mount()
            refused(errno.EIO, lambda: m.read())
            equal(m.read("d/other/snapshot/latest.csv"), "k\n1\n")
        file.write_bytes(whole)


@test
def what_is_not_there_yet_says_so(m):
    m.sql("CREATE TABLE d.c (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('pk-clustering-override' = 'true');")
    assert "pk-clustering-override" in m.read("d/c/status.json"), m.read("d/c/status.json")
    refused(errno.EOPNOTSUPP, lambda: m.append("1\n", "d/c"))
    equal(m.read("d/c/snapshot/latest.csv"), "k\n")


CHANGING = """CREATE TABLE d.parts (p INT, k BIGINT, t STRING, v STRING, PRIMARY KEY (p, k, t) NOT ENFORCED) PARTITIONED BY (p)
  WITH ('bucket' = '2');
CREATE TABLE d.older (k BIGINT, v STRING, n INT, PRIMARY KEY (k) NOT ENFORCED)
  WITH ('bucket' = '1', 'sequence.field' = 'n');
CREATE TABLE d.sums (k BIGINT, v STRING, n INT, PRIMARY KEY (k) NOT ENFORCED)
  WITH ('bucket' = '1', 'merge-engine' = 'partial-update');"""


def change(random, table, rows, fresh):
    """Rows of a table as CSV, deletes among them where it takes them."""
    lines = []
    for i in range(rows):
        k = i if fresh else random.choice([random.randrange(9000), random.randrange(-200, 9200), i])
        text = random.choice(["plain %d", "comma, %d", '"quoted"\nlines %d']) % random.randrange(1000)
        v = '"%s"' % text.replace('"', '""')
        kind = "-D" if not fresh and table != "sums" and random.randrange(4) == 0 else "+I"
        if table == "t":
            lines.append("%d,%s,%d.50,%s\n" % (k, v, random.randrange(100), kind))
        elif table == "parts":
            lines.append('%d,%d,"a\n%d",%s,%s\n' % (k % 3, k, k % 5, v, kind))
        else:
            lines.append("%d,%s,%d,%s\n" % (k, v, random.randrange(100), kind))
    header = {"t": "k,v,amount", "parts": "p,k,t,v"}.get(table, "k,v,n")
    return header + ",_kind\n" + "".join(lines)


@test
def a_text_made_from_the_one_before_is_the_one_that_is_rendered(m):
    m.sql(CHANGING)
    random = Random(11)
    views = ["d/t/snapshot/latest.csv", "d/t/snapshot/latest.jsonl", "d/t/where/k>100/snapshot/latest.csv",
             "d/t/select/v,amount/snapshot/latest.csv", "d/t/select/k/snapshot/latest.jsonl",
             "d/parts/snapshot/latest.csv", "d/parts/partition/p=1/snapshot/latest.jsonl", "d/older/snapshot/latest.csv",
             "d/sums/snapshot/latest.csv"]
    for n in range(12):
        for table in ("t", "parts", "older", "sums"):
            m.append(change(random, table, 9000 if n == 0 else random.choice([1, 7, 20]), n == 0), "d/" + table)
        if n == 6:
            m.sql("CALL sys.compact('d.t');")
        if n == 9:
            m.sql("ALTER TABLE d.t ADD added INT;")
        for view in views:
            here = (m.at / view).read_bytes()
            fresh = subprocess.run([m.binary, "cat", m.warehouse, view], check=True, capture_output=True).stdout
            assert here == fresh, "%s, round %d: %d bytes, %d anew" % (view, n, len(here), len(fresh))
