"""Changelogs, pipes, consumers, diffs."""
import errno
import os
import signal
import subprocess
import sys
import time

from mounted import equal, refused, test


def commit(m, text):
    """Appends and waits until it is a snapshot."""
    m.append(text)
    return m.read("d/t/changelog")


def expire(m, upto):
    """What expiry does to the oldest snapshots, their deltas and the files that only they name."""
    for number in range(1, upto + 1):
        (m.warehouse / "d.db/t/snapshot" / ("snapshot-%d" % number)).unlink()
    (m.warehouse / "d.db/t/snapshot/EARLIEST").write_text(str(upto + 1))


@test
def the_changelog_grows_by_commits_and_tail_follows_it(m):
    header = "_snapshot,_kind,k,v,amount\n"
    equal(m.read("d/t/changelog"), header)
    tail = subprocess.Popen(["tail", "-n", "+1", "-f", m.at / "d/t/changelog"], stdout=subprocess.PIPE, text=True)
    want = header
    inode = os.stat(m.at / "d/t/changelog").st_ino
    for number in range(1, 6):
        m.append("%d,x,1\n" % number)
        want += "%d,+I,%d,x,1.00\n" % (number, number)
        equal(m.read("d/t/changelog"), want)
        equal(os.stat(m.at / "d/t/changelog").st_size, len(want))
        equal(m.sh("wc -c < d/t/changelog; cat d/t/changelog | wc -c").stdout.split(), [str(len(want))] * 2)
    equal(os.stat(m.at / "d/t/changelog").st_ino, inode)
    equal("".join(tail.stdout.readline() for _ in range(6)), want)
    tail.kill()
    equal(len(m.read("d/t/changelog.jsonl").splitlines()), 5)
    equal(m.sh("tail -n 1 d/t/changelog; head -n 1 d/t/changelog; dd if=d/t/changelog bs=5 2>/dev/null").stdout,
          "5,+I,5,x,1.00\n" + header + want)


@test
def an_open_changelog_goes_on_when_its_snapshots_expire(m):
    want = [commit(m, "%d,x,1\n" % i) for i in range(1, 5)][-1]
    with open(m.at / "d/t/changelog", "rb", buffering=0) as f:
        equal(f.read(1 << 20).decode(), want)
        inode = os.fstat(f.fileno()).st_ino
        expire(m, 2)
        after = commit(m, "9,y,2\n")
        equal(after.splitlines()[1:], ["3,+I,3,x,1.00", "4,+I,4,x,1.00", "5,+I,9,y,2.00"])
        assert os.stat(m.at / "d/t/changelog").st_ino != inode
        equal(f.read(1 << 20), b"5,+I,9,y,2.00\n")
        f.seek(0)
        equal(f.read(1 << 20).decode(), want + "5,+I,9,y,2.00\n")
        equal(os.fstat(f.fileno()).st_size, len(want) + 14)


EXPIRE = "CALL sys.expire_snapshots(`table` => 'd.t', retain_max => 1, retain_min => 1, older_than => '2999-01-01 00:00:00');"


@test
def an_open_changelog_loses_nothing_to_our_own_expiry(m):
    want = commit(m, "0,x,1\n")
    with open(m.at / "d/t/changelog", "rb", buffering=0) as f:
        for i in range(1, 4):
            subprocess.run([m.binary, "append", m.warehouse, "d/t/inbox"], input=b"%d,x,1\n" % i, check=True)
            want += "%d,+I,%d,x,1.00\n" % (i + 1, i)
        (m.at / "sql").write_text(EXPIRE)  # before half a second has passed, and so before they are rendered
        equal(b"".join(iter(lambda: f.read(1 << 20), b"")).decode(), want)
    (m.at / "sql").write_text(EXPIRE)
    equal([p.name for p in (m.warehouse / "d.db/t/snapshot").glob("snapshot-*")], ["snapshot-4"])


@test
def what_is_read_here_is_not_expired_by_others(m):
    m.remount("cache-size=16m")
    m.append("".join("%d,%s,1\n" % (i, os.urandom(300).hex()) for i in range(60000)))
    view = m.at / "d/t/snapshot/latest.csv"
    with open(view, "rb", buffering=0) as f:
        begin = f.read(100)
        until = time.monotonic() + 10
        while not list((m.warehouse / ".paimonfs").glob("reading-*")) and time.monotonic() < until:
            time.sleep(0.1)
        m.sql("TRUNCATE TABLE d.t; " + EXPIRE)
        assert (m.warehouse / "d.db/t/snapshot/snapshot-1").exists()
        equal((begin + f.read(1 << 25))[:200].count(b"\n"), 1)
        while f.read(1 << 20):
            pass
    until = time.monotonic() + 10
    while list((m.warehouse / ".paimonfs").glob("reading-*")) and time.monotonic() < until:
        time.sleep(0.1)
    m.sql(EXPIRE)
    assert not (m.warehouse / "d.db/t/snapshot/snapshot-1").exists()


@test
def a_snapshot_that_is_made_again_begins_a_new_changelog(m):
    commit(m, "1,a,1\n")
    commit(m, "2,b,1\n")
    inode = os.stat(m.at / "d/t/changelog").st_ino
    (m.warehouse / "d.db/t/snapshot/snapshot-2").unlink()
    (m.warehouse / "d.db/t/snapshot/LATEST").write_text("1")
    equal(commit(m, "3,c,1\n").splitlines()[1:], ["1,+I,1,a,1.00", "2,+I,3,c,1.00"])
    assert os.stat(m.at / "d/t/changelog").st_ino != inode


