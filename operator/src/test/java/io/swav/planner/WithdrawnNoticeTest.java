package io.swav.planner;

import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.STARTING;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.after;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.names;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.World;
import io.swav.planner.PodState.Cause;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A notice may be withdrawn, and may turn out to have been the beginning of a failure. */
class WithdrawnNoticeTest {
    private static final World WORLD = new World(3, "u", List.of(member(0), member(1)), "w");
    private static final PodState NOTICED = new PodState.Terminating("PreemptionByScheduler: for another");
    private static final PodState OVERUSED = new PodState.Ended(Cause.OVERUSED, "evicted for its use of memory: 9Gi");
    private static final JobPolicy POLICY = policy(2, 1, 0);

    private static LivenessSignals fresh() {
        return new LivenessSignals(Duration.ZERO, false, Optional.empty(), Optional.empty(), 7, Optional.empty());
    }

    private static ReconcilePlan noticed() {
        return plan(
                POLICY,
                WORLD,
                PlannerFixtures.published(T0),
                List.of(pod(0, READY, fresh()), pod(1, NOTICED, fresh())),
                T0.plusSeconds(60));
    }

    /** Its report may arrive before its container ends. */
    @Test
    void aTrainerThatEndsAfterItsNoticeHasLeft() {
        ReconcilePlan left = noticed();
        PodState ending = new PodState.Failing("failed: leaving: SIGTERM received", Duration.ofSeconds(30));
        ReconcilePlan ends = plan(
                POLICY,
                after(left, WORLD),
                left.state(),
                List.of(pod(0, READY, fresh()), pod(1, ending, fresh())),
                T0.plusSeconds(61));
        assertThat(ends.state().account().counts().preemptions()).isEqualTo(1);
        assertThat(ends.state().pods().noticed()).contains("uid-1");
    }

    @Test
    void aTrainerWhoseNoticeIsWithdrawnIsAMemberAgainAndNotCounted() {
        ReconcilePlan left = noticed();
        assertThat(names(left)).containsExactly("job-0");
        assertThat(left.create()).hasSize(1);
        assertThat(left.state().account().counts().preemptions()).isEqualTo(1);

        World smaller = after(left, WORLD);
        List<ObservedPod> pods = List.of(pod(0, READY, fresh()), pod(1, READY, fresh()), pod(2, STARTING));
        ReconcilePlan back = plan(POLICY, smaller, left.state(), pods, T0.plusSeconds(120));
        assertThat(names(back)).containsExactly("job-0", "job-1");
        assertThat(back.delete()).as("its successor is not needed").containsExactly(pods.get(2));
        assertThat(back.state().account().counts().preemptions()).isZero();
        assertThat(back.state().account().incidents()).first().satisfies(incident -> {
            assertThat(incident.kind()).isEqualTo(IncidentKind.Resize);
            assertThat(incident.reason())
                    .isEqualTo("the notice was withdrawn, and the pod stays: PreemptionByScheduler: for another");
            assertThat(incident.generation()).isEqualTo(4);
        });
        assertThat(back.state().pods().noticed()).isEmpty();

        World whole = after(back, smaller);
        ReconcilePlan gone = plan(
                POLICY,
                whole,
                back.state(),
                List.of(pod(0, READY, fresh()), pod(1, NOTICED, fresh())),
                T0.plusSeconds(180));
        assertThat(gone.state().account().counts().preemptions())
                .as("a second notice is another departure")
                .isEqualTo(1);
        assertThat(names(gone)).containsExactly("job-0");
    }

    /** The operator's own deletion is on its way, and the pod's object does not show it yet. */
    @Test
    void aPodThatTheOperatorHasReleasedIsNotTakenForWithdrawn() {
        PlannerState released =
                PlannerFixtures.published(T0).with(PlannerState.EMPTY.pods().accounting("uid-1"));
        World alone = new World(3, "u", List.of(member(0)), "w");
        List<ObservedPod> pods = List.of(pod(0, READY, fresh()), pod(1, READY, fresh()));
        ReconcilePlan plan = plan(policy(1, 1, 0), alone, released, pods, T0.plusSeconds(60));
        assertThat(plan.state().pods().accounted()).contains("uid-1");
        assertThat(plan.state().account()).isEqualTo(LedgerState.EMPTY);
    }

    @Test
    void anEvictionForItsOwnUseIsAFailureThoughItHadNotice() {
        ReconcilePlan left = noticed();
        World smaller = after(left, WORLD);
        List<ObservedPod> pods = List.of(pod(0, READY, fresh()), pod(1, OVERUSED, fresh()));
        ReconcilePlan known = plan(POLICY, smaller, left.state(), pods, T0.plusSeconds(61));
        LedgerState.Counts counts = known.state().account().counts();
        assertThat(counts.preemptions()).isZero();
        assertThat(counts.failures()).isEqualTo(1);
        assertThat(known.state().failures().within(Duration.ofDays(1), T0.plusSeconds(61)))
                .isEqualTo(1);
        assertThat(known.newIncidents())
                .extracting(Incident::kind, Incident::reason)
                .containsExactly(tuple(IncidentKind.Failure, "evicted for its use of memory: 9Gi"));
        assertThat(known.state().account().incidents())
                .extracting(Incident::kind)
                .containsExactly(IncidentKind.Failure);
        ReconcilePlan again = plan(POLICY, smaller, known.state(), pods, T0.plusSeconds(62));
        assertThat(again.newIncidents()).as("counted once").isEmpty();
        assertThat(again.state().account().counts().failures()).isEqualTo(1);
    }

    @Test
    void anEvictionForItsOwnUseNeverBlamesTheNode() {
        PlannerState state = PlannerState.EMPTY;
        for (int i = 0; i < 4; i++) {
            ObservedPod pod = NodeFailuresTest.on("n1", i, OVERUSED, T0.plusSeconds(60L * i));
            state = plan(policy(1, 1, 0), World.none("u"), state, List.of(pod), T0.plusSeconds(60L * i + 30))
                    .state();
        }
        assertThat(state.account().counts().failures()).isEqualTo(4);
        assertThat(state.nodes()).isEqualTo(NodeFailures.NONE);
    }
}
