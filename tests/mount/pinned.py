"""Options stored in a table that say which snapshot reads without a version show."""
import errno
import json
import os

from mounted import equal, refused, test

HEAD = "k,v,amount\n"
ONE, TWO, THREE = "1,a,1.00\n", "1,a,1.00\n2,b,2.00\n", "1,c,3.00\n2,b,2.00\n"


def pin(m):
    s = json.loads(m.read("d/t/status.json"))
    return s["reads_pinned_by"], s["reads_snapshot"], s["cannot_read"]


def history(m):
    """Three snapshots, a tag on the first."""
    for number, row in enumerate(("1,a,1\n", "2,b,2\n", "1,c,3\n"), 1):
        m.append(row)
        m.read()
        equal(sorted(n for n in os.listdir(m.at / "d/t/snapshot") if n.isdigit())[-1], str(number))
    (m.at / "d/t/snapshot/1/tag/first").mkdir()


@test
def stored_options_pin_what_reads_show(m):
    history(m)
    equal(pin(m), (None, None, None))
    opened = open(m.at / "d/t/snapshot/latest.csv")
    (m.at / "sql").write_text("ALTER TABLE d.t SET ('scan.snapshot-id' = '2');")
    equal(m.read(), HEAD + TWO)
    equal(m.read("d/t/snapshot/latest.jsonl").count("\n"), 2)
    equal(m.read("d/t/where/k=1/snapshot/latest.csv"), HEAD + ONE)
    equal(m.read("d/t/select/v/snapshot/latest.csv"), "v\na\nb\n")
    equal(len(m.read("d/t/system/files.csv").splitlines()), 3)
    (m.at / "sql").write_text("ALTER TABLE d.t RESET ('scan.snapshot-id'); ALTER TABLE d.t SET ('scan.tag-name' = 'first');")
    equal(m.read(), HEAD + ONE)
    equal(pin(m), ("scan.tag-name", 1, None))
    equal(opened.read(), HEAD + THREE)  # a view never changes under its reader
    opened.close()
    (m.at / "sql").write_text("ALTER TABLE d.t RESET ('scan.tag-name');")
    equal(m.read(), HEAD + THREE)


@test
def versions_that_a_path_names_and_changes_are_not_pinned(m):
    history(m)
    (m.at / "sql").write_text("ALTER TABLE d.t SET ('scan.snapshot-id' = '1');")
    equal(m.read(), HEAD + ONE)
    equal(m.read("d/t/snapshot/3.csv"), HEAD + THREE)
    equal(m.read("d/t/snapshot/2/snapshot/latest.csv"), HEAD + TWO)
    equal(m.read("d/t/tag/first/snapshot/latest.csv"), HEAD + ONE)
    equal(m.read("d/t/diff/2..latest.csv"), "_kind,k,v,amount\n+I,1,c,3.00\n")
    equal(len(m.read("d/t/changelog").splitlines()), 4)
    equal(m.read("d/t/key/1.csv"), HEAD + "1,c,3.00\n")


@test
def what_is_written_goes_to_the_newest_snapshot_and_a_pinned_view_stays_the_same_file(m):
    history(m)
    (m.at / "sql").write_text("ALTER TABLE d.t SET ('scan.snapshot-id' = '2');")
    before = os.stat(m.at / "d/t/snapshot/latest.csv").st_ino
    m.append("1,d,4\n")
    equal(m.read(), HEAD + TWO)
    equal(os.stat(m.at / "d/t/snapshot/latest.csv").st_ino, before)
    equal(m.read("d/t/snapshot/4.csv"), HEAD + "1,d,4.00\n2,b,2.00\n")
    equal(m.read("d/t/key/1.csv"), HEAD + "1,d,4.00\n")
    (m.at / "d/t/tag/newest").mkdir()
    equal(m.read("d/t/tag/newest/snapshot/latest.csv"), HEAD + "1,d,4.00\n2,b,2.00\n")
    (m.at / "sql").write_text("CALL sys.compact('d.t'); ALTER TABLE d.t RESET ('scan.snapshot-id');")
    equal(m.read(), HEAD + "1,d,4.00\n2,b,2.00\n")


@test
def pinned_reads_have_the_columns_of_their_snapshot(m):
    history(m)
    (m.at / "sql").write_text("ALTER TABLE d.t RENAME v TO w; ALTER TABLE d.t ADD (x INT);"
                              "ALTER TABLE d.t SET ('scan.snapshot-id' = '2');")
    m.append("1,d,4,5\n")
    equal(m.read(), HEAD + TWO)
    equal(m.read("d/t/select/v/snapshot/latest.csv"), "v\na\nb\n")
    equal(m.read("d/t/where/v='a'/snapshot/latest.csv"), HEAD + ONE)
    equal(m.read("d/t/snapshot/4.csv"), "k,w,amount,x\n1,d,4.00,5\n2,b,2.00,\n")
    equal(m.read("d/t/where/x=5/changelog").splitlines()[-1], "4,+I,1,d,4.00,5")  # changes have today's columns
    refused(errno.EINVAL, lambda: m.read("d/t/select/x/snapshot/latest.csv"))
    refused(errno.EINVAL, lambda: os.stat(m.at / "d/t/select/none"))