@test
def readers_of_the_pipe_wait_and_hold_nobody_up(m):
    commit(m, "1,before,1\n")
    path = str(m.at / "d/t/changelog_pipe")
    readers = [subprocess.Popen(["cat", path], stdout=subprocess.PIPE, text=True) for _ in range(20)]
    for r in readers:
        equal(r.stdout.readline(), "_snapshot,_kind,k,v,amount\n")
    began = time.monotonic()
    os.listdir(m.at / "d/t")
    assert time.monotonic() - began < 0.5
    m.append("2,now,1\n")
    for r in readers:
        equal(r.stdout.readline(), "2,+I,2,now,1.00\n")
    assert all(r.poll() is None for r in readers)
    began = time.monotonic()
    for r in readers:
        r.send_signal(signal.SIGINT)
    for r in readers:
        r.wait(10)
    assert time.monotonic() - began < 5


@test
def a_mount_ends_while_readers_wait(m):
    reader = subprocess.Popen(["cat", str(m.at / "d/t/changelog_pipe")], stdout=subprocess.PIPE)
    reader.stdout.readline()
    subprocess.run(["fusermount3", "-u", "-z", m.at], check=True)
    reader.kill()
    reader.wait(10)
    m.mount()
    equal(m.read("d/t/changelog"), "_snapshot,_kind,k,v,amount\n")


@test
def a_consumer_moves_when_all_was_read(m):
    consumer = m.at / "d/t/consumer"
    kept = m.warehouse / "d.db/t/consumer/consumer-c"
    commit(m, "1,a,1\n")
    (consumer / "c").touch()
    assert '"nextSnapshot" : 2' in kept.read_text()
    equal((consumer / "c").read_text(), "_snapshot,_kind,k,v,amount\n")
    commit(m, "2,b,1\n")
    with open(consumer / "c", "rb", buffering=0) as f:
        assert f.read(1000).endswith(b"2,+I,2,b,1.00\n")
    equal((consumer / "c.jsonl").read_text(), '{"_snapshot":2,"_kind":"+I","k":2,"v":"b","amount":"1.00"}\n')
    equal((consumer / "c").read_text(), "_snapshot,_kind,k,v,amount\n")
    assert '"nextSnapshot" : 3' in kept.read_text()
    equal(m.sh("echo 1 > d/t/consumer/c; cat d/t/consumer/c | wc -l").stdout, "3\n")
    refused(errno.EINVAL, lambda: (consumer / "c").write_text("x\n"))
    equal(os.listdir(consumer), ["c"])
    (consumer / "c").unlink()
    equal(os.listdir(consumer), [])
    refused(errno.ENOENT, lambda: (consumer / "c").read_text())


@test
def a_reader_that_is_killed_has_acknowledged_nothing(m):
    commit(m, "1,a,1\n")
    (m.at / "d/t/consumer/c").write_text("1\n")
    script = "import os,sys,time; f=os.open(sys.argv[1],0); n=[1]\nwhile n: n=os.read(f,9999)\nprint('read',flush=True); time.sleep(30)"
    reader = subprocess.Popen([sys.executable, "-c", script, str(m.at / "d/t/consumer/c")], stdout=subprocess.PIPE)
    equal(reader.stdout.readline(), b"read\n")
    reader.kill()
    reader.wait(10)
    time.sleep(0.3)
    equal(len((m.at / "d/t/consumer/c").read_text().splitlines()), 2)
    equal(len((m.at / "d/t/consumer/c").read_text().splitlines()), 1)


@test
def diffs_and_changes_are_views_of_their_range(m):
    for text in ("1,a,1\n2,b,1\n", "1,c,1\n", "_kind,k,v,amount\n-D,2,,\n+I,3,d,1\n"):
        commit(m, text)
    equal(m.read("d/t/diff/1..latest.csv").splitlines()[1:], ["+I,1,c,1.00", "-D,2,,", "+I,3,d,1.00"])
    equal(m.read("d/t/diff/0..1.csv").splitlines()[1:], ["+I,1,a,1.00", "+I,2,b,1.00"])
    equal(m.read("d/t/diff/2..2.csv"), "_kind,k,v,amount\n")
    equal(m.read("d/t/incremental/1..3.csv").splitlines()[1:], ["+I,1,c,1.00", "-D,2,,", "+I,3,d,1.00"])
    equal(m.read("d/t/snapshot/2/changes.csv"), "_kind,k,v,amount\n+I,1,c,1.00\n")
    (m.at / "d/t/tag/now").mkdir()
    equal(m.read("d/t/diff/2..now.csv"), m.read("d/t/tag/now/changes.csv"))
    equal(m.read("d/t/select/v/diff/1..2.csv"), "_kind,v\n+I,c\n")
    equal(m.read("d/t/where/k>1/select/v/diff/1..3.csv"), "_kind,v\n-D,\n+I,d\n")
    equal(m.read("d/t/where/k=1/changelog"), "_snapshot,_kind,k,v,amount\n1,+I,1,a,1.00\n2,+I,1,c,1.00\n")
    equal(m.read("d/t/where/v='b'/select/k/changelog.jsonl"), '{"_snapshot":1,"_kind":"+I","k":2}\n')
    equal(m.read("d/t/where/k=3/incremental/0..3.csv"), "_kind,k,v,amount\n+I,3,d,1.00\n")
    refused(errno.EINVAL, lambda: m.read("d/t/diff/3..1.csv"))
    refused(errno.EINVAL, lambda: m.read("d/t/diff/3.csv"))
    refused(errno.ENOENT, lambda: m.read("d/t/diff/1..9.csv"))
    refused(errno.ENOENT, lambda: m.read("d/t/incremental/1..9.csv"))
