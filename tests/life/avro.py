"""Avro containers, as far as manifests need them: records of any schema, with the codecs that writers use."""
import ctypes
import json
import struct
import zlib

ROOM_MAX = 1 << 28


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if count < 0 or count > len(self.data) - self.at:
            raise ValueError("cut off")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self):
        shift = value = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (value >> 1) ^ -(value & 1)

    def blocks(self, item):
        out = []
        while True:
            count = self.number()
            if count == 0:
                return out
            if count < 0:
                count = -count
                self.number()
            out += [item() for _ in range(count)]


def unzstd(data):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_decompress.restype = ctypes.c_size_t
    lib.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    room = 1 << 18
    while room <= ROOM_MAX:
        out = ctypes.create_string_buffer(room)
        got = lib.ZSTD_decompress(out, room, data, len(data))
        if not lib.ZSTD_isError(ctypes.c_size_t(got)):
            return out.raw[:got]
        room *= 8
    raise ValueError("damaged")


def decode(c, kind):
    if isinstance(kind, list):
        return decode(c, kind[c.number()])
    name = kind["type"] if isinstance(kind, dict) else kind
    if isinstance(name, (dict, list)):
        return decode(c, name)
    if name == "record":
        return {f["name"]: decode(c, f["type"]) for f in kind["fields"]}
    if name == "array":
        return c.blocks(lambda: decode(c, kind["items"]))
    if name == "map":
        return dict(c.blocks(lambda: (c.take(c.number()).decode(), decode(c, kind["values"]))))
    if name in ("int", "long"):
        return c.number()
    if name in ("bytes", "string"):
        data = c.take(c.number())
        return data.decode() if name == "string" else data
    if name == "boolean":
        return c.take(1) != b"\0"
    if name == "null":
        return None
    if name in ("float", "double"):
        return struct.unpack("<f" if name == "float" else "<d", c.take(4 if name == "float" else 8))[0]
    raise ValueError("no type %s" % name)


def records(path):
    c = Cursor(path.read_bytes())
    if c.take(4) != b"Obj\x01":
        raise ValueError("%s is no Avro" % path)
    meta = dict(c.blocks(lambda: (c.take(c.number()).decode(), c.take(c.number()))))
    schema, codec, mark, out = json.loads(meta["avro.schema"]), meta.get("avro.codec", b"null"), c.take(16), []
    while c.at < len(c.data):
        count, data = c.number(), c.take(c.number())
        if codec == b"deflate":
            data = zlib.decompress(data, -15)
        elif codec == b"zstandard":
            data = unzstd(data)
        elif codec != b"null":
            raise ValueError("%s: codec %s" % (path, codec))
        block = Cursor(data)
        out += [decode(block, schema) for _ in range(count)]
        if c.take(16) != mark:
            raise ValueError("%s: no mark" % path)
    return out
