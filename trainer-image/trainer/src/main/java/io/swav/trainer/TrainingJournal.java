package io.swav.trainer;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.JournalEvent;
import io.swav.api.StageTime;
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
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A record of what this trainer did, one JSON object a line, so that a run can be verified afterwards: every applied
 * step with its samples, and every change of the world. Times are microseconds since 1970. A process that is killed
 * while it writes leaves an unfinished last line.
 */
final class TrainingJournal implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingJournal.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * @param step that was applied, counted from 0
     * @param samples indices of the samples that this rank fed
     */
    private record StepLine(
            long step, long generation, int rank, int size, long start, long end, double loss, List<Long> samples) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record EventLine(
            JournalEvent event,
            long at,
            long generation,
            long step,
            long pid,
            String why,
            @Nullable Map<String, StageTime> stages) {}

    private final Writer to;
    private boolean broken;

    private TrainingJournal(Writer to) {
        this.to = to;
    }

    /** Creates a journal that discards everything. */
    static TrainingJournal none() {
        return new TrainingJournal(Writer.nullWriter());
    }

    /** Opens {@code <folder>/<pod>.jsonl} for appending. */
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

    /** Records a step that was begun at {@code start} and has just been applied. */
    void step(
            long step,
            long generation,
            int rank,
            int size,
            Instant start,
            double loss,
            CropBatches batches,
            GroupRange own) {
        List<Long> samples = IntStream.range(own.from(), own.to())
                .boxed()
                .flatMapToLong(group -> Arrays.stream(batches.samples(step, group)))
                .boxed()
                .toList();
        write(new StepLine(step, generation, rank, size, micros(start), micros(Instant.now()), loss, samples));
    }

    void event(JournalEvent event, long generation, long step, String why) {
        write(line(event, generation, step, why, null));
    }

    /** Records where a change of the world spent its time, up to its first step. */
    void regrouped(long generation, long step, Map<String, StageTime> stages) {
        write(line(JournalEvent.REGROUPED, generation, step, "", stages));
    }

    private static EventLine line(
            JournalEvent event, long generation, long step, String why, @Nullable Map<String, StageTime> stages) {
        long pid = ProcessHandle.current().pid();
        return new EventLine(event, micros(Instant.now()), generation, step, pid, why, stages);
    }

    private static long micros(Instant time) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, time);
    }

    /** Writes one line. A failure is logged and does not stop training. */
    private synchronized void write(Object line) {
        try {
            to.write(JSON.writeValueAsString(line) + "\n");
            to.flush();
        } catch (IOException e) {
            if (!broken) {
                LOG.error("cannot write to the journal, so it has a gap; training continues: {}", e.toString());
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
