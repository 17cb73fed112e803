"""Writes files as other programs do: needs pyarrow. v1, v2 and int96: what row i holds is said again in read_test.c;
delta, lists, lists2 and odd: the rows are written beside them."""
import base64
import datetime
import decimal
import json
import struct

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

# ---- what pyarrow does not write any more, or never did: byte by byte ----

def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def thrift(**fields):
    """A struct of the compact protocol. Names are a letter for the type (bool, i32, long, string, array, struct) and the
    field's id: i1=5, s4="x", a2=[...]."""
    out, last = b"", 0
    for name, value in sorted(fields.items(), key=lambda f: int(f[0][1:])):
        kind, number = name[0], int(name[1:])
        if value is None:
            continue
        code = {"b": 1, "i": 5, "l": 6, "s": 8, "a": 9, "t": 12}[kind]
        out += bytes([number - last << 4 | code]) + value_of(kind, value)
        last = number
    return out + b"\0"


def value_of(kind, value):
    if kind == "b":
        return b""
    if kind in "il":
        return varint(value << 1 ^ value >> 63)
    if kind == "s":
        value = value.encode() if isinstance(value, str) else value
        return varint(len(value)) + value
    if kind == "a":
        code, items = (5, "i") if isinstance(value[0], int) else (8, "s") if isinstance(value[0], str) else (12, "t")
        return (bytes([len(value) << 4 | code]) if len(value) < 15 else bytes([0xF0 | code]) + varint(len(value))) + \
            b"".join(value_of(items, v) for v in value)
    return value


INT32, INT64, BYTES, FIXED = 1, 2, 6, 7
PLAIN, RLE, PACKED, DICTIONARY = 0, 3, 4, 8
ENUM, DECIMAL, TIME_MICROS, UINT_8, UINT_16, UINT_32, UINT_64, INT_8, JSON, BSON = 4, 5, 8, 11, 12, 13, 14, 15, 19, 20


