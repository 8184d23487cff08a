package io.swav.learning;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;

/**
 * The records of a job, one a step at most, ascending. If there are too many, every second of the older ones is left out.
 */
public final class LearningHistory {
    /** The most records; at 300 bytes a line a history has less than a megabyte. */
    static final int MOST = 2048;

    private static final int NEWEST = 256;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final TreeMap<Long, HistoryRecord> records = new TreeMap<>();

    /**
     * What was read from a file.
     *
     * @param unreadable lines that are no record: one that was not written to its end, or of another version
     */
    public record Parsed(List<HistoryRecord> records, int unreadable) {}

    /** Adds a record; it replaces one of the same step. */
    public void add(HistoryRecord one) {
        records.put(one.step(), one);
        if (records.size() > MOST) {
            List<Long> older =
                    records.keySet().stream().limit(records.size() - NEWEST).toList();
            for (int i = 1; i < older.size(); i += 2) {
                records.remove(older.get(i));
            }
        }
    }

    /** Removes the records of steps after this one, because they are made again. */
    public void rewind(long step) {
        records.tailMap(step, false).clear();
    }

    /** Adds earlier records; of two of the same step the present one stays. */
    public void merge(Collection<HistoryRecord> earlier) {
        for (HistoryRecord one : earlier) {
            if (!records.containsKey(one.step())) {
                add(one);
            }
        }
    }

    /** Returns all records, oldest first. */
    public List<HistoryRecord> records() {
        return List.copyOf(records.values());
    }

    /** Returns the last records, oldest first. */
    public List<HistoryRecord> last(int count) {
        List<HistoryRecord> newest =
                records.descendingMap().values().stream().limit(count).toList();
        return newest.stream()
                .sorted((a, b) -> Long.compare(a.step(), b.step()))
                .toList();
    }

    /** Returns a JSON object a line. */
    public byte[] toLines() {
        StringBuilder lines = new StringBuilder();
        try {
            for (HistoryRecord one : records.values()) {
                lines.append(JSON.writeValueAsString(one)).append('\n');
            }
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record of numbers is JSON", e);
        }
        return lines.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** Parses lines as {@link #toLines} writes them; what is no record is counted. */
    public static Parsed parse(byte[] lines) {
        LearningHistory history = new LearningHistory();
        int unreadable = 0;
        List<String> written = new String(lines, StandardCharsets.UTF_8)
                .lines()
                .filter(line -> !line.isBlank())
                .toList();
        for (String line : written) {
            try {
                history.add(JSON.readValue(line, HistoryRecord.class));
            } catch (JsonProcessingException e) {
                unreadable++;
            }
        }
        return new Parsed(history.records(), unreadable);
    }
}
