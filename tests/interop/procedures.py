#!/usr/bin/env python3
"""The same words to the program and to Flink: procedures.py BINARY --oracle COMMAND [--only TEXT]

A table of ours and a twin of Paimon's, in two warehouses. Each story is a list of statements: the text goes to both as it
stands, to ours by `BINARY sql` and to the twin by Flink's SQL with Paimon's catalog, with rows in between that both get.
After every statement the schemas, snapshots, tags, branches, partitions, consumers and marks must be the same, at the end
the rows, and Paimon's fsck must find nothing in ours; what one refuses the other must refuse too. Flink is installed when
it is asked for first (install.py). COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

import install
from flink import Flink
from flink import Refused as FlinkRefused
from oracle import Oracle, Refused, counted, difference
from random_writes import Failed, Program
from statements import Pair, Results

COLUMNS = [{"name": "dt", "type": "STRING"}, {"name": "k", "type": "INT"}, {"name": "v", "type": "STRING"}]
KEYED = {"columns": COLUMNS, "primaryKeys": ["dt", "k"], "partitionKeys": ["dt"], "options": {"bucket": "1"}}
APPEND = {"columns": COLUMNS, "primaryKeys": [], "partitionKeys": ["dt"], "options": {"bucket": "-1"}}
QUIET = dict(KEYED, options={"bucket": "1", "num-sorted-run.compaction-trigger": "100"})
TWICE = {"columns": [COLUMNS[0], {"name": "hh", "type": "STRING"}, *COLUMNS[1:]], "primaryKeys": [], "partitionKeys": ["dt", "hh"],
         "options": {"bucket": "-1"}}
WHOLE = {"columns": COLUMNS[1:], "primaryKeys": [], "partitionKeys": [], "options": {"bucket": "-1"}}
MARKED = dict(QUIET, options=dict(QUIET["options"], **{"tag.create-success-file": "true"}))
OLD = [("2020-01-01", 1, "a"), ("2020-01-02", 2, "b"), ("2090-01-01", 3, "c")]


def W(*rows, branch="main"):
    return ("write", branch, rows or OLD)


def O(*rows, into=""):
    """INSERT OVERWRITE, of the partitions that the rows fall into."""
    return ("overwrite", into, rows)


def R(argument=""):
    """CALL sys.repair."""
    return ("repair", argument)


def D(partitions):
    """They are done."""
    return "CALL sys.mark_partition_done('d.t', '%s')" % partitions.replace("'", "''")


# {ms:3}: when snapshot 3 was made, in each warehouse; {time:3}: the same as a time of day, the second after it; {ago:3}: as a
# time of day, three hours ago.
STORIES = {
    "tags by place and by name": (QUIET, [
        W(), "CALL sys.create_tag('d.t', 'a')", W(), "CALL sys.create_tag('d.t', 'b', 1)",
        "CALL sys.create_tag(`table` => 'd.t', tag => 'c', snapshot_id => cast(2 as bigint), time_retained => '5 d')",
        "CALL sys.create_tag('d.t', 'a')", "CALL sys.create_tag('d.t', 'x', 99)", "CALL sys.create_tag('d.t', '')",
        "CALL sys.create_tag('d.t', '12')", "CALL sys.create_tag('d.t', 'HEAD')",
        "CALL sys.create_tag(`table` => 'd.t', tag => 'it''s ü')", "CALL sys.rename_tag('d.t', 'it''s ü', 'plain')",
        "CALL sys.rename_tag(`table` => 'd.t', tagName => 'plain', targetTagName => 'b')",
        "CALL sys.rename_tag('d.t', 'nope', 'n2')", "CALL sys.delete_tag('d.t', 'b,plain')",
        "CALL sys.delete_tag(`table` => 'd.t', tag => 'nope')", "CALL sys.replace_tag('d.t', 'a', 2, '1 d')",
        "CALL sys.replace_tag('d.t', 'nope', 2, '1 d')", "CALL sys.create_tag('d.nope', 'a')",
        "CALL sys.create_tag_from_timestamp('d.t', 'from', {ms:2})",
        "CALL sys.create_tag_from_timestamp(`table` => 'd.t', tag => 'late', `timestamp` => 9999999999999)",
        "CALL sys.create_tag_from_watermark('d.t', 'w', 1)",
        "CALL sys.delete_tag('d.t', 'a,c,from')"]),
    "tags outlive snapshots": (QUIET, [
        W(), "CALL sys.create_tag('d.t', 'one', 1, '1 h')", W(), "CALL sys.create_tag('d.t', 'two', 2)", W(), W(),
        "CALL sys.expire_snapshots('d.t', 1)", "CALL sys.expire_snapshots('d.t', 1, 1)", "CALL sys.create_tag('d.t', 'again', 2)",
        "CALL sys.expire_tags('d.t')", "CALL sys.expire_tags('d.t', '2020-01-01 00:00:00')",
        "CALL sys.rollback_to('d.t', 'two')", W(), "CALL sys.expire_tags(`table` => 'd.t', older_than => '{time:3}')"]),
    "tags that end": (MARKED, [
        W(), "CALL sys.create_tag('d.t', 'none')", "CALL sys.create_tag(`table` => 'd.t', tag => 'hour', time_retained => '1 h')",
        "CALL sys.create_tag(`table` => 'd.t', tag => 'day', time_retained => '1 d')", "CALL sys.expire_tags('d.t')",
        "older hour 2", "CALL sys.expire_tags('d.t')", "older none 30", "CALL sys.expire_tags('d.t')", "older day 23",
        "CALL sys.expire_tags('d.t')", "CALL sys.expire_tags('d.t', '{ago:24}')", "CALL sys.expire_tags('d.t', '{ago:20}')",
        "CALL sys.expire_tags('d.t', 'nonsense')", "CALL sys.expire_tags('d.t', '2020-01-01')", "CALL sys.expire_tags('d.t', '')",
        "ALTER TABLE d.t SET ('tag.default-time-retained' = '2 h')",
        "CALL sys.create_tag(`table` => 'd.t', tag => 'longer', time_retained => '3 h')", "older longer 2",
        "CALL sys.create_tag(`table` => 'd.t', tag => 'bad', time_retained => 'x')",
        "CALL sys.create_tag(`table` => 'd.t', tag => 'bad', time_retained => '-1 h')",
        "CALL sys.create_tag(`table` => 'd.t', tag => 'empty', time_retained => '')",
        "CALL sys.replace_tag(`table` => 'd.t', tag => 'longer', time_retained => '9 h')", "CALL sys.rename_tag('d.t', 'longer', 'other')",
        W(), "CALL sys.expire_tags('d.t')", "ALTER TABLE d.t RESET ('tag.default-time-retained')",
        "CALL sys.replace_tag('d.t', 'other', 1)", "CALL sys.replace_tag('d.t', 'other')", "older other 30", W(),
        "ALTER TABLE d.t SET ('tag.time-expire-enabled' = 'false')",
        "CALL sys.create_tag(`table` => 'd.t', tag => 'kept', time_retained => '1 ms')", "older kept 5", W(),
        "CALL sys.trigger_tag_automatic_creation('d.t')", "CALL sys.expire_tags('d.t')", "CALL sys.rollback_to('d.t', '', cast(1 as bigint))",
        "CALL sys.expire_tags('d.nope')", "CALL sys.expire_tags(`table` => 'd.t', older_than => '2999-01-01 00:00:00')"]),
    "tables of other kinds": (QUIET, [
        *["CREATE TABLE d.`%s` (a INT, b STRING) WITH ('type' = '%s')" % (kind, kind)
          for kind in ("table", "TABLE", "object-table", "OBJECT_TABLE", "format-table", "zz")],
        "CREATE TABLE d.o WITH ('type' = 'object-table', 'object-location' = 'file:/tmp')",
        "CREATE TABLE d.o (a INT) WITH ('type' = 'object-table', 'object-location' = 'file:/tmp')",
        "CREATE TABLE IF NOT EXISTS d.o (a INT) WITH ('type' = 'object-table')",
        "CREATE TABLE d.f (a INT) WITH ('type' = 'format-table', 'file.format' = 'csv')",
        "CALL sys.refresh_object_table('d.t')", W()]),
    "tags that make themselves": (dict(QUIET, options=dict(QUIET["options"], **{
        "tag.automatic-creation": "process-time", "tag.creation-period": "daily", "tag.num-retained-max": "3"})), [
        W(), "CALL sys.trigger_tag_automatic_creation('d.t')", W(),
        "CALL sys.trigger_tag_automatic_creation(`table` => 'd.t')"]),
    "branches": (QUIET, [
        "CALL sys.create_branch('d.t', 'empty')", W(), "CALL sys.create_tag('d.t', 't1')",
        "CALL sys.create_branch('d.t', 'b', 't1')", "CALL sys.create_branch('d.t', 'b')",
        "CALL sys.create_branch('d.t', 'main')", "CALL sys.create_branch('d.t', '12')", "CALL sys.create_branch('d.t', ' ')",
        "CALL sys.create_branch(`table` => 'd.t', branch => 'c', tag => 'nope')",
        W(("2020-01-01", 1, "of b"), branch="b"), W(("2020-01-01", 9, "of empty"), branch="empty"),
        "CALL sys.create_tag('d.t$branch_b', 'inside')", W(), "CALL sys.rename_branch('d.t', 'empty', 'other')",
        "CALL sys.rename_branch('d.t', 'nope', 'x')", "CALL sys.rename_branch('d.t', 'other', 'b')",
        "CALL sys.rename_branch('d.t', 'main', 'x')", "CALL sys.fast_forward('d.t', 'b')",
        "CALL sys.fast_forward('d.t', 'nope')", "CALL sys.fast_forward('d.t', 'main')", W(),
        "CALL sys.delete_branch('d.t', 'nope')", "CALL sys.delete_branch('d.t', 'b,other')"]),
    "a branch with columns of its own": (QUIET, [
        W(), "CALL sys.create_tag('d.t', 't1')", "CALL sys.create_branch('d.t', 'b', 't1')",
        "ALTER TABLE d.`t$branch_b` ADD (n INT)", "ALTER TABLE d.`t$branch_b` SET ('x' = '1')",
        W(("2020-01-01", 1, "of b"), branch="b"), "CALL sys.compact(`table` => 'd.t$branch_b')",
        "CALL sys.fast_forward('d.t', 'b')", W(), "ALTER TABLE d.t DROP (n)"]),
    "a branch that is read of": (QUIET, [
        W(), "CALL sys.create_branch('d.t', 'b')", W(("2020-05-05", 1, "of b"), branch="b"),
        "ALTER TABLE d.t SET ('scan.fallback-branch' = 'nope')", "ALTER TABLE d.t SET ('scan.fallback-branch' = 'b')",
        "CALL sys.delete_branch('d.t', 'b')", W(), "ALTER TABLE d.t RESET ('scan.fallback-branch')",
        "CALL sys.delete_branch('d.t', 'b')"]),
    "going back": (QUIET, [
        W(), W(("2020-01-01", 1, "z")), W(("2020-01-02", 5, "y")), "CALL sys.create_tag('d.t', 't3')", W(), W(),
        "CALL sys.rollback_to('d.t', '', cast(4 as bigint))", "CALL sys.rollback_to(`table` => 'd.t', snapshot_id => cast(99 as bigint))",
        "CALL sys.rollback_to('d.t', 'nope')", "CALL sys.rollback_to(`table` => 'd.t', tag => 't3')", W(),
        "CALL sys.rollback_to_timestamp('d.t', {ms:2})", "CALL sys.rollback_to_timestamp('d.t', 1)",
        "CALL sys.rollback_to_watermark('d.t', 1)", W()]),
    "compaction": (KEYED, [
        W(), W(("2020-01-01", 1, "z")), W(("2020-01-02", 2, "y")), "CALL sys.compact('d.t', 'dt=2020-01-01')",
        W(("2020-01-01", 1, "zz")), "CALL sys.compact(`table` => 'd.t', compact_strategy => 'full', `where` => 'dt = ''2020-01-02''')",
        "CALL sys.compact('d.t')", "CALL sys.compact('d.t', '', '', '', '', '', '', 'no such')",
        "CALL sys.compact(`table` => 'd.t', order_strategy => 'zorder', order_by => 'k')"]),
    **{"compaction of postponed rows%s" % name: (dict(KEYED, options={"bucket": "-2", "postpone.default-bucket-num": "2", **options}), [
        W(), W(("2020-01-01", 1, "z"), ("2020-01-01", 7, "seven")), "CALL sys.compact('d.t')",
        W(("2020-01-01", 7, "again"), ("2021-01-01", 1, "new")), W(("2020-01-01", 7, "and again")),
        "CALL sys.compact('d.t', 'dt=2020-01-01')", "CALL sys.compact(`table` => 'd.t')", W(), W(), W(),
        "ALTER TABLE d.t SET ('postpone.default-bucket-num' = '3')", W(("2022-01-01", 1, "three"), ("2020-01-01", 8, "two")),
        "CALL sys.compact('d.t')"])
       for name, options in {
           "": {}, ", whose changes are looked up": {"changelog-producer": "lookup"},
           ", with deletion vectors": {"deletion-vectors.enabled": "true"}, ", the first of a key": {"merge-engine": "first-row"},
           ", whose changes are those written": {"changelog-producer": "input"}}.items()},
    **{"clustering%s" % name: (dict(APPEND, options={"bucket": "-1", "clustering.incremental": "true", "clustering.columns": columns,
                                                     "num-sorted-run.compaction-trigger": "3", **options}), [
        *[W(("2020-01-01", i * 5 % 7, "v%d" % (i * 3 % 7)), ("2020-01-01", i, "w")) for i in range(4)], "CALL sys.compact('d.t')",
        W(), "CALL sys.compact('d.t')", W(("2020-01-01", 9, "v0")), W(("2020-01-01", 8, "v0")), W(("2020-01-02", 8, "v0")),
        "CALL sys.compact('d.t')", *[W(*[("2020-01-01", i * 37 % 101 + j, "more") for i in range(100)]) for j in range(3)],
        "CALL sys.compact('d.t')", "CALL sys.compact(`table` => 'd.t', compact_strategy => 'full')",
        "CALL sys.compact(`table` => 'd.t', compact_strategy => 'full')", "ALTER TABLE d.t SET ('clustering.columns' = 'v')",
        "CALL sys.compact(`table` => 'd.t', compact_strategy => 'full')", W(), W(), W(),
        "CALL sys.compact('d.t', 'dt=2020-01-01')", "CALL sys.compact('d.t')"])
       for name, columns, options in (("", "k", {}), (" by two columns", "k,v", {}), (" along a curve", "v,k", {"clustering.strategy": "hilbert"}),
                                      (" with deletion vectors", "k", {"deletion-vectors.enabled": "true"}))},
    "compaction of appended rows": (APPEND, [
        *[W(("2020-01-01", i * 5 % 7, "v%d" % (i * 3 % 7))) for i in range(6)], W(), W(("2020-01-01", 9, "v0")),
        "CALL sys.compact(`table` => 'd.t', order_strategy => 'order', order_by => 'k')",
        "CALL sys.compact(`table` => 'd.t', order_strategy => 'order', order_by => 'nope')",
        "CALL sys.compact(`table` => 'd.t', order_strategy => 'order', order_by => 'v,k', `where` => 'dt = ''2020-01-01''')"]),
    "indexes": (APPEND, [
        W(), W(("2020-01-01", 4, "z")), "CALL sys.rewrite_file_index('d.nope')",
        "ALTER TABLE d.t SET ('file-index.bitmap.columns' = 'v', 'file-index.bloom-filter.columns' = 'k')",
        "CALL sys.rewrite_file_index('d.t', 'dt=2020-01-01')", W(("2020-01-01", 5, "y")),
        "CALL sys.rewrite_file_index(`table` => 'd.t', partitions => 'dt=2020-01-01;dt=2020-01-02')",
        "CALL sys.rewrite_file_index('d.t')", "ALTER TABLE d.t RESET ('file-index.bloom-filter.columns')",
        "CALL sys.rewrite_file_index('d.t')", "CALL sys.expire_snapshots('d.t', 1, 1)"]),
    "indexes of a table with keys": (QUIET, [
        W(), "ALTER TABLE d.t SET ('file-index.bsi.columns' = 'k', 'file-index.bloom-filter.columns' = 'v')",
        W(("2020-01-01", 1, "z")), "CALL sys.rewrite_file_index('d.t')", "CALL sys.compact('d.t')",
        "CALL sys.rewrite_file_index('d.t')", W()]),
    "snapshots expire": (QUIET, [
        *[W(("2020-01-01", 1, "v%d" % i)) for i in range(8)], "CALL sys.expire_snapshots('d.t', 7)",
        "CALL sys.expire_snapshots('d.t', 7, 1)", "CALL sys.expire_snapshots(`table` => 'd.t', retain_max => 6, retain_min => 6)",
        "CALL sys.expire_snapshots(`table` => 'd.t', retain_max => 1, retain_min => 1, max_deletes => 1)",
        "CALL sys.expire_snapshots(`table` => 'd.t', retain_max => 3, retain_min => 2, older_than => '{time:99}')",
        "CALL sys.expire_snapshots(`table` => 'd.t', retain_max => 1, retain_min => 2)",
        "CALL sys.expire_snapshots('d.t', 1)", W()]),
    "partitions go": (QUIET, [
        W(), W(("2020-01-03", 7, "x"), ("2090-01-02", 8, "y")), "CALL sys.drop_partition('d.t', 'dt=2020-01-03')",
        "ALTER TABLE d.t DROP PARTITION (dt = '2090-01-02')",
        "CALL sys.expire_partitions('d.t', '30 d', 'yyyy-MM-dd', '$dt', 'values-time')",
        "CALL sys.expire_partitions(`table` => 'd.t', expiration_time => '30 d', timestamp_formatter => 'yyyy-MM-dd')",
        "CALL sys.drop_partition('d.t', 'zz=1')", W(), "TRUNCATE TABLE d.t", W(("2020-01-01", 3, "z"))]),
    "partitions are done": (QUIET, [
        W(), "CALL sys.mark_partition_done('d.t', 'dt=2020-01-01')",
        "CALL sys.mark_partition_done(`table` => 'd.t', partitions => 'dt=2020-01-02;dt=2090-01-01')",
        "CALL sys.mark_partition_done('d.t', 'dt=2020-01-01')", D("dt=1999-01-01"), D("dt=2020-01-01;"), D(";dt=2020-01-02"),
        D(""), D(";"), D("dt"), D("dt="), D("zz=1"), D("dt=2020-01-01,zz=1"), D("dt = 2020-01-05"), D(" dt=2020-01-06"),
        D("dt=2020-01-07 "), D("DT=2020-01-08"), D("dt=a=b"), D("dt=a/b"), D("dt=a b"), D("dt=ü"), D("dt=a:b"), D("dt='2020-01-09'"),
        D("dt=2020-01-01,dt=2020-01-10"), D("dt=__DEFAULT_PARTITION__"), D("dt=.."), "CALL sys.mark_partition_done('d.nope', 'dt=1')",
        "CALL sys.mark_partition_done('d.t$branch_b', 'dt=1')", "CALL sys.mark_partition_done('d.t')"]),
    "partitions of two keys are done": (TWICE, [
        W(("a", "1", 1, "x"), ("a", "2", 2, "x"), ("b", "1", 3, "x")), D("dt=a,hh=1"), D("hh=2,dt=a"), D("dt=b"), D("hh=1"),
        D("dt=a,hh=1;dt=b,hh=1"), D("dt=b,hh=1;dt=c;zz=1"), D("dt=d, hh=1"), D("dt=,hh=")]),
    **{"what is done when a partition is, %s" % action: (QUIET, [
        W(), "ALTER TABLE d.t SET ('partition.mark-done-action' = '%s')" % action, D("dt=2020-01-01"),
        "ALTER TABLE d.t SET ('metastore.partitioned-table' = 'true')", D("dt=2020-01-02"), W()])
       for action in ("success-file", "done-partition", "success-file,done-partition", "mark-event", "success-file,success-file",
                      "http-report", "custom", "SUCCESS-FILE", "success_file", "success-file, success-file", "", "zz")},
    "a table without partitions is done": (WHOLE, [W((1, "a")), D("k=1"), D(""), D("zz=1")]),
    "consumers": (QUIET, [
        W(), W(), W(), "consumer c 2", "consumer cc 1", "CALL sys.reset_consumer('d.t', 'c', cast(3 as bigint))",
        "CALL sys.reset_consumer('d.t', 'new', cast(1 as bigint))", "CALL sys.reset_consumer('d.t', 'c', cast(99 as bigint))",
        "CALL sys.expire_snapshots('d.t', 1, 1)", "CALL sys.reset_consumer(`table` => 'd.t', consumer_id => 'new')",
        "CALL sys.clear_consumers('d.t', 'cc')", "CALL sys.expire_snapshots('d.t', 1, 1)",
        "CALL sys.clear_consumers(`table` => 'd.t')", "CALL sys.expire_snapshots('d.t', 1, 1)"]),
    "orphans": (QUIET, [
        W(), W(), "orphan", "CALL sys.remove_orphan_files('d.t')", "CALL sys.remove_orphan_files('d.nope')",
        "CALL sys.remove_orphan_files('d.t', '2090-01-01 00:00:00')", "orphan",
        "CALL sys.remove_orphan_files(`table` => 'd.t', older_than => '2021-01-01 00:00:00', dry_run => true)",
        "CALL sys.remove_orphan_files(`table` => 'd.*', older_than => '2021-01-01 00:00:00')"]),
    "files are purged": (QUIET, [
        W(), "CALL sys.create_tag('d.t', 'a')", W(), "CALL sys.create_branch('d.t', 'b', 'a')",
        "CALL sys.purge_files('d.t')", W()]),
    "overwriting": (QUIET, [
        W(), O(("2020-01-01", 5, "new")), O(("2020-01-02", 6, "new"), into="2020-01-02"), W(),
        O(("2020-01-01", 5, "x"), ("2090-01-01", 6, "y"))]),
    "columns": (QUIET, [
        W(), "ALTER TABLE d.t ADD (c1 INT COMMENT 'one' AFTER k, c2 ROW<a INT, b STRING>)", W(),
        "ALTER TABLE d.t MODIFY (c1 BIGINT COMMENT 'two')", "ALTER TABLE d.t RENAME c1 TO `ü c`", W(),
        "ALTER TABLE d.t RENAME dt TO d2", "ALTER TABLE d.t DROP (dt)", "ALTER TABLE d.t DROP (k)",
        "ALTER TABLE d.t DROP (c2)", "ALTER TABLE d.t DROP (nope)", "ALTER TABLE d.t ADD (v INT)",
        "ALTER TABLE d.t MODIFY (v INT FIRST)", "ALTER TABLE d.t MODIFY (v STRING FIRST)", "ALTER TABLE d.t MODIFY v STRING AFTER k",
        "ALTER TABLE d.t ADD PRIMARY KEY (v) NOT ENFORCED", "ALTER TABLE d.t DROP PRIMARY KEY", W()]),
    "options": (QUIET, [
        "ALTER TABLE d.t SET ('bucket' = '2')", W(), "ALTER TABLE d.t SET ('a.b' = 'x', 'snapshot.time-retained' = '2 h')",
        "ALTER TABLE d.t RESET ('a.b', 'not there')", "ALTER TABLE d.t SET ('merge-engine' = 'aggregation')",
        "ALTER TABLE d.t SET ('bucket' = '-1')", "ALTER TABLE d.t SET ('primary-key' = 'v')", "ALTER TABLE d.t SET ('file.format' = 'docx')",
        "ALTER TABLE d.t SET ('snapshot.num-retained.min' = '0')", "ALTER TABLE d.nope SET ('a' = 'b')",
        "ALTER TABLE IF EXISTS d.nope SET ('a' = 'b')", "ALTER TABLE d.t RESET ('bucket')", W()]),
    "tables": (QUIET, [
        W(), "CREATE TABLE d.other LIKE d.t (EXCLUDING OPTIONS)", "CREATE TABLE d.other LIKE d.t (EXCLUDING OPTIONS)", "CREATE TABLE IF NOT EXISTS d.other LIKE d.t (EXCLUDING OPTIONS)",
        "CREATE TABLE d.more (a INT NOT NULL COMMENT 'the key', b DECIMAL(10, 2), c ARRAY<STRING>, d MAP<STRING, INT>, e"
        " ROW<x INT, y TIMESTAMP(3)>, f TIMESTAMP_LTZ(6), g BYTES, h VARCHAR(7), i CHAR(3), j DATE, l TIME, m BOOLEAN, n DOUBLE,"
        " o FLOAT, q TINYINT, r SMALLINT, s BIGINT, u BINARY(4), w VARBINARY(5), PRIMARY KEY (a) NOT ENFORCED) COMMENT 'much'"
        " WITH ('bucket' = '3', 'changelog-producer' = 'input', 'any.thing' = 'kept')",
        "CREATE TABLE d.vary (a VARCHAR, b VARBINARY, c CHAR, e BINARY, f ROW<x VARCHAR>, g MAP<VARCHAR, VARBINARY>)",
        "CREATE TABLE d.plain (a INT, b STRING) PARTITIONED BY (b)", "CREATE TABLE d.bad (a INT, PRIMARY KEY (z) NOT ENFORCED)",
        "CREATE TABLE d.bad (a INT, b INT, PRIMARY KEY (a) NOT ENFORCED) PARTITIONED BY (zz)",
        "CREATE TABLE d.bad (a INT, a STRING)", "CREATE TABLE nope.t (a INT)", "CREATE TABLE d.bad (a INT) WITH ('bucket' = '2')",
        "CREATE TABLE d.bad (_KEY_a INT)", "CREATE TABLE d.bad (a INT) WITH ('merge-engine' = 'nothing')",
        "ALTER TABLE d.more RENAME TO renamed", "ALTER TABLE d.nope RENAME TO renamed", "ALTER TABLE d.plain RENAME TO renamed",
        "DROP TABLE d.other", "DROP TABLE d.other", "DROP TABLE IF EXISTS d.other", "CREATE TABLE d.`with blank` (`a b` INT)",
        "CREATE TABLE d.`select` (`select` INT, `ü` STRING)", "DROP TABLE d.`with blank`",
        "CREATE TABLE d.bad (a INT) WITH ('file.format' = 'docx')"]),
    "databases": (QUIET, [
        "CREATE DATABASE e", "CREATE DATABASE e", "CREATE DATABASE IF NOT EXISTS e COMMENT 'x' WITH ('a' = 'b')",
        "CREATE TABLE e.t (a INT)", "DROP DATABASE e", "DROP DATABASE e RESTRICT", "DROP DATABASE nope", "DROP DATABASE IF EXISTS nope",
        "ALTER DATABASE e SET ('a' = 'b')", "ALTER DATABASE nope SET ('a' = 'b')", "DROP DATABASE e CASCADE",
        "CREATE DATABASE `ü`", "CREATE DATABASE sys", "CREATE DATABASE f WITH ('location' = '/tmp/elsewhere')"]),
    "a list of tables is repaired": (QUIET, [
        W(), "CREATE TABLE d.other (a INT)", "CREATE DATABASE e", "CREATE TABLE e.more (a INT)", "CREATE TABLE e.gone (a INT)",
        "DROP TABLE e.gone", R("'d.t'"), R("`table` => 'd.other,e'"), R("'nope'"), R("'d.nope'"), R("'nope.t'"), R("'e.gone'"),
        R("'d.t.x'"), R("'d.t,d.nope'"), R("'d.t,nope'"), R("'d.t, d'"), R("'d.t,,d'"), R("'d.t$branch_b'"),
        R("'d.t$snapshots'"), R("'d', 'e'"), R("'.'"), R("'.t'"), R("'d.'"), R("'d..t'"), R("' d'"), R("'d.t '"), R("'sys'"),
        R("'sys.t'"), R("'d.t,'"), R("cast(null as string)"), R("''"), R("'  '"), R(), "lists d", "lists e", W()]),
}


def bytes_of(side):
    return {str(p.relative_to(side)): p.read_bytes() for p in sorted(side.rglob("*")) if p.is_file()}


class Told:
    """One story."""

    def __init__(self, pair, flink):
        self.pair, self.flink = pair, flink
        self.plain, self.list = "c%d" % time.monotonic_ns(), None
        flink("CREATE CATALOG %s WITH ('type' = 'paimon', 'cache-enabled' = 'false', 'warehouse' = 'file:%s')" % (
            self.plain, pair.twin), "USE CATALOG " + self.plain)

    def table(self, side):
        return side / "d.db" / "t"

    def text_for(self, side, text):
        """The text with the times of that warehouse's snapshots."""
        snapshots = self.pair.files(side, "snapshot")

        def ms(match):
            if match[1] == "ago":
                return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - int(match[2]) * 3600))
            snapshot = snapshots.get("snapshot-" + match[2])
            at = snapshot["timeMillis"] if snapshot else int(time.time() * 1000)
            if match[1] == "ms":
                return str(at)
            return datetime.datetime.fromtimestamp(at // 1000 + 1, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")

        return re.sub(r"\{(ms|time|ago):(\d+)\}", ms, text)

    # ---- steps ----

    def say(self, text):
        said = asked = None
        ours = re.sub(r"cast\((\d+) as bigint\)", r"\1", self.text_for(self.pair.ours, text))
        try:
            self.pair.said(ours + ";")
        except Failed as e:
            said = str(e)
        try:
            self.flink(self.text_for(self.pair.twin, text))
        except FlinkRefused as e:
            asked = str(e)
        if (said is None) != (asked is None):
            return "ours: %s, Flink: %s" % (said or "done", (asked or "done")[:600])
        return ""

    def write(self, branch, rows):
        schema = max(self.pair.schemas(self.pair.twin, None if branch == "main" else branch).values(), key=lambda s: s["id"])
        names = {f["id"]: f["name"] for f in schema["fields"]}
        self.pair.write_to(branch, [{names[i]: v for i, v in enumerate(r) if i in names} for r in rows])
        return ""

    def overwrite(self, into, rows):
        lines = b"".join(json.dumps(dict(zip(("dt", "k", "v"), r))).encode() + b"\n" for r in rows)
        (self.pair.scratch / "rows").write_bytes(lines)
        place = "d/t/partition/dt=%s/overwrite" % into if into else "d/t/overwrite"
        self.pair.program("overwrite", self.pair.ours, place, data=lines)
        self.pair.oracle("write", self.pair.twin, "d.t", "--overwrite", *(["--partition", "dt=" + into] if into else []),
                         data=self.pair.scratch / "rows")
        return ""

    def consumer(self, name, position):
        for side in (self.pair.ours, self.pair.twin):
            self.pair.oracle("consumer", side, "d.t", "set", name, position)
        return ""

    def listing(self):
        """A catalog over the twin's directories that keeps a list of its own: Paimon's JDBC catalog."""
        if self.list is None:
            self.list = self.plain + "_list"
            self.flink("CREATE CATALOG %s WITH ('type' = 'paimon', 'metastore' = 'jdbc', 'uri' = 'jdbc:sqlite:%s', 'cache-enabled'"
                       " = 'false', 'warehouse' = 'file:%s')" % (self.list, self.pair.scratch / "list.db", self.pair.twin))
        return self.list

    def repair(self, argument):
        """What has a list of its own does it, and says so; a catalog of directories has none. Ours, which is one, does and
        refuses what the former does, and Paimon's refuses whatever it is asked. Of files nobody changes any."""
        text = "CALL sys.repair(%s)" % argument
        listing, sides, answers = self.listing(), (self.pair.ours, self.pair.twin), []
        before = [bytes_of(side) for side in sides]
        try:
            self.flink(text)
            return "Paimon repairs a catalog of directories, too"
        except FlinkRefused:
            pass
        try:
            answers.append(self.pair.said(re.sub(r"cast\((\w+) as string\)", r"\1", text) + ";").decode().split())
        except Failed as e:
            answers.append(str(e))
        try:
            answers.append(["result", *(row[3:] for row in self.flink("USE CATALOG " + listing, text))])
        except FlinkRefused as e:
            answers.append(str(e))
        self.flink("USE CATALOG " + self.plain)
        if isinstance(answers[0], list) != isinstance(answers[1], list) or isinstance(answers[0], list) and answers[0] != answers[1]:
            return "ours: %s, Flink: %s" % tuple(str(a)[:600] for a in answers)
        return "" if before == [bytes_of(side) for side in sides] else "files are others than before"

    def lists(self, database):
        """The list that was repaired, and ours, which no one has to repair."""
        ours = self.pair.said("SHOW TABLES IN %s;" % database).decode().splitlines()[1:]
        twin = sorted(row[3:] for row in self.flink("USE CATALOG " + self.listing(), "SHOW TABLES IN " + database))
        self.flink("USE CATALOG " + self.plain)
        return "" if ours == twin else "our tables are %s, and of the list %s" % (ours, twin)

    def orphan(self):
        """Files of 2020 that nothing names, and one of today."""
        for side in (self.pair.ours, self.pair.twin):
            bucket = self.table(side) / "dt=2020-01-01" / "bucket-0"
            for path, old in ((bucket / "data-orphan-0.parquet", True), (self.table(side) / "manifest/manifest-orphan-0", True),
                              (bucket / "data-young-0.parquet", False)):
                path.write_bytes(b"12345")
                if old:
                    os.utime(path, (1577836800, 1577836800))
        return ""

    def older(self, tag, hours):
        """A tag was made that long ago: its file says so, or is as old."""
        at = time.time() - int(hours) * 3600
        for side in (self.pair.ours, self.pair.twin):
            path = self.table(side) / "tag" / ("tag-" + tag)
            text = json.loads(path.read_text())
            if text.get("tagCreateTime") is not None:
                text["tagCreateTime"] = list(time.gmtime(at)[:6])
                path.write_text(json.dumps(text, indent=2))
            os.utime(path, (at, at))
        return ""

    def step(self, step):
        if isinstance(step, tuple):
            return getattr(self, step[0])(*step[1:])
        words = step.split(" ")
        return getattr(self, words[0])(*words[1:]) if words[0] in ("consumer", "orphan", "lists", "older") else self.say(step)

    # ---- comparing ----

    def partitions(self, side):
        out = self.pair.scratch / "partitions"
        self.pair.oracle("read", side, "d.t$partitions", "--no-kind", out=out)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        return sorted((r["partition"], r["record_count"]) for r in rows)

    def levels(self, side):
        """Of a table whose appended files have levels: how many rows each partition has in each."""
        schemas = self.pair.files(side, "schema")
        rows = {}
        if not schemas or "clustering.incremental" not in schemas[max(schemas, key=lambda n: int(n[7:]))]["options"] \
                or not self.pair.files(side, "snapshot"):
            return rows
        out = self.pair.scratch / "levels"
        self.pair.oracle("read", side, "d.t$files", "--no-kind", out=out)
        for file in map(json.loads, out.read_text().splitlines()):
            at = "%s %s" % (file["partition"], file["level"])
            rows[at] = rows.get(at, 0) + file["record_count"]
        return rows

    def schemas_of_all(self, side):
        """Of every table there is: what its newest schema says."""
        out = {}
        for directory in sorted(side.glob("*.db")):
            if directory.name == "default.db":  # Flink makes it
                continue
            out[directory.name] = None
            for table in sorted(directory.iterdir()):
                files = sorted((table / "schema").glob("schema-*"), key=lambda p: int(p.name[7:]))
                if files:
                    schema = json.loads(files[-1].read_text())
                    schema.pop("timeMillis")
                    if not schema.get("comment"):  # Flink's are empty when there is none
                        schema.pop("comment", None)
                    out[directory.name + "/" + table.name] = (len(files), schema)
        return out

    def mark(self, path):
        """Its members, and whether it was said again."""
        mark = json.loads(path.read_text())
        return list(mark), mark["creationTime"] < mark["modificationTime"]

    def rest(self, side):
        """Consumers, marks, and what was planted."""
        table = self.table(side)
        consumers = {p.name: json.loads(p.read_text()) for p in sorted(table.glob("consumer/consumer-*"))}
        marks = {str(p.relative_to(table)): self.mark(p) for p in sorted(table.rglob("*_SUCCESS"))}
        planted = sorted(str(p.relative_to(table)) for p in table.rglob("*-orphan-*")) + \
            sorted(str(p.relative_to(table)) for p in table.rglob("*-young-*"))
        indexes = sorted(re.sub(r"^data-[0-9a-f-]{36}-\d+", "data", p.name) for p in table.rglob("*.index"))
        return {"levels": self.levels(side), "consumers": consumers, "marks": marks, "planted": planted, "indexes": indexes}

    def ordered(self, side):
        """The rows of each partition, as they lie in its files."""
        out = self.pair.scratch / "ordered"
        self.pair.oracle("read", side, "d.t", "--no-kind", out=out)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        return {dt: [(r["k"], r["v"]) for r in rows if r["dt"] == dt] for dt in sorted({r["dt"] for r in rows})}

    def tag_times(self, side):
        return {n: t.get("tagTimeRetained") for n, t in self.pair.files(side, "tag").items()}

    def same(self, when):
        wrong = self.pair.same_history(when)
        if wrong:
            return wrong
        for what in (self.schemas_of_all, self.rest, self.tag_times) + ((self.ordered,) if "order_by" in when else ()):
            ours, twin = what(self.pair.ours), what(self.pair.twin)
            if ours != twin:
                lines = ["%s: %s / %s" % (k, json.dumps(ours.get(k)), json.dumps(twin.get(k)))
                         for k in sorted({**ours, **twin}) if ours.get(k) != twin.get(k)]
                return "%s: %s\n    %s" % (when, what.__name__, "\n    ".join(lines)[:2500])
        if not self.pair.files(self.pair.twin, "snapshot"):
            return ""
        ours, twin = self.partitions(self.pair.ours), self.partitions(self.pair.twin)
        return "" if ours == twin else "%s: partitions %s and Flink's %s" % (when, ours, twin)

    def same_views(self):
        """Rows of the table, and of every tag and branch: of our view, and as Paimon reads both warehouses."""
        views = [("d/t", ["d.t"])] if self.pair.files(self.pair.twin, "snapshot") else []
        views += [("d/t/tag/" + t[4:], ["d.t", "--tag", t[4:]]) for t in self.pair.files(self.pair.twin, "tag")]
        for path, words in views:
            own = counted(self.pair.program("cat", self.pair.ours, path + "/snapshot/latest.jsonl"))
            sides = [self.pair.oracle.rows(self.pair.scratch / "out", "read", side, *words, "--no-kind")
                     for side in (self.pair.ours, self.pair.twin)]
            wrong = difference(sides[1], own) or difference(sides[1], sides[0])
            if wrong:
                return "%s: %s" % (path, wrong)
        return ""

    def __call__(self, steps):
        for number, step in enumerate(steps, 1):
            what = "step %d, %s" % (number, step if isinstance(step, str) else step[0])
            wrong = self.step(step)
            if wrong:
                return what + ": " + wrong
            wrong = self.same(what)
            if wrong:
                return wrong
        wrong = self.same_views()
        if not wrong:
            self.pair.oracle("fsck", self.pair.ours)
        return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--only", help="stories whose name contains this text", default="")
    parser.add_argument("--keep", type=pathlib.Path)
    args = parser.parse_args()
    command = install.flink()
    if command is None:
        return 1
    program, oracle, results = Program(str(pathlib.Path(args.binary).resolve())), Oracle(args.oracle), Results()
    with tempfile.TemporaryDirectory(prefix="procedures-") as directory:
        root = args.keep or pathlib.Path(directory)
        root.mkdir(exist_ok=True)
        flink = Flink(command, root)
        for name, (ddl, steps) in STORIES.items():
            if args.only not in name:
                continue
            scratch = root / name.replace(" ", "-")
            scratch.mkdir()
            results.check(name, lambda: Told(Pair(scratch, program, oracle, ddl), flink)(steps))
            if args.keep is None:
                shutil.rmtree(scratch, ignore_errors=True)
        flink.close()
    print("%d passed, %d failed" % (results.passed, results.failed))
    return 0 if results.passed and not results.failed else 1


if __name__ == "__main__":
    sys.exit(main())
