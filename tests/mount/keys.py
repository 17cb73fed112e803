"""Rows that are acknowledged and in no snapshot yet, as key/ shows them."""
import json
import os
import random
import threading
import time

from mounted import equal, refused, test

ROUNDS = 8
COLUMNS = "k BIGINT, s BIGINT, a BIGINT, b STRING, o STRING, PRIMARY KEY (k) NOT ENFORCED"
SEQUENCED = "'sequence.field' = 's'"
GROUPS = "'merge-engine' = 'partial-update', 'fields.s.sequence-group' = 'a,b'"
# Name, options, the kinds that may be sent: what the engine takes.
ENGINES = (
    ("dedup", "", "+I +U -U -D"),
    ("dedup_sequence", SEQUENCED, "+I +U -D"),
    ("dedup_descending", SEQUENCED + ", 'sequence.field.sort-order' = 'descending'", "+I +U -D"),
    ("dedup_ignoring", "'ignore-delete' = 'true'", "+I +U -U -D"),
    ("dedup_op", "'rowkind.field' = 'o'", "+I"),
    ("dedup_lookup", "'changelog-producer' = 'lookup'", "+I -D"),
    ("dedup_vectors", "'deletion-vectors.enabled' = 'true'", "+I -D"),
    ("partial", "'merge-engine' = 'partial-update'", "+I +U"),
    ("partial_removing", "'merge-engine' = 'partial-update', 'partial-update.remove-record-on-delete' = 'true'", "+I -D"),
    ("partial_groups", GROUPS, "+I +U -D"),
    ("sums", "'merge-engine' = 'aggregation', 'fields.a.aggregate-function' = 'sum', "
     "'fields.b.aggregate-function' = 'listagg', 'fields.b.ignore-retract' = 'true'", "+I +U -U -D"),
    ("sums_sequence", SEQUENCED + ", 'merge-engine' = 'aggregation', 'fields.a.aggregate-function' = 'max', "
     "'fields.b.aggregate-function' = 'last_non_null_value'", "+I"),
    ("last", "'merge-engine' = 'aggregation', 'fields.default-aggregate-function' = 'last_value'", "+I -D"),
    ("first", "'merge-engine' = 'first-row'", "+I"),
)


def some_rows(r, kinds):
    lines = ["_kind,k,s,a,b,o"]
    for _ in range(r.choice((1, 1, 2, 5))):
        lines.append("%s,%d,%d,%s,%s,%s" % (r.choice(kinds), r.randrange(8), r.randrange(50), r.choice(("", r.randrange(9))),
                                            r.choice(("", '"x%d"' % r.randrange(9))), r.choice(("+I", "+U", "-D"))))
    return "\n".join(lines) + "\n"


def settled(m):
    """The kernel tells of closes when it pleases: rows of a handle that is closed are the table's when it is released."""
    until = time.monotonic() + 10
    while m.metric("paimonfs_inboxes_open") > 0 and time.monotonic() < until:
        time.sleep(0.002)


def key_rows(m, table):
    """Row by key, each read by itself."""
    found = {}
    for k in range(8):
        try:
            found[str(k)] = m.read("d/%s/key/%d.csv" % (table, k)).splitlines()[1]
        except FileNotFoundError:
            pass
    return found


def all_rows(m, table):
    lines = m.read("d/%s/snapshot/latest.csv" % table).splitlines()[1:]
    return {line.split(",")[0]: line for line in lines}


def commits(m, table):
    """Snapshots of writers: compactions come by themselves."""
    return sum(json.loads(p.read_text())["commitKind"] == "APPEND"
               for p in (m.warehouse / "d.db" / table / "snapshot").glob("snapshot-*"))


@test
def a_key_shows_rows_that_wait_as_their_commit_does(m):
    r = random.Random(44)
    apart = {}
    for name, options, kinds in ENGINES:
        m.sql("CREATE TABLE d.%s (%s) WITH ('bucket' = '1'%s);" % (name, COLUMNS, options and ", " + options))
        for _ in range(ROUNDS):
            for _ in range(r.choice((1, 1, 3))):
                with open(m.at / "d" / name / "inbox", r.choice(("ab", "wb")), buffering=0) as inbox:
                    inbox.write(some_rows(r, kinds.split()).encode())
            settled(m)
            before = commits(m, name)
            shown = key_rows(m, name)
            apart[name] = apart.get(name, 0) + (commits(m, name) == before)
            equal((name, shown), (name, all_rows(m, name)))
    # Where nothing but the rows themselves counts nobody waited for a commit.
    assert min(apart[name] for name in ("dedup", "partial", "dedup_ignoring", "dedup_op")) == ROUNDS, apart
    assert min(apart[name] for name in ("sums", "dedup_lookup", "last", "dedup_sequence")) > 0, apart


@test
def keys_of_partitions_and_of_keys_of_several_columns_wait_apart(m):
    m.sql("CREATE TABLE d.p (dt STRING, k STRING, v INT, PRIMARY KEY (dt, k) NOT ENFORCED) PARTITIONED BY (dt) "
          "WITH ('bucket' = '2');")
    m.append("a,x,1\nb,x,2\n", table="d/p")
    with open(m.at / "d/p/inbox", "ab", buffering=0) as inbox:
        inbox.write(b"a,x,3\n")
        os.fsync(inbox.fileno())
        equal(m.read("d/p/key/a,x.csv"), "dt,k,v\na,x,3\n")
        equal(m.read("d/p/key/b,x.csv"), "dt,k,v\nb,x,2\n")
        inbox.write(b"a,y,4\nb,x")
        os.fsync(inbox.fileno())  # the last line is not whole, the first one is
        equal(m.read("d/p/key/a,y.csv"), "dt,k,v\na,y,4\n")
        equal(m.read("d/p/key/b,x.csv").splitlines()[1], "b,x,2")
        inbox.write(b",5\n")
    equal(m.read("d/p/key/b,x.csv"), "dt,k,v\nb,x,5\n")
    equal(m.read("d/p/partition/dt=b/key/b,x.jsonl"), '{"dt":"b","k":"x","v":5}\n')
    equal(m.read("d/p/select/v/key/a,x.csv"), "v\n3\n")
    refused(2, lambda: m.read("d/p/where/v>3/key/a,x.csv"))


@test
def sums_of_a_key_are_never_torn_or_old_while_they_are_written(m):
    m.sql("CREATE TABLE d.n (k BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', "
          "'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum');")
    written, wrong, over = [0], [], threading.Event()

    def look():
        while not over.is_set():
            least = written[0]
            try:
                got = int(m.read("d/n/key/1.csv").splitlines()[1].split(",")[1])
            except FileNotFoundError:
                got = 0
            except OSError:  # EBUSY: where it had to wait for its commit, that took more than 5 s
                continue
            if not least <= got <= written[0] + 1:
                wrong.append((least, got, written[0] + 1))

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 300):
        with open(m.at / ("d/n/inbox@sums:%d" % number if number % 2 else "d/n/inbox"), "wb", buffering=0) as inbox:
            inbox.write(b"1,1\n2,1\n")
        written[0] = number
    over.set()
    for reader in readers:
        reader.join()
    equal(wrong, [])
    while json.loads(m.read("d/n/status.json"))["rows_pending"] > 0:
        os.path.exists(m.at / "d/n/snapshot/latest.csv")  # asks for the commits, and waits 5 s at most
    equal(m.read("d/n/snapshot/latest.csv"), "k,n\n1,299\n2,299\n")
