package io.swav.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.common.KeyedRandom;
import io.swav.data.DataCommand;
import io.swav.data.DataSet;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import me.tongfei.progressbar.ProgressBar;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code swav bench index}: measures how long the index of a large data set takes to build and to open, and how much Java
 * heap it takes. The samples have names, labels and sizes like real ones, and random bytes for images.
 */
@Command(
        name = "index",
        description = "Measures building and opening the index of a large data set.",
        mixinStandardHelpOptions = true)
public final class IndexBench implements Callable<Integer> {
    private static final long SEED = 31;
    private static final int CLASSES = 1000;
    private static final int READS = 10_000;

    @Option(names = "--samples", description = "Number of samples (default: ${DEFAULT-VALUE}).")
    private int samples = 1_000_000;

    @Option(names = "--per-shard", description = "Samples in a shard (default: ${DEFAULT-VALUE}).")
    private int perShard = 1000;

    @Option(names = "--bytes", description = "Mean size of an image, bytes (default: ${DEFAULT-VALUE}).")
    private int bytes = 2048;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description =
                    "Folder of shards to use, which is filled if it is empty and kept (default: a folder here, removed"
                            + " at the end).")
    private @Nullable Path data;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to FILE.")
    private @Nullable Path json;

    @Override
    public Integer call() throws IOException {
        Path folder = data != null
                ? Files.createDirectories(data)
                : Files.createTempDirectory(Path.of("").toAbsolutePath(), ".bench-index");
        try {
            Map<String, Object> figures = measure(folder);
            if (json != null) {
                new ObjectMapper().writeValue(json.toFile(), figures);
            }
            return 0;
        } finally {
            if (data == null) {
                delete(folder);
            }
        }
    }

    private Map<String, Object> measure(Path folder) throws IOException {
        if (isEmpty(folder)) {
            write(folder);
        }
        long start = System.nanoTime();
        int code = new CommandLine(new DataCommand()).execute("index", folder.toString());
        if (code != 0) {
            throw new IllegalStateException("the index was not built, exit code " + code);
        }
        double built = seconds(start);
        long before = usedHeap();
        start = System.nanoTime();
        try (DataSet set = DataSet.open(folder.toString())) {
            double opened = seconds(start);
            long heap = usedHeap() - before;
            double micros = read(set);
            System.out.printf(
                    Locale.ROOT,
                    "%,d samples: index built in %.1f s (%.0f samples a second), opened in %.2f s, %.1f MB of heap, %.0f"
                            + " microseconds to read a sample of %d bytes%n",
                    set.size(),
                    built,
                    set.size() / built,
                    opened,
                    heap / 1e6,
                    micros,
                    set.inventory().bytes() / set.size());
            Map<String, Object> figures = new LinkedHashMap<>();
            figures.put("samples", set.size());
            figures.put("files", set.inventory().files());
            figures.put("buildSeconds", built);
            figures.put("openSeconds", opened);
            figures.put("heapBytes", heap);
            figures.put("readMicros", micros);
            return figures;
        }
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }

    private static long usedHeap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private static double read(DataSet set) throws IOException {
        KeyedRandom random = KeyedRandom.of(SEED);
        long start = System.nanoTime();
        for (int i = 0; i < READS; i++) {
            long sample = (long) (random.nextDouble() * set.size());
            if (set.read(sample).length != set.bytes(sample)) {
                throw new IllegalStateException("sample " + sample + " has another size than its index says");
            }
        }
        return (System.nanoTime() - start) / 1e3 / READS;
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.findAny().isEmpty();
        }
    }

    private void write(Path folder) throws IOException {
        KeyedRandom random = KeyedRandom.of(SEED);
        byte[] image = new byte[2 * bytes];
        for (int i = 0; i < image.length; i++) {
            image[i] = (byte) random.nextLong();
        }
        try (ProgressBar bar = new ProgressBar("writing", samples)) {
            for (int first = 0; first < samples; first += perShard) {
                int shard = first / perShard;
                Path file = folder.resolve(String.format(Locale.ROOT, "bench-%06d.tar", shard));
                try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 20);
                        TarArchiveOutputStream tar = new TarArchiveOutputStream(out)) {
                    for (int i = first; i < Math.min(samples, first + perShard); i++) {
                        int length = bytes / 2 + random.below(bytes);
                        put(tar, String.format(Locale.ROOT, "%09d.jpg", i), image, length);
                        byte[] label = Integer.toString(i % CLASSES).getBytes(StandardCharsets.US_ASCII);
                        put(tar, String.format(Locale.ROOT, "%09d.cls", i), label, label.length);
                        bar.step();
                    }
                }
            }
        }
    }

    private static void put(TarArchiveOutputStream tar, String name, byte[] content, int length) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(length);
        entry.setModTime(0);
        tar.putArchiveEntry(entry);
        tar.write(content, 0, length);
        tar.closeArchiveEntry();
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            List<Path> inwards = all.sorted(Comparator.reverseOrder()).toList();
            for (Path path : inwards) {
                Files.delete(path);
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
