#!/usr/bin/env python3
"""The blocks of the guides, typed into a shell: guides.py BINARY [GUIDE ...]. What they answer is what is printed: in a console
block behind each command, of a bash block in the text block that follows it. $story is the guide's directory, build/ has
the program. docs/engines.md needs those, and is typed by tests/interop. Ends with `N passed, N failed`."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
GUIDES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md") if p.name != "engines.md"),
          *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/stories/*/README.md"))]
END = "--8<-- that was it"
SECONDS_MAX = 120  # of one block


class Shell:
    def __init__(self, binary, directory, story):
        self.child = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, cwd=directory, start_new_session=True)
        self("PATH=%s:$PATH; story=%s" % (binary.parent, story))

    def end(self):
        """The shell and all that it started: who is left would keep its answer open for ever."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def __call__(self, command):
        watch = threading.Timer(SECONDS_MAX, self.end)
        watch.start()
        try:
            self.child.stdin.write("{ %s\n} 2>&1; echo '%s'\n" % (command, END))
            self.child.stdin.flush()
        except BrokenPipeError:
            pass
        lines = []
        for line in self.child.stdout:
            if line.rstrip("\n").endswith(END):
                break
            lines.append(re.sub(r"^bash: line \d+:", "bash: line 1:", line.rstrip("\n")))
        else:
            lines.append("the shell has ended, or was ended after %d s" % SECONDS_MAX)
        watch.cancel()
        return lines


def commands(text):
    """(line, command, answer) of the blocks."""
    found, block = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            block = "" if block else line[3:] or "other"
            if block == "bash":
                found.append((number, "", []))
        elif block == "console" and line.startswith("$ "):
            found.append((number, line[2:], []))
        elif block == "bash":
            found[-1] = (found[-1][0], found[-1][1] + line + "\n", found[-1][2])
        elif block in ("console", "text"):
            found[-1][2].append(line)
    return found


def main():
    binary, passed, failed = pathlib.Path(sys.argv[1]).resolve(), 0, 0
    for guide in sys.argv[2:] or GUIDES:
        with tempfile.TemporaryDirectory(prefix="guide-", ignore_cleanup_errors=True) as directory:
            (pathlib.Path(directory) / "build").symlink_to(binary.parent)
            shell = Shell(binary, directory, (ROOT / guide).parent)
            for line, command, answer in commands((ROOT / guide).read_text()):
                got = shell(command)
                passed, failed = passed + (got == answer), failed + (got != answer)
                if got != answer:
                    print("FAIL %s, line %d: %s\n    %s" % (guide, line, command, "\n    ".join(got)))
            try:
                shell.child.stdin.close()
            except BrokenPipeError:
                pass
            subprocess.run(["fusermount3", "-u", "-z", directory + "/mnt"], stderr=subprocess.DEVNULL)
            try:
                shell.child.wait(60)
            except subprocess.TimeoutExpired:
                failed += 1
                print("FAIL %s: its shell does not end" % guide)
            shell.end()
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
