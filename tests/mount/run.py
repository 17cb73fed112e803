#!/usr/bin/env python3
"""Behaviour of a real mount, as programs see it: run.py BINARY. Ends with `N passed, N failed`.

Each test is a function on a fresh warehouse mounted for it; its name is the sentence that it proves.
"""
import argparse
import errno
import json
import mmap
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

import compaction  # noqa: F401: more tests
from mounted import TESTS, Mount, equal, refused, rows, test

HERE = pathlib.Path(__file__).resolve().parent
AGAIN = "CREATE TABLE d.t (k INT, v STRING, amount DECIMAL(10,2), PRIMARY KEY (k) NOT ENFORCED);"


# ---- writing ----

@test
def redirected_rows_are_merged_and_read_back(m):
    equal(m.sh("printf 'k,v\\n2,b\\n1,a\\n' >> d/t/inbox && printf '1,A,9.50\\n' >> d/t/inbox && cat d/t/snapshot/latest.csv")
          .stdout, "k,v,amount\n1,A,9.50\n2,b,\n")


@test
def cp_tee_and_dd_append(m):
    pathlib.Path(m.warehouse.parent / "f.csv").write_text("k,v,amount\n1,x,1.00\n")
    done = m.sh("cp ../f.csv d/t/inbox && echo 2,y,2 | tee -a d/t/inbox >/dev/null && echo 3,z,3 | dd of=d/t/inbox status=none"
                " && cat d/t/snapshot/latest.csv")
    equal(done.stdout + done.stderr, "k,v,amount\n1,x,1.00\n2,y,2.00\n3,z,3.00\n")


@test
def json_lines_are_told_by_their_first_byte(m):
    m.append('{"k":1,"v":"a"}\n{"k":2,"v":null,"amount":"3.25"}\n')
    equal(m.read("d/t/snapshot/latest.jsonl"), '{"k":1,"v":"a","amount":null}\n{"k":2,"v":null,"amount":"3.25"}\n')


@test
def deletes_by_kind_remove_rows(m):
    m.append(rows(3))
    m.append("_kind,k\n-D,1\n")
    equal(m.read(), "k,v,amount\n0,value 0,0.00\n2,value 2,2.02\n")


@test
def a_bad_row_fails_the_write_and_nothing_is_kept(m):
    refused(errno.EINVAL, lambda: m.append("1,a,1\nx,b,2\n"))
    refused(errno.ERANGE, lambda: m.append("1,a,1.234\n"))
    refused(errno.EINVAL, lambda: m.append("k,v\n,a\n"))
    refused(errno.EINVAL, lambda: m.append("k,nothing\n1,a\n"))
    fd = os.open(m.at / "d/t/inbox", os.O_WRONLY | os.O_APPEND)
    refused(errno.EILSEQ, lambda: os.write(fd, b"1,\xff\xfe,1\n"))
    refused(errno.EILSEQ, lambda: os.close(fd))
    equal(m.read(), "k,v,amount\n")
    errors = m.read("d/t/errors.jsonl").splitlines()
    equal(len(errors), 5)
    assert '"row":2,"column":"k"' in errors[0], errors[0]


@test
def a_handle_that_failed_stays_failed(m):
    fd = os.open(m.at / "d/t/inbox", os.O_WRONLY | os.O_APPEND)
    refused(errno.EINVAL, lambda: os.write(fd, b"bad,a,1\n"))
    refused(errno.EINVAL, lambda: os.write(fd, b"1,a,1\n"))
    refused(errno.EINVAL, lambda: os.close(fd))
    equal(m.read(), "k,v,amount\n")


@test
def rows_of_a_file_that_stays_open_show_up_when_its_writer_rests(m):
    fd = os.open(m.at / "d/t/inbox", os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"1,a,1\n2,b,2\n3,unfin")
    until = time.monotonic() + 20
    while m.read() == "k,v,amount\n" and time.monotonic() < until:
        time.sleep(0.1)
    equal(m.read(), "k,v,amount\n1,a,1.00\n2,b,2.00\n")
    os.write(fd, b"ished,3\n4,d,4\n")
    refused(errno.EINVAL, lambda: os.write(fd, b"bad,e,5\n"))
    refused(errno.EINVAL, lambda: os.close(fd))
    equal(m.read(), "k,v,amount\n1,a,1.00\n2,b,2.00\n")


@test
def a_file_that_is_copied_slowly_is_one_transaction(m):
    with open(m.at / "d/t/inbox", "wb", buffering=0) as out:
        out.write(b"1,a,1\n")
        time.sleep(2.5)
        equal(m.read(), "k,v,amount\n")
        out.write(b"2,b,2\n")
    equal(m.read(), "k,v,amount\n1,a,1.00\n2,b,2.00\n")


@test
def a_number_is_committed_once(m):
    for _ in range(3):
        m.append("1,once,1\n", name="inbox@loader:7")
    m.append("1,twice,2\n", name="inbox@loader:8")
    equal(m.read("d/t/snapshot/1.csv"), "k,v,amount\n1,once,1.00\n")
    equal(m.read(), "k,v,amount\n1,twice,2.00\n")
    assert not (m.at / "d/t/snapshot/3.csv").exists()


@test
def a_last_line_without_newline_counts_at_release(m):
    equal(m.sh("printf '1,a,1\\n2,b,2' >> d/t/inbox; cat d/t/snapshot/latest.csv").stdout,
          "k,v,amount\n1,a,1.00\n2,b,2.00\n")


@test
def rows_in_pieces_are_put_together(m):
    fd = os.open(m.at / "d/t/inbox", os.O_WRONLY | os.O_APPEND)
    for byte in b"k,v,amount\n1,one,1.00\n2,two,2.00\n":
        os.write(fd, bytes([byte]))
    os.close(fd)
    equal(m.read(), "k,v,amount\n1,one,1.00\n2,two,2.00\n")


@test
def many_writers_lose_nothing(m):
    def write(n):
        for i in range(5):
            m.append("%d,w%d,%d\n" % (n * 100 + i, n, i))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(len(m.read().splitlines()), 41)


@test
def the_inbox_cannot_be_read_and_views_cannot_be_written(m):
    m.append(rows(1))
    refused(errno.EACCES, lambda: (m.at / "d/t/inbox").read_bytes())
    refused(errno.EROFS, lambda: open(m.at / "d/t/snapshot/latest.csv", "ab"))
    refused(errno.EPERM, lambda: (m.at / "d/t/new").write_text("x"))
    refused(errno.EPERM, lambda: os.unlink(m.at / "d/t/snapshot/latest.csv"))


# ---- acknowledged first, committed later ----

def snapshots(m, table="d/t"):
    return len(list((m.warehouse / "d.db" / table.split("/")[1] / "snapshot").glob("snapshot-*")))


