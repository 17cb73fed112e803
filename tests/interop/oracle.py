"""Paimon Java as a child process: one JSON request {"args": [...], "in": path, "out": path} a line, one answer
{"rc": 0, "out": text, "error": text} a line."""
import collections
import json
import subprocess


class Refused(RuntimeError):
    """What Paimon Java says when it does not do something."""


class Oracle:
    def __init__(self, command):
        self.child = subprocess.Popen([command, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)

    def __call__(self, *words, data=None, out=None):
        request = {"args": [str(w) for w in words]}
        if data is not None:
            request["in"] = str(data)
        if out is not None:
            request["out"] = str(out)
        self.child.stdin.write(json.dumps(request) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError("Paimon Java ended")
        answer = json.loads(line)
        if answer["rc"] != 0:
            raise Refused(answer.get("error") or answer.get("out") or "rc %d" % answer["rc"])
        return answer.get("out")

    def rows(self, out, *words):
        """What a read answers, as a multiset of lines; `out` is a path to use."""
        self(*words, out=out)
        return counted(out.read_bytes())


def counted(data):
    return collections.Counter(line for line in data.split(b"\n") if line)


def difference(want, got):
    """"" or how two multisets of lines differ, with one line of each side."""
    lost, extra = want - got, got - want
    if not lost and not extra:
        return ""
    some = [next(iter(c), b"").decode(errors="replace")[:500] for c in (lost, extra)]
    return "%d missing, %d unexpected\n    - %s\n    + %s" % (sum(lost.values()), sum(extra.values()), *some)
