package io.swav.data;

import io.swav.common.DaemonThreads;
import io.swav.data.FileSource.SourceFile;
import io.swav.data.Inventory.Layout;
import io.swav.data.ShardSamples.Sample;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Builds an {@link IndexFile} from what a source lists: shards are read by several threads, and kept in order. */
final class IndexBuilder {
    /** They wait for storage most of the time. */
    private static final int THREADS = 8;
    /** Shards that are read before the first of them is written; this bounds the memory. */
    private static final int AHEAD = 2 * THREADS;

    private static final long END_SECONDS = 60;
    /** Class names of this many bytes are enough for every data set there is. */
    private static final int CLASS_FILE_BYTES = 16 << 20;
    /** Named classes are numbered from here downwards until all are known. */
    private static final int FIRST_NAMED = DataSet.UNLABELLED - 1;

    private final FileSource source;
    private final IndexSettings settings;
    private final Listing listing;
    private final IndexProgress progress;
    private final IgnoredCounts ignored = new IgnoredCounts();
    private final Map<String, Integer> named = new HashMap<>();
    private int maxLabel = -1;
    private long samples;
    private long labelled;
    private long bytes;
    /** The classes that have numbers already, in their order. */
    private List<String> numbered = List.of();
    /** Whether they are the labels of shards; a file with class names may number them, too. */
    private boolean numberedByName;
    /** Whether labels are numbers that the data gives. */
    private boolean givesNumbers;

    private final List<DataFingerprint> sets = new ArrayList<>();

    private IndexBuilder(FileSource source, IndexSettings settings, Listing listing, IndexProgress progress) {
        this.source = source;
        this.settings = settings;
        this.listing = listing;
        this.progress = progress;
    }

    /**
     * Builds an index.
     *
     * @param folder for the index and temporary files
     * @return its file, which the caller moves or removes
     * @throws DataException if a file is damaged, missing or ambiguous, or there are no images
     */
    static Path build(FileSource source, IndexSettings settings, Listing listing, IndexProgress progress, Path folder)
            throws IOException {
        try (IndexWriter writer = new IndexWriter(folder)) {
            return new IndexBuilder(source, settings, listing, progress).build(writer);
        }
    }

    /**
     * Builds an index that begins with another one: its samples, files and classes keep their numbers, and what was added
     * follows them.
     *
     * @param base an index of a part of what is listed
     * @param added the files that it lacks
     * @return its file, which the caller moves or removes
     * @throws DataException as {@link #build}, or if the classes that are numbered already would get other numbers
     */
    static Path extend(
            FileSource source,
            IndexSettings settings,
            Listing listing,
            IndexFile base,
            List<SourceFile> added,
            IndexProgress progress,
            Path folder)
            throws IOException {
        try (IndexWriter writer = new IndexWriter(folder)) {
            return new IndexBuilder(source, settings, listing, progress).extend(writer, base, added);
        }
    }

    private Path extend(IndexWriter writer, IndexFile base, List<SourceFile> added) throws IOException {
        copy(base, writer);
        DataFingerprint copied = writer.fingerprint();
        if (!copied.equals(base.meta().fingerprint())) {
            throw new IndexFile.UnusableIndexException("its samples are not those of its fingerprint");
        }
        base.meta().inventory().ignored().forEach(ignored::addAll);
        numbered = base.meta().classNames();
        numberedByName = listing.layout().layout() == Layout.Shards
                && !numbered.isEmpty()
                && base.meta().classFile().isEmpty();
        givesNumbers = base.meta().inventory().labelled() > 0 && numbered.isEmpty();
        sets.addAll(base.meta().sets());
        return build(writer, added, base.files() + added.size());
    }

    /** Files are in the order of their samples, but a shard may hold none. */
    private void copy(IndexFile base, IndexWriter writer) throws IOException {
        boolean shards = base.meta().inventory().layout() == Layout.Shards;
        long sample = 0;
        for (long file = 0; file < base.files(); file++) {
            SourceFile known = base.sourceFile(file);
            if (shards) {
                writer.addFile(known);
            }
            for (; sample < base.samples() && base.file(sample) == file; sample++) {
                if (shards) {
                    writer.addEntry(base.name(sample), base.offset(sample), base.bytes(sample), base.label(sample));
                } else {
                    writer.addImage(known, base.label(sample));
                }
                count(base.bytes(sample), base.label(sample));
            }
        }
    }

    private Path build(IndexWriter writer) throws IOException {
        ignored.addAll(listing.ignored(), "");
        return build(writer, listing.layout().files(), listing.layout().files().size());
    }

    private Path build(IndexWriter writer, List<SourceFile> files, long fileCount) throws IOException {
        if (listing.layout().layout() == Layout.Shards) {
            addShards(writer, files);
        } else {
            addImages(writer, files);
        }
        if (samples == 0) {
            throw DataException.noInput("there are no images in the "
                    + listing.layout().files().size() + " tar file(s), the first is "
                    + source.place(listing.layout().files().get(0).name())
                    + "; a sample is <key>.jpg with, if labelled, <key>.cls");
        }
        List<String> notes = new ArrayList<>(listing.layout().notes());
        Optional<SourceFile> classFile =
                listing.layout().layout() == Layout.Shards ? source.find(DataLayout.CLASS_NAMES) : Optional.empty();
        List<String> classNames = classNames(classFile, notes);
        Inventory inventory = new Inventory(
                listing.layout().layout(),
                samples,
                labelled,
                Math.max(maxLabel + 1, classNames.size()),
                fileCount,
                bytes,
                ignored.toList(),
                notes);
        sets.add(writer.fingerprint());
        IndexMeta meta = new IndexMeta(
                source.uri(),
                settings.digested(),
                writer.fingerprint(),
                inventory,
                classNames,
                classFile.map(IndexBuilder::identity).orElse(""),
                listing.folders(),
                sets);
        int[] numbers = numbers();
        return writer.finish(meta, label -> label <= FIRST_NAMED ? numbers[FIRST_NAMED - label] : label);
    }

