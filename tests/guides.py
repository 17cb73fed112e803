#!/usr/bin/env python3
"""The blocks of the guides, typed into a shell: guides.py BINARY. What they answer is what is printed there. Ends with
`N passed, N failed`."""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
GUIDES = ["docs/guide.md"]
END = "--8<-- that was it"


class Shell:
    def __init__(self, binary, directory):
        self.child = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, cwd=directory)
        self("PATH=%s:$PATH" % binary.parent)

    def __call__(self, command):
        self.child.stdin.write("{ %s\n} 2>&1; echo '%s'\n" % (command, END))
        self.child.stdin.flush()
        lines = []
        for line in self.child.stdout:
            if line.rstrip("\n").endswith(END):
                break
            lines.append(re.sub(r"^bash: line \d+:", "bash: line 1:", line.rstrip("\n")))
        return lines


def commands(text):
    """(line, command, answer) of the console blocks."""
    found, block = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            block = line == "```console"
        elif block and line.startswith("$ "):
            found.append((number, line[2:], []))
        elif block:
            found[-1][2].append(line)
    return found


def main():
    binary, passed, failed = pathlib.Path(sys.argv[1]).resolve(), 0, 0
    for guide in GUIDES:
        with tempfile.TemporaryDirectory(prefix="guide-", ignore_cleanup_errors=True) as directory:
            shell = Shell(binary, directory)
            for line, command, answer in commands((ROOT / guide).read_text()):
                got = shell(command)
                passed, failed = passed + (got == answer), failed + (got != answer)
                if got != answer:
                    print("FAIL %s, line %d: %s\n    %s" % (guide, line, command, "\n    ".join(got)))
            shell.child.stdin.close()
            shell.child.wait(60)
            subprocess.run(["fusermount3", "-u", "-z", directory + "/mnt"], stderr=subprocess.DEVNULL)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
