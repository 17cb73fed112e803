#!/usr/bin/env python3
"""Rows that are merged as they are read: random_engines.py BINARY --oracle COMMAND [--seeds A..B]

Tables of every merge engine, aggregate function and sequence group with their options, written by Paimon Java in many
small commits that are compacted now and then, with deletes and updates among them; then the views of random_views.py.
COMMAND: see oracle.py. Ends with `N passed, N failed`."""
import json
import random
import sys

import random_views
from random_views import value

NUMBERS = ["TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(6, 2)", "DECIMAL(18, 3)", "DECIMAL(25, 4)"]
ORDERED = NUMBERS + ["STRING", "DATE", "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP(9)", "BYTES", "TIME(3)", "VARCHAR(5)", "CHAR(3)"]
ANY = ORDERED + ["BOOLEAN", ["ARRAY", "INT"], ["MAP", "STRING", "INT"], ["ROW", [["a", "INT"], ["b", "STRING"]]],
                 ["ARRAY", ["ROW", [["a", "INT"], ["b", "STRING"]]]], "BINARY(3)"]
NESTED = ["ARRAY", ["ROW", [["a", "INT"], ["b", "STRING"], ["c", "DOUBLE"]]]]
KEYTIMES = [["MAP", "STRING", ["ROW", [["v", "INT"], ["ts", "STRING"]]]], ["MAP", "INT", ["ROW", [["at", "BIGINT"], ["v", "STRING"], ["x", "DOUBLE"]]]]]
FUNCTIONS = {"sum": NUMBERS, "product": NUMBERS[:6], "max": ORDERED, "min": ORDERED, "last_value": ANY, "last_non_null_value": ANY,
             "first_value": ANY, "first_non_null_value": ANY, "first_not_null_value": ANY, "listagg": ["STRING"], "bool_and": ["BOOLEAN"],
             "bool_or": ["BOOLEAN"], "collect": [["ARRAY", "INT"], ["ARRAY", "STRING"], ["ARRAY", ["ROW", [["a", "INT"]]]],
                                                 ["ARRAY", "BIGINT"], ["ARRAY", "DOUBLE"], ["ARRAY", "DECIMAL(6, 2)"]],
             "merge_map": [["MAP", "STRING", "INT"], ["MAP", "INT", ["ROW", [["a", "INT"]]]], ["MAP", "BIGINT", "STRING"]],
             "merge_map_with_keytime": KEYTIMES, "nested_update": [NESTED], "nested_partial_update": [NESTED]}
RETRACT = {"sum", "product", "last_value", "last_non_null_value", "collect", "merge_map", "nested_update"}


