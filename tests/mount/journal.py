"""Acknowledged first, committed later."""
import errno
import json
import os
import pty
import signal
import subprocess
import sys
import time

from mounted import cpu, equal, refused, rows, test
from surface import PARTED


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
def a_numbered_batch_that_was_cut_off_is_completed_by_its_repetition(m):
    """By a writer that is killed, by one of several, by a daemon that is: what had been acknowledged is there once."""
    def shown(last):
        return "k,v,amount\n" + "".join("%d,x,%d.00\n" % (k, k) for k in range(1, last + 1))

    def batch(number, first, last):
        for _ in range(2):
            m.append("".join("%d,x,%d\n" % (k, k) for k in range(first, last + 1)), name="inbox@loader:%d" % number)
            equal(m.read(), shown(last))

    script = ("import os,signal; os.write(1, b'1,x,1\\n2,x,2\\n'); os.fsync(1); os.write(1, b'3,x');"
              " os.kill(os.getpid(), signal.SIGKILL)")
    m.sh("%s -c \"%s\" > d/t/inbox@loader:1" % (sys.executable, script))
    time.sleep(0.2)
    equal(m.read(), shown(2))
    batch(1, 1, 4)
    m.sh("(echo 5,x,5; bash -c 'echo 6,x,6; kill -9 $$') > d/t/inbox@loader:2")
    batch(2, 5, 8)
    fd = os.open(m.at / "d/t/inbox@loader:3", os.O_WRONLY)
    os.write(fd, b"9,x,9\n")
    os.fsync(fd)
    pid = daemon(m)
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    try:
        os.close(fd)
    except OSError:
        pass
    subprocess.run(["fusermount3", "-u", "-z", m.at], check=True)
    m.mount()
    equal(m.read(), shown(9))
    batch(3, 9, 12)
    assert not (m.warehouse / ".paimonfs/rejected").exists()


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
def rows_go_nowhere_but_into_the_table(m):
    """By names that tell of a format they do; where a name would only look so nothing is made, and nothing is lost."""
    for i, name in enumerate(("inbox.json", "inbox.jsonl", "inbox@u:1.json", "overwrite.json")):
        equal(m.sh("""echo '{"k": %d, "v": "x"}' > d/t/%s""" % (i, name)).stderr, "")
        assert "%d,x," % i in m.read(), name
    equal(m.read(), "k,v,amount\n3,x,\n")
    (m.at / "../copy").write_bytes((m.at / "d/t/snapshot/latest.parquet").read_bytes())
    for name in "inbox.parquet", "overwrite.parquet", "inbox@u:2.parquet":
        equal(m.sh("echo 9,y,1 > d/t/overwrite.csv; cat ../copy > d/t/%s" % name).stderr, "")
        equal(m.read(), "k,v,amount\n3,x,\n" + ("" if name[0] == "o" else "9,y,1.00\n"))
    equal(m.sh("cp ../copy d/t/tmp_inbox.parquet && mv d/t/tmp_inbox.parquet d/t/inbox.parquet").stderr, "")
    for name in ("inbox.tsv", "inbox.txt", "inbox.csv.gz", "inbox.debezium.json", "inbox_new.csv", "inbox2", "inboxaa", "inboxes", "overwrite1", "overwrite@u:1",
                 "overwrite.txt"):
        refused(errno.EPERM, lambda: open(m.at / "d/t" / name, "w"))
    equal(m.sh("seq 9 | split -l 5 - d/t/inbox").returncode, 1)


@test
def a_refusal_is_logged_once_and_with_its_table(m):
    m.sh("echo x,y,z > d/t/inbox; printf 1,y > d/t/inbox")
    log = [line.split("Z ", 1)[1] for line in m.read(".paimonfs/log").splitlines()]
    equal(log, ['write: d/t/inbox: row 1, column k (BIGINT): "x" is not an integer (invalid argument)',
                "flush: d/t/inbox: the file ends within a row: row 1: 2 fields where 3 belong, and no column's name is "
                "among them (invalid argument)"])


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
def rows_that_a_table_does_not_take_back_are_skipped_by_themselves(m):
    m.umount()
    m.sql("CREATE TABLE d.f (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('merge-engine' = 'first-row');")
    m.mount("on-error=skip")
    equal(m.sh("printf '_kind,k,v\n+I,1,a\n-D,1,a\n+I,2,b\n-U,2,b\n+I,3,c\n' >> d/f/inbox").returncode, 0)
    equal(m.sh("printf '_kind,k,v\n+I,4,d\n-D,3,c' >> d/f/inbox").returncode, 0)  # without a newline
    equal(m.sh("""echo '{"before":{"k":1,"v":"a"},"after":null,"op":"d"}' >> d/f/inbox.debezium""").returncode, 0)
    (m.warehouse.parent / "f.parquet").write_bytes(parquet(m, "g (_kind STRING, k INT, v STRING)", "-D,4,d\n+I,5,e\n"))
    equal(m.sh("cat ../f.parquet > d/f/inbox").returncode, 0)
    equal(m.read("d/f/snapshot/latest.csv"), "k,v\n1,a\n2,b\n3,c\n4,d\n5,e\n")
    told = [json.loads(line) for line in m.read("d/f/errors.jsonl").splitlines()]
    equal([tuple(json.loads(line["text"]).values()) for line in told],
          [(1, "a", "-D"), (2, "b", "-U"), (3, "c", "-D"), (1, "a", "-D"), (4, "d", "-D")])
    assert all("ignore-delete" in line["reason"] for line in told), told


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


@test
def a_last_line_that_waits_for_its_end_costs_no_time(m):
    inbox = os.open(m.at / "d/t/inbox", os.O_WRONLY | os.O_APPEND)
    os.write(inbox, b"1,a,1")
    os.fsync(inbox)
    time.sleep(6)  # longer than a file of rows may rest before they are looked for
    before = cpu(m)
    time.sleep(1)
    assert cpu(m) - before < 0.2, "somebody looks without end: %.2f s of CPU in a second" % (cpu(m) - before)
    os.close(inbox)
    equal(m.read(), "k,v,amount\n1,a,1.00\n")


@test
def what_a_transaction_removes_the_next_one_does_not_bring_back(m):
    for name, options, left in (
            ("removed", "'merge-engine' = 'partial-update', 'partial-update.remove-record-on-delete' = 'true'", "1,2,"),
            ("summed", "'merge-engine' = 'aggregation', 'aggregation.remove-record-on-delete' = 'true', "
             "'fields.n.aggregate-function' = 'sum', 'fields.v.aggregate-function' = 'last_non_null_value'", "1,2,")):
        m.sql("CREATE TABLE d.%s (k BIGINT, n BIGINT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', %s);"
              % (name, options))
        m.append("1,5,old\n", table="d/" + name)
        for text in ("_kind,k,n,v\n-D,1,,\n", "1,2,\n"):
            with open(m.at / "d" / name / "inbox", "wb", buffering=0) as inbox:
                inbox.write(text.encode())
        equal((name, m.read("d/%s/snapshot/latest.csv" % name)), (name, "k,n,v\n%s\n" % left))