def appends(m, table="d/t"):
    """Snapshots of rows; compactions make others."""
    made = (m.warehouse / "d.db" / table.split("/")[1] / "snapshot").glob("snapshot-*")
    return sum(json.loads(path.read_text())["commitKind"] == "APPEND" for path in made)


def daemon(m):
    return json.loads(m.read(".paimonfs/status.json"))["pid"]


def gone(pid, seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("%d lives on" % pid)


@test
def a_loop_of_appends_makes_few_snapshots(m):
    m.sh("for i in $(seq 2000); do echo $i,x,1 >> d/t/inbox || exit 1; done")
    equal(len(m.read().splitlines()), 2001)
    assert snapshots(m) < 20, snapshots(m)


@test
def appends_that_nobody_reads_are_committed_once_an_interval(m):
    m.remount("commit-interval=3s", "write-only")  # 20 a minute; the default is 6. Compactions are snapshots of their own
    began = time.monotonic()
    m.sh("for i in $(seq 500); do echo $i,x,1 >> d/t/inbox || exit 1; sleep 0.012; done")
    while time.monotonic() - began < 7.5:
        time.sleep(0.1)
    made, seconds = appends(m), time.monotonic() - began
    assert 1 <= made <= seconds / 3, "%d snapshots in %.1f s" % (made, seconds)
    equal(len(m.read().splitlines()), 501)


@test
def acknowledged_rows_outlive_a_killed_daemon(m):
    done = m.sh("for i in $(seq 300); do echo $i,x,1 >> d/t/inbox || exit 1; done")
    equal(done.returncode, 0)
    pid = daemon(m)
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    subprocess.run(["fusermount3", "-u", "-z", m.at], check=True)
    m.mount()
    equal(len(m.read().splitlines()), 301)
    m.umount()
    m.mount()
    equal(len(m.read().splitlines()), 301)


@test
def a_large_transaction_of_a_killed_daemon_is_told_row_by_row(m):
    """Rows that were merged into one while they were written have lines of their own in the changelog."""
    (m.at / "sql").write_text("CREATE TABLE d.told (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2',"
                              " 'changelog-producer' = 'input');")
    fd = os.open(m.at / "d/told/inbox", os.O_WRONLY)
    for part in range(2):
        for version in range(2):
            data = "".join(f"{k},{'v%d' % version * 50}\n" for k in range(part * 50000, part * 50000 + 60000)).encode()
            while data:
                data = data[os.write(fd, data):]
        os.fsync(fd)
    pid = m.pid()
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    try:
        os.close(fd)
    except OSError:
        pass
    subprocess.run(["fusermount3", "-u", "-z", m.at], check=True)
    assert list((m.warehouse / "d.db/told").glob("bucket-*/changelog-*")), "no files were written before it died"
    m.mount()
    equal(m.read("d/told/snapshot/latest.csv").count("\n"), 110001)
    equal(m.read("d/told/changelog").count("\n"), 240001)
    equal(snapshots(m, "d/told"), 1)


@test
def the_helper_of_mount_takes_lines_of_fstab(m):
    helper = m.warehouse.parent / "mount.paimonfs"
    helper.symlink_to(m.binary)

    def mount(*options):
        return subprocess.run([helper, m.warehouse, m.at, *options], capture_output=True, text=True, timeout=60)

    m.umount()
    equal(mount("-o", "rw,fooo").returncode, 1)
    equal(mount("-f").returncode, 0)
    assert not os.path.ismount(m.at)
    equal(mount("-s", "-o", "ro,noatime,nofail,_netdev,x-systemd.automount,fooo", "-v").stderr, "")
    line = [words for words in map(str.split, open("/proc/mounts")) if words[1] == str(m.at)][0]
    equal(line[2], "fuse.paimonfs")
    assert {"ro", "noatime"} <= set(line[3].split(",")), line
    doctor = subprocess.run([m.binary, "doctor", m.at], capture_output=True, text=True)
    assert doctor.returncode == 0 and "the mount " + str(m.at) in doctor.stdout, doctor
    m.umount()
    equal(mount(m.warehouse).returncode, 1)
    doctor = subprocess.run([m.binary, "doctor", m.at], capture_output=True, text=True)
    assert doctor.returncode == 1 and "no warehouse is mounted there" in doctor.stdout, doctor
    m.mount()


@test
def statements_of_the_command_line_see_what_a_dead_daemon_acknowledged(m):
    equal(m.sh("echo 1,a,1 >> d/t/inbox").returncode, 0)
    pid = daemon(m)
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    subprocess.run(["fusermount3", "-u", "-z", m.at], check=True)
    m.sql("CALL sys.create_tag('d.t', 'after');")
    m.mount()
    equal(m.read("d/t/tag/after/snapshot/latest.csv"), "k,v,amount\n1,a,1.00\n")


@test
def rows_are_committed_when_the_mount_ends(m):
    m.sh("echo 1,a,1 >> d/t/inbox; echo 2,b,1 > d/t/inbox")
    m.umount()
    rows = subprocess.run([m.binary, "cat", m.warehouse, "d/t/snapshot/latest.csv"], capture_output=True, text=True).stdout
    m.mount()
    equal(rows, "k,v,amount\n1,a,1.00\n2,b,1.00\n")


@test
def a_writer_that_is_killed_has_not_closed(m):
    script = "import os,signal,sys; os.write(1, b'1,whole,1\\n2,half'); os.kill(os.getpid(), signal.SIGKILL)"
    m.sh("%s -c \"%s\" > d/t/inbox" % (sys.executable, script))
    time.sleep(0.2)
    equal(m.read(), "k,v,amount\n")
    assert "died by a signal" in m.read("d/t/errors.jsonl")
    m.sh("%s -c \"%s\" >> d/t/inbox" % (sys.executable, script))
    time.sleep(0.7)
    equal(m.read(), "k,v,amount\n1,whole,1.00\n")


@test
def rows_of_an_open_handle_show_up_once_they_were_flushed(m):
    fd = os.open(m.at / "d/t/inbox", os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"1,a,1\n2,b")
    os.fsync(fd)
    equal(m.read(), "k,v,amount\n1,a,1.00\n")
    os.write(fd, b"b,2\n")
    os.close(fd)
    time.sleep(0.7)
    equal(m.read(), "k,v,amount\n1,a,1.00\n2,bb,2.00\n")


@test
def what_a_second_mount_appends_is_seen_after_its_interval(m):
    other = m.warehouse.parent / "second"
    other.mkdir()
    subprocess.run([m.binary, "mount", "-o", "commit-interval=300ms", m.warehouse, other], check=True, timeout=30)
    try:
        for i in range(20):
            with open((other if i % 2 else m.at) / "d/t/inbox", "ab", buffering=0) as inbox:
                inbox.write(b"%d,x,1\n" % i)
        time.sleep(1.5)
        equal(len(m.read().splitlines()), 21)
    finally:
        subprocess.run([m.binary, "umount", other], check=True, timeout=60)


@test
def a_file_that_is_moved_onto_the_inbox_is_appended(m):
    m.append("1,a,1\n")
    (m.warehouse.parent / "f.csv").write_text("2,b,2\n")
    equal(m.sh("mv ../f.csv d/t/inbox && cat d/t/snapshot/latest.csv").stdout, "k,v,amount\n1,a,1.00\n2,b,2.00\n")
    equal(m.sh("rm d/t/inbox && ls d/t | grep -c inbox").stdout, "1\n")


@test
def a_temporary_that_is_renamed_onto_the_inbox_is_one_transaction(m):
    """As DuckDB's COPY TO and editors do."""
    d = m.at / "d/t"
    m.append("1,a,1\n")
    for name, row in (("tmp_inbox", "2,b,2\n"), ("inbox.tmp", "3,c,3\n"), (".inbox.swp", "4,d,4\n")):
        fd = os.open(d / name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        os.pwrite(fd, row[3:].encode(), 3)
        os.pwrite(fd, row[:3].encode(), 0)
        os.fsync(fd)
        os.close(fd)
        equal((d / name).read_text(), row)
        equal((d / name).stat().st_size, len(row))
        before = m.read("d/t/snapshot/latest.csv")
        if name == "tmp_inbox":
            os.unlink(d / "inbox")
        os.rename(d / name, d / "inbox")
        assert not (d / name).exists()
        equal(m.read(), before + row[:-1] + ".00\n")
    m.append("5,e,5\n")
    equal(m.read()[-9:], "\n5,e,5.00\n"[-9:])


@test
def a_temporary_with_a_bad_row_stays_and_changes_nothing(m):
    d = m.at / "d/t"
    (d / "inbox.tmp").write_text("1,a,1\n2,b,x\n")
    refused(errno.EINVAL, lambda: os.rename(d / "inbox.tmp", d / "inbox"))
    equal(m.read(), "k,v,amount\n")
    equal((d / "inbox.tmp").read_text(), "1,a,1\n2,b,x\n")
    (d / "inbox.tmp").write_text("7,a,1\n")
    os.rename(d / "inbox.tmp", d / "tmp_overwrite")
    os.rename(d / "tmp_overwrite", d / "overwrite")
    equal(m.read(), "k,v,amount\n7,a,1.00\n")
    (d / "inbox~").write_text("x")
    os.unlink(d / "inbox~")
    assert not (d / "inbox~").exists()
    refused(errno.EPERM, lambda: (d / "other").write_text("x"))


def parquet(m, table, rows):
    """The bytes of a Parquet file with these rows: a table's own data file."""
    (m.at / "sql").write_text("CREATE TABLE d.%s;" % table)
    name = table.split(" ")[0]
    m.append(rows, "d/" + name)
    return next((m.warehouse / "d.db" / name / "bucket-0").glob("*.parquet")).read_bytes()


@test
def parquet_files_are_rows(m):
    data = parquet(m, "f (amount DOUBLE, k INT, v STRING)", "1.5,1,a\n2.25,2,\n")
    want = "k,v,amount\n1,a,1.50\n2,,2.25\n"
    (m.warehouse.parent / "f.parquet").write_bytes(data)
    for i, how in enumerate(("cat ../f.parquet > d/t/inbox", "cp ../f.parquet d/t/inbox", "mv ../g.parquet d/t/inbox",
                             "cat ../f.parquet ../f.parquet >> d/t/inbox", "dd if=../f.parquet of=d/t/inbox bs=1 status=none",
                             "cp ../f.parquet d/t/inbox.tmp && mv d/t/inbox.tmp d/t/inbox")):
        done = m.sh("cp ../f.parquet ../g.parquet; %s && cat d/t/snapshot/latest.csv" % how)
        equal(done.stdout + done.stderr, want)
        equal(appends(m), i + 1)


@test
def a_parquet_file_may_be_written_in_any_order_after_its_beginning(m):
    data = parquet(m, "f (k INT, v STRING)", "1,a\n")
    fd = os.open(m.at / "d/t/inbox", os.O_WRONLY)
    os.pwrite(fd, data[:4], 0)
    os.pwrite(fd, data[50:], 50)
    os.pwrite(fd, data[4:50], 4)
    os.fsync(fd)
    m.read()
    os.close(fd)
    time.sleep(0.2)
    equal(m.read(), "k,v,amount\n1,a,\n")


@test
def a_bad_parquet_file_is_refused_at_its_close_and_changes_nothing(m):
    data = parquet(m, "f (k BIGINT, v STRING, amount STRING)", "1,a,1\n2,b,x\n")
    fd = os.open(m.at / "d/t/inbox", os.O_WRONLY)
    os.write(fd, data)
    refused(errno.EINVAL, lambda: os.close(fd))
    (m.warehouse.parent / "f.parquet").write_bytes(data)
    equal(m.sh("head -c 60 ../f.parquet > d/t/inbox").returncode, 1)
    equal(m.read(), "k,v,amount\n")
    told = json.loads(m.read("d/t/errors.jsonl").splitlines()[0])
    equal((told["row"], told["column"], told["row_group"]), (2, "amount", 0))
    equal(json.loads(told["text"]), {"k": 2, "v": "b", "amount": "x"})
    m.remount("on-error=skip")
    (m.at / "d/t/inbox").write_bytes(data)
    equal(m.read(), "k,v,amount\n1,a,1.00\n")


@test
def the_status_counts_what_waits(m):
    m.sh("echo 1,a,1 >> d/t/inbox")
    equal(json.loads(m.read("d/t/status.json"))["rows_pending"], 1)
    m.read()
    equal(json.loads(m.read("d/t/status.json"))["rows_pending"], 0)


@test
def overwrite_replaces_all_rows_in_one_snapshot(m):
    m.append(rows(10))
    m.sh("echo 7,only,1 > d/t/overwrite")
    equal(m.read(), "k,v,amount\n7,only,1.00\n")
    m.sh("printf '' > d/t/overwrite")
    equal(m.read(), "k,v,amount\n7,only,1.00\n")


@test
def overwrite_replaces_the_partitions_that_rows_fall_into(m):
    m.sql(PARTED.replace("CREATE DATABASE d; ", ""))
    m.append("a,1,x\nb,1,y\n", "d/p")
    m.sh("echo a,2,z > d/p/overwrite")
    equal(m.read("d/p/snapshot/latest.csv"), "dt,k,v\na,2,z\nb,1,y\n")
    m.sh("printf 'k,v\\n3,w\\n' > d/p/partition/dt=b/overwrite")
    equal(m.read("d/p/snapshot/latest.csv"), "dt,k,v\na,2,z\nb,3,w\n")


@test
def overwrite_replaces_every_partition_where_the_table_says_so(m):
    m.sql(PARTED.replace("CREATE DATABASE d; ", "").replace("'3'", "'3', 'dynamic-partition-overwrite' = 'false'"))
    m.append("a,1,x\nb,1,y\n", "d/p")
    m.sh("echo a,2,z > d/p/overwrite")
    equal(m.read("d/p/snapshot/latest.csv"), "dt,k,v\na,2,z\n")


@test
def the_command_line_overwrites_in_one_commit(m):
    m.append(rows(10))
    put = [m.binary, "overwrite", m.warehouse, "d/t/overwrite"]
    subprocess.run(put, input=b"7,only,1\n", check=True)
    equal(m.read(), "k,v,amount\n7,only,1.00\n")
    assert subprocess.run(put, input=b"8,x,not\n", capture_output=True).returncode == 1
    equal(m.read(), "k,v,amount\n7,only,1.00\n")
    assert subprocess.run([*put[:-1], "d/t/inbox"], input=b"8,x,1\n", capture_output=True).returncode == 2


@test
def a_bar_is_drawn_on_a_terminal_alone(m):
    (m.warehouse.parent / "f.csv").write_text(rows(100000))

    def drawn(**more):
        ours, theirs = pty.openpty()
        with open(m.warehouse.parent / "f.csv") as f:
            subprocess.run([m.binary, "append", m.warehouse, "d/t/inbox"], stdin=f, stderr=theirs, check=True,
                           env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **more})
        os.write(theirs, b".")
        seen = os.read(ours, 65536).decode()
        os.close(ours)
        os.close(theirs)
        return seen

    assert "d/t/inbox [" in drawn() and "100%" in drawn()
    equal(drawn(NO_COLOR="1"), ".")


# ---- the read surface ----

PARTED = ("CREATE DATABASE d; CREATE TABLE d.p (dt STRING, k INT, v STRING, PRIMARY KEY (dt, k) NOT ENFORCED) "
          "PARTITIONED BY (dt) WITH ('bucket' = '3');")


@test
def walking_the_whole_tree_ends_and_is_quiet(m):
    m.sql(PARTED.replace("CREATE DATABASE d; ", ""))
    m.append(rows(3))
    m.append("a/b,1,x\n'c',2,y\n", table="d/p")
    (m.at / "d/t/tag/first").mkdir()
    for command in ("ls -R", "ls -lR", "find . -type f", "find . -size +0 -name '*.json'", "du -s", "grep -rsl nothing d/p"):
        done = m.sh("timeout 60 %s > /dev/null" % command)
        equal((command, done.stderr, done.returncode < 3), (command, "", True))
    listed = m.sh("find d -name 'latest.csv' | sort").stdout.splitlines()
    assert "d/p/partition/dt=a%2Fb/snapshot/latest.csv" in listed, listed
    assert "d/t/tag/first/snapshot/latest.csv" in listed and "d/t/snapshot/1/snapshot/latest.csv" in listed, listed


@test
def a_key_is_there_when_its_row_is(m):
    m.append(rows(3))
    equal(m.sh("for k in 0 1 2 3; do [ -e d/t/key/$k.csv ] && echo $k; done; cat d/t/key/2.jsonl").stdout,
          '0\n1\n2\n{"k":2,"v":"value 2","amount":"2.02"}\n')
    m.append("_kind,k\n-D,1\n")
    equal(m.sh("for k in 0 1 2 3; do [ -e d/t/key/$k.csv ] && echo $k; done").stdout, "0\n2\n")
    m.append("2,new,5\n")
    equal(m.read("d/t/key/2.csv"), "k,v,amount\n2,new,5.00\n")


def look_up(m, text, *words, path="d/t"):
    done = subprocess.run([m.binary, "lookup", *words, m.warehouse, path], input=text.encode(), capture_output=True,
                          timeout=60)
    return done.stdout.decode() + done.stderr.decode()


@test
def lines_are_looked_up_by_their_key(m):
    m.append(rows(5000) + '-7,"a ""quoted"", line\nand another",\n')
    equal(look_up(m, "7\n-7\n99999\n7\n"),
          '7,value 7,7.07\n-7,"a ""quoted"", line\nand another",\n99999,,\n7,value 7,7.07\n')
    equal(look_up(m, 'at,k,"x y"\n1,4999,"o""k"\n\n2,,\nat,k,"x y"\n3,6000,"two\nlines"', "--columns", "amount"),
          'at,k,"x y",amount\n1,4999,"o""k",999.99\n2,,,\n3,6000,"two\nlines",\n')
    equal(look_up(m, "k,z\n1,a\n-1,b\n3,c\n", "--found", path="d/t/select/v"), "k,z,v\n1,a,value 1\n3,c,value 3\n")
    equal(look_up(m, "k,z\n1,a\n-1,b\n3,c\n", "--missing"), "k,z\n-1,b\n")
    equal(look_up(m, '{"k":1,"more":[{"a":1.50}]}\n{ "k" : 6000 }\r\n{"k":2}', path="d/t/where/k>1"),
          '{"k":1,"more":[{"a":1.50}],"v":null,"amount":null}\n{ "k" : 6000 ,"v":null,"amount":null}\n'
          '{"k":2,"v":"value 2","amount":"2.02"}\n')
    everything = "".join("%d\n" % k for k in range(4999, -1, -1))
    equal(look_up(m, everything), "".join("%d,value %d,%d.%02d\n" % (k, k, k % 1000, k % 100) for k in range(4999, -1, -1)))
    equal(look_up(m, "1\nx\n"), 'paimonfs: d/t: row 2, column k (BIGINT): "x" is not an integer\n')
    equal(look_up(m, "v\na\n"), 'paimonfs: d/t: row 1, column k (BIGINT): "v" is not an integer\n')
    equal(look_up(m, "k,v\n1,a\n"), "paimonfs: d/t: column v is in the lines already; choose others with select/\n")
    equal(look_up(m, ""), "")


@test
def who_types_keys_gets_each_answer_at_once_and_sees_new_snapshots(m):
    m.append(rows(3))
    child = subprocess.Popen([m.binary, "lookup", m.warehouse, "d/t"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True, bufsize=1)
    try:
        for text, want in (("2\n", "2,value 2,2.02\n"), ("9\n", "9,,\n")):
            child.stdin.write(text)
            equal(child.stdout.readline(), want)
        m.append("9,new,1\n2,other,5\n")
        child.stdin.write("9\n2\n")
        equal(child.stdout.readline() + child.stdout.readline(), "9,new,1.00\n2,other,5.00\n")
        child.stdin.write("1")  # a last line without its end
        child.stdin.close()
        equal(child.stdout.readline(), "1,value 1,1.01\n")
        equal(child.wait(10), 0)
    finally:
        child.kill()


@test
def the_next_version_of_a_view_is_what_would_be_rendered_anew(m):
    m.sql("CREATE TABLE d.p (dt DATE, k INT, v STRING, PRIMARY KEY (dt, k) NOT ENFORCED) PARTITIONED BY (dt) "
          "WITH ('bucket' = '2');")
    m.append(rows(30000))
    m.append("".join("2026-11-%02d,%d,value %d\n" % (1 + k % 3, k, k) for k in range(20000)), "d/p")
    views = ["d/t/snapshot/latest.csv", "d/t/snapshot/latest.jsonl", "d/t/select/v/snapshot/latest.csv",
             "d/t/where/amount>500/snapshot/latest.csv", "d/p/snapshot/latest.csv",
             "d/p/partition/dt=2026-11-02/snapshot/latest.csv"]
    held = []  # handles of older versions, which others are built on
    for round in range(12):
        for view in views if round % 4 == 0 else views[:3]:
            fresh = subprocess.run([m.binary, "cat", m.warehouse, view], capture_output=True, check=True).stdout
            got = (m.at / view).read_bytes()
            assert got == fresh, "%s differs in round %d: %d bytes, %d anew" % (view, round, len(got), len(fresh))
            equal(os.stat(m.at / view).st_size, len(fresh))
        held.append((open(m.at / views[0], "rb"), (m.at / views[0]).read_bytes()))
        file, was = held[(round * 5 + 2) % len(held)]
        file.seek(len(was) // 3)
        equal(file.read(), was[len(was) // 3:])
        k = 7919 * round + 11
        m.append("k,v,amount,_kind\n%d,new,700,+I\n%d,,,-D\n-%d,first,1,+I\n%d,last,2,+I\n"
                 % (k % 30000, k * 3 % 30000, round, 40000 + round))
        m.append("2026-11-02,%d,changed\n2026-12-%02d,1,a new partition\n" % (k % 20000, 1 + round), "d/p")
    for file, was in held:
        file.seek(0)
        equal(file.read(), was)
        file.close()


@test
def refinements_nest_in_a_path(m):
    m.append(rows(200))
    equal(m.read("d/t/where/amount>1.5 and k<=3/select/k,v/where/v like '*3'/select/k/snapshot/latest.csv"), "k\n3\n")
    equal(m.sh("cat 'd/t/where/k in (7, 199)/select/v/snapshot/latest.csv'").stdout, "v\nvalue 7\nvalue 199\n")
    refused(errno.EINVAL, lambda: os.stat(m.at / "d/t/where/nothing=1"))
    refused(errno.EINVAL, lambda: os.stat(m.at / "d/t/select/k/select/v"))
    refused(errno.ENOENT, lambda: os.stat(m.at / "d/t/.git"))
    equal(os.listdir(m.at / "d/t/where") + os.listdir(m.at / "d/t/select") + os.listdir(m.at / "d/t/key"), [])


@test
def small_files_are_json_that_programs_read(m):
    m.append(rows(3))
    equal([f["name"] for f in json.loads(m.read("d/t/schema.json"))["fields"]], ["k", "v", "amount"])
    equal(json.loads(m.read("d/t/snapshot/1/snapshot.json"))["id"], 1)
    files = [json.loads(line) for line in m.read("d/t/system/files.jsonl").splitlines()]
    equal([(f["record_count"], f["min_key"], f["max_key"]) for f in files], [(3, "[0]", "[2]")])
    assert (m.warehouse / files[0]["file_path"]).stat().st_size == files[0]["file_size_in_bytes"], files
    refused(errno.EINVAL, lambda: os.stat(m.at / "d/t/where/=="))
    status = json.loads(m.read(".paimonfs/status.json"))
    assert status["requests"] > 0 and "d/t/where/==" in status["last_error"]["reason"], status
    assert "d/t/where/==" in m.read(".paimonfs/log") and "warehouse = " in m.read(".paimonfs/options")
    assert 'paimonfs_requests_total{operation="lookup"}' in m.read(".paimonfs/metrics")


@test
def options_take_lines_as_alter_table_set(m):
    m.append(rows(3))
    options = m.at / "d/t/options"
    equal(m.read("d/t/options"), "bucket = 1\n")
    equal(m.sh("echo 'snapshot.num-retained.min = 3' >> d/t/options && printf '\\n# note\\na.b=x = y\\n' >> d/t/options").stderr, "")
    equal(m.read("d/t/options"), "a.b = x = y\nbucket = 1\nsnapshot.num-retained.min = 3\n")
    equal(m.sh("printf 'c = last' >> d/t/options").stderr, "")
    for line, why in (("merge-engine = first-row", "Change 'merge-engine' is not supported yet."),
                      ("snapshot.num-retained.min = 0", "should be at least 1"), ("nothing", "is not a line key = value"),
                      (" = x", "no key"), ("x = 1\nx = 2", "given twice"), ("bucket = -1", "Cannot change bucket to -1.")):
        with open(options, "ab", buffering=0) as file:
            refused(errno.EINVAL, lambda: file.write(line.encode() + b"\n"))
        assert why in m.read("d/t/errors.jsonl"), (line, m.read("d/t/errors.jsonl"))
    equal(m.read("d/t/options"), "a.b = x = y\nbucket = 1\nc = last\nsnapshot.num-retained.min = 3\n")
    # An editor that writes the file anew, in place: what is left out is RESET, what is the same is let be.
    options.write_text("bucket = 1\nsnapshot.num-retained.min = 4\nü = ö\n")
    equal(m.read("d/t/options"), "bucket = 1\nsnapshot.num-retained.min = 4\nü = ö\n")
    m.sh(": > d/t/options")
    equal(m.read("d/t/options"), "bucket = 1\nsnapshot.num-retained.min = 4\nü = ö\n")
    equal(m.sh("mkdir d/t/branch/b && echo 'x = 1' >> d/t/branch/b/options && cat d/t/branch/b/options d/t/options").stdout.count("x = 1"), 1)
    m.remount("ro")
    refused(errno.EROFS, lambda: open(options, "ab"))


def facts(root):
    """All that a writer would change below a directory."""
    return sorted((str(p), s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
                  for p in [root, *root.rglob("*")] for s in [p.lstat()])


@test
def a_read_only_mount_writes_nothing_into_its_warehouse(m):
    m.append(rows(10))
    (m.at / "d/t/tag/kept").mkdir()
    m.umount()
    subprocess.run(["chmod", "-R", "a-w", m.warehouse], check=True)
    bound = m.warehouse.parent / "bound"
    bound.mkdir()
    # Where this user may, through a mount that refuses every write; the permissions alone do not stop root.
    bind = subprocess.run(["mount", "--bind", "-o", "ro", m.warehouse, bound], capture_output=True).returncode == 0
    before = facts(m.warehouse)
    try:
        subprocess.run([m.binary, "mount", "-o", "ro,log=%s" % m.log, bound if bind else m.warehouse, m.at], check=True,
                       timeout=30)
        equal(m.sh("ls -R > /dev/null && find . -type f -name '*.csv' -exec cat {} + > /dev/null").stderr, "")
        equal(len(m.read().splitlines()), 11)
        equal(m.read("d/t/key/3.csv").splitlines()[1], "3,value 3,3.03")
        refused(errno.EROFS, lambda: m.append("1,a,1\n"))
        refused(errno.EROFS, lambda: (m.at / "d/t/tag/new").mkdir())
        refused(errno.EROFS, lambda: (m.at / "other").mkdir())
        refused(errno.EROFS, lambda: (m.at / "sql").write_text("CREATE DATABASE x;"))
        m.umount()
    finally:
        if bind:
            subprocess.run(["umount", bound], check=True)
        subprocess.run(["chmod", "-R", "u+w", m.warehouse], check=True)
    after = facts(m.warehouse)
    equal([f[:4] for f in after], [f[:4] for f in before])
    m.mount()


# ---- statements, tags, partitions ----

@test
def statements_go_through_the_sql_file(m):
    (m.at / "sql").write_text("CREATE DATABASE e; CREATE TABLE e.x (id INT, PRIMARY KEY (id) NOT ENFORCED);")
    equal(sorted(os.listdir(m.at / "e")), ["sql", "x"])
    fd = os.open(m.at / "sql", os.O_RDWR)
    os.write(fd, b"SHOW TABLES FROM e;")
    equal(os.pread(fd, 100, 0), b"table name\nx\n")
    os.close(fd)
    refused(errno.EINVAL, lambda: (m.at / "sql").write_text("CREATE TABLE e.y (id NOTYPE);"))
    assert (m.at / "sql").read_text().startswith("error: "), (m.at / "sql").read_text()


@test
def tables_that_paimon_would_not_make_are_refused(m):
    for columns in ("(k INT, p INT, s INT, PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (p) WITH ('sequence.field' = 's')",
                    "(k INT, a ARRAY<TIMESTAMP(9)>) WITH ('file.format' = 'avro')",
                    "(k INT) WITH ('row-tracking.enabled' = 'true', 'bucket' = '2', 'bucket-key' = 'k')",
                    "(k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('row-tracking.enabled' = 'true')",
                    "(k INT) WITH ('data-evolution.enabled' = 'true')"):
        refused(errno.EINVAL, lambda: (m.at / "sql").write_text("CREATE TABLE d.y %s;" % columns))
    equal(sorted(os.listdir(m.at / "d")), ["sql", "t"])


@test
def directories_make_databases_and_tags(m):
    (m.at / "other").mkdir()
    refused(errno.EEXIST, lambda: (m.at / "other").mkdir())
    (m.at / "other").rmdir()
    refused(errno.ENOENT, lambda: (m.at / "d/t/tag/none").mkdir())
    m.append(rows(1))
    (m.at / "d/t/tag/first").mkdir()
    m.append(rows(1, 1))
    os.rename(m.at / "d/t/tag/first", m.at / "d/t/tag/one")
    equal(os.listdir(m.at / "d/t/tag"), ["one"])
    equal(m.read("d/t/tag/one/snapshot/latest.csv"), "k,v,amount\n0,value 0,0.00\n")
    refused(errno.EPERM, lambda: (m.at / "d/made").mkdir())
    (m.at / "d/t/tag/one").rmdir()
    equal(os.listdir(m.at / "d/t/tag"), [])


@test
def rows_that_could_never_be_committed_are_refused_when_they_are_written(m):
    for number, (option, value) in enumerate((("file.compression", "foo"), ("manifest.compression", "lz4"),
                                              ("file.format", "text"), ("file-index.bloom-filter.columns", "none"))):
        m.sql("CREATE TABLE d.odd%d (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', '%s' = '%s');" %
              (number, option, value))
        refused(errno.EINVAL, lambda: m.append("1\n", "d/odd%d" % number))
        assert value in m.read("d/odd%d/errors.jsonl" % number), m.read("d/odd%d/errors.jsonl" % number)


@test
def both_names_of_what_was_moved_are_right_at_once(m):
    """Everything below was looked up just before, and a table of the old name may be there again at once."""
    m.append("1,a,1\n")
    os.mkdir(m.at / "d/t/branch/b")
    for i in range(10):
        m.append(f"{i},branch,1\n", "d/t/branch/b")
        done = m.sh("cat d/t/branch/b/snapshot/latest.csv >../before; ls d/t/branch/b/snapshot d/t/branch/b/tag >/dev/null;"
                    "mv d/t/branch/b d/t/branch/c && cat d/t/branch/c/snapshot/latest.csv >../after;"
                    "[ ! -e d/t/branch/b ] && [ ! -e d/t/branch/b/snapshot ] && mkdir d/t/branch/b && ls d/t/branch/b/tag;"
                    "cmp ../before ../after && cat d/t/branch/b/snapshot/latest.csv;"
                    "mkdir d/t/branch/c/tag/kept && ls d/t/branch/c/tag && rmdir d/t/branch/c/tag/kept;"
                    "rmdir d/t/branch/b && mv d/t/branch/c d/t/branch/b")
        equal(done.stdout + done.stderr, "k,v,amount\nkept\n")
        done = m.sh(f"cat d/t/snapshot/latest.csv >../before; ls d/t d/t/snapshot d/t/tag >/dev/null;"
                    f"mv d/t d/u && cat d/u/snapshot/latest.csv >../after; cmp ../before ../after;"
                    f"[ ! -e d/t ] && [ ! -e d/t/snapshot/latest.csv ]; echo $?; mkdir d/u/tag/v{i} && ls d/u/tag/v{i}/snapshot;"
                    f"rmdir d/u/tag/v{i}; ls d; mv d/u d/t && cat d/t/snapshot/latest.csv")
        equal(done.stdout + done.stderr, "0\nlatest.csv\nsql\nu\nk,v,amount\n1,a,1.00\n")


@test
def a_new_number_of_buckets_is_for_partitions_that_are_overwritten(m):
    for table, columns, lines in (("x", "", "1,a\n2,b\n3,c\n"), ("y", "PARTITIONED BY (p)", "1,a\n2,a\n1,b\n")):
        (m.at / "sql").write_text(f"CREATE TABLE d.{table} (k INT, p STRING, PRIMARY KEY (k, p) NOT ENFORCED) {columns}"
                                  " WITH ('bucket' = '2');")
        m.append(lines, f"d/{table}")
        before = os.open(m.at / f"d/{table}/inbox", os.O_WRONLY | os.O_APPEND)
        (m.at / "sql").write_text(f"ALTER TABLE d.{table} SET ('bucket' = '3');")
        for text in (b"9,a\n", b"8,a"):
            fd = os.open(m.at / f"d/{table}/inbox", os.O_WRONLY | os.O_APPEND)
            refused(errno.EINVAL, lambda: (os.write(fd, text), os.fsync(fd)))
            refused(errno.EINVAL, lambda: os.close(fd))
        refused(errno.EINVAL, lambda: os.write(before, b"9,a\n"))  # it was opened when there were two
        refused(errno.EINVAL, lambda: os.close(before))
        assert "`overwrite` takes its rows" in m.read(f"d/{table}/errors.jsonl").splitlines()[-1]
    m.append("1,c\n", "d/y")  # a partition of the new number
    whole = m.read("d/x/snapshot/latest.csv")
    equal(m.sh("cat d/x/snapshot/latest.csv >d/x/overwrite && cat d/y/partition/p=a/snapshot/latest.csv >d/y/overwrite").stderr, "")
    equal(sorted(m.read("d/x/snapshot/latest.csv").split()), sorted(whole.split()))
    m.append("9,d\n", "d/x")
    m.append("9,a\n", "d/y")
    refused(errno.EINVAL, lambda: m.append("9,b\n", "d/y"))
    equal(sorted(m.read("d/x/snapshot/latest.csv").split()), ["1,a", "2,b", "3,c", "9,d", "k,p"])
    equal(sorted(m.read("d/y/snapshot/latest.csv").split()), ["1,a", "1,b", "1,c", "2,a", "9,a", "k,p"])
    assert not (m.warehouse / ".paimonfs/rejected").exists()


@test
def a_table_that_was_dropped_is_gone_at_once(m):
    """Its name was looked up just before; whoever drops it, here or elsewhere."""
    m.append("1,a,1\n")
    for drop in ("echo 'DROP TABLE d.t;' >sql", "echo 'ALTER TABLE d.t RENAME TO u;' >d/sql",
                 f"echo 'DROP TABLE d.t;' | {m.binary} sql {m.warehouse} >/dev/null"):
        done = m.sh(f"stat -c %F d/t; ls d/t/tag; {drop} && stat -c %F d/t; ls d/t/tag d/t/snapshot; cat d/t/schema.sql;"
                    "echo 1,a,1 >>d/t/inbox; ls d | grep -c '^t$'")
        equal(done.stdout, "directory\n0\n")
        equal(done.stderr.count("No such file or directory"), 5)
        (m.at / "sql").write_text(AGAIN)
        equal(m.read("d/t/snapshot/latest.csv"), "k,v,amount\n")


@test
def who_stays_in_a_table_that_was_moved_is_told(m):
    """A directory of its old name is another one."""
    m.append("1,a,1\n")
    there = os.open(m.at / "d/t", os.O_RDONLY | os.O_DIRECTORY)
    below = os.open(m.at / "d/t/tag", os.O_RDONLY | os.O_DIRECTORY)
    os.rename(m.at / "d/t", m.at / "d/u")
    (m.at / "sql").write_text(AGAIN)
    for use in (lambda: os.open("inbox", os.O_WRONLY | os.O_APPEND, dir_fd=there), lambda: os.mkdir("v", dir_fd=below),
                lambda: os.stat("snapshot/latest.csv", dir_fd=there)):
        refused(errno.ESTALE, use)
    os.close(there)
    os.close(below)
    equal(m.read("d/t/snapshot/latest.csv") + m.read("d/u/snapshot/latest.csv"), "k,v,amount\nk,v,amount\n1,a,1.00\n")


@test
def a_tag_is_made_below_the_snapshot_that_it_names(m):
    m.append("1,a,1\n")
    m.append("2,b,2\n")
    os.mkdir(m.at / "d/t/snapshot/1/tag/first")
    equal(m.read("d/t/tag/first/snapshot/latest.csv"), "k,v,amount\n1,a,1.00\n")
    equal(os.listdir(m.at / "d/t/tag"), ["first"])
    refused(errno.EEXIST, lambda: os.mkdir(m.at / "d/t/snapshot/2/tag/first"))
    refused(errno.EROFS, lambda: os.rmdir(m.at / "d/t/snapshot/1/tag/first"))
    refused(errno.EROFS, lambda: os.mkdir(m.at / "d/t/tag/first/tag"))


@test
def partitions_and_columns_refine(m):
    m.sql("CREATE TABLE d.p (dt DATE, h INT, v STRING, PRIMARY KEY (dt, h, v) NOT ENFORCED) PARTITIONED BY (dt, h);")
    m.append("dt,h,v\n2026-01-01,1,a\n2026-01-01,2,b\n2026-01-02,1,c\n", "d/p")
    equal(sorted(os.listdir(m.at / "d/p/partition")), ["dt=2026-01-01", "dt=2026-01-02"])
    equal(m.read("d/p/partition/dt=2026-01-01/h=2/snapshot/latest.csv"), "dt,h,v\n2026-01-01,2,b\n")
    equal(m.read("d/p/partition/dt=2026-01-01/select/v/snapshot/latest.csv"), "v\na\nb\n")
    with open(m.at / "d/p/partition/dt=2026-01-02/h=1/inbox", "ab", buffering=0) as inbox:
        inbox.write(b"v\nnew\n")
    equal(m.read("d/p/partition/dt=2026-01-02/snapshot/latest.csv"), "dt,h,v\n2026-01-02,1,c\n2026-01-02,1,new\n")
    refused(errno.EINVAL, lambda: os.stat(m.at / "d/p/select/nothing"))
    refused(errno.ENOENT, lambda: os.stat(m.at / "d/p/.git"))


@test
def listings_end_and_ask_for_no_sizes(m):
    m.append(rows(2))
    names = m.sh("find . -name '*.csv' | sort; ls -R > /dev/null && echo ok").stdout.split()
    system = ("aggregation_fields branches buckets consumers file_key_ranges files manifests options partitions schemas "
              "snapshots statistics table_indexes tags").split()
    equal(names, ["./d/t/snapshot/1/changes.csv", "./d/t/snapshot/1/snapshot/latest.csv"]
          + ["./d/t/snapshot/1/system/%s.csv" % name for name in system] + ["./d/t/snapshot/latest.csv"]
          + ["./d/t/system/%s.csv" % name for name in system] + ["ok"])


# ---- reading ----

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


# ---- what changes ----

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


# ---- budgets ----

def large(m, options, appends, rows_each):
    """Fills a table with runs that overlap everywhere, and mounts it with a fresh cache."""
    m.remount()
    for n in range(appends):
        with open(m.at / "d/t/inbox", "wb", buffering=0) as inbox:
            for start in range(0, rows_each, 50000):
                inbox.write("".join("%d,value %d of run %d,%d.%02d\n" % (i * appends + n, i, n, i % 1000, i % 100)
                                    for i in range(start, min(start + 50000, rows_each))).encode())
    cache = m.warehouse.parent / "cache"
    cache.mkdir()
    m.remount("cache=%s" % cache, *options)


PEAK_KIB = (32 + 32) << 10


@test
def a_table_ten_times_larger_than_memory_is_read_within_it(m):
    large(m, ["memory=32m"], 12, 850000)
    path = m.at / "d/t/snapshot/latest.csv"
    first = subprocess.run(["md5sum", path], capture_output=True, text=True).stdout.split()[0]
    assert path.stat().st_size > 320 << 20, path.stat().st_size
    assert m.status("VmHWM") < PEAK_KIB, "cached: %d KiB" % m.status("VmHWM")
    m.remount("cache=%s" % (m.warehouse.parent / "cache"), "memory=32m", "cache-size=128m")
    both = [subprocess.Popen(["md5sum", path], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    equal([p.communicate()[0].split()[0] for p in both], [first, first])
    assert m.status("VmHWM") < PEAK_KIB, "by marks: %d KiB" % m.status("VmHWM")
    began = time.monotonic()
    equal(m.sh("head -n 2 d/t/snapshot/1.csv").stdout, "k,v,amount\n0,value 0 of run 0,0.00\n")
    assert time.monotonic() - began < 10


@test
def many_runs_are_merged_within_memory(m):
    large(m, ["memory=32m", "cache-size=128m"], 80, 20000)
    text = m.sh("cat d/t/snapshot/latest.csv | md5sum; ls -A ../cache").stdout.split()
    assert m.status("VmHWM") < PEAK_KIB, "%d KiB" % m.status("VmHWM")
    assert not [name for name in text if name.startswith("spill")], text
    m.remount("memory=4g")
    equal(m.sh("cat d/t/snapshot/latest.csv | md5sum").stdout.split()[0], text[0])


@test
def head_streams_and_an_interrupted_cat_stops_its_render(m):
    large(m, ["memory=32m"], 3, 1000000)
    began = time.monotonic()
    equal(m.sh("head -n 1 d/t/snapshot/latest.jsonl").stdout, '{"k":0,"v":"value 0 of run 0","amount":"0.00"}\n')
    took = time.monotonic() - began
    assert took < 3, "head took %.1f s" % took
    assert m.metric("paimonfs_read_bytes_total") < 16 << 20, m.read(".paimonfs/metrics")
    cat = subprocess.Popen(["cat", m.at / "d/t/snapshot/1.jsonl"], stdout=subprocess.PIPE)
    cat.stdout.read(1 << 20)
    began = time.monotonic()
    cat.send_signal(signal.SIGINT)
    cat.stdout.close()
    cat.wait(10)
    assert time.monotonic() - began < 1
    time.sleep(1)
    before = cpu(m)
    time.sleep(1)
    assert cpu(m) - before < 0.2, "the render goes on: %.2f s of CPU in a second" % (cpu(m) - before)


@test
def sizes_are_known_after_a_remount(m):
    large(m, [], 2, 500000)
    size = os.stat(m.at / "d/t/snapshot/latest.csv").st_size
    m.remount("cache=%s" % (m.warehouse.parent / "cache"))
    before = cpu(m)
    equal(os.stat(m.at / "d/t/snapshot/latest.csv").st_size, size)
    assert cpu(m) - before < 0.1, "it was rendered again: %.2f s of CPU" % (cpu(m) - before)
    equal(len(m.read()), size)


@test
def nodes_are_given_back(m):
    m.append(rows(3))
    m.remount("memory=32m")
    for i in range(6000):
        os.stat(m.at / ("d/t/where/k>%d" % i))
        if i % 2 == 0:
            os.stat(m.at / "d/t/key/2.csv")
    deadline = time.monotonic() + 20
    while m.metric("paimonfs_nodes") > 1100 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert m.metric("paimonfs_nodes") <= 1100, m.metric("paimonfs_nodes")
    equal(m.read("d/t/where/k>1/snapshot/latest.csv"), "k,v,amount\n2,value 2,2.02\n")
    equal(m.read("d/t/key/2.csv"), "k,v,amount\n2,value 2,2.02\n")


def cpu(m):
    """Seconds that the daemon computed."""
    pid = subprocess.run(["pgrep", "-f", "^%s mount .* %s$" % (m.binary, m.at)], capture_output=True,
                         text=True).stdout.split()[0]
    words = pathlib.Path("/proc/%s/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@test
def a_mount_whose_daemon_was_killed_is_healed_by_the_next(m):
    m.umount()
    child = subprocess.Popen([m.binary, "mount", "-f", m.warehouse, m.at], stderr=subprocess.DEVNULL)
    while not (m.at / "d").is_dir():
        assert child.poll() is None
        time.sleep(0.02)
    held = os.open(m.at / "d/t/schema.sql", os.O_RDONLY)  # and somebody still has a file of it
    child.kill()
    child.wait()
    m.mount()
    refused(errno.ENOTCONN, lambda: os.close(held))
    m.append("1,a,1\n")
    equal(m.read(), "k,v,amount\n1,a,1.00\n")
    m.umount()


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it, and its programs too
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("tests", nargs="*")
    parser.add_argument("--quick", action="store_true",
                        help="without the tests that measure time or memory: sanitizers take more of both")
    parser.add_argument("--untimed", action="store_true", help="without the test that measures tenths of a second")
    args = parser.parse_args()
    passed = failed = 0
    for function in TESTS:
        if args.tests and function.__name__ not in args.tests:
            continue
        if args.untimed and function is slow_renders_hold_nobody_else_up:
            continue
        if args.quick and function in (slow_renders_hold_nobody_else_up, a_table_ten_times_larger_than_memory_is_read_within_it,
                                       many_runs_are_merged_within_memory):
            continue
        with tempfile.TemporaryDirectory(prefix="mount-", ignore_cleanup_errors=True) as scratch:
            m = None
            try:
                m = Mount(os.path.abspath(args.binary), pathlib.Path(scratch))
                function(m)
                passed += 1
            except Exception as e:
                failed += 1
                print("FAIL mount %s - %s: %s" % (function.__name__, type(e).__name__, str(e)[:400]))
            finally:
                try:
                    subprocess.run([args.binary, "umount", os.path.join(scratch, "mnt")], capture_output=True, timeout=60)
                finally:
                    subprocess.run(["fusermount3", "-u", "-z", os.path.join(scratch, "mnt")], capture_output=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


sys.exit(main())
