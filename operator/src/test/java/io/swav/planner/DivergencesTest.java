package io.swav.planner;

import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.policy;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.Fingerprints;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport.Divergence;
import io.swav.api.World;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Counts one divergence once, however many pods report it and however often. */
class DivergencesTest {
    private static final int PODS = 64;
    private static final JobPolicy POLICY = policy(PODS, 1, 0);
    private static final World WORLD = new World(
            4,
            "job-uid",
            IntStream.range(0, PODS).mapToObj(PlannerFixtures::member).toList(),
            "before");

    @Test
    void oneEventThatAllPodsReportIsOneIncident() {
        Divergence divergence = divergence("job-9", 40);
        ReconcilePlan plan = plan(POLICY, WORLD, published(T0.minusSeconds(9)), pods(divergence), T0);
        assertThat(plan.newIncidents()).singleElement().satisfies(incident -> {
            assertThat(incident.kind()).isEqualTo(IncidentKind.Diverged);
            assertThat(incident.pod()).isEqualTo("job-9");
            assertThat(incident.step()).isEqualTo(40);
            assertThat(incident.reason())
                    .startsWith("on node n9: its state of step 40 differed")
                    .endsWith("cordon it");
        });
        assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(plan.state().account().counts().divergences()).isEqualTo(1);
        assertThat(plan.state().account().counts().failures())
                .as("its pod did not fail")
                .isZero();

        ReconcilePlan again = plan(POLICY, WORLD, plan.state(), pods(divergence), T0.plusSeconds(9));
        assertThat(again.newIncidents()).isEmpty();
        ReconcilePlan next = plan(POLICY, WORLD, again.state(), pods(divergence("job-9", 41)), T0.plusSeconds(19));
        assertThat(next.newIncidents()).extracting(Incident::step).containsExactly(41L);
        assertThat(next.state().account().counts().divergences()).isEqualTo(2);
        assertThat(next.state().progress().divergences())
                .as("what is no longer reported is forgotten")
                .containsExactly("job-9@41");
    }

    /** Its state is replaced each time, so the job would make no step for as long as it is a member. */
    @Test
    void aPodWhoseStateDiffersThreeTimesInARowIsReplaced() {
        Divergence second = divergence("job-9", 41).after(divergence("job-9", 40));
        ReconcilePlan before = plan(POLICY, WORLD, published(T0.minusSeconds(9)), pods(second), T0);
        assertThat(before.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(before.state().progress().divergences()).containsExactly("job-9@41#2");

        Divergence third = divergence("job-9", 41).after(second);
        assertThat(third.number()).isEqualTo(Divergences.TOO_OFTEN);
        ReconcilePlan plan = plan(POLICY, WORLD, before.state(), pods(third), T0.plusSeconds(1));
        assertThat(PlannerFixtures.names(plan)).hasSize(PODS - 1).doesNotContain("job-9");
        assertThat(plan.forceDelete()).extracting(ObservedPod::name).containsExactly("job-9");
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.newIncidents())
                .extracting(Incident::kind)
                .containsExactlyInAnyOrder(IncidentKind.Diverged, IncidentKind.Failure);
        assertThat(plan.newIncidents())
                .filteredOn(incident -> incident.kind() == IncidentKind.Failure)
                .singleElement()
                .satisfies(incident -> assertThat(incident.reason())
                        .startsWith(
                                "on node n9: its memory or processor is faulty, as its state differed 3 times in a row")
                        .contains("cordon its node")
                        .contains("differs from that of job-0 as well, the fault is there"));
        assertThat(plan.state().account().counts().failures()).isEqualTo(1);
    }

    @Test
    void aDivergenceInARowIsOfTheSamePodsAndWithinTenSteps() {
        Divergence first = divergence("job-9", 40);
        assertThat(divergence("job-9", 50).after(first).number()).isEqualTo(2);
        assertThat(divergence("job-9", 51).after(first).number()).isEqualTo(1);
        assertThat(divergence("job-8", 41).after(first).number()).isEqualTo(1);
        assertThat(divergence("job-9", 25).after(first).number())
                .as("after a resume")
                .isEqualTo(2);
        assertThat(divergence("job-9", 40).after(null).number()).isEqualTo(1);
    }

    /** The map of reports may be deleted and made anew; the pods report the same again. */
    @Test
    void anEventThatNoPodReportsForAWhileIsStillKnown() {
        Divergence divergence = divergence("job-9", 40);
        PlannerState counted = plan(POLICY, WORLD, published(T0.minusSeconds(9)), pods(divergence), T0)
                .state();
        PlannerState silent =
                plan(POLICY, WORLD, counted, silentPods(), T0.plusSeconds(9)).state();
        assertThat(plan(POLICY, WORLD, silent, pods(divergence), T0.plusSeconds(19))
                        .newIncidents())
                .isEmpty();
    }

    private static Divergence divergence(String pod, long step) {
        return new Divergence(step, List.of(pod), "job-0", "its state of step " + step + " differed", 1);
    }

    private static List<ObservedPod> pods(Divergence divergence) {
        return pods(Optional.of(divergence));
    }

    private static List<ObservedPod> silentPods() {
        return pods(Optional.empty());
    }

    private static List<ObservedPod> pods(Optional<Divergence> divergence) {
        return IntStream.range(0, PODS)
                .mapToObj(number -> new ObservedPod(
                        member(number).pod(),
                        member(number).uid(),
                        T0.minusSeconds(100),
                        READY,
                        LivenessSignals.NONE,
                        false,
                        new ReportedFacts("n" + number, Fingerprints.NONE, divergence)))
                .toList();
    }
}
