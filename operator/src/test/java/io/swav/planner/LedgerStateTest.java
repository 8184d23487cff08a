package io.swav.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.planner.LedgerState.GenerationStart;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LedgerStateTest {
    private static final Instant T0 = Instant.parse("2026-01-01T00:00:00Z");
    /** Generation 1 made its first step, of two seconds. */
    private static final LedgerState TRAINING = LedgerState.EMPTY.settle(started(1, 0, null, 0, 1, 2), T0);

    @Test
    void theCostOfAnIncidentIsSettledWhenTheNextWorldHasMadeAStep() {
        LedgerState account = TRAINING.with(incident(IncidentKind.Failure, "job-1", 7, 2L))
                .settle(started(2, 7, 1.25, 1, 1, 0.5), T0);
        assertThat(account.incidents())
                .containsExactly(new Incident(T0.toString(), IncidentKind.Failure, "job-1", "why", 7L, 2L, 1L, 1.25));
        assertThat(account.stepsLost()).isEqualTo(1);
        assertThat(account.secondsLost()).isEqualTo(Map.of("Failure", 1.25));
        assertThat(account.counts().failures()).isEqualTo(1);
        assertThat(account.resumeMessage(TRAINING))
                .contains("Generation 2 is training: 1 step lost, 1.25 s without training (Failure of job-1)");
    }

    @Test
    void aSharedPauseIsSummedOnceUnderTheWorstKind() {
        LedgerState account = TRAINING.with(incident(IncidentKind.Preemption, "job-1", 7, 2L))
                .with(incident(IncidentKind.Failure, "job-2", 7, 3L))
                .with(incident(IncidentKind.Resize, "job-4", 7, 4L))
                .settle(started(4, 7, 3.0, 1, 2, 1), T0);
        assertThat(account.incidents()).allMatch(incident -> Double.valueOf(3).equals(incident.secondsPaused()));
        assertThat(account.secondsLost()).isEqualTo(Map.of("Failure", 3.0));
        assertThat(account.stepsLost()).isEqualTo(1);

        LedgerState later =
                account.with(incident(IncidentKind.Resize, "job-5", 9, 5L)).settle(started(5, 9, 0.5, 0, 1, 0.5), T0);
        assertThat(later.secondsLost()).isEqualTo(Map.of("Failure", 3.0, "Resize", 0.5));
        assertThat(later.incidents()).filteredOn(i -> i.secondsPaused() == null).isEmpty();
    }

    @Test
    void stepsMissingFromTheCheckpointAreLost() {
        LedgerState account = TRAINING.with(incident(IncidentKind.Preemption, "job-0", 18, 2L))
                .settle(started(2, 10, null, 0, 2, 4), T0.plusSeconds(30));
        assertThat(account.stepsLost()).isEqualTo(8);
        assertThat(account.secondsLost())
                .as("since the incident, less the steps since")
                .isEqualTo(Map.of("Preemption", 26.0));
    }

    @Test
    void incidentsOutsideTheWorldCostNothing() {
        LedgerState account =
                TRAINING.with(incident(IncidentKind.Failure, "job-9", 3, null)).settle(started(2, 3, 0.5, 0, 1, 1), T0);
        assertThat(account.incidents().get(0).secondsPaused()).isNull();
        assertThat(account.secondsLost()).isEqualTo(Map.of("Resize", 0.5));
    }

    @Test
    void goodputIsTheShareOfTimeInKeptSteps() {
        assertThat(LedgerState.EMPTY.goodput(0, T0)).isEmpty();
        assertThat(TRAINING.goodput(2, T0)).as("two seconds, one step of two").contains(1.0);
        LedgerState ten = TRAINING.paced(1.5) // ten steps of 1.5 s, then a pause, then two of 1 s
                .with(incident(IncidentKind.Preemption, "job-1", 10, 2L))
                .settle(started(2, 10, 1.0, 0, 2, 2), T0.plusSeconds(16));
        assertThat(ten.goodput(2, T0.plusSeconds(16))).contains(17.0 / 18);
        LedgerState undone = ten.with(incident(IncidentKind.Failure, "job-2", 12, 3L))
                .settle(started(3, 0, null, 0, 1, 1), T0.plusSeconds(20));
        assertThat(undone.goodput(1, T0.plusSeconds(20)))
                .as("steps that were undone were not kept")
                .contains(1.0 / 22);
    }

    @Test
    void onlyTheLastIncidentsAreKeptButAllAreCounted() {
        LedgerState account = TRAINING;
        for (int i = 0; i < 30; i++) {
            account = account.with(
                    incident(i % 2 == 0 ? IncidentKind.Hang : IncidentKind.Preemption, "job-" + i, i, (long) i));
        }
        assertThat(account.incidents())
                .hasSize(20)
                .extracting(Incident::pod)
                .contains("job-29")
                .doesNotContain("job-9");
        assertThat(account.counts()).isEqualTo(new LedgerState.Counts(0, 15, 0, 15));
    }

    private static GenerationStart started(
            long generation, long start, @Nullable Double pause, long dropped, long keptSteps, double keptSeconds) {
        return new GenerationStart(generation, start, Optional.ofNullable(pause), dropped, keptSteps, keptSeconds);
    }

    private static Incident incident(IncidentKind kind, String pod, long step, @Nullable Long generation) {
        return new Incident(T0.toString(), kind, pod, "why", step, generation, null, null);
    }
}