@test
def what_options_name_in_vain_fails_reads_and_can_be_mended(m):
    history(m)
    names = sorted(os.listdir(m.at / "d/t"))
    for option, value, code, said in (
            ("scan.snapshot-id", "9", errno.EIO, "The specified scan snapshotId 9 is out of available snapshotId range [1, 3]."),
            ("scan.tag-name", "none", errno.EIO, "Tag 'none' doesn't exist."),
            ("scan.timestamp-millis", "5", errno.EIO, "no snapshot earlier than or equal to timestamp [5]"),
            ("scan.watermark", "5", errno.EIO, "no snapshot later than or equal to watermark[5]"),
            ("scan.timestamp", "abc", errno.EINVAL, "is no 'yyyy-MM-dd HH:mm:ss'")):
        (m.at / "d/t/options").open("a").write("%s = %s\n" % (option, value))
        refused(code, lambda: m.read())
        refused(code, lambda: m.read("d/t/where/k=1/snapshot/latest.csv"))
        refused(code, lambda: m.read("d/t/system/files.csv"))
        assert said in m.read(".paimonfs/log") + m.log.read_text(), (option, m.log.read_text()[-600:])
        equal(sorted(os.listdir(m.at / "d/t")), names)
        equal(sorted(os.listdir(m.at / "d/t/snapshot")), ["1", "2", "3", "latest.csv"])
        equal(m.read("d/t/snapshot/3.csv"), HEAD + THREE)
        equal(m.read("d/t/key/2.csv"), HEAD + "2,b,2.00\n")
        assert value in m.read("d/t/options")
        assert pin(m)[1] is None and said in pin(m)[2], pin(m)
        (m.at / "sql").write_text("ALTER TABLE d.t RESET ('%s');" % option)
        equal(m.read(), HEAD + THREE)


@test
def a_branch_is_pinned_by_its_own_options(m):
    history(m)
    (m.at / "d/t/tag/first/branch/b").mkdir()
    m.append("5,e,5\n", "d/t/branch/b")
    equal(m.read("d/t/branch/b/snapshot/latest.csv"), HEAD + ONE + "5,e,5.00\n")
    (m.at / "sql").write_text("ALTER TABLE d.`t$branch_b` SET ('scan.snapshot-id' = '1');")
    equal(m.read("d/t/branch/b/snapshot/latest.csv"), HEAD + ONE)
    equal(m.read(), HEAD + THREE)


@test
def partitions_are_those_of_the_pinned_snapshot(m):
    m.sql("CREATE TABLE d.p (p STRING, k INT, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '1');")
    m.append("a,1\n", "d/p")
    m.read("d/p/snapshot/latest.csv")
    m.append("b,1\n", "d/p")
    m.read("d/p/snapshot/latest.csv")
    (m.at / "sql").write_text("ALTER TABLE d.p SET ('scan.snapshot-id' = '1');")
    equal(os.listdir(m.at / "d/p/partition"), ["p=a"])
    equal(m.read("d/p/partition/p=b/snapshot/latest.csv"), "p,k\n")
    m.append("2\n", "d/p/partition/p=b")
    equal(m.read("d/p/snapshot/3.csv"), "p,k\na,1\nb,1\nb,2\n")
    (m.at / "sql").write_text("ALTER TABLE d.p SET ('scan.snapshot-id' = '9');")  # nothing is shown, all is there
    equal(sorted(os.listdir(m.at / "d/p/partition")), ["p=a", "p=b"])
    assert "inbox" in os.listdir(m.at / "d/p/partition/p=b")
    refused(errno.EIO, lambda: m.read("d/p/partition/p=b/snapshot/latest.csv"))


@test
def options_that_ask_for_changes_show_them_with_their_kinds(m):
    history(m)
    m.append("_kind,k,v,amount\n-D,2,,\n")
    (m.at / "d/t/tag/last").mkdir()
    logged, net = m.read("d/t/incremental/1..4.csv"), m.read("d/t/diff/first..last.csv")
    equal(logged, "_kind,k,v,amount\n+I,2,b,2.00\n+I,1,c,3.00\n-D,2,,\n")
    (m.at / "sql").write_text("ALTER TABLE d.t SET ('incremental-between' = '1,4');")
    equal(m.read(), logged)
    equal(m.read("d/t/where/k=1/snapshot/latest.csv"), m.read("d/t/where/k=1/incremental/1..4.csv"))
    equal(m.read("d/t/snapshot/latest.jsonl"), m.read("d/t/incremental/1..4.jsonl"))
    assert (m.at / "d/t/snapshot/latest.parquet").read_bytes()[:4] == b"PAR1"
    equal(pin(m), ("incremental-between", None, None))
    refused(errno.EINVAL, lambda: m.read("d/t/system/files.csv"))
    (m.at / "d/t/options").open("a").write("incremental-between-scan-mode = changelog\n")
    equal(m.read(), "_kind,k,v,amount\n")  # there are no changelogs
    (m.at / "sql").write_text("ALTER TABLE d.t SET ('incremental-between-scan-mode' = 'diff');")
    equal(m.read(), m.read("d/t/diff/1..4.csv"))
    (m.at / "sql").write_text("ALTER TABLE d.t RESET ('incremental-between-scan-mode');"
                              "ALTER TABLE d.t SET ('incremental-between' = 'first,last');")
    equal(m.read(), net)
    for value, code in (("1,9", errno.EIO), ("4,1", errno.EINVAL), ("x,y", errno.EIO), ("1", errno.EINVAL)):
        (m.at / "d/t/options").open("a").write("incremental-between = %s\n" % value)
        refused(code, lambda: m.read())
        equal(m.read("d/t/snapshot/3.csv"), HEAD + THREE)
    (m.at / "sql").write_text("ALTER TABLE d.t RESET ('incremental-between');")
    equal(m.read(), HEAD + "1,c,3.00\n")
