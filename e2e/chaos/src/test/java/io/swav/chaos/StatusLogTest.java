package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SwavJobStatus;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StatusLogTest {
    private final StatusLog log = new StatusLog();

    private void incident(String time, String kind, String pod) {
        log.add(Serialization.unmarshal("""
                ledger:
                  incidents: [{time: "%s", kind: %s, pod: "%s", reason: "it happened"}]
                """.formatted(time, kind, pod), SwavJobStatus.class));
    }

    private void stalled(String status, String message) {
        log.add(Serialization.unmarshal("""
                conditions:
                - {type: Stalled, status: "%s", reason: Any, message: "%s", lastTransitionTime: "2026-11-30T00:00:00Z"}
                """.formatted(status, message), SwavJobStatus.class));
    }

    @Test
    void countsAnIncidentOnceHoweverOftenItIsSeen() {
        incident("2026-11-30T00:00:01Z", "Preemption", "storm-1");
        incident("2026-11-30T00:00:01Z", "Preemption", "storm-1");
        incident("2026-11-30T00:00:02Z", "Preemption", "storm-2");
        incident("2026-11-30T00:00:02Z", "Resize", "storm-3");
        assertThat(log.counts()).isEqualTo(Map.of("Preemption", 2, "Resize", 1));
    }

    @Test
    void findsPodsInIncidentsByTheirWholeName() {
        incident("2026-11-30T00:00:01Z", "Failure", "storm-0, storm-12");
        incident("2026-11-30T00:00:02Z", "Resize", "storm-4");
        assertThat(log.hasIncident("storm-12")).isTrue();
        assertThat(log.hasIncident("storm-0")).isTrue();
        assertThat(log.hasIncident("storm-1")).isFalse();
        assertThat(log.hasIncident("storm-2")).isFalse();
        assertThat(log.hasIncident("storm-4")).as("it only joined").isFalse();
    }

    @Test
    void findsPodsThatStallTheJob() {
        stalled("False", "waiting for storm-3 to start");
        assertThat(log.isStalledOver("storm-3")).isFalse();
        stalled("True", "1 pod is kept out of the world: storm-3 (node local-0) sees 64 images, the job 40");
        stalled("False", "");
        assertThat(log.isStalledOver("storm-3")).as("earlier").isTrue();
        assertThat(log.isStalledOver("storm")).isFalse();
    }
}