class Table(random_views.Table):
    def __init__(self, rng):
        self.rng, self.avro, self.keyed, self.fresh = rng, False, True, 0
        self.options = {"bucket": "1", "num-sorted-run.compaction-trigger": rng.choice(("3", "20", "20"))}
        self.columns, self.keys, self.partitions, self.required = [["k", rng.choice(("INT", "STRING", "BIGINT"))]], ["k"], [], []
        if rng.random() < 0.2:
            self.columns.append(["p", "INT"])
            self.keys.append("p")
            self.partitions.append("p")
        self.engine_name = rng.choice(("aggregation", "aggregation", "aggregation", "partial-update", "partial-update", "partial-update",
                                       "deduplicate", "first-row"))
        self.options["merge-engine"] = self.engine_name
        self.sequences, self.retracts, self.groups = [], True, []
        for i in range(rng.choice((1, 2, 3))):
            self.columns.append(["s%d" % i, rng.choice(("INT", "BIGINT", "TIMESTAMP(3)", "STRING", "DECIMAL(6, 2)", "DOUBLE", "DATE"))])
            self.sequences.append("s%d" % i)
        self.values()
        if rng.random() < 0.3:
            rng.shuffle(self.columns)
        self.files()

    def values(self):
        rng, free = self.rng, []
        for i in range(rng.randrange(2, 9)):
            function = rng.choice(sorted(FUNCTIONS))
            kind = rng.choice(FUNCTIONS[function])
            name = "c%d" % i
            if self.engine_name == "aggregation" or self.engine_name == "partial-update" and rng.random() < 0.5:
                self.function(name, function, kind)
            else:
                kind = rng.choice(ANY)
            self.columns.append([name, kind])
            free.append(name)
        if self.engine_name == "first-row":
            self.options["ignore-delete"] = "true"
            return
        if self.engine_name == "partial-update":
            self.partial(free)
        elif rng.random() < 0.4:
            self.options["sequence.field"] = ",".join(rng.sample(self.sequences, rng.randrange(1, len(self.sequences) + 1)))
            self.pick(0.3, "sequence.field.sort-order", "descending")
        if self.engine_name == "aggregation":
            self.pick(0.2, "aggregation.remove-record-on-delete", "true")
            self.pick(0.2, "fields.default-aggregate-function", "last_value", "first_non_null_value", "last_non_null_value")
        if not self.retracts and "ignore-delete" not in self.options and rng.random() < 0.9:
            self.options["ignore-delete"] = "true"

    def function(self, name, function, kind):
        rng, o = self.rng, self.options
        o["fields.%s.aggregate-function" % name] = function
        if function == "listagg":
            self.pick(0.5, "fields.%s.list-agg-delimiter" % name, ";", "--", " ")
        if function in ("listagg", "collect"):
            self.pick(0.5, "fields.%s.distinct" % name, "true")
        if function == "nested_update":
            self.pick(0.6, "fields.%s.nested-key" % name, "a", "a,b", "b")
            self.pick(0.4, "fields.%s.count-limit" % name, "2", "4")
        if function == "nested_partial_update":
            o["fields.%s.nested-key" % name] = rng.choice(("a", "a,b"))
        if function == "merge_map_with_keytime" and kind[1] == "INT":
            o["fields.%s.ts-field" % name] = "at"
        if function not in RETRACT or rng.random() < 0.15:
            if rng.random() < 0.8:
                o["fields.%s.ignore-retract" % name] = "true"
            else:
                self.retracts = False

    def partial(self, free):
        """Each sequence column may lead a group; functions need one."""
        rng, o = self.rng, self.options
        rest, groups = list(free), []
        names = list(self.sequences)
        while names and rest and (rng.random() < 0.8 or not groups):
            lead = [names.pop() for _ in range(rng.choice((1, 1, 2))) if names]
            mine = [rest.pop(rng.randrange(len(rest))) for _ in range(rng.randrange(1, len(rest) + 1))]
            o["fields.%s.sequence-group" % ",".join(lead)] = ",".join(mine)
            groups += lead
        for c in rest:  # not protected: no function but that one
            for key in [k for k in o if k.startswith("fields.%s." % c)]:
                del o[key]
        if groups and rng.random() < 0.3:
            o["partial-update.remove-record-on-sequence-group"] = rng.choice(groups)
        elif not groups and rng.random() < 0.5:
            o["partial-update.remove-record-on-delete"] = "true"
        elif rng.random() < 0.3:
            o["ignore-delete"] = "true"
        if not groups and names:
            self.pick(0.4, "sequence.field", names[0])
        elif names:
            self.pick(0.2, "sequence.field", names[0])

    def files(self):
        rng = self.rng
        self.pick(0.5, "file.format", "parquet", "orc", "avro")
        if self.options.get("file.format") == "avro":
            self.columns = [[n, "TIMESTAMP(6)" if t == "TIMESTAMP(9)" else t] for n, t in self.columns]
        self.pick(0.3, "changelog-producer", "input", "lookup", "full-compaction")
        self.pick(0.1, "force-lookup", "true")
        if self.options.get("changelog-producer") != "full-compaction" and self.engine_name != "first-row":
            self.pick(0.15, "deletion-vectors.enabled", "true")
        if self.engine_name == "first-row" and self.options.get("changelog-producer") != "lookup":
            self.options.pop("changelog-producer", None)
        self.pick(0.15, "data-file.thin-mode", "true")
        self.pick(0.15, "changelog-producer.row-deduplicate", "true")
        self.pick(0.1, "ignore-update-before", "true")
        self.pick(0.1, "write-only", "true")

    def row(self):
        rng, out = self.rng, {}
        small = random.Random("k %d" % rng.randrange(6))
        for name, kind in self.columns:
            v = None
            if name in self.keys:
                while v is None:
                    v = value(small, kind)
            elif name in self.sequences:
                v = value(random.Random("%s %d" % (name, rng.randrange(9))), kind, null=0.15)
                v = 1.5 if v == "NaN" else v
            else:
                v = value(rng, kind, null=rng.choice((0.1, 0.4)))
            if v is not None:
                out[name] = v
        if rng.random() < 0.2 and self.engine_name != "first-row":
            out["_kind"] = rng.choice(("-D", "+U", "-U", "-D"))
        return out


class Run(random_views.Run):
    table_of = Table

    def write_all(self):
        rng = self.rng
        ddl = self.input.with_suffix(".json")
        ddl.write_text(json.dumps(self.table.ddl()))
        if not self.ask("create", "db.t", ddl):
            return False
        for _ in range(rng.randrange(3, 9)):
            rows = [self.table.row() for _ in range(rng.choice((1, 3, 8, 20)))]
            self.input.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
            self.ask("write", "db.t", "--compact", rng.choice(("none", "none", "none", "minor", "full")), data=self.input)
            if rng.random() < 0.1 and self.ask("tag", "db.t", "create", "g%d" % len(self.tags)):
                self.tags.append("g%d" % len(self.tags))
        return True


if __name__ == "__main__":
    sys.exit(random_views.main(Run))