def packed(levels, width):
    """Levels of old: the highest bit first, in the highest bit of a byte."""
    bits = "".join(format(v, "0%db" % width) for v in levels)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def hybrid(levels, width):
    """One bit-packed run, its lowest bit first."""
    levels = levels + [0] * (-len(levels) % 8)
    n = sum(v << i * width for i, v in enumerate(levels))
    return varint(len(levels) // 8 << 1 | 1) + n.to_bytes(len(levels) * width // 8, "little")


def page(kind, body, header):
    return thrift(i1=kind, i2=len(body), i3=len(body), **header) + body


def plain_values(physical, values):
    if physical == BYTES:
        return b"".join(struct.pack("<i", len(v)) + v for v in values)
    return b"".join(v if physical == FIXED else v.to_bytes(4 if physical == INT32 else 8, "little", signed=v < 0) for v in values)


class Odd:
    """A flat column: `values` as the file has them, None for null; `show` as the rows print them."""

    def __init__(self, name, physical, values, show, bits=False, dictionary=False, length=None, **schema):
        self.name, self.physical, self.values, self.show = name, physical, values, show
        self.bits, self.dictionary, self.length, self.schema = bits, dictionary, length, schema

    def elements(self):
        return [thrift(i1=self.physical, i2=self.length, i3=1, s4=self.name, **self.schema)]

    def path(self):
        return [self.name]

    def levels(self):
        have = [int(v is not None) for v in self.values]
        return packed(have, 1) if self.bits else struct.pack("<i", len(hybrid(have, 1))) + hybrid(have, 1)

    def entries(self):
        return len(self.values)

    def present(self):
        return [v for v in self.values if v is not None]

    def pages(self):
        level = PACKED if self.bits else RLE
        values, first = self.present(), b""
        if self.dictionary:
            known = sorted(set(values), key=values.index)
            first = page(2, plain_values(self.physical, known), {"t7": thrift(i1=len(known), i2=PLAIN)})
            body = bytes([3]) + hybrid([known.index(v) for v in values], 3)
        else:
            body = plain_values(self.physical, values)
        data = page(0, self.levels() + body, {"t5": thrift(i1=self.entries(), i2=DICTIONARY if self.dictionary else PLAIN, i3=level, i4=level)})
        return first, data


class OddList(Odd):
    """An ARRAY<INT> whose levels are packed as of old."""

    def elements(self):
        return [thrift(i3=1, s4=self.name, i5=1, i6=3), thrift(i3=2, s4="list", i5=1), thrift(i1=INT32, i3=1, s4="element")]

    def path(self):
        return [self.name, "list", "element"]

    def levels(self):
        repetition, definition = [], []
        for row in self.values:
            for i, v in enumerate(row or [None]):
                repetition.append(int(i > 0))
                definition.append(0 if row is None else 1 if not row else 2 if v is None else 3)
        return packed(repetition, 1) + packed(definition, 2)

    def entries(self):
        return sum(len(row or [None]) for row in self.values)

    def present(self):
        return [v for row in self.values for v in row or [] if v is not None]


def write_odd(name, columns):
    out, chunks, rows = b"PAR1", [], len(columns[0].values)
    for c in columns:
        first, data = c.pages()
        chunks.append(thrift(l2=len(out), t3=thrift(i1=c.physical, a2=[PLAIN, RLE], a3=c.path(), i4=0, l5=c.entries(),
                                                    l6=len(first + data), l7=len(first + data), l9=len(out) + len(first),
                                                    l11=len(out) if first else None)))
        out += first + data
    schema = [thrift(s4="schema", i5=len(columns))] + [e for c in columns for e in c.elements()]
    group = thrift(a1=chunks, l2=len(out), l3=rows)
    footer = thrift(i1=1, a2=schema, l3=rows, a4=[group], s6="odd")
    with open(name + ".parquet", "wb") as file:
        file.write(out + footer + struct.pack("<i", len(footer)) + b"PAR1")
    with open(name + ".ndjson", "w") as file:
        for i in range(rows):
            row = {c.name: None if c.values[i] is None else c.show(c.values[i]) for c in columns}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


ODD_ROWS = 21


def odd(value):
    return [None if i % 5 == 4 else value(i) for i in range(ODD_ROWS)]


def spelled(scale):
    return lambda raw: str(D(int.from_bytes(raw, "big", signed=True)).scaleb(-scale))


def shortest(n):
    return n.to_bytes(max(1, (n.bit_length() + 8) // 8), "big", signed=True)


def clock(micros):
    return "%02d:%02d:%02d.%03d" % (micros // 3600000000, micros // 60000000 % 60, micros // 1000000 % 60, micros // 1000 % 1000)


def same(value):
    return value


write_odd("odd", [
    Odd("short", BYTES, odd(lambda i: shortest((i - 10) * 12345678901)), spelled(2), i6=DECIMAL, i7=2, i8=14),
    Odd("wide", BYTES, odd(lambda i: shortest((i - 10) * 10**26 + i)), spelled(3), i6=DECIMAL, i7=3, i8=30),
    Odd("known", BYTES, odd(lambda i: shortest((i % 6 - 3) * 100)), spelled(2), dictionary=True, i6=DECIMAL, i7=2, i8=9),
    Odd("padded", FIXED, odd(lambda i: ((i - 10) * 10**36).to_bytes(20, "big", signed=True)), spelled(0), length=20, i6=DECIMAL, i7=0, i8=38),
    Odd("loose", FIXED, odd(lambda i: (i * 7 - 50).to_bytes(12, "big", signed=True)), spelled(1), length=12, i6=DECIMAL, i7=1, i8=5),
    Odd("u8", INT32, odd(lambda i: i * 12), same, i6=UINT_8),
    Odd("u16", INT32, odd(lambda i: i * 3000), same, i6=UINT_16),
    Odd("u32", INT32, odd(lambda i: 2**31 + i), same, i6=UINT_32),
    Odd("u64", INT64, odd(lambda i: i * 10**17), same, i6=UINT_64),
    Odd("i8", INT32, odd(lambda i: i - 100), same, i6=INT_8),
    Odd("enum", BYTES, odd(lambda i: b"E%d" % (i % 3)), bytes.decode, i6=ENUM),
    Odd("json", BYTES, odd(lambda i: b"[%d]" % i), bytes.decode, i6=JSON),
    Odd("bson", BYTES, odd(lambda i: b"%03d" % i), lambda v: base64.b64encode(v).decode(), i6=BSON),
    Odd("micros", INT64, odd(lambda i: i * 3600000001), clock, i6=TIME_MICROS),
    Odd("nanos", INT64, odd(lambda i: i * 3600000001999), lambda v: clock(v // 1000), t10=thrift(t7=thrift(b1=True, t2=thrift(t3=thrift())))),
    Odd("block", FIXED, odd(lambda i: b"%03d" % (i % 6)), lambda v: base64.b64encode(v).decode(), length=3, dictionary=True),
    Odd("bits", INT32, odd(lambda i: i * 1000003), same, bits=True),
    OddList("list", INT32, [None if i == 6 else [] if i % 7 == 5 else [None if (i + k) % 4 == 3 else i * 10 + k for k in range(i % 5)] for i in range(ODD_ROWS)], same, bits=True),
])
