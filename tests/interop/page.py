#!/usr/bin/env python3
"""docs/engines.md, typed into the shell and Flink: page.py BINARY. What they answer is what stands there. Blocks are
`console`, `sql flink` and `sql flink streaming` (it goes on); the answer of the SQL is the `text` block behind it.
/srv/warehouse and /mnt/lake are directories of the test. Needs FUSE; without Flink its blocks are skipped, and so is what comes
behind them. Ends with `N passed, N failed`, and `, N skipped` if so."""
import pathlib
import subprocess
import sys
import tempfile

import engines

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import guides

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = "docs/engines.md"


def blocks(text):
    """(line, kind, text, answer): console blocks a command each."""
    found, kind, body = [], "", []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("```"):
            body.append(line)
            continue
        if kind == "text" and found and found[-1][1].startswith("sql"):
            found[-1][3].extend(body)
        elif kind.startswith("sql"):
            found.append((number - len(body), kind, "\n".join(body) + "\n", []))
        elif kind == "console":
            found += [(number - len(body) + at - 1, "console", command, answer)
                      for at, command, answer in guides.commands("```console\n%s\n```" % "\n".join(body))]
        kind, body = "" if kind else line[3:], []
    return found


class Page:
    def __init__(self, binary, scratch):
        self.scratch = scratch
        self.path, self.mount = scratch / "warehouse", scratch / "mnt"
        self.mount.mkdir()
        self.shell = guides.Shell(binary, scratch, ROOT / "docs")
        self.engines = engines.Engines(scratch)

    def here(self, text):
        return text.replace("/srv/warehouse", str(self.path)).replace("/mnt/lake", str(self.mount))

    def flink(self, text, streaming):
        rows = []
        flink = self.engines.flink(self)
        for sql in text.split(";\n"):
            if not sql.strip():
                continue
            if streaming and sql.startswith("INSERT"):
                flink.stream(sql)
                continue
            got = flink(sql)
            rows += sorted(" | ".join(row.split("\t")[1:]) for row in got.elements()) if got else []
        return rows

    def answer(self, kind, text):
        text = self.here(text)
        if kind == "console":
            return self.shell(text)
        return self.flink(text, kind.endswith("streaming"))

    def close(self):
        self.engines.close()
        self.shell.child.stdin.close()
        subprocess.run(["fusermount3", "-u", "-z", self.mount], stderr=subprocess.DEVNULL)


def main():
    binary, passed, failed, skipped = pathlib.Path(sys.argv[1]).resolve(), 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="page-", ignore_cleanup_errors=True) as name:
        page = Page(binary, pathlib.Path(name))
        todo = blocks((ROOT / PAGE).read_text())
        for at, (line, kind, text, answer) in enumerate(todo):
            try:
                got = page.answer(kind, text)
            except engines.Skipped as what:
                skipped = len(todo) - at
                print("skipped, there is no %s here: %s from line %d on" % (what, PAGE, line))
                break
            except Exception as e:  # whatever it is, it is the answer
                got = ["%s: %s" % (type(e).__name__, e)]
            passed, failed = passed + (got == answer), failed + (got != answer)
            if got != answer:
                print("FAIL %s, line %d: %s\n    %s" % (PAGE, line, text.strip(), "\n    ".join(got)), flush=True)
        page.close()
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
