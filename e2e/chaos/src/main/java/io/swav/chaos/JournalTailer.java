package io.swav.chaos;

import io.swav.api.JournalEvent;
import io.swav.local.LocalClusterException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Follows the trainers' journals as they grow, and derives the current members and the progress from them. */
final class JournalTailer implements AutoCloseable {
    private final Path folder;
    private final WatchService changes;
    private final Map<Path, Long> read = new HashMap<>();
    private final Map<String, Journal> journals = new TreeMap<>();

    /** @param folder is created if it does not exist */
    JournalTailer(Path folder) {
        this.folder = folder;
        try {
            Files.createDirectories(folder);
            changes = folder.getFileSystem().newWatchService();
            folder.register(changes, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY);
        } catch (IOException e) {
            throw new LocalClusterException("cannot watch " + folder + ": " + e, e);
        }
    }

    /** Waits until a journal changes or {@code atMost} has passed, then reads all new lines. */
    void await(Duration atMost) {
        try {
            WatchKey key = changes.poll(atMost.toMillis(), TimeUnit.MILLISECONDS);
            if (key != null) {
                key.pollEvents();
                key.reset();
            }
            for (Path file : Journal.files(folder)) {
                catchUp(file);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalClusterException("interrupted", e);
        } catch (IOException e) {
            throw new LocalClusterException("cannot read " + folder + ": " + e, e);
        }
    }

    private void catchUp(Path file) throws IOException {
        long from = read.getOrDefault(file, 0L);
        try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
            byte[] bytes = new byte[(int) Math.max(0, in.length() - from)];
            in.seek(from);
            in.readFully(bytes);
            int whole = bytes.length;
            while (whole > 0 && bytes[whole - 1] != '\n') {
                whole--;
            }
            Journal journal = journals.computeIfAbsent(Journal.pod(file), pod -> Journal.empty());
            new String(bytes, 0, whole, StandardCharsets.UTF_8).lines().forEach(journal::add);
            read.put(file, from + whole);
        }
    }

    /** Number of steps that at least one trainer has applied. */
    long stepsDone() {
        return journals.values().stream()
                .flatMap(journal -> journal.steps().stream())
                .mapToLong(step -> step.step() + 1)
                .max()
                .orElse(0);
    }

    /** Start of the earliest step, epoch microseconds. */
    OptionalLong firstStep() {
        return journals.values().stream()
                .flatMap(journal -> journal.steps().stream())
                .mapToLong(Journal.Step::start)
                .min();
    }

    /** The pods that formed the newest world and have not left since. */
    Set<String> members() {
        long newest = newest();
        return journals.entrySet().stream()
                .filter(entry -> newest > 0 && generation(entry.getValue()) == newest)
                .map(Map.Entry::getKey)
                .filter(pod -> !ended(pod))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Whether every member of the newest world has applied a step in it. */
    boolean settled() {
        long newest = newest();
        int size = 0;
        int stepped = 0;
        for (Journal journal : journals.values()) {
            int steps = journal.steps().size();
            if (steps > 0 && journal.steps().get(steps - 1).generation() == newest) {
                size = journal.steps().get(steps - 1).size();
                stepped++;
            }
        }
        return stepped > 0 && stepped == size;
    }

    /** Whether a trainer has dropped a step, or formed a world again, after this time, epoch microseconds. */
    boolean brokeAfter(long at) {
        return journals.values().stream()
                .flatMap(journal -> journal.events().stream())
                .anyMatch(e -> e.isBreak() && e.at() >= at);
    }

    /** Whether the pod's trainer has been a member of a world. */
    boolean hasFormed(String pod) {
        return journals.getOrDefault(pod, Journal.empty()).has(JournalEvent.FORMED);
    }

    /** Whether the pod's trainer has recorded an orderly end. */
    boolean ended(String pod) {
        return journals.getOrDefault(pod, Journal.empty()).ended();
    }

    /** The process id of the pod's trainer, from its journal. */
    long pid(String pod) {
        return journals.getOrDefault(pod, Journal.empty()).events().stream()
                .mapToLong(Journal.Event::pid)
                .max()
                .orElseThrow(() -> new LocalClusterException("the journal of " + pod + " contains no process id"));
    }

    private long newest() {
        return journals.values().stream()
                .mapToLong(JournalTailer::generation)
                .max()
                .orElse(0);
    }

    /** Generation of the newest world that the trainer formed; 0 for none. */
    private static long generation(Journal journal) {
        return journal.events().stream()
                .filter(e -> e.event() == JournalEvent.FORMED)
                .mapToLong(Journal.Event::generation)
                .max()
                .orElse(0);
    }

    @Override
    public void close() {
        try {
            changes.close();
        } catch (IOException e) {
            throw new LocalClusterException("cannot stop watching " + folder, e);
        }
    }
}
