"""Types of columns, and random values of them as the JSON lines of an inbox have them."""
import json
import random

SCALARS = ["INT", "BIGINT", "SMALLINT", "TINYINT", "BOOLEAN", "DOUBLE", "FLOAT", "STRING", "VARCHAR(8)", "CHAR(3)",
           "DECIMAL(9, 2)", "DECIMAL(30, 10)", "DATE", "TIME(3)", "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP(9)",
           "TIMESTAMP(3) WITH LOCAL TIME ZONE", "BYTES", "BINARY(4)"]
NESTED = ["ARRAY<INT>", "ARRAY<STRING>", "MAP<STRING, INT>", "ROW<a INT, b STRING>", "ARRAY<ROW<x INT, y STRING>>",
          "MAP<INT, ARRAY<STRING>>", "ROW<p DECIMAL(10, 2), q ROW<r DATE, s ARRAY<BIGINT>>>", "MULTISET<STRING>"]
KEYS = ["INT", "BIGINT", "STRING", "DATE", "DECIMAL(9, 2)", "TIMESTAMP(3)", "SMALLINT", "BOOLEAN"]
WORDS = ["", "a", "alpha", "Ünï", "with,comma", 'q"uote', "line\nbreak", "%20", "omega", "zz"]


def value(rng, kind, depth=0):
    if rng.random() < (0.15 if depth else 0.12):
        return None
    name = kind.split("(")[0].split(" ")[0].split("<")[0]
    if name in ("INT", "BIGINT", "SMALLINT", "TINYINT"):
        bits = {"TINYINT": 7, "SMALLINT": 15, "INT": 31, "BIGINT": 63}[name]
        return rng.choice((0, 1, -1, rng.randrange(100), rng.randrange(-2**bits, 2**bits)))
    if name == "BOOLEAN":
        return rng.random() < 0.5
    if name == "DOUBLE":
        return rng.choice((0.0, 1.5, -2.25, 1e10, 1e-5, rng.uniform(-1e6, 1e6)))
    if name == "FLOAT":
        return rng.choice((0.0, 1.5, -2.25, 0.125, 1024.0))
    if name == "DECIMAL":
        precision, scale = map(int, kind[8:-1].split(","))
        unscaled = rng.randrange(-10**precision + 1, 10**precision) if rng.random() < 0.3 else rng.randrange(-9999, 9999)
        text = "%0*d" % (scale + 1, abs(unscaled))
        return ("-" if unscaled < 0 else "") + text[:len(text) - scale] + ("." + text[len(text) - scale:] if scale else "")
    if name in ("STRING", "VARCHAR"):
        word = rng.choice(WORDS)
        return word if name == "VARCHAR" else word + str(rng.randrange(50))
    if name == "CHAR":
        return "".join(rng.choice("abc") for _ in range(3))
    if name == "DATE":
        return "%04d-%02d-%02d" % (rng.choice((1969, 1970, 2024, 2026, 1900)), rng.randrange(1, 13), rng.randrange(1, 29))
    if name == "TIME":
        return "%02d:%02d:%02d.%03d" % (rng.randrange(24), rng.randrange(60), rng.randrange(60), rng.randrange(1000))
    if name == "TIMESTAMP":
        digits = int(kind[10])
        text = "%s %02d:%02d:%02d" % (value(random.Random(rng.random()), "DATE", -99) or "2000-01-01", rng.randrange(24),
                                      rng.randrange(60), rng.randrange(60))
        text += ".%0*d" % (digits, rng.randrange(10**digits))
        return text + ("Z" if "ZONE" in kind else "")
    if name in ("BYTES", "BINARY"):
        return rng.choice(("AAECAw==", "/////w==", "YWJjZA=="))
    if name == "ARRAY":
        return [value(rng, kind[6:-1], depth + 1) for _ in range(rng.randrange(4))]
    if name in ("MAP", "MULTISET"):
        inner = kind[kind.index("<") + 1:-1]
        key, of = inner.split(", ", 1) if name == "MAP" else (inner, None)
        out = {}
        for _ in range(rng.randrange(4)):
            k = value(rng, key, -99)
            if k is not None:
                out[json.dumps(k)] = [k, value(rng, of, depth + 1) if of else rng.randrange(1, 5)]
        return list(out.values())
    if name == "ROW":
        out = {}
        for field in parts(kind[4:-1]):
            column, of = field.split(" ", 1)
            out[column] = value(rng, of, depth + 1)
        return out
    raise ValueError(kind)


def parts(text):
    """Fields of a ROW: commas outside of brackets."""
    out, level, start = [], 0, 0
    for i, c in enumerate(text):
        level += (c in "<(") - (c in ">)")
        if c == "," and level == 0:
            out.append(text[start:i].strip())
            start = i + 1
    return out + [text[start:].strip()]
