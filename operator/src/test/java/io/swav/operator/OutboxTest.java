package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.operator.Outbox.Note;
import io.swav.operator.Outbox.Outcome;
import io.swav.operator.Outbox.Sight;
import io.swav.planner.LivenessSignals;
import io.swav.planner.ObservedPod;
import io.swav.planner.PodState;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class OutboxTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final Note WORLD = new Note(NOW, false, "WorldPublished", "World generation 2", "2");
    private static final Note CREATED =
            Note.ofPods(NOW, false, "PodsCreated", List.of("a-0", "a-1"), "(wanted)", Outcome.CREATED);
    private static final Note DELETED =
            Note.ofPods(NOW, false, "PodsDeleted", List.of("a-2", "a-3"), "(too many)", Outcome.DELETED);
    private static final Outbox ALL = new Outbox(List.of(WORLD, CREATED, DELETED));

    private static ObservedPod pod(String name, PodState state) {
        return new ObservedPod(name, name, NOW, state, LivenessSignals.NONE);
    }

    private static Sight look(List<ObservedPod> pods, Instant now) {
        return new Sight(pods, Set.of(), NOW, now);
    }

    @Test
    void readsWhatItStored() {
        assertThat(Outbox.read(ALL.stored())).isEqualTo(ALL);
        assertThat(Outbox.EMPTY.stored()).isEmpty();
        assertThat(Outbox.read("")).isEqualTo(Outbox.EMPTY);
    }

    @Test
    void anEditedOutboxOwesNothing() {
        for (String edited : List.of("nonsense", "{}", "[{}]", "[null]", "[{\"time\": \"yesterday\"}]", "null")) {
            assertThat(Outbox.read(edited)).as(edited).isEqualTo(Outbox.EMPTY);
        }
    }

    /** Each pod is told of once, whatever part of a plan was carried out. */
    @Test
    void tellsOfPodsAsTheirOutcomeIsSeen() {
        List<ObservedPod> pods = List.of(
                pod("a-1", new PodState.Starting("pulling")),
                pod("a-2", new PodState.Starting("pulling")),
                pod("a-3", new PodState.Terminating("deleted")));
        assertThat(ALL.due(look(pods, NOW))).as("the others may follow at once").containsExactly(WORLD);
        assertThat(ALL.open(look(pods, NOW)).notes()).containsExactly(CREATED, DELETED);
        Instant later = NOW.plusSeconds(2);
        assertThat(ALL.due(look(pods, later)))
                .extracting(Note::message)
                .containsExactly("World generation 2", "a-1 (wanted)", "a-3 (too many)");
        assertThat(ALL.open(look(pods, later)).notes())
                .extracting(Note::message)
                .containsExactly("a-0 (wanted)", "a-2 (too many)");
        List<ObservedPod> both =
                List.of(pod("a-0", new PodState.Starting("pulling")), pod("a-1", new PodState.Starting("pulling")));
        assertThat(ALL.due(look(both, NOW)))
                .extracting(Note::message)
                .containsExactly("World generation 2", "a-0, a-1 (wanted)", "a-2, a-3 (too many)");
        assertThat(ALL.open(look(both, NOW)).notes()).isEmpty();
        assertThat(ALL.open(look(pods, NOW)).recheckAt(look(pods, NOW))).isPresent();
        assertThat(ALL.open(look(pods, NOW)).recheckAt(look(pods, NOW.plusSeconds(5))))
                .as("a pod that the API server refuses for good is not looked for all the time")
                .isEmpty();
    }

    @Test
    void tellsNothingThatIsOld() {
        Instant later = NOW.plus(Outbox.KEPT);
        assertThat(ALL.due(look(List.of(), later))).isEmpty();
        assertThat(ALL.open(look(List.of(), later)).notes()).isEmpty();
        assertThat(ALL.due(look(List.of(), later.minus(Duration.ofMillis(1))))).isNotEmpty();
    }

    /** A plan that cannot be carried out is made again and again; the map is not written each time. */
    @Test
    void theSameNoteIsOwedOnce() {
        Note again = Note.ofPods(
                NOW.plusSeconds(1), false, "PodsDeleted", List.of("a-2", "a-3"), "(too many)", Outcome.DELETED);
        assertThat(ALL.plus(List.of(again))).isEqualTo(ALL);
        assertThat(ALL.lacks(List.of(again, WORLD))).isFalse();
        assertThat(ALL.lacks(List.of(new Note(NOW, false, "WorldPublished", "World generation 3", "3"))))
                .isTrue();
    }
}
