"""Flink and Paimon Java as a child process: peers/FlinkPeer.java, which says what can be asked."""
import base64
import collections
import subprocess
import tempfile


class Refused(RuntimeError):
    """What Flink or Paimon says when it does not do something."""


class Flink:
    def __init__(self, command, scratch):
        self.scratch, self.streams = scratch, 0
        self.log = open(scratch / "flink.log", "wb")
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def ask(self, *words):
        coded = [base64.b64encode(str(w).encode()).decode() or "=" for w in words]
        self.child.stdin.write("\t".join(coded) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline().rstrip("\n").split("\t")
        if answer[0] == "error":
            raise Refused(base64.b64decode(answer[1]).decode())
        if answer[0] != "ok":
            raise RuntimeError("Flink ended: %s" % (self.scratch / "flink.log").read_text()[-800:])

    def __call__(self, *statements):
        """Runs them one after the other; the rows of the last one, if it is a SELECT, SHOW or CALL."""
        out = self.scratch / "flink.rows"
        for sql in statements:
            self.ask("batch", sql, out)
        return counted(out.read_text()) if statements[-1].lstrip()[:4].upper() in ("SELE", "SHOW", "CALL") else None

    def stream(self, sql):
        """A file that a job which goes on fills with rows."""
        self.streams += 1
        out = self.scratch / ("stream-%d.rows" % self.streams)
        out.write_text("")
        self.ask("stream", sql, out)
        return out

    def stop(self):
        self.ask("stop")

    def java_read(self, warehouse, table, options=None):
        out = self.scratch / "java.rows"
        self.ask("read", warehouse, table, out, *(word for pair in (options or {}).items() for word in pair))
        return counted(out.read_text())

    def java_write(self, warehouse, table, text):
        given = self.scratch / "java.in"
        given.write_text(text)
        self.ask("write", warehouse, table, given)

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()


def counted(text):
    return collections.Counter(text.splitlines())
