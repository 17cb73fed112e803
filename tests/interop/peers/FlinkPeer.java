import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.CatalogContext;
import org.apache.paimon.catalog.CatalogFactory;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.options.Options;
import org.apache.paimon.reader.RecordReaderIterator;
import org.apache.paimon.table.Table;
import org.apache.paimon.table.sink.BatchTableCommit;
import org.apache.paimon.table.sink.BatchTableWrite;
import org.apache.paimon.table.sink.BatchWriteBuilder;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.types.DataType;
import org.apache.paimon.types.RowKind;
import org.apache.paimon.types.VarCharType;

/**
 * Flink and Paimon Java on a warehouse, asked by lines: words between tabs, each in base64, answered by one line: "ok" or
 * "error" and a sentence in base64. Rows are lines of text: the kind, then the values, tabs between, \N for null.
 *
 * <p>batch SQL OUT: runs one statement; rows of a SELECT, SHOW or CALL go to OUT. stream SQL OUT: starts one that goes on; rows go to OUT
 * as they come. stop: ends those. read WAREHOUSE TABLE OUT [OPTION VALUE]... and write WAREHOUSE TABLE IN: Paimon Java without
 * an engine; IN has the same lines.
 */
public final class FlinkPeer {
    private final TableEnvironment batch = waiting(environment(EnvironmentSettings.newInstance().inBatchMode().build()));
    private final TableEnvironment streaming = environment(EnvironmentSettings.newInstance().inStreamingMode().build());
    private final List<TableResult> running = new ArrayList<>();

    private static TableEnvironment environment(EnvironmentSettings settings) {
        TableEnvironment made = TableEnvironment.create(settings);
        made.getConfig().set("parallelism.default", "1");
        made.getConfig().set("table.exec.resource.default-parallelism", "1");
        made.getConfig().set("execution.checkpointing.interval", "500ms");
        made.getConfig().set("taskmanager.memory.network.min", "32mb");
        made.getConfig().set("taskmanager.memory.network.max", "32mb");
        made.getConfig().set("taskmanager.memory.managed.size", "64mb");
        made.getConfig().set("taskmanager.numberOfTaskSlots", "4");
        made.getConfig().set("table.local-time-zone", "UTC");
        return made;
    }

    /** Jobs of CALL are waited for, too. */
    private static TableEnvironment waiting(TableEnvironment made) {
        made.getConfig().set("table.dml-sync", "true");
        return made;
    }

    private static String line(Row row) {
        StringBuilder out = new StringBuilder(row.getKind().shortString());
        for (int i = 0; i < row.getArity(); i++) {
            Object value = row.getField(i);
            out.append('\t').append(value == null ? "\\N" : value);
        }
        return out.append('\n').toString();
    }

    private static void pour(TableResult result, String to) throws Exception {
        try (CloseableIterator<Row> rows = result.collect();
                Writer out = Files.newBufferedWriter(Paths.get(to))) {
            while (rows.hasNext()) {
                out.write(line(rows.next()));
                out.flush();
            }
        }
    }

    private static boolean asks(String sql) {
        return List.of("SELE", "SHOW", "CALL").contains(sql.trim().substring(0, 4).toUpperCase());
    }

    /** Statements that define something are made in both environments: each has its own list of catalogs. */
    private void batch(String sql, String out) throws Exception {
        String verb = sql.trim().split("\\s+")[0].toUpperCase();
        boolean both = sql.trim().toUpperCase().startsWith("CREATE CATALOG") || verb.equals("USE");
        if (both) streaming.executeSql(sql);
        TableResult result = batch.executeSql(sql);
        if (asks(sql)) pour(result, out);
        else if (result.getJobClient().isPresent()) result.await();
        else if (!both) result.collect().close();
    }

