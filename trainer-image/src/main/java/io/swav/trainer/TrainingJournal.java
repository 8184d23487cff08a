package io.swav.trainer;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.collective.GroupRange;
import io.swav.data.CropBatches;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this trainer did, one JSON object a line, so that a run can be accounted for afterwards: every step applied with
 * the samples fed, and every change of the world. Times are microseconds since 1970. A process killed in the middle of a
 * line leaves it unfinished at the end of what it wrote.
 */
final class TrainingJournal implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingJournal.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What happened; in the file by these names. */
    enum Event {
        /** A world stands, its state is shared. */
        formed,
        /** A step was begun and did not become whole. */
        dropped,
        /** SIGTERM. */
        notice,
        /** Gone before the job was done. */
        left,
        /** The state came from a checkpoint. */
        resumed,
        /** The job is done. */
        done
    }

    /**
     * @param step that was applied, counted from 0
     * @param samples that this rank fed, by index
     */
    private record StepLine(
            long step, long generation, int rank, int size, long start, long end, double loss, List<Integer> samples) {}

    private record EventLine(Event event, long at, long generation, long step, long pid, String why) {}

    private final Writer to;
    private boolean broken;

    private TrainingJournal(Writer to) {
        this.to = to;
    }

    /** Nobody asks. */
    static TrainingJournal none() {
        return new TrainingJournal(Writer.nullWriter());
    }

    /** Appends to {@code <folder>/<pod>.jsonl}. */
    static TrainingJournal in(Path folder, String pod) {
        try {
            Files.createDirectories(folder);
            Path file = folder.resolve(pod + ".jsonl");
            return new TrainingJournal(Files.newBufferedWriter(
                    file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write a journal in " + folder, e);
        }
    }

    /** A step that was begun at {@code start} has just been applied. */
    void step(
            long step,
            long generation,
            int rank,
            int size,
            Instant start,
            double loss,
            CropBatches batches,
            GroupRange own) {
        List<Integer> samples = IntStream.range(own.from(), own.to())
                .flatMap(group -> Arrays.stream(batches.samples(step, group)))
                .boxed()
                .toList();
        write(new StepLine(step, generation, rank, size, micros(start), micros(Instant.now()), loss, samples));
    }

    void event(Event event, long generation, long step, String why) {
        long pid = ProcessHandle.current().pid();
        write(new EventLine(event, micros(Instant.now()), generation, step, pid, why));
    }

    private static long micros(Instant time) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, time);
    }

    /** Training does not stop for its journal. */
    private synchronized void write(Object line) {
        try {
            to.write(JSON.writeValueAsString(line) + "\n");
            to.flush();
        } catch (IOException e) {
            if (!broken) {
                LOG.error("the journal has a gap: {}", e.toString());
            }
            broken = true;
        }
    }

    @Override
    public void close() {
        try {
            to.close();
        } catch (IOException e) {
            LOG.debug("closing", e);
        }
    }
}