    /** Returns what tells a version of a file from another one. */
    static String identity(SourceFile file) {
        return file.bytes() + " bytes, " + file.version();
    }

    private void addImages(IndexWriter writer, List<SourceFile> files) throws IOException {
        Map<String, Integer> labels = new HashMap<>();
        classesInOrder(listing.layout().classes()).forEach(name -> labels.put(name, labels.size()));
        long total = files.size();
        for (SourceFile file : files) {
            int label = labels.getOrDefault(DataLayout.top(file.name()), DataSet.UNLABELLED);
            writer.addImage(file, label);
            count(file.bytes(), label);
            if (samples % 10_000 == 0) {
                progress.at(samples, total, samples);
            }
        }
    }

    private void count(long size, int label) {
        samples++;
        bytes += Math.max(0, size);
        labelled += label == DataSet.UNLABELLED ? 0 : 1;
        maxLabel = Math.max(maxLabel, label);
    }

    private void addShards(IndexWriter writer, List<SourceFile> shards) throws IOException {
        ExecutorService threads =
                Executors.newFixedThreadPool(Math.min(THREADS, shards.size()), DaemonThreads.named("index"));
        try {
            Iterator<SourceFile> next = shards.iterator();
            ArrayDeque<Future<ShardSamples.Found>> reading = new ArrayDeque<>();
            long done = 0;
            for (SourceFile shard : shards) {
                while (reading.size() < AHEAD && next.hasNext()) {
                    SourceFile ahead = next.next();
                    reading.add(threads.submit(() -> ShardSamples.in(source.uncached(), ahead, settings)));
                }
                addShard(writer, shard, join(reading.remove()));
                progress.at(++done, shards.size(), samples);
            }
        } finally {
            end(threads);
        }
    }

    private void addShard(IndexWriter writer, SourceFile shard, ShardSamples.Found found) throws IOException {
        writer.addFile(shard);
        ignored.addAll(found.ignored(), shard.name() + ":");
        for (Sample sample : found.samples()) {
            int label = sample.label().map(this::number).orElse(DataSet.UNLABELLED);
            writer.addEntry(sample.name(), sample.offset(), sample.bytes(), label);
            count(sample.bytes(), label);
        }
    }

    private int number(ShardLabel label) {
        if (label.name().isEmpty()) {
            givesNumbers = true;
            return label.number();
        }
        return named.computeIfAbsent(label.name(), name -> FIRST_NAMED - named.size());
    }

    private static <T> T join(Future<T> task) throws IOException {
        try {
            return task.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while an index was built", e);
        }
    }

    /** Lets the threads finish the shard that they are at: an interrupt would close files under other threads. */
    private static void end(ExecutorService threads) {
        threads.shutdown();
        try {
            if (!threads.awaitTermination(END_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("a thread still reads a shard after " + END_SECONDS + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns the final numbers of named classes, in the order in which they were found. */
    private int[] numbers() {
        int[] numbers = new int[named.size()];
        int number = 0;
        for (String name : classesInOrder(named.keySet())) {
            Integer found = named.get(name);
            if (found != null) {
                numbers[FIRST_NAMED - found] = number;
            }
            number++;
        }
        return numbers;
    }

    /** Returns the classes that are numbered already, then the others by their names. */
    private List<String> classesInOrder(Collection<String> names) {
        List<String> all = new ArrayList<>(numbered);
        Set<String> before = Set.copyOf(numbered);
        names.stream()
                .filter(name -> !before.contains(name))
                .sorted(FileNames.BY_BYTES)
                .forEach(all::add);
        return all;
    }

    private List<String> classNames(Optional<SourceFile> classFile, List<String> notes) throws IOException {
        if (listing.layout().layout() != Layout.Shards) {
            return classesInOrder(listing.layout().classes());
        }
        if (!named.isEmpty() || numberedByName) {
            if (givesNumbers || (!numberedByName && !numbered.isEmpty())) {
                throw DataException.badData(source.uri() + ": some labels are numbers and some are names (such as "
                        + classesInOrder(named.keySet()).get(0) + "), which cannot be one numbering;"
                        + " choose one kind with data.labelExtension (--label-extension)");
            }
            return classesInOrder(named.keySet());
        }
        if (classFile.isEmpty()) {
            return numbered;
        }
        List<String> names = lines(classFile.get());
        if (names.size() < numbered.size() || !names.subList(0, numbered.size()).equals(numbered)) {
            throw DataException.badData(source.place(DataLayout.CLASS_NAMES)
                    + " gives classes other numbers than before: append new classes to it, and leave the first "
                    + numbered.size() + " as they are");
        }
        if (maxLabel >= names.size()) {
            notes.add(source.place(DataLayout.CLASS_NAMES) + " names " + names.size()
                    + " classes, but there are labels up" + " to " + maxLabel + ": it is not used");
            return List.of();
        }
        return names;
    }

    private List<String> lines(SourceFile file) throws IOException {
        if (file.bytes() > CLASS_FILE_BYTES) {
            throw DataException.badData(
                    source.place(file.name()) + " has " + file.bytes() + " bytes; it should name one class a line");
        }
        return new String(source.read(file, 0, (int) file.bytes()), StandardCharsets.UTF_8)
                .strip()
                .lines()
                .map(String::strip)
                .toList();
    }
}
