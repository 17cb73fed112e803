"""Writes v1, v2, int96 and delta.parquet as other programs do: needs pyarrow. What row i holds is said again in read_test.c."""
import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 600


def column(kind, value, nulls=True):
    return pa.array([None if nulls and i % 5 == 4 else value(i) for i in range(ROWS)], kind)


D = decimal.Decimal
decimal.getcontext().prec = 60
table = pa.table({
    "bool": column(pa.bool_(), lambda i: i % 3 == 0),
    "i8": column(pa.int8(), lambda i: i % 200 - 100),
    "u8": column(pa.uint8(), lambda i: i % 256),
    "i16": column(pa.int16(), lambda i: i * 31 - 15000),
    "u16": column(pa.uint16(), lambda i: i * 60),
    "u32": column(pa.uint32(), lambda i: i * 4000000),
    "u64": column(pa.uint64(), lambda i: i * 10**12),
    "i64": column(pa.int64(), lambda i: i * -10**12),
    "f32": column(pa.float32(), lambda i: i / 4),
    "word": column(pa.string(), lambda i: "word %d" % (i % 10)),
    "text": column(pa.string(), lambda i: "x" * (i % 40) + str(i)),
    "flba": column(pa.binary(5), lambda i: b"%05d" % i),
    "d9": column(pa.decimal128(9, 2), lambda i: D(i * 3 - 1000) / 100),
    "d18": column(pa.decimal128(18, 0), lambda i: D(i - 500) * 10**14),
    "d38": column(pa.decimal128(38, 1), lambda i: D(i - 500) * 10**34),
    "ms": column(pa.timestamp("ms"), lambda i: (i - 500) * 1001),
    "us": column(pa.timestamp("us"), lambda i: (i - 500) * 1001),
    "ns": column(pa.timestamp("ns"), lambda i: (i - 500) * 1001),
    "t_us": column(pa.time64("us"), lambda i: i * 1000001),
    "day": column(pa.date32(), lambda i: i - 500),
    "none": pa.array([None] * ROWS, pa.int32()),
    "row": column(pa.int32(), lambda i: i, False),
})
table = table.cast(table.schema.set(table.schema.get_field_index("row"), pa.field("row", pa.int32(), nullable=False)))

COMMON = {"row_group_size": 250, "data_page_size": 1800, "write_batch_size": 64, "use_dictionary": ["word", "i8", "d9"],
          "compression": "zstd", "write_statistics": False, "store_schema": False}
pq.write_table(table, "v2.parquet", data_page_version="2.0", version="2.6", **COMMON)
pq.write_table(table.drop_columns(["ns"]), "v1.parquet", data_page_version="1.0", version="2.6",
               store_decimal_as_integer=True, **COMMON)
pq.write_table(table.select(["ns", "row"]), "int96.parquet", use_deprecated_int96_timestamps=True, **COMMON)
pq.write_table(table.select(["row", "i64"]).slice(0, 100), "delta.parquet", use_dictionary=False, compression="none",
               column_encoding={"row": "DELTA_BINARY_PACKED", "i64": "BYTE_STREAM_SPLIT"}, row_group_size=100, data_page_size=400)
