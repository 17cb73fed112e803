"""tests/clocked as a child process: a warehouse with a clock that is set."""
import os
import subprocess


class Refused(RuntimeError):
    """A request was refused: errno and sentence."""


class Clocked:
    def __init__(self, binary, warehouse, zone):
        self.child = subprocess.Popen([str(binary), str(warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      env=dict(os.environ, TZ=zone))

    def __call__(self, *words, data=None):
        line = " ".join(map(str, words)) + ("" if data is None else " %d" % len(data)) + "\n"
        self.child.stdin.write(line.encode() + (data or b""))
        self.child.stdin.flush()
        answer = self.child.stdout.readline().split()
        if not answer:
            raise RuntimeError("clocked ended at: " + line.strip())
        text = self.child.stdout.read(int(answer[-1])).decode()
        if answer[0] != b"ok":
            raise Refused("%s: errno %d: %s" % (line.strip(), int(answer[1]), text))
        return text

    def sql(self, text):
        return self("sql", data=text.encode())

    def close(self):
        self.child.stdin.close()
        return self.child.wait(60)
