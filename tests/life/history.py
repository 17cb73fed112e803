"""Paimon's rules of what a table keeps, as a model of their own: which snapshots and tags are there, which rows each of
them holds, and which files they name. Read are the table's JSON and manifests, and nothing that the program says."""
import datetime
import json
import zoneinfo

import avro

DAY_MS = 86400000


class Line:
    """A line of history: of main, or of a branch."""

    def __init__(self, meta):
        self.meta = meta
        self.rows = {}       # of the newest snapshot: key -> value, the key begins with the partition
        self.seen = {}       # those that readers see: with deletion vectors not before they are compacted
        self.snapshots = {}  # id -> what its file says
        self.tags = {}       # name -> what the tagged snapshot's file says
        self.next_id = None  # automatic tags: the snapshot to look at next; None = a writer that begins
        self.next_ms = None


class Model:
    """`rules`: zone, tags, days, least, most and hours that are kept. `vectors`: the table has deletion vectors."""

    def __init__(self, root, rules, vectors):
        self.root, self.rules, self.vectors = root, rules, vectors
        self.zone = zoneinfo.ZoneInfo(rules["zone"])
        self.lines = {None: Line(root)}
        self.held = {}   # delta manifest list -> rows of that snapshot, and those that are seen
        self.leaked = set()
        self.parsed = {}

    # ---- rules ----

    def local(self, instant_ms):
        shown = datetime.datetime.fromtimestamp(instant_ms / 1000, self.zone)
        return instant_ms + int(shown.utcoffset().total_seconds() * 1000)

    def day(self, local_ms):
        return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=local_ms // DAY_MS))

    def is_expired(self, partition, now_ms):
        days = (datetime.date.fromisoformat(partition) - datetime.date(1970, 1, 1)).days
        return days * DAY_MS < self.local(now_ms) - self.rules["days"] * DAY_MS

    @staticmethod
    def tag_day(name):
        """The start of the day that an automatic tag is named for; None: it is another tag."""
        try:
            return (datetime.date.fromisoformat(name) - datetime.date(1970, 1, 1)).days * DAY_MS
        except ValueError:
            return None

    def automatic(self, line):
        """Automatic tags, by snapshot."""
        return sorted((s["id"], name) for name, s in line.tags.items() if self.tag_day(name) is not None)

    def tag(self, line):
        if line.next_id is None:
            tagged = self.automatic(line)
            line.next_id = tagged[-1][0] + 1 if tagged else min(line.snapshots)
            line.next_ms = self.tag_day(tagged[-1][1]) + DAY_MS if tagged else None
        for number in sorted(i for i in line.snapshots if i >= line.next_id):
            s, line.next_id = line.snapshots[number], number + 1
            local = self.local(s["timeMillis"])
            if line.next_ms is not None and local < line.next_ms + DAY_MS:
                continue
            start = local // DAY_MS * DAY_MS - DAY_MS
            line.tags.setdefault(self.day(start), s)
            line.next_ms = start + DAY_MS
            tagged = self.automatic(line)
            for _, name in tagged[:max(0, len(tagged) - self.rules["tags"])]:
                del line.tags[name]

    def expire(self, line, now_ms):
        ids = sorted(line.snapshots)
        end, latest = ids[0], ids[-1]
        while end < latest - self.rules["least"] + 1 and (
                end < latest - self.rules["most"] + 1
                or line.snapshots[end]["timeMillis"] < now_ms - self.rules["hours"] * 3600000):
            end += 1
        for i in ids:
            if i < end:
                del line.snapshots[i]

    # ---- what happens ----

    def read(self, path):
        """JSON of a file that may be replaced."""
        st = path.stat()
        known = self.parsed.get(path)
        if known is None or known[0] != (st.st_ino, st.st_mtime_ns):
            known = self.parsed[path] = ((st.st_ino, st.st_mtime_ns), json.loads(path.read_text()))
        return known[1]

    def there(self, line):
        """Snapshots and tags on disk."""
        return ({int(p.name[9:]): self.read(p) for p in (line.meta / "snapshot").glob("snapshot-*")},
                {p.name[4:]: self.read(p) for p in (line.meta / "tag").glob("tag-*")})

    def committed(self, name, rows, now_ms):
        """Rows were committed to a line: what is wrong with what is there, or "". To be asked again: what follows a
        commit is done by and by."""
        line = self.lines[name]
        before = max(line.snapshots, default=0)
        new = [s for i, s in sorted(self.there(line)[0].items()) if i > before]
        line.snapshots.update((s["id"], s) for s in new)
        for s in new:
            if s["commitKind"] == "APPEND":
                line.rows = {**line.rows, **rows}
            elif s["commitKind"] == "OVERWRITE":
                line.rows, line.seen = ({k: v for k, v in some.items() if not self.is_expired(k[0], now_ms)}
                                        for some in (line.rows, line.seen))
            if s["commitKind"] == "COMPACT" or not self.vectors:
                line.seen = line.rows
            self.held[s["deltaManifestList"]] = (line.rows, line.seen)
            if s["timeMillis"] != now_ms:
                return "a snapshot of %d says %d" % (now_ms, s["timeMillis"])
        self.tag(line)
        self.expire(line, now_ms)
        if not line.rows.items() >= {k: v for k, v in rows.items() if not self.is_expired(k[0], now_ms)}.items():
            return "the rows are not committed"
        if any(self.is_expired(k[0], now_ms) for k in line.rows):
            return "a partition outlives its time"
        return self.compare(name)

    def compare(self, name):
        line = self.lines[name]
        snapshots, tags = self.there(line)
        same = lambda a, b: a.get("deltaManifestList") == b.get("deltaManifestList") and a.get("id") == b.get("id")
        if sorted(snapshots) != sorted(line.snapshots):
            return "%s has snapshots %s, the rules keep %s" % (name or "main", sorted(snapshots), sorted(line.snapshots))
        if sorted(tags) != sorted(line.tags):
            return "%s has tags %s, the rules keep %s" % (name or "main", sorted(tags), sorted(line.tags))
        for what, ours, rules in (("snapshot", snapshots, line.snapshots), ("tag", tags, line.tags)):
            for key in ours:
                if not same(ours[key], rules[key]):
                    return "%s: %s %s is of another snapshot" % (name or "main", what, key)
        return ""

    def branched(self, name, tag):
        main, branch = self.lines[None], Line(self.root / "branch" / ("branch-" + name))
        branch.tags[tag] = main.tags[tag]
        branch.snapshots[main.tags[tag]["id"]] = main.tags[tag]
        branch.rows, branch.seen = self.held[main.tags[tag]["deltaManifestList"]]
        self.lines[name] = branch

    def went_back(self, end):
        """Main loses the snapshots and tags from there on."""
        main = self.lines[None]
        main.snapshots = {i: s for i, s in main.snapshots.items() if i < end}
        main.tags = {n: s for n, s in main.tags.items() if s["id"] < end}
        main.next_id = None

    def forwarded(self, name):
        main, branch = self.lines[None], self.lines[name]
        self.went_back(min(branch.snapshots))
        main.snapshots.update(branch.snapshots)
        main.tags.update(branch.tags)
        main.rows, main.seen = branch.rows, branch.seen

    def began(self):
        """The next writers are new ones."""
        for line in self.lines.values():
            line.next_id = None

    # ---- files ----

    def contents(self, manifest):
        if manifest not in self.parsed:
            self.parsed[manifest] = [
                (e["_KIND"], e["_FILE"]["_FILE_NAME"], e["_FILE"].get("_EXTRA_FILES") or [])
                for e in avro.records(self.root / "manifest" / manifest)]
        return self.parsed[manifest]

    def list_of(self, name):
        """What a list of manifests, or of index files, names."""
        if name not in self.parsed:
            self.parsed[name] = [m["_FILE_NAME"] for m in avro.records(self.root / "manifest" / name)]
        return self.parsed[name]

    def named(self, snapshot, with_changelog):
        """Names of the files of a snapshot: metadata, what is live, what its changelog consists of."""
        live, out = {}, set()
        for which in (snapshot["baseManifestList"], snapshot["deltaManifestList"]):
            out.add(which)
            for manifest in self.list_of(which):
                out.add(manifest)
                for kind, name, extra in self.contents(manifest):
                    live[name] = live.get(name, 0) + (1 if kind == 0 else -1)
                    out.update(extra)
        out.update(name for name, count in live.items() if count > 0)
        changelog = snapshot.get("changelogManifestList")
        if with_changelog and changelog:
            out.add(changelog)
            for manifest in self.list_of(changelog):
                out.add(manifest)
                out.update(name for kind, name, _ in self.contents(manifest))
        if snapshot.get("indexManifest"):
            out.add(snapshot["indexManifest"])
            out.update(self.list_of(snapshot["indexManifest"]))
        if snapshot.get("statistics"):
            out.add(snapshot["statistics"])
        return out

    def reachable(self):
        out = set()
        for line in self.lines.values():
            for s in line.snapshots.values():
                out |= self.named(s, True)
            for s in line.tags.values():
                out |= self.named(s, False)
        return out

    def leaks(self, action):
        """What Paimon leaves behind of the files that were needed before, and are not after."""
        before = self.reachable()
        action()
        self.leaked |= before - self.reachable()

    def files(self):
        """The files that are there, of data and manifests."""
        out = set()
        for path in self.root.rglob("*"):
            top = path.relative_to(self.root).parts[0]
            if path.is_file() and top not in ("snapshot", "tag", "schema", "branch", "changelog", "consumer"):
                out.add(path.name)
        return out

    def compare_files(self):
        there, needed = self.files(), self.reachable()
        self.leaked -= needed
        lost, extra = needed - there, there - needed - self.leaked
        if lost or extra:
            return "%d files are missing %s, %d too many are left %s" % (
                len(lost), sorted(lost)[:3], len(extra), sorted(extra)[:3])
        return ""
