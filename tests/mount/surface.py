"""The read surface: keys, refinements, small files."""
import errno
import json
import os
import shutil
import signal
import subprocess
import time

from mounted import equal, refused, rows, test


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


@test
def a_temporary_that_is_renamed_onto_options_replaces_them(m):
    m.append(rows(3))
    options = m.at / "d/t/options"
    equal(m.sh("echo 'a = 1' >> d/t/options && sed -i 's/^a = 1/a = 2/' d/t/options").stderr, "")
    equal(m.read("d/t/options"), "a = 2\nbucket = 1\n")
    if shutil.which("perl"):
        equal(m.sh("perl -i -pe 's/^a = 2/a = 3/' d/t/options").stderr, "")
        equal(m.read("d/t/options"), "a = 3\nbucket = 1\n")
    for name in ("options.tmp", ".options.swp", "options~"):
        (m.at / "d/t" / name).write_text("bucket = 1\nby = %s\n" % name)
        os.replace(m.at / "d/t" / name, options)
        equal(m.read("d/t/options"), "bucket = 1\nby = %s\n" % name)
    equal(m.sh("sed -i 's/^bucket = 1/bucket = -1/' d/t/options").returncode != 0, True)
    assert "Cannot change bucket to -1." in m.read("d/t/errors.jsonl")
    equal(m.read("d/t/options"), "bucket = 1\nby = options~\n")
    refused(errno.EPERM, lambda: os.rename(options, m.at / "d/t/options~"))
    refused(errno.EPERM, lambda: open(m.at / "d/t/elsewhere", "w"))
    equal(sorted(p for p in os.listdir(m.at / "d/t") if "options" in p or p.startswith("sed")), ["options"])


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


@test
def what_is_not_made_here_is_not_permitted(m):
    for make in (lambda: (m.at / "d/t/new").mkdir(), lambda: (m.at / "d/new").mkdir(), lambda: (m.at / "d/t/key/new").mkdir(),
                 lambda: os.symlink("t", m.at / "d/link"), lambda: os.mkfifo(m.at / "d/t/pipe"),
                 lambda: os.link(m.at / "d/t/inbox", m.at / "d/t/second")):
        refused(errno.EPERM, make)


@test
def a_mount_is_found_by_any_path_to_it_also_when_its_daemon_is_gone(m):
    def said(*words, **more):
        return subprocess.run([m.binary, *words], capture_output=True, text=True, cwd=m.at.parent, **more)

    (m.at.parent / "link").symlink_to("mnt")
    (m.at.parent / "empty").mkdir()
    for path in "mnt", "./mnt/", str(m.at), "link":
        equal(said("status", path).stdout, "%s on %s (rw)\n" % (m.warehouse, m.at))
        assert "ok       the mount %s\n" % m.at in said("doctor", path).stdout, path
    again = said("umount", "empty")
    equal((again.returncode, again.stderr), (1, "paimonfs: empty: no warehouse is mounted there\n"))
    again = said("mount", str(m.warehouse), "mnt")
    equal((again.returncode, again.stderr), (1, "paimonfs: mnt: this warehouse is mounted there already\n"))
    equal((said("status", "empty").returncode, said("status", "empty").stderr[-30:]), (1, "no warehouse is mounted there\n"))
    os.kill(m.pid(), 9)
    for _ in range(100):
        if "gone" in said("status").stdout:
            break
        time.sleep(0.05)
    for path in "mnt", "./mnt/", str(m.at):
        equal(said("status", path).stdout, "%s on %s (rw, its daemon is gone)\n" % (m.warehouse, m.at))
        assert "missing  the mount %s: its daemon is gone" % m.at in said("doctor", path).stdout, path
    m.mount()
    equal(said("status", "mnt").stdout, "%s on %s (rw)\n" % (m.warehouse, m.at))


@test
def a_log_that_was_renamed_goes_on_in_a_new_file_after_a_hangup(m):
    """And paths in options are those of whoever mounts, not of the daemon."""
    m.umount()
    here = m.at.parent
    subprocess.run([m.binary, "mount", "-o", "log=rotated,cache=kept", m.warehouse, m.at], check=True, cwd=here)
    refused(errno.EINVAL, lambda: m.append("first\n"))
    assert "fields where" in (here / "rotated").read_text()
    assert (here / "kept").is_dir()
    os.rename(here / "rotated", here / "rotated.1")
    os.kill(m.pid(), signal.SIGHUP)
    for _ in range(100):
        if (here / "rotated").exists():
            break
        time.sleep(0.05)
    refused(errno.EINVAL, lambda: m.append("second\n"))
    equal((here / "rotated").read_text().count("\n"), 1)
    equal((here / "rotated.1").read_text().count("\n"), 1)
    m.append("1,a,1\n")
    m.remount()
    os.kill(m.pid(), signal.SIGHUP)
    equal(m.read(), "k,v,amount\n1,a,1.00\n")


@test
def formats_that_are_asked_for_are_listed_and_told_of(m):
    m.append("1,a,1\n")
    equal(sorted(os.listdir(m.at / "d/t/snapshot")), ["1", "latest.csv"])
    for given, listed in (("formats=jsonl", ["jsonl"]), ("formats=csv,jsonl,parquet,memory=64m", ["csv", "jsonl", "parquet"]),
                          ("formats=csv,ro,parquet", ["csv", "parquet"])):
        m.remount(given)
        equal(sorted(os.listdir(m.at / "d/t/snapshot")), ["1"] + ["latest." + name for name in listed])
        lines = [line for line in m.read(".paimonfs/options").splitlines() if line.startswith("formats = ")]
        equal(sorted(",".join(line[10:] for line in lines).split(",")), listed)
        equal(len(lines), 1 + given.count(",ro,"))
