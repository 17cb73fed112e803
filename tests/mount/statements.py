"""Statements, tags, branches, partitions."""
import errno
import os
import signal
import subprocess

from mounted import equal, refused, rows, test

AGAIN = "CREATE TABLE d.t (k INT, v STRING, amount DECIMAL(10,2), PRIMARY KEY (k) NOT ENFORCED);"

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


@test
def sql_takes_statements_in_pieces_and_comments_behind_them(m):
    out = m.sh("""printf 'CREATE TABLE d.a (k INT);\\n-- the end; of it\\n' | cat > sql && ls d | grep -cx a
                  { echo 'USE d;'; echo 'SHOW TABLES -- all;'; echo '; SHOW DATABASES;'; } > sql && cat sql
                  printf 'SHOW TABLES' | dd status=none > sql || echo refused""")
    assert out.stdout.split() == ["1", "result", "OK", "table", "name", "a", "t", "database", "name", "d", "refused"], out


@test
def a_handle_on_sql_reads_its_answers_from_their_start(m):
    out = m.sh("""exec 3<>sql; echo 'SHOW DATABASES;' >&3; cat <&3; echo 'SHOW TABLES IN d;' >&3; cat <&3; exec 3>&-; cat sql""")
    assert out.stdout == "database name\nd\ntable name\nt\ntable name\nt\n", out
    with open(m.at / "sql", "r+b", buffering=0) as sql:
        sql.write(b"SHOW DATABASES;")
        assert sql.read() == b"database name\nd\n"
        assert os.pread(sql.fileno(), 5, 0) == b"datab"
        sql.seek(0)
        assert sql.read(3) == b"dat"


@test
def a_wrong_statement_is_told_with_its_place_in_the_whole_text(m):
    out = m.sh("""printf 'SHOW DATABASES;\\nSHOW TABLES IN d;\\n\\n  SELECT 1;\\n' | cat > sql; cat sql""")
    assert "error: line 4, column 3: rows are read from files" in out.stdout, out


def told(m, statement):
    (m.at / "sql").write_text(statement + ";\n")


@test
def rows_that_were_rolled_back_do_not_come_again(m):
    m.append("1,a,1\n")
    m.append("2,b,2\n")
    told(m, "CALL sys.rollback_to('d.t', 1)")
    (m.at / "d/t/inbox@loader:1").write_text("3,c,3\n")  # another user's snapshot 2, at once
    want = "k,v,amount\n1,a,1.00\n3,c,3.00\n"
    equal(m.read(), want)
    m.append("4,d,4\n")
    told(m, "CALL sys.rollback_to('d.t', 2)")
    os.kill(m.pid(), signal.SIGKILL)
    m.umount()
    m.mount()
    equal(m.read(), want)
    m.append("5,e,5\n")
    equal(m.read(), want + "5,e,5.00\n")


@test
def what_a_branch_took_the_place_of_does_not_come_again(m):
    m.append("1,a,1\n")
    (m.at / "d/t/tag/first").mkdir()
    (m.at / "d/t/tag/first/branch/b").mkdir()
    m.append("2,branch,2\n", "d/t/branch/b")
    m.append("3,main,3\n")
    m.append("4,main,4\n")  # the loader's will be this snapshot
    told(m, "CALL sys.fast_forward('d.t', 'b')")
    want = "k,v,amount\n1,a,1.00\n2,branch,2.00\n"
    equal(m.read(), want)
    (m.at / "d/t/inbox@loader:1").write_text("9,c,9\n")
    equal(m.read(), want + "9,c,9.00\n")


@test
def the_first_lines_of_what_flink_and_spark_have_in_their_notes(m):
    def answer(text):
        return subprocess.run([m.binary, "sql", m.warehouse], input=text.encode(), capture_output=True)

    m.sql("CREATE TABLE d.t_one (k INT); CREATE TABLE d.text (k INT); CREATE TABLE d.`tä` (k INT); CREATE DATABASE catalog;")
    equal(answer("USE CATALOG my_catalog; USE d; SHOW TABLES LIKE 't_';").stdout.decode(), "result\nOK\nresult\nOK\ntable name\ntä\n")
    equal(answer("USE catalog; SHOW TABLES;").stdout, b"result\nOK\ntable name\n")
    for pattern, names in (("%", "t\nt_one\ntext\ntä\n"), ("t", "t\n"), ("t_%e", "t_one\n"), ("*e*t", "text\n"), ("x%", ""),
                           ("t%x%", "text\n"), ("", "")):
        equal(answer("SHOW TABLES IN d LIKE '%s';" % pattern).stdout.decode(), "table name\n" + names)
    equal(answer("SHOW SCHEMAS LIKE 'c%'; SHOW DATABASES LIKE 'd';").stdout, b"database name\ncatalog\ndatabase name\nd\n")
    refused = answer("CREATE CATALOG c WITH ('type' = 'paimon', 'warehouse' = 'file:///w');")
    equal((refused.returncode, b"the warehouse is the catalog" in refused.stderr), (1, True))
