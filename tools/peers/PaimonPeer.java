import java.io.FileOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.CatalogContext;
import org.apache.paimon.catalog.CatalogFactory;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.data.BinaryRow;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.options.Options;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.reader.RecordReaderIterator;
import org.apache.paimon.table.Table;
import org.apache.paimon.table.sink.BatchTableCommit;
import org.apache.paimon.table.sink.BatchTableWrite;
import org.apache.paimon.table.sink.BatchWriteBuilder;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.table.source.Split;
import org.apache.paimon.types.DataField;
import org.apache.paimon.types.DataType;
import org.apache.paimon.types.DecimalType;
import org.apache.paimon.types.TimestampType;

/** Paimon itself as a whole process: read WAREHOUSE TABLE OUT | compact WAREHOUSE TABLE | ingest WAREHOUSE TABLE CSV... */
public final class PaimonPeer {
    private static byte[] line = new byte[1 << 20];
    private static int at;

    private static void room(int more) {
        if (line.length - at < more) line = java.util.Arrays.copyOf(line, Math.max(line.length * 2, at + more));
    }

    private static void number(long v) {
        room(20);
        if (v < 0) {
            line[at++] = '-';
            v = -v;
        }
        int end = at + 1;
        for (long r = v; r >= 10; r /= 10) end++;
        for (int i = end; i-- > at; v /= 10) line[i] = (byte) ('0' + v % 10);
        at = end;
    }

    private static void digits(long v, int width) {
        room(width);
        for (int i = at + width; i-- > at; v /= 10) line[i] = (byte) ('0' + v % 10);
        at += width;
    }

    private static void decimal(long unscaled, int scale) {
        long unit = 1;
        for (int i = 0; i < scale; i++) unit *= 10;
        room(24);
        if (unscaled < 0) {
            line[at++] = '-';
            unscaled = -unscaled;
        }
        number(unscaled / unit);
        room(1);
        line[at++] = '.';
        digits(unscaled % unit, scale);
    }

    private static void text(BinaryString s) {
        byte[] bytes = s.toBytes();
        boolean quote = bytes.length == 0;
        for (byte b : bytes) quote |= b == ',' || b == '"' || b == '\n' || b == '\r';
        room(bytes.length * 2 + 2);
        if (quote) line[at++] = '"';
        for (byte b : bytes) {
            if (quote && b == '"') line[at++] = '"';
            line[at++] = b;
        }
        if (quote) line[at++] = '"';
    }

    private static void millis(long t) {
        long day = Math.floorDiv(t, 86400000L), rest = Math.floorMod(t, 86400000L);
        java.time.LocalDate d = java.time.LocalDate.ofEpochDay(day);
        digits(d.getYear(), 4);
        room(20);
        line[at++] = '-';
        digits(d.getMonthValue(), 2);
        line[at++] = '-';
        digits(d.getDayOfMonth(), 2);
        line[at++] = ' ';
        digits(rest / 3600000, 2);
        line[at++] = ':';
        digits(rest / 60000 % 60, 2);
        line[at++] = ':';
        digits(rest / 1000 % 60, 2);
        line[at++] = '.';
        digits(rest % 1000, 3);
    }

    private static void cell(InternalRow row, int i, DataType type) {
        if (row.isNullAt(i)) return;
        switch (type.getTypeRoot()) {
            case BIGINT:
                number(row.getLong(i));
                break;
            case INTEGER:
                number(row.getInt(i));
                break;
            case DECIMAL:
                DecimalType d = (DecimalType) type;
                decimal(row.getDecimal(i, d.getPrecision(), d.getScale()).toUnscaledLong(), d.getScale());
                break;
            case TIMESTAMP_WITHOUT_TIME_ZONE:
                millis(row.getTimestamp(i, ((TimestampType) type).getPrecision()).getMillisecond());
                break;
            case VARCHAR:
                text(row.getString(i));
                break;
            default:
                text(BinaryString.fromString("[" + row.getArray(i).size() + "]"));
        }
    }

    private static void read(Table table, String out) throws Exception {
        ReadBuilder builder = table.newReadBuilder();
        List<Split> splits = builder.newScan().plan().splits();
        List<DataField> fields = table.rowType().getFields();
        try (OutputStream sink = new FileOutputStream(out);
                RecordReader<InternalRow> reader =
                        builder.newRead().withIOManager(IOManager.create(System.getProperty("java.io.tmpdir"))).createReader(splits);
                RecordReaderIterator<InternalRow> rows = new RecordReaderIterator<>(reader)) {
            StringBuilder header = new StringBuilder();
            for (DataField f : fields) header.append(header.length() > 0 ? "," : "").append(f.name());
            sink.write((header + "\n").getBytes(StandardCharsets.UTF_8));
            while (rows.hasNext()) {
                InternalRow row = rows.next();
                for (int i = 0; i < fields.size(); i++) {
                    room(1);
                    if (i > 0) line[at++] = ',';
                    cell(row, i, fields.get(i).type());
                }
                room(1);
                line[at++] = '\n';
                if (at > 1 << 19) {
                    sink.write(line, 0, at);
                    at = 0;
                }
            }
            sink.write(line, 0, at);
        }
    }

