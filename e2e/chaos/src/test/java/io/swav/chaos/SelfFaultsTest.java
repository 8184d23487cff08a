package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerEnv;
import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.FaultPlan;
import io.swav.chaos.StormScript.Notice;
import io.swav.chaos.StormScript.Planned;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SelfFaultsTest {
    private static final FaultPlan PLAN = new FaultPlan(Map.of(Kind.NAN, 2, Kind.DRIFT, 1), 4, 2, 5, 3, 0, 0, 0);

    private static Planned planned(Kind kind, long step, long pick) {
        return new Planned(kind, step, 0, Notice.DELETE, 4, 0, pick);
    }

    private static SelfFaults faults(Planned... script) {
        return new SelfFaults(PLAN, List.of(script), "storm");
    }

    @Test
    void trainersLearnOfTheirFaultsFromTheEnvironment() {
        SelfFaults faults = faults(
                planned(Kind.DRIFT, 9, -1),
                planned(Kind.KILL, 12, 0),
                planned(Kind.NAN, 20, 7),
                planned(Kind.NAN, 31, 8));
        assertThat(faults.environment())
                .isEqualTo(Map.of(TrainerEnv.FAULT_FLIP, "storm-3@9", TrainerEnv.INJECT, "nan@20:1,nan@31:0"));
        assertThat(faults(planned(Kind.KILL, 12, 0)).environment()).isEmpty();
    }

    @Test
    void aDriftSparesTheFirstPodAndHitsOneThatExists() {
        for (long pick = -20; pick < 20; pick++) {
            assertThat(faults(planned(Kind.DRIFT, 9, pick)).environment().get(TrainerEnv.FAULT_FLIP))
                    .isIn("storm-1@9", "storm-2@9", "storm-3@9");
        }
    }

    @Test
    void keepsOtherFaultsAwayFromTheirSteps() {
        SelfFaults faults = faults(planned(Kind.NAN, 20, 7), planned(Kind.KILL, 40, 0));
        assertThat(faults.isNear(16)).isFalse();
        assertThat(faults.isNear(17)).isTrue();
        assertThat(faults.isNear(23)).isTrue();
        assertThat(faults.isNear(24)).isFalse();
        assertThat(faults.isNear(40)).isFalse();
    }

    @Test
    void recordsTheStepThatIsDisturbed() {
        Planned drift = planned(Kind.DRIFT, 9, 0);
        assertThat(faults(drift).record(drift))
                .returns(9L, InjectedFault::step)
                .returns(List.of("storm-1"), InjectedFault::pods)
                .matches(fault -> !fault.ends("storm-1"));
        Planned nan = planned(Kind.NAN, 20, 1);
        assertThat(faults(nan).record(nan))
                .returns("NaN at rank 1 in step 20", InjectedFault::way)
                .returns(List.of(), InjectedFault::pods);
    }
}
