package io.swav.operatorbench;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.operatorbench.EventCheck.Told;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class EventCheckTest {
    private static final List<Told> ALL = List.of(
            new Told("PodsCreated", "j-0, j-1 (wanted pods: 2, existing: 0)"),
            new Told("WorldPublished", "World generation 1 with 2 trainers: first world"),
            new Told("PodsDeleted", "j-1 (wanted pods: 1, existing: 2)"),
            new Told("PodPreempted", "j-0: deleted"));

    private static JobHistory history() {
        JobHistory history = new JobHistory();
        history.pod("u0", "j-0", false);
        history.pod("u1", "j-1", false);
        history.generation(0);
        history.generation(1);
        history.taken("u0");
        history.pod("u0", "j-0", true);
        history.pod("u1", "j-1", true);
        return history;
    }

    @Test
    void findsNothingWhereAllIsToldOnce() {
        assertThat(EventCheck.problems("j", history(), ALL)).isEmpty();
    }

    @Test
    void findsWhatIsLostOrToldTwice() {
        for (int i = 0; i < 3; i++) {
            List<Told> events = new ArrayList<>(ALL);
            Told lost = events.remove(i);
            assertThat(EventCheck.problems("j", history(), events))
                    .as("without %s", lost)
                    .hasSize(1);
        }
        List<Told> twice = new ArrayList<>(ALL);
        twice.add(ALL.get(1));
        assertThat(EventCheck.problems("j", history(), twice))
                .containsExactly("j: 2 Events tell \"WorldPublished World generation 1 with 2 trainers: first world\"");
        List<Told> again = new ArrayList<>(ALL);
        again.add(new Told("PodsCreated", "j-1 (wanted pods: 2, existing: 1)"));
        assertThat(EventCheck.problems("j", history(), again)).containsExactly("j: 2 Events tell that j-1 was created");
    }

    @Test
    void findsEditsThatNobodyMade() {
        List<Told> events = new ArrayList<>(ALL);
        events.add(new Told("ObjectRestored", "ConfigMap j-config was changed (data)"));
        assertThat(EventCheck.problems("j", history(), events))
                .singleElement()
                .asString()
                .contains("nobody edits");
    }

    @Test
    void podsThatWereWantedUntilTheJobSettledAreNotTooMany() {
        JobHistory history = new JobHistory();
        history.count(2, 2, 1_000_000_000L);
        history.count(2, 1, 2_000_000_000L);
        assertThat(history.excess())
                .as("the operator has not seen the new size")
                .isZero();
        history.count(3, 1, 3_000_000_000L);
        history.count(2, 1, 5_000_000_000L);
        history.count(1, 1, 6_000_000_000L);
        history.count(2, 1, 7_000_000_000L);
        assertThat(history.excess()).isEqualTo(1);
        assertThat(history.excessSeconds()).isEqualTo(2);
    }
}
