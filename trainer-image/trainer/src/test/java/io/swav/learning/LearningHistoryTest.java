package io.swav.learning;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class LearningHistoryTest {
    private static HistoryRecord record(long step, double loss) {
        return new HistoryRecord(
                step, 0, loss, .1, false, .5, 10.0, 2.0, null, null, 1.0, null, null, null, 1, 1_000 * step);
    }

    private static List<Long> steps(LearningHistory history) {
        return history.records().stream().map(HistoryRecord::step).toList();
    }

    @Test
    void keepsTheLaterRecordOfStepsThatAreMadeAgain() {
        LearningHistory history = new LearningHistory();
        LongStream.rangeClosed(1, 10).forEach(step -> history.add(record(step, 1)));
        history.rewind(6);
        history.add(record(7, 2));
        assertThat(steps(history)).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L);
        assertThat(history.last(2)).extracting(HistoryRecord::loss).containsExactly(1.0, 2.0);
        history.merge(List.of(record(3, 9), record(8, 9)));
        assertThat(history.records()).extracting(HistoryRecord::loss).containsExactly(1., 1., 1., 1., 1., 1., 2., 9.);
    }

    @Test
    void readsItsOwnLinesAndCountsTornOnes() {
        LearningHistory history = new LearningHistory();
        history.add(record(1, 4.5));
        history.add(record(2, 4.25));
        String lines = new String(history.toLines(), StandardCharsets.UTF_8);
        assertThat(lines).doesNotContain("null");
        LearningHistory.Parsed whole = LearningHistory.parse(lines.getBytes(StandardCharsets.UTF_8));
        assertThat(whole.records()).isEqualTo(history.records());
        assertThat(whole.unreadable()).isZero();
        String torn = lines.substring(0, lines.length() - 20);
        assertThat(LearningHistory.parse(torn.getBytes(StandardCharsets.UTF_8)))
                .isEqualTo(new LearningHistory.Parsed(List.of(record(1, 4.5)), 1));
    }

    @Test
    void staysBoundedAndKeepsBothEnds() {
        LearningHistory history = new LearningHistory();
        LongStream.rangeClosed(1, 50_000).forEach(step -> history.add(record(step, 1)));
        assertThat(history.records()).hasSizeBetween(500, LearningHistory.MOST);
        assertThat(steps(history)).contains(1L, 50_000L).isSorted();
        assertThat(history.toLines().length).isLessThan(1 << 20);
    }

    @Test
    void countsDeadPrototypesOnlyOverWholeWindows() {
        DeadPrototypes dead = new DeadPrototypes(4, 20); // two steps
        BitSet first = BitSet.valueOf(new long[] {0b0001});
        BitSet second = BitSet.valueOf(new long[] {0b0010});
        assertThat(dead.add(1, first)).isEmpty(); // begins in the middle
        assertThat(dead.add(2, first)).isEmpty();
        assertThat(dead.add(3, second)).hasValue(.5);
        assertThat(dead.add(4, first)).isEmpty();
        assertThat(dead.add(7, first)).isEmpty(); // not the one after
        assertThat(dead.add(8, second)).isEmpty();
        assertThat(dead.add(9, second)).hasValue(.75);
    }
}