    private static void compact(Table table) throws Exception {
        Map<String, String> options = new HashMap<>();
        options.put("write-only", "false");
        Table writable = table.copy(options);
        BatchWriteBuilder builder = writable.newBatchWriteBuilder();
        try (BatchTableWrite write = builder.newWrite();
                BatchTableCommit commit = builder.newCommit()) {
            write.withIOManager(IOManager.create(System.getProperty("java.io.tmpdir")));
            write.compact(BinaryRow.EMPTY_ROW, 0, true);
            commit.commit(write.prepareCommit());
        }
    }

    private static long whole(byte[] in, int from, int to) {
        boolean minus = from < to && in[from] == '-';
        long v = 0;
        for (int i = minus ? from + 1 : from; i < to; i++) v = v * 10 + in[i] - '0';
        return minus ? -v : v;
    }

    /** Digits of a decimal without its point, as many after it as the scale asks for (the files have them all). */
    private static long unscaled(byte[] in, int from, int to) {
        boolean minus = from < to && in[from] == '-';
        long v = 0;
        for (int i = minus ? from + 1 : from; i < to; i++) if (in[i] != '.') v = v * 10 + in[i] - '0';
        return minus ? -v : v;
    }

    private static long instant(byte[] in, int at) {
        long day = java.time.LocalDate.of((int) whole(in, at, at + 4), (int) whole(in, at + 5, at + 7), (int) whole(in, at + 8, at + 10)).toEpochDay();
        return ((day * 24 + whole(in, at + 11, at + 13)) * 60 + whole(in, at + 14, at + 16)) * 60000
                + whole(in, at + 17, at + 19) * 1000 + whole(in, at + 20, at + 23);
    }

    private static Object value(byte[] in, int from, int to, DataType type) {
        if (from == to) return null;
        switch (type.getTypeRoot()) {
            case BIGINT:
                return whole(in, from, to);
            case INTEGER:
                return (int) whole(in, from, to);
            case DECIMAL:
                DecimalType d = (DecimalType) type;
                return org.apache.paimon.data.Decimal.fromUnscaledLong(unscaled(in, from, to), d.getPrecision(), d.getScale());
            case TIMESTAMP_WITHOUT_TIME_ZONE:
                return org.apache.paimon.data.Timestamp.fromEpochMillis(instant(in, from));
            default:
                return BinaryString.fromBytes(in, from, to - from);
        }
    }

    /** One row of CSV from `at` on into the row; where the next one begins. Quotes are doubled inside quotes. */
    private static int record(byte[] in, int at, List<DataField> fields, org.apache.paimon.data.GenericRow row) {
        for (int i = 0; i < fields.size(); i++) {
            if (at < in.length && in[at] == '"') {
                int to = 0;
                at++;
                byte[] plain = new byte[256];
                for (; in[at] != '"' || (at + 1 < in.length && in[at + 1] == '"'); at++) {
                    if (in[at] == '"') at++;
                    plain[to++] = in[at];
                }
                at++;
                row.setField(i, BinaryString.fromBytes(plain, 0, to));
            } else {
                int from = at;
                while (at < in.length && in[at] != ',' && in[at] != '\n') at++;
                row.setField(i, value(in, from, at, fields.get(i).type()));
            }
            at++;
        }
        return at;
    }

    private static void ingest(Table table, String[] names) throws Exception {
        List<DataField> fields = table.rowType().getFields();
        for (String name : names) {
            BatchWriteBuilder builder = table.newBatchWriteBuilder();
            try (BatchTableWrite write = builder.newWrite(); BatchTableCommit commit = builder.newCommit()) {
                write.withIOManager(IOManager.create(System.getProperty("java.io.tmpdir")));
                byte[] in = java.nio.file.Files.readAllBytes(java.nio.file.Paths.get(name));
                int at = 0;
                while (in[at++] != '\n') {}
                while (at < in.length) {
                    org.apache.paimon.data.GenericRow row = new org.apache.paimon.data.GenericRow(fields.size());
                    at = record(in, at, fields, row);
                    write.write(row);
                }
                commit.commit(write.prepareCommit());
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Options options = new Options();
        options.set("warehouse", args[1]);
        try (Catalog catalog = CatalogFactory.createCatalog(CatalogContext.create(options))) {
            Table table = catalog.getTable(Identifier.create("default", args[2]));
            if (args[0].equals("read")) read(table, args[3]);
            else if (args[0].equals("ingest")) ingest(table, java.util.Arrays.copyOfRange(args, 3, args.length));
            else compact(table);
        }
    }
}
