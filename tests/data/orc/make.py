"""Writes v1, v2, zlib, flat and union.orc as other programs do: needs pyarrow. What row i holds is said again in read_test.c."""
import decimal

import pyarrow as pa
import pyarrow.orc as orc

ROWS = 2500
D = decimal.Decimal
decimal.getcontext().prec = 60


def column(kind, value, nulls=True, rows=ROWS):
    return pa.array([None if nulls and i % 5 == 4 else value(i) for i in range(rows)], kind)


def table(rows):
    def c(kind, value, nulls=True):
        return column(kind, value, nulls, rows)
    return pa.table({
        "bool": c(pa.bool_(), lambda i: i % 3 == 0),
        "i8": c(pa.int8(), lambda i: i // 9 % 200 - 100),
        "i16": c(pa.int16(), lambda i: i * 5 - 5000),
        "i32": c(pa.int32(), lambda i: i * i % 1000003 - 500000),
        "i64": c(pa.int64(), lambda i: i * -10**12),
        "patch": c(pa.int64(), lambda i: i * 10**12 if i % 100 == 7 else i % 50),
        "seq": c(pa.int64(), lambda i: 5 * i, False),
        "f32": c(pa.float32(), lambda i: i / 4),
        "f64": c(pa.float64(), lambda i: i / -8),
        "word": c(pa.string(), lambda i: "word %d" % (i // 3 % 10)),
        "text": c(pa.string(), lambda i: "x" * (i % 40) + str(i % 17)),
        "bin": c(pa.binary(), lambda i: b"%05d" % (i % 13)),
        "d9": c(pa.decimal128(9, 2), lambda i: D(i * 3 - 1000) / 100),
        "d18": c(pa.decimal128(18, 0), lambda i: D(i - 500) * 10**13),
        "d38": c(pa.decimal128(38, 1), lambda i: D(i - 500) * 10**33),
        "ts": c(pa.timestamp("ns"), lambda i: (i - 1000) * 1001001003),
        "ltz": c(pa.timestamp("ns", "UTC"), lambda i: (i - 1000) * 1001000000),
        "day": c(pa.date32(), lambda i: i - 500),
        "none": pa.array([None] * rows, pa.int32()),
        "list": c(pa.list_(pa.int32()), lambda i: [None if k == 2 else i + k for k in range(i % 4)]),
        "map": c(pa.map_(pa.string(), pa.int64()), lambda i: [("k%d" % k, i * k) for k in range(i % 3)]),
        "row": c(pa.struct([("a", pa.int32()), ("b", pa.string()), ("c", pa.list_(pa.string()))]),
                 lambda i: {"a": i, "b": None if i % 3 == 0 else "b%d" % (i % 7), "c": ["y"] * (i % 3)}),
    })


orc.write_table(table(ROWS), "v2.orc", compression="zstd", compression_block_size=2048, stripe_size=20000,
                batch_size=250, row_index_stride=1000)
orc.write_table(table(ROWS), "zlib.orc", compression="zlib", compression_block_size=1024, batch_size=500,
                row_index_stride=1000, dictionary_key_size_threshold=0.5)
orc.write_table(table(600), "v1.orc", file_version="0.11", compression="zstd", compression_block_size=65536,
                batch_size=500, row_index_stride=1000, dictionary_key_size_threshold=0.5)
orc.write_table(table(200), "flat.orc", compression="uncompressed")
tags = pa.array([0, 1, 0], pa.int8())
orc.write_table(pa.table({"u": pa.UnionArray.from_dense(tags, pa.array([0, 0, 1], pa.int32()), [
    pa.array([1, 2], pa.int32()), pa.array(["a"])])}), "union.orc", compression="uncompressed")
