#!/usr/bin/env python3
"""The house rules that a machine can check; each rule is a test. Ends with `N passed, N failed`."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLOORS = ["base", "format", "src", "fs", "tools"]
SUITES = re.findall(r"'([^']+)'", re.search(r"suites = \[(.*?)\]", (ROOT / "meson.build").read_text(), re.S).group(1))
LINE_MAX, FILE_MAX, FUNCTION_MAX = 120, 900, 100
ASSERTS_MIN, COMMENTS_MIN = 8, 12  # a thousand lines, a hundred lines
# Doors of src/ that fs/ and tools/ may use: the two front doors, and the value types that these hand out.
DOORS = {"src/table/catalog.h", "src/table/table.h", "src/statement/statement.h", "src/ingest/ingest.h",
         "src/ingest/recent.h",
         "src/caretaker/caretaker.h", "src/meta/names.h", "src/scan/state.h", "src/scan/scan.h",
         "src/condition/condition.h", "src/lookup/lookup.h", "src/lookup/blocks.h"}
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|strtok|gets|atoi|alloca)\s*\(")
HEAP = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|strdup)\s*\(")
MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def sources():
    for floor in FLOORS + ["tests"]:
        yield from sorted(p for p in (ROOT / floor).rglob("*.[ch]"))


def suite_of(name):
    """The longest suite that the path lies in, and its place in the list."""
    best = max((s for s in SUITES + ["tools"] if name.startswith(s + "/")), key=len)
    return (SUITES + ["tools"]).index(best), best


def includes(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)


def direction():
    for path in sources():
        name = str(path.relative_to(ROOT))
        if name.startswith("tests/"):
            continue
        for include in includes(path):
            made_from = include.replace(".pb-c.h", ".proto")  # by protoc-c, when it is built
            if not (ROOT / include).exists() and not (ROOT / made_from).exists():
                yield "%s includes %s, which is not there" % (name, include)
            elif suite_of(include)[0] > suite_of(name)[0]:
                yield "%s includes %s, which lies above it" % (name, include)


def front_doors():
    for path in sources():
        name = str(path.relative_to(ROOT))
        if name.startswith(("fs/", "tools/")):
            for include in includes(path):
                if include.startswith("src/") and include not in DOORS:
                    yield "%s includes %s: src/ is entered by catalog.h and table.h" % (name, include)
        if name.startswith("tools/"):
            for include in includes(path):
                if include.startswith("format/"):
                    yield "%s includes %s: a command knows no file format" % (name, include)


def seams():
    for path in sources():
        name = str(path.relative_to(ROOT))
        if "fuse" in re.findall(r"#include <(\w+)", path.read_text()).__str__() and name != "fs/mount/mount.c":
            yield "%s includes libfuse: fs/mount/mount.c alone does" % name


def lengths():
    for path in sources():
        name, rows = path.relative_to(ROOT), path.read_text().split("\n")
        if len(rows) > FILE_MAX and not str(name).startswith("tests/"):
            yield "%s has %d lines" % (name, len(rows))
        for number, row in enumerate(rows, 1):
            if len(row) > LINE_MAX and "clang-format off" not in path.read_text():
                yield "%s:%d has %d columns" % (name, number, len(row))


def functions():
    for path in sources():
        name, begin = path.relative_to(ROOT), None
        for number, row in enumerate(path.read_text().split("\n"), 1):
            if row == "{":
                begin = number
            elif row == "}" and begin is not None:
                if number - begin > FUNCTION_MAX and not str(name).startswith("tests/"):
                    yield "%s:%d is a function of %d lines" % (name, begin, number - begin)
                begin = None


def code(path):
    """Text without comments and strings."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), path.read_text(), flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def banned():
    for path in sources():
        name = str(path.relative_to(ROOT))
        for number, row in enumerate(code(path).split("\n"), 1):
            call = BANNED.search(row)
            if call and not name.startswith("tests/"):
                yield "%s:%d calls %s" % (name, number, call.group(1))
            call = HEAP.search(row)
            # The JSON library hands out memory that only free() takes.
            if call and not name.startswith(("base/", "tests/")) and "jansson" not in path.read_text():
                yield "%s:%d calls %s: the heap's door is base/mem.h" % (name, number, call.group(1))


def markers():
    for path in sources():
        for number, row in enumerate(path.read_text().split("\n"), 1):
            if MARKERS.search(row):
                yield "%s:%d has a leftover marker" % (path.relative_to(ROOT), number)


def headers():
    for path in sources():
        if path.suffix == ".h" and "#pragma once" not in path.read_text():
            yield "%s lacks #pragma once" % path.relative_to(ROOT)


def comment_lines(lines):
    """How many of them have a comment, or lie in one."""
    count, inside = 0, False
    for line in lines:
        begins = line.find("/*")
        count += inside or begins >= 0
        inside = "*/" not in line if inside else begins >= 0 and "*/" not in line[begins:]
    return count


def contracts():
    """What our own code promises is asserted, and why it does what it does is said: so much at least in each suite, and of
    all lines."""
    lines, comments, asserts = {}, 0, {}
    for path in sources():
        name = str(path.relative_to(ROOT))
        if name.startswith("tests/"):
            continue
        suite = suite_of(name)[1]
        text = [line for line in path.read_text().splitlines() if line.strip()]
        lines[suite] = lines.get(suite, 0) + len(text)
        asserts[suite] = asserts.get(suite, 0) + len(re.findall(r"(?<!\w)(?:assert|_Static_assert)\(", "\n".join(text)))
        comments += comment_lines(text)
    for suite, count in asserts.items():
        if count * 1000 < ASSERTS_MIN * lines[suite]:
            yield "%s: %d assertions in %d lines, and %d a thousand are the least" % (suite, count, lines[suite], ASSERTS_MIN)
    if comments * 100 < COMMENTS_MIN * sum(lines.values()):
        yield "%d of %d lines are comments, and %d of a hundred are the least" % (comments, sum(lines.values()), COMMENTS_MIN)


def main():
    rules = [direction, front_doors, seams, lengths, functions, banned, markers, headers, contracts]
    failed = 0
    for rule in rules:
        wrong = list(rule())
        failed += bool(wrong)
        for line in wrong[:20]:
            print("FAIL tidy %s - %s" % (rule.__name__, line))
    print("%d passed, %d failed" % (len(rules) - failed, failed))
    return 1 if failed else 0


sys.exit(main())
