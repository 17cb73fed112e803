"""Memory, time, ends."""
import errno
import os
import pathlib
import signal
import subprocess
import time

from mounted import cpu, equal, refused, rows, test


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
def after_a_small_commit_the_next_text_costs_little(m):
    """By the daemon's CPU time: ten lines are made, all others lie where they are. The 20th version as the second."""
    large(m, [], 5, 200000)
    path, took = m.at / "d/t/snapshot/latest.csv", []
    for n in range(21):
        before = cpu(m)
        os.stat(path)
        took.append(cpu(m) - before)
        with open(m.at / "d/t/inbox", "ab", buffering=0) as inbox:
            inbox.write("".join("%d,changed in round %d,1.00\n" % (i * 99991 + n, n) for i in range(10)).encode())
        time.sleep(0.6)  # a table is committed to twice a second at most
    assert took[0] > 0.1, took
    assert sum(took[1:]) < 20 * took[0] / 8, took


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


@test
def directories_are_given_back_beside_a_file_that_somebody_follows(m):
    """The kernel cannot drop the file's name, and was asked for nothing else."""
    m.append(rows(3))
    m.remount("memory=32m")
    with open(m.at / "d/t/changelog") as followed:
        for i in range(3000):
            os.stat(m.at / ("d/t/where/k>%d" % i))
        deadline = time.monotonic() + 20
        while m.metric("paimonfs_nodes") > 1100 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert m.metric("paimonfs_nodes") <= 1100, m.metric("paimonfs_nodes")
        equal(len(followed.read().splitlines()), 4)


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


@test
def an_unmount_waits_for_the_end_of_the_daemon_and_not_for_its_parent_to_look(m):
    m.umount()
    child = subprocess.Popen([m.binary, "mount", "-f", m.warehouse, m.at], stderr=subprocess.DEVNULL)
    while not (m.at / "d").is_dir():
        time.sleep(0.02)
    with open(m.at / "d/t/inbox", "ab", buffering=0) as inbox:
        inbox.write(b"1,a,1\n")
    m.umount()
    state = pathlib.Path("/proc/%d/stat" % child.pid).read_text().rpartition(")")[2].split()[0]
    rows = m.sh("'%s' cat '%s' d/t/snapshot/latest.csv" % (m.binary, m.warehouse)).stdout
    equal(child.wait(10), 0)
    equal(state, "Z")
    equal(rows, "k,v,amount\n1,a,1.00\n")


@test
def a_row_in_each_of_many_partitions_is_loaded_and_compacted_within_memory(m):
    """What is kept of each partition while it is loaded, listed, changed and compacted is small."""
    m.sql("CREATE TABLE d.many (p INT, k BIGINT, v STRING, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) "
          "WITH ('bucket' = '1');"
          "CREATE TABLE d.spread (p INT, k BIGINT, v STRING, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) "
          "WITH ('bucket' = '-1');")
    count = 10000
    text = "".join("%d,%d,value %d\n" % (i, i, i) for i in range(count)).encode()
    for table in ("many", "spread"):
        m.remount("memory=16m")
        (m.at / "d" / table / "inbox").write_bytes(text)
        equal(settled(m, table), count)
        m.append("5,5,again\n7,-1,more\n", "d/" + table)
        equal(len(os.listdir(m.at / "d" / table / "partition")), count)
        equal(len(m.read("d/%s/system/partitions.csv" % table).splitlines()), count + 1)
        (m.at / "sql").write_text("CALL sys.compact('d.%s'); ALTER TABLE d.%s DROP PARTITION (p = 9);" % (table, table))
        equal(settled(m, table), count)
        assert m.status("VmHWM") < (16 + 80) << 10, "%s: %d KiB" % (table, m.status("VmHWM"))


def settled(m, table):
    """The rows that are there, once what was acknowledged is: a look waits five seconds for it at most."""
    for _ in range(60):
        try:
            return len(m.read("d/%s/snapshot/latest.csv" % table).splitlines()) - 1
        except OSError as e:
            if e.errno != errno.EBUSY:
                raise
    raise AssertionError("%s is not committed after five minutes" % table)


@test
def ten_thousand_columns_are_written_and_read_within_memory(m):
    count = 9999
    m.sql("CREATE TABLE d.wide (k INT, %s, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');" %
          ", ".join("c%d %s" % (i, ("INT", "STRING", "BIGINT")[i % 3]) for i in range(count)))
    m.remount("memory=64m")
    (m.at / "d/wide/inbox").write_text("".join("%d,%s\n" % (row, ",".join(str(row * i % 97) for i in range(count)))
                                               for row in range(60)))
    equal(settled(m, "wide"), 60)
    assert os.stat(m.at / "d/wide/snapshot/latest.parquet").st_size < 8 << 20
    assert m.status("VmHWM") < (64 + 96) << 10, "%d KiB" % m.status("VmHWM")
