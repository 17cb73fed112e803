"""Rows in, as programs write them."""
import errno
import itertools
import os
import pathlib
import resource
import signal
import subprocess
import threading
import time

from mounted import equal, refused, rows, test


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
def who_closes_a_file_that_ends_within_a_row_is_told(m):
    (m.at.parent / "cut.csv").write_text('k,v,amount\n1,a,1.00\n2,"b')
    m.append("0,z,0\n")
    for copy in ("cp %s d/t/inbox", "cat %s > d/t/inbox", "cp %s d/t/overwrite", "dd if=%s of=d/t/inbox@u:1 status=none"):
        equal(m.sh(copy % (m.at.parent / "cut.csv")).returncode, 1)
        equal(m.read(), "k,v,amount\n0,z,0.00\n")
    equal(m.sh("(printf '1,a,1\\n2,\"b' | cat; printf 'c\",2\\n' | cat) >> d/t/inbox").returncode, 0)
    equal(m.read(), "k,v,amount\n0,z,0.00\n1,a,1.00\n2,bc,2.00\n")


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


@test
def writers_at_the_same_time_get_an_inode_each(m):
    inbox = m.at / "d/t/inbox"
    first = os.open(inbox, os.O_WRONLY | os.O_APPEND)
    others = [os.open(inbox, os.O_WRONLY | os.O_APPEND) for _ in range(3)]  # the kernel still keeps the name
    inodes = {os.fstat(f).st_ino for f in [first, *others]}
    equal(len(inodes), 4)
    for n, f in enumerate([first, *others]):
        os.write(f, b"%d,x,1\n" % n)
        os.close(f)
    again = os.open(inbox, os.O_WRONLY | os.O_APPEND)
    assert os.fstat(again).st_ino in inodes, "one who comes alone is given a new inode each time"
    os.close(again)
    equal(m.read(), "k,v,amount\n" + "".join("%d,x,1.00\n" % n for n in range(4)))


@test
def a_name_that_was_found_busy_is_asked_for_before_it_is_opened(m):
    failures = 'paimonfs_failures_total{operation="open"}'
    f, before = os.open(m.at / "d/t/inbox", os.O_WRONLY | os.O_APPEND), m.metric(failures)
    for _ in range(100):
        other = os.open(m.at / "d/t/inbox", os.O_WRONLY | os.O_APPEND)
        os.fsync(other)
        os.close(f)
        f = other
    os.close(f)
    failed = m.metric(failures) - before
    assert failed <= 20, "%d of 100 opens failed, and the kernel asked for the whole path again" % failed


@test
def who_opens_for_each_row_shares_an_inode_unless_somebody_syncs(m):
    inbox, written = m.at / "d/t/inbox", itertools.count()

    def append(count, sync=False):
        for _ in range(count):
            f = os.open(inbox, os.O_WRONLY | os.O_APPEND)
            os.write(f, b"%d,x,1\n" % next(written))
            if sync:
                os.fsync(f)
            os.close(f)

    def two_at_once():
        files = [os.open(inbox, os.O_WRONLY | os.O_APPEND) for _ in range(2)]
        inodes = {os.fstat(f).st_ino for f in files}
        for f in files:
            os.write(f, b"%d,x,1\n" % next(written))
            os.close(f)
        return len(inodes)

    equal(two_at_once(), 2)
    for _ in range(200):  # a loop that was not held up
        append(20)
        if two_at_once() == 1:
            break
    else:
        raise AssertionError("appends of a row each never share an inode")
    append(20, sync=True)
    equal(two_at_once(), 2)
    equal(len(m.read().splitlines()), 1 + next(written))


@test
def rows_follow_a_table_that_is_renamed(m):
    m.append("1,a,1\n")
    os.rename(m.at / "d/t", m.at / "d/u")
    m.append("2,b,2\n", "d/u")
    equal(m.read("d/u/snapshot/latest.csv"), "k,v,amount\n1,a,1.00\n2,b,2.00\n")
    refused(errno.ENOENT, lambda: m.append("3,c,3\n"))


