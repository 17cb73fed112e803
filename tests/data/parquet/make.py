"""Writes files as other programs do: needs pyarrow. v1, v2 and int96: what row i holds is said again in read_test.c;
delta, lists and lists2: the rows are written beside them."""
import datetime
import decimal
import json

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


def rows_of(name, table):
    """Lines as the program prints them: pairs of a map by the text of their keys."""
    def plain(value, kind):
        if value is None:
            return None
        if pa.types.is_map(kind):
            return sorted(([plain(k, kind.key_type), plain(v, kind.item_type)] for k, v in value),
                          key=lambda pair: json.dumps(pair[0], ensure_ascii=False).encode())
        if pa.types.is_list(kind):
            return [plain(v, kind.value_type) for v in value]
        if pa.types.is_struct(kind):
            return {f.name: plain(value[f.name], f.type) for f in kind}
        return str(value) if isinstance(value, D) else value.decode() if isinstance(value, bytes) else value

    with open(name + ".ndjson", "w") as out:
        for row in table.to_pylist():
            row = {f.name: plain(row[f.name], f.type) for f in table.schema}
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


ROWS = 260
delta = pa.table({
    "i32": column(pa.int32(), lambda i: (i * 2654435761 + 2**31) % 2**32 - 2**31),
    "i64": column(pa.int64(), lambda i: (i * 0x9E3779B97F4A7C15) % 2**64 - 2**63, False),
    "day": column(pa.int32(), lambda i: 19000 + i // 3),
    "flat": column(pa.int64(), lambda i: 7),
    "len": column(pa.string(), lambda i: "y" * (i % 23) + str(i)),
    "pre": column(pa.string(), lambda i: "customer/%06d/%s" % (i // 4, "z" * (i % 5))),
    "f32": column(pa.float32(), lambda i: (i - 100) / 2),
    "f64": column(pa.float64(), lambda i: (i - 150) / 2 * 1000001, False),
    "b32": column(pa.int32(), lambda i: i * -654321),
    "b64": column(pa.int64(), lambda i: i * 76543210987654),
    "fix": column(pa.binary(5), lambda i: b"%05d" % (i * 331)),
    "dec": column(pa.decimal128(20, 2), lambda i: D(i * 987654321987) / 100),
})
SPLIT, DELTA = "BYTE_STREAM_SPLIT", "DELTA_BINARY_PACKED"
pq.write_table(delta, "delta.parquet", use_dictionary=False, compression="none", row_group_size=200, data_page_size=500,
               write_batch_size=64, write_statistics=False, store_schema=False,
               column_encoding={"i32": DELTA, "i64": DELTA, "day": DELTA, "flat": DELTA, "len": "DELTA_LENGTH_BYTE_ARRAY",
                                "pre": "DELTA_BYTE_ARRAY", "f32": SPLIT, "f64": SPLIT, "b32": SPLIT, "b64": SPLIT,
                                "fix": SPLIT, "dec": SPLIT})
rows_of("delta", delta)


def items(i, item, most=5, nulls=True):
    """A list of row i: null, empty, or some items, every third of them null."""
    if i % 7 == 3:
        return None
    return [None if nulls and (i + k) % 3 == 2 else item(i * 10 + k) for k in range(i % most)]


pair = pa.struct([("p", pa.int32()), ("q", pa.list_(pa.string()))])
value = pa.struct([("d", pa.float64()), ("b", pa.bool_())])
deep = pa.struct([("l", pa.struct([("v", pa.int32()), ("w", pa.list_(pa.int64()))])), ("n", pa.string())])
lists = pa.table({
    "row": column(pa.int32(), lambda i: i, False),
    "a": column(pa.list_(pa.int32()), lambda i: items(i, lambda k: k)),
    "s": column(pa.list_(pa.string()), lambda i: items(i, lambda k: "t%d" % (k % 11), 9)),
    "none": column(pa.list_(pa.int32()), lambda i: None),
    "m": column(pa.map_(pa.string(), pa.int32()), lambda i: [("k%d" % k, None if (i + k) % 4 == 0 else i) for k in range(i % 4)]),
    "aa": column(pa.list_(pa.list_(pa.int64())), lambda i: items(i, lambda k: items(k, lambda j: j, 4), 4)),
    "ar": column(pa.list_(pair), lambda i: items(i, lambda k: {"p": None if k % 5 == 0 else k, "q": items(k, str, 3)})),
    "mr": column(pa.map_(pa.int32(), value), lambda i: [(i * 4 + k, None if k == 1 else {"d": k / 2, "b": i % 2 == 0}) for k in range(i % 3)]),
    "deep": column(deep, lambda i: {"l": None if i % 6 == 0 else {"v": i, "w": items(i, lambda k: k)}, "n": "n%d" % (i % 3)}),
    "long": column(pa.list_(pa.int32()), lambda i: list(range(i % 3)) if i % 50 else list(range(700))),
})
LISTS = {"row_group_size": 170, "data_page_size": 300, "write_batch_size": 32, "compression": "zstd",
         "write_statistics": False, "store_schema": False}
pq.write_table(lists, "lists.parquet", data_page_version="1.0", use_compliant_nested_type=False, use_dictionary=["s"], **LISTS)
pq.write_table(lists, "lists2.parquet", data_page_version="2.0", write_page_index=True, use_dictionary=False, **LISTS)
rows_of("lists", lists)

ROWS = 200
NAN = float("nan")
stats = pa.table({
    "i32": column(pa.int32(), lambda i: (i * 37) % 101 - 50),
    "u32": column(pa.uint32(), lambda i: (i * 37) % 101 * 40000000),
    "u64": column(pa.uint64(), lambda i: (i * 37) % 101 + (2**63 if i >= 150 else 0)),
    "f64": column(pa.float64(), lambda i: NAN if i == 60 else (i * 37) % 101 - 50.0),
    "f32": column(pa.float32(), lambda i: 0.0 if i % 2 else -0.0),
    "text": column(pa.string(), lambda i: "t%03d" % ((i * 37) % 101) + "x" * (i % 70)),
    "raw": column(pa.binary(), lambda i: bytes([i, 255 - i])),
    "bool": column(pa.bool_(), lambda i: i < 100),
    "dec": column(pa.decimal128(25, 3), lambda i: D((i * 37) % 101 - 50) / 8),
    "ns": column(pa.timestamp("ns"), lambda i: (i - 100) * 1001),
    "day": column(pa.date32(), lambda i: i - 100),
    "none": column(pa.int32(), lambda i: None),
    "list": column(pa.list_(pa.int32()), lambda i: [i]),
})
pq.write_table(stats, "stats.parquet", row_group_size=50, compression="zstd", store_schema=False, write_page_index=True,
               data_page_size=100, write_batch_size=8, use_dictionary=False)
