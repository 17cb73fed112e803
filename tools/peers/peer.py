"""Other programs that read and write the same tables, each as a whole process: peer.py WHAT WAREHOUSE TABLE OUT

duckdb-merge  the newest record of each key by row_number over the data files (right for deduplicate alone)
duckdb-plain  the data files as they are
rust          pypaimon-rust, batch by batch through pyarrow's CSV writer
pypaimon      PyPaimon with its native core, the whole table as Arrow, then CSV
ingest        PyPaimon with its native core: each file of CSV (in the place of OUT) is a commit
"""
import glob
import os
import sys


def duckdb_copy(query, out):
    import duckdb
    connection = duckdb.connect()
    connection.execute("SET threads=%d" % (os.cpu_count() or 1))
    connection.execute("COPY (%s) TO '%s' (HEADER, DELIMITER ',')" % (query, out))


def files(warehouse, table):
    listed = os.environ.get("BENCH_FILES")  # the live ones, where old ones lie beside them
    if listed:
        return listed.split(",")
    return sorted(glob.glob("%s/default.db/%s/bucket-*/*.parquet" % (warehouse, table)))


def columns():
    return os.environ["BENCH_COLUMNS"]


def duckdb_merge(warehouse, table, out):
    duckdb_copy("SELECT %s FROM (SELECT * FROM read_parquet(%r) QUALIFY row_number() OVER (PARTITION BY id "
                "ORDER BY _SEQUENCE_NUMBER DESC) = 1) WHERE _VALUE_KIND IN (0, 2)"
                % (columns(), files(warehouse, table)), out)


def duckdb_plain(warehouse, table, out):
    duckdb_copy("SELECT %s FROM read_parquet(%r)" % (columns(), files(warehouse, table)), out)


def rust(warehouse, table, out):
    import pyarrow
    import pyarrow.csv
    import pypaimon_rust.datafusion as core
    builder = core.PaimonCatalog({"warehouse": warehouse}).get_table("default." + table).new_read_builder()
    splits = builder.new_scan().plan().splits()
    writer = None
    with open(out, "wb") as sink:
        for batch in builder.new_read().read_arrow(splits):
            if not isinstance(batch, pyarrow.RecordBatch):
                batch = pyarrow.record_batch(batch)
            if writer is None:
                writer = pyarrow.csv.CSVWriter(sink, batch.schema,
                                               write_options=pyarrow.csv.WriteOptions(quoting_style="needed"))
            writer.write(batch)
        writer.close()


def pypaimon(warehouse, table, out):
    import pyarrow.csv
    from pypaimon import CatalogFactory
    opened = CatalogFactory.create({"warehouse": warehouse}).get_table("default." + table)
    native = {"read.native.enabled": "true", "scan.native-plan.enabled": "true"}
    builder = opened.copy(native).new_read_builder()
    rows = builder.new_read().to_arrow(builder.new_scan().plan().splits())
    flat = [c for c in rows.column_names if not str(rows.schema.field(c).type).startswith(("list", "struct", "map"))]
    with open(out, "wb") as sink:  # pyarrow prints no nested columns as CSV
        pyarrow.csv.write_csv(rows.select(flat), sink, pyarrow.csv.WriteOptions(quoting_style="needed"))


def ingest(warehouse, table, *names):
    import pyarrow
    import pyarrow.csv
    from pypaimon import CatalogFactory
    native = {"read.native.enabled": "true", "scan.native-plan.enabled": "true", "write.native.enabled": "true",
              "commit.native.enabled": "true"}
    opened = CatalogFactory.create({"warehouse": warehouse}).get_table("default." + table).copy(native)
    shape = pyarrow.schema([pyarrow.field("id", pyarrow.int64(), False), ("customer", pyarrow.int32()),
                            ("status", pyarrow.string()), ("amount", pyarrow.decimal128(10, 2)), ("qty", pyarrow.int32()),
                            ("note", pyarrow.string()), ("updated_at", pyarrow.timestamp("ms"))])
    how = pyarrow.csv.ConvertOptions(column_types=shape, timestamp_parsers=["%Y-%m-%d %H:%M:%S", pyarrow.csv.ISO8601])
    for name in names:
        builder = opened.new_batch_write_builder()
        write, commit = builder.new_write(), builder.new_commit()
        write.write_arrow(pyarrow.csv.read_csv(name, convert_options=how).cast(shape))
        commit.commit(write.prepare_commit())
        write.close()
        commit.close()


if __name__ == "__main__":
    {"duckdb-merge": duckdb_merge, "duckdb-plain": duckdb_plain, "rust": rust,
     "pypaimon": pypaimon, "ingest": ingest}[sys.argv[1]](*sys.argv[2:])