@test
def new_files_lie_outside_of_the_table_where_its_options_say_so(m):
    places = [m.warehouse.parent / name for name in "ab"]
    for place in places:
        place.mkdir()
    files = lambda: [f for place in places for f in place.glob("bucket-0/data-*.parquet")]
    m.sql("CREATE TABLE d.far (k BIGINT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'write-only' = 'true',"
          " 'data-file.external-paths' = 'file://%s,file:%s', 'data-file.external-paths.strategy' = 'round-robin',"
          " 'file-index.bloom-filter.columns' = 'v', 'file-index.in-manifest-threshold' = '1b');" % tuple(places))
    refused(errno.EOPNOTSUPP, lambda: m.append("1,a\n", "d/far"))
    assert "-o external-paths=%s" % places[0] in m.read("d/far/status.json"), m.read("d/far/status.json")
    m.remount("external-paths=%s:%s" % tuple(places))
    for i in range(4):
        m.append("%d,a\n9,b%d\n" % (i, i), "d/far")
    equal(sum(len(list(place.glob("bucket-0/*"))) for place in places), 8)  # an index beside each
    equal(list((m.warehouse / "d.db/far").glob("bucket-*")), [])
    m.umount()
    m.mount("external-paths=%s:%s" % tuple(places))
    equal(m.read("d/far/snapshot/latest.csv"), "k,v\n0,a\n1,a\n2,a\n3,a\n9,b3\n")
    equal(m.read("d/far/changelog").count("\n"), 9)
    equal(m.sh("echo \"CALL sys.compact('d.far');\" > sql && cat sql").stderr, "")
    equal(len(files()), 5)
    equal(m.sh("echo \"%s\" > sql && cat sql" % "CALL sys.expire_snapshots(\\`table\\` => 'd.far', retain_max => 1, retain_min => 1,"
               " older_than => '2999-01-01 00:00:00');").stderr, "")
    equal(len(files()), 1)
    equal(m.read("d/far/snapshot/latest.csv"), "k,v\n0,a\n1,a\n2,a\n3,a\n9,b3\n")
    m.umount()
    outside, words = ["-o", "external-paths=%s:%s" % tuple(places)], str(m.warehouse)
    for command, path, data in (("append", "d/far", "7,c\n"), ("lookup", "d/far", "k\n7\n"),
                                ("compact --full", "d.far", ""), ("cat", "d/far/snapshot/latest.csv", "")):
        run = lambda *options: subprocess.run([m.binary, *command.split(), *options, words, path], input=data, capture_output=True, text=True)
        equal((command, run().returncode), (command, 1))
        done = run(*outside)
        equal((command, done.returncode), (command, 0))
    assert "7,c\n" in done.stdout, done.stdout
    fsck = lambda *options: subprocess.run([m.binary, "fsck", *options, words, "d.far"], capture_output=True, text=True)
    equal((len(fsck().stdout.splitlines()) > 1, fsck(*outside).stdout.splitlines()[1:]), (True, []))


@test
def a_large_write_outside_of_the_table_survives_its_daemon(m):
    place = m.warehouse.parent / "far"
    place.mkdir()
    m.sql("CREATE TABLE d.far (k BIGINT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'write-only' = 'true',"
          " 'data-file.external-paths' = 'file:%s', 'data-file.external-paths.strategy' = 'entropy-inject');" % place)
    m.remount("external-paths=%s" % place)
    with open(m.at / "d/far/inbox", "w", buffering=1 << 20) as inbox:
        inbox.writelines("%d,%s\n" % (i, "value %d " % i * 4) for i in range(300000))
    os.kill(m.pid(), 9)
    m.umount()
    m.mount("external-paths=%s" % place)
    equal(m.sh("wc -l < d/far/snapshot/latest.csv").stdout.strip(), "300001")


@test
def a_commit_to_many_partitions_has_few_files_open(m):
    m.sql("CREATE TABLE d.p (k BIGINT, p INT) PARTITIONED BY (p);")
    resource.prlimit(m.pid(), resource.RLIMIT_NOFILE, (150, 150))
    for start in (0, 1000):
        m.append("".join("%d,%d\n" % (start + i, i) for i in range(400)), "d/p")
    equal(m.read("d/p/snapshot/latest.csv").count("\n"), 801)


@test
def the_end_of_the_mount_commits_what_open_files_have_flushed(m):
    """SIGTERM, with an append, a copy and an overwrite under way."""
    daemon = m.pid()
    m.append("1,a,1\n")
    appended, copied, replacing = (os.open(m.at / "d/t" / name, os.O_WRONLY | how) for name, how in
                                   (("inbox", os.O_APPEND), ("inbox", 0), ("overwrite", 0)))
    for file, row in ((appended, b"2,b,2\n"), (copied, b"3,c,3\n"), (replacing, b"4,d,4\n")):
        os.write(file, row)
    for file in appended, copied:
        os.fsync(file)
    os.write(appended, b"5,e,5\n6,f")
    os.write(copied, b"7,g,7\n")
    os.kill(daemon, signal.SIGTERM)
    for _ in range(300):
        if not os.path.exists("/proc/%d" % daemon):
            break
        time.sleep(0.1)
    for file in appended, copied, replacing:
        refused(errno.ENOTCONN, lambda: os.close(file))
    subprocess.run(["fusermount3", "-u", "-z", m.at], capture_output=True)
    equal([name for name in os.listdir(m.warehouse / ".paimonfs") if name.startswith("journal")], [])
    m.mount()
    equal(m.read(), "k,v,amount\n1,a,1.00\n2,b,2.00\n3,c,3.00\n5,e,5.00\n")
