"""PyPaimon as a child process, run by the interpreter that has it: one JSON request a line, one answer {"error": text} or
{"rows": N} a line. Requests: {"warehouse", "table", "write": path} appends the JSON lines of a file in one commit;
{"warehouse", "table", "read": path} writes all rows as the JSON lines that the program prints."""
import base64
import datetime
import decimal
import json
import sys

import pyarrow
from pypaimon import CatalogFactory


def typed(text, kind):
    """A value of a JSON line, as the column's type wants it."""
    if text is None:
        return None
    if pyarrow.types.is_decimal(kind):
        return decimal.Decimal(text)
    if pyarrow.types.is_date(kind):
        return datetime.date.fromisoformat(text)
    if pyarrow.types.is_timestamp(kind):
        return datetime.datetime.fromisoformat(text)
    if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
        return base64.b64decode(text)
    return text


def printed(value):
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + "%03d" % (value.microsecond // 1000)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def schema_of(table):
    from pypaimon.schema.data_types import PyarrowFieldParser
    return PyarrowFieldParser.from_paimon_schema(table.table_schema.fields)


def write(table, path):
    schema = schema_of(table)
    with open(path) as file:
        rows = [json.loads(line) for line in file]
    columns = [pyarrow.array([typed(r.get(f.name), f.type) for r in rows], f.type) for f in schema]
    builder = table.new_batch_write_builder()
    writer, commit = builder.new_write(), builder.new_commit()
    writer.write_arrow(pyarrow.Table.from_arrays(columns, schema=schema))
    commit.commit(writer.prepare_commit())
    writer.close()
    commit.close()
    return len(rows)


def read(table, path):
    builder = table.new_read_builder()
    splits = builder.new_scan().plan().splits()
    rows = builder.new_read().to_arrow(splits).to_pylist() if splits else []
    with open(path, "w") as file:
        for row in rows:
            file.write(json.dumps({k: printed(v) for k, v in row.items()}, ensure_ascii=False,
                                  separators=(",", ":")) + "\n")
    return len(rows)


def main():
    for line in sys.stdin:
        request = json.loads(line)
        try:
            catalog = CatalogFactory.create({"warehouse": request["warehouse"]})
            table = catalog.get_table(request["table"])
            rows = write(table, request["write"]) if "write" in request else read(table, request["read"])
            answer = {"rows": rows}
        except Exception as e:  # whatever it is, it is the answer
            answer = {"error": "%s: %s" % (type(e).__name__, e)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
