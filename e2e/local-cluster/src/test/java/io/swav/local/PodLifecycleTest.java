package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.local.ContainerRuntimeState.Exited;
import io.swav.local.ContainerRuntimeState.Running;
import io.swav.local.PodLifecycle.Action;
import io.swav.local.PodLifecycle.Fail;
import io.swav.local.PodLifecycle.Remove;
import io.swav.local.PodLifecycle.Rest;
import io.swav.local.PodLifecycle.Start;
import io.swav.local.PodLifecycle.Stop;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PodLifecycleTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    @Test
    void initContainersRunOneAfterTheOtherBeforeTheRest() {
        Pod pod = pod("initContainers: [{name: a}, {name: b}], containers: [{name: c}, {name: d}]");
        PodRuntimeState view = PodRuntimeState.fresh(pod, NOW);
        for (String expected : List.of("a", "b")) {
            assertThat(started(PodLifecycle.next(pod, view, NOW))).isEqualTo(expected);
            view = running(view, expected);
            assertThat(PodLifecycle.next(pod, view, NOW)).isEqualTo(new Rest(Optional.empty()));
            view = ended(pod, view, expected, 0);
        }
        assertThat(started(PodLifecycle.next(pod, view, NOW))).isEqualTo("c");
        view = running(view, "c");
        assertThat(started(PodLifecycle.next(pod, view, NOW))).isEqualTo("d");
    }

    @ParameterizedTest
    @CsvSource({
        "Never, 0, false, Succeeded",
        "Never, 1, false, Failed",
        "OnFailure, 0, false, Succeeded",
        "OnFailure, 1, true, Running",
        "Always, 0, true, Running",
        "Always, 1, true, Running"
    })
    void restartPolicyAndExitCodeDecideTheNextAction(String policy, int code, boolean restarts, String phase) {
        Pod pod = pod("restartPolicy: " + policy + ", containers: [{name: c}]");
        PodRuntimeState view = ended(pod, running(PodRuntimeState.fresh(pod, NOW), "c"), "c", code);
        assertThat(PodLifecycle.next(pod, view, NOW) instanceof Start).isEqualTo(restarts);
        assertThat(PodStatuses.phase(pod, view)).isEqualTo(phase);
    }

    @Test
    void waitsLongerBeforeEachRestartButNotBeforeTheFirst() {
        assertThat(List.of(1, 2, 3, 4, 5, 6, 7, 1000).stream().map(PodLifecycle::backOff))
                .containsExactly(
                        Duration.ZERO,
                        Duration.ofSeconds(10),
                        Duration.ofSeconds(20),
                        Duration.ofSeconds(40),
                        Duration.ofSeconds(80),
                        Duration.ofSeconds(160),
                        Duration.ofMinutes(5),
                        Duration.ofMinutes(5));

        Pod pod = pod("restartPolicy: Always, containers: [{name: c}]");
        PodRuntimeState view = PodRuntimeState.fresh(pod, NOW);
        for (int run = 0; run < 2; run++) {
            view = ended(pod, running(view, "c"), "c", 1);
        }
        assertThat(PodLifecycle.next(pod, view, NOW)).isEqualTo(new Rest(Optional.of(NOW.plusSeconds(10))));
        assertThat(PodLifecycle.next(pod, view, NOW.plusSeconds(10))).isInstanceOf(Start.class);
        assertThat(PodStatuses.of(pod, view, null, NOW).getContainerStatuses().get(0))
                .satisfies(status -> {
                    assertThat(status.getState().getWaiting().getReason()).isEqualTo("CrashLoopBackOff");
                    assertThat(status.getLastState().getTerminated().getExitCode())
                            .isEqualTo(1);
                    assertThat(status.getRestartCount()).isEqualTo(1);
                });
    }

    @Test
    void aDeletedPodIsStoppedByItsDeletionTimeThenRemovedAndNeverRestarted() {
        Pod pod = pod("restartPolicy: Always, containers: [{name: c}]");
        Pod deleted = new PodBuilder(pod)
                .editMetadata()
                .withDeletionTimestamp("2026-01-01T00:00:30Z")
                .endMetadata()
                .build();
        PodRuntimeState fresh = PodRuntimeState.fresh(pod, NOW);
        PodRuntimeState view = running(fresh, "c");
        assertThat(PodLifecycle.next(deleted, view, NOW)).isEqualTo(new Stop(NOW.plusSeconds(30)));
        assertThat(PodLifecycle.next(deleted, ended(deleted, view, "c", 143), NOW))
                .isEqualTo(new Remove());
        assertThat(PodLifecycle.next(deleted, fresh, NOW)).isEqualTo(new Remove());
    }

    @Test
    void theActiveDeadlineFailsThePodAfterStoppingIt() {
        Pod pod = pod("activeDeadlineSeconds: 60, terminationGracePeriodSeconds: 5, containers: [{name: c}]");
        PodRuntimeState view = running(PodRuntimeState.fresh(pod, NOW), "c");
        assertThat(PodLifecycle.next(pod, view, NOW)).isEqualTo(new Rest(Optional.of(NOW.plusSeconds(60))));
        Instant deadline = NOW.plusSeconds(60);
        assertThat(PodLifecycle.next(pod, view, deadline)).isInstanceOf(Fail.class);
        PodRuntimeState failed = view.failed("DeadlineExceeded", "too long");
        assertThat(PodStatuses.phase(pod, failed)).isEqualTo("Running");
        assertThat(PodLifecycle.next(pod, failed, deadline)).isEqualTo(new Stop(deadline.plusSeconds(5)));
        PodRuntimeState ended = ended(pod, failed, "c", 143);
        assertThat(PodLifecycle.next(pod, ended, deadline)).isEqualTo(new Rest(Optional.empty()));
        assertThat(PodStatuses.of(pod, ended, null, deadline).getPhase()).isEqualTo("Failed");
        assertThat(PodStatuses.of(pod, ended, null, deadline).getReason()).isEqualTo("DeadlineExceeded");
    }

    @Test
    void conditionsKeepTheirTimeWhileTheyStayAndForeignOnesAreKept() {
        Pod pod = new PodBuilder(pod("containers: [{name: c}]"))
                .withNewStatus()
                .addNewCondition()
                .withType("DisruptionTarget")
                .withStatus("True")
                .endCondition()
                .endStatus()
                .build();
        PodRuntimeState view = running(PodRuntimeState.fresh(pod, NOW), "c");
        PodStatus first = PodStatuses.of(pod, view, pod.getStatus(), NOW);
        assertThat(time(first, "Ready")).isEqualTo("2026-01-01T00:00:00Z");
        assertThat(PodStatuses.of(pod, view, first, NOW.plusSeconds(9)))
                .as("nothing changed, nothing to write")
                .isEqualTo(first);
        PodStatus ready = PodStatuses.of(pod, view.with("c", c -> c.withProbes(true, true)), first, NOW.plusSeconds(9));
        assertThat(time(ready, "Ready")).isEqualTo("2026-01-01T00:00:09Z");
        assertThat(time(ready, "Initialized")).isEqualTo("2026-01-01T00:00:00Z");
        assertThat(ready.getConditions()).anyMatch(c -> c.getType().equals("DisruptionTarget"));
    }

    private static String time(PodStatus status, String type) {
        return status.getConditions().stream()
                .filter(c -> c.getType().equals(type))
                .findFirst()
                .orElseThrow()
                .getLastTransitionTime();
    }

    private static Pod pod(String spec) {
        return Serialization.unmarshal(
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {" + spec + "}", Pod.class);
    }

    private static String started(Action action) {
        return action instanceof Start start ? start.container().getName() : "nothing: " + action;
    }

    private static PodRuntimeState running(PodRuntimeState view, String name) {
        return view.with(name, c -> c.run(new Running(1, NOW)));
    }

    private static PodRuntimeState ended(Pod pod, PodRuntimeState view, String name, int code) {
        Exited exited = new Exited(code, code == 0 ? "Completed" : "Error", "", 1, NOW, NOW);
        return view.with(name, c -> PodLifecycle.ended(pod, view, c, exited));
    }
}