    private void stream(String sql, String out) throws Exception {
        TableResult result = streaming.executeSql(sql);
        running.add(result);
        if (!asks(sql)) return;
        Files.write(Paths.get(out), new byte[0]);
        Thread thread = new Thread(() -> {
            try {
                pour(result, out);
            } catch (Exception e) {
                String text = String.valueOf(e.getCause());
                if (!text.contains("ancel")) System.err.println("stream: " + e + " " + text);
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    private void stop() {
        for (TableResult result : running) {
            try {
                result.getJobClient().get().cancel().get();
            } catch (Exception e) {
                System.err.println("stop: " + e);
            }
        }
        running.clear();
    }

    // ---- Paimon Java ----

    private interface Job {
        void run(Table table) throws Exception;
    }

    private static void with(String warehouse, String name, Job job) throws Exception {
        Options options = new Options();
        options.set("warehouse", warehouse);
        try (Catalog catalog = CatalogFactory.createCatalog(CatalogContext.create(options))) {
            job.run(catalog.getTable(Identifier.fromString(name)));
        }
    }

    private static org.apache.paimon.casting.CastExecutor<Object, Object> cast(DataType from, DataType to) {
        @SuppressWarnings("unchecked")
        org.apache.paimon.casting.CastExecutor<Object, Object> found =
                (org.apache.paimon.casting.CastExecutor<Object, Object>) org.apache.paimon.casting.CastExecutors.resolve(from, to);
        return found;
    }

    private static void read(Table table, Path to) throws Exception {
        List<DataType> types = table.rowType().getFieldTypes();
        ReadBuilder builder = table.newReadBuilder();
        try (BufferedWriter out = Files.newBufferedWriter(to);
                RecordReaderIterator<InternalRow> rows = new RecordReaderIterator<>(
                        builder.newRead().withIOManager(IOManager.create(System.getProperty("java.io.tmpdir")))
                                .createReader(builder.newScan().plan()))) {
            while (rows.hasNext()) {
                InternalRow row = rows.next();
                out.write(row.getRowKind().shortString());
                for (int i = 0; i < types.size(); i++) {
                    Object value = InternalRow.createFieldGetter(types.get(i), i).getFieldOrNull(row);
                    out.write('\t');
                    out.write(value == null ? "\\N" : cast(types.get(i), VarCharType.STRING_TYPE).cast(value).toString());
                }
                out.write('\n');
            }
        }
    }

    private static void write(Table table, Path from) throws Exception {
        List<DataType> types = table.rowType().getFieldTypes();
        BatchWriteBuilder builder = table.newBatchWriteBuilder();
        try (BatchTableWrite write = builder.newWrite();
                BatchTableCommit commit = builder.newCommit()) {
            write.withIOManager(IOManager.create(System.getProperty("java.io.tmpdir")));
            for (String line : Files.readAllLines(from)) {
                String[] word = line.split("\t", -1);
                GenericRow row = new GenericRow(RowKind.fromShortString(word[0]), types.size());
                for (int i = 0; i < types.size(); i++)
                    if (!word[i + 1].equals("\\N"))
                        row.setField(i, cast(VarCharType.STRING_TYPE, types.get(i)).cast(BinaryString.fromString(word[i + 1])));
                write.write(row);
            }
            commit.commit(write.prepareCommit());
        }
    }

    // ---- requests ----

    private void answer(String[] word) throws Exception {
        switch (word[0]) {
            case "batch":
                batch(word[1], word[2]);
                break;
            case "stream":
                stream(word[1], word[2]);
                break;
            case "stop":
                stop();
                break;
            case "read":
                Map<String, String> options = new HashMap<>();
                for (int i = 4; i < word.length; i += 2) options.put(word[i], word[i + 1]);
                with(word[1], word[2], table -> read(table.copy(options), Paths.get(word[3])));
                break;
            case "write":
                with(word[1], word[2], table -> write(table, Paths.get(word[3])));
                break;
            default:
                throw new IOException("no request " + word[0]);
        }
    }

    private static String deepest(Throwable e) {
        while (e.getCause() != null) e = e.getCause();
        return e.getClass().getSimpleName() + ": " + e.getMessage();
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err); // libraries may print
        FlinkPeer peer = new FlinkPeer();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String request; (request = in.readLine()) != null; ) {
            String[] word = request.split("\t");
            for (int i = 0; i < word.length; i++)
                word[i] = new String(Base64.getDecoder().decode(word[i]), StandardCharsets.UTF_8);
            String said = "ok";
            try {
                peer.answer(word);
            } catch (Throwable e) {
                said = "error\t" + Base64.getEncoder().encodeToString(deepest(e).getBytes(StandardCharsets.UTF_8));
            }
            out.println(said);
            out.flush();
        }
        System.exit(0);
    }
}
