package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.swav.api.SwavJob;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.planner.JobPolicy;
import io.swav.planner.Reporting;
import io.swav.planner.WorldPlanner;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the executor makes of an API server that refuses a request with 409, and when it looks again. */
class PlanExecutorTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:05Z");

    private final ObjectServer server = new ObjectServer();
    private final SwavJob job = Jobs.job("replicas: 1");
    private final List<String> created = new ArrayList<>();
    private final CacheOfWritten cache = new CacheOfWritten();
    private final PlanExecutor executor = new PlanExecutor(
            server.client(),
            pod -> created.add(pod.getMetadata().getName()),
            map -> {},
            List::of,
            new Dependents(server.client(), () -> cache, (job, message, now) -> {}),
            new HandshakeKeeper(server.client()),
            new GangKeeper(server.client(), () -> cache, (job, message, now) -> {}));

    PlanExecutorTest() throws IOException {}

    @AfterEach
    void close() {
        server.close();
    }

    /** A proxy, or an object that ended between two requests, may cause this. */
    @Test
    void createsAnObjectThatWasRefusedAsIfItWereThere() {
        server.refuseCreate("serviceaccounts", "AlreadyExists");
        ExecutionResult result = execute(NOW);
        assertThat(result.apiError()).isEmpty();
        assertThat(result.rejection()).isEmpty();
        assertThat(server.names("serviceaccounts")).as("pods run as it").containsExactly("job-trainer");
        assertThat(created).containsExactly("job-0");
    }

    @Test
    void aPodThatIsRefusedWithAConflictIsTriedAgain() {
        server.refuseCreate("pods", "Conflict"); // as of a quota that is being counted
        assertThat(execute(NOW).apiError()).hasValue("refused");
        assertThat(created).isEmpty();
        assertThat(execute(NOW.plusSeconds(1)).apiError()).isEmpty();
        assertThat(created).hasSize(1);
    }

    @Test
    void takesThePodThatTheCacheDoesNotHaveYet() {
        JsonNode template = Objects.requireNonNull(job.getSpec().template());
        server.client().resource(TrainerPod.of(job, template, "job-0")).create();
        assertThat(execute(NOW).apiError()).isEmpty();
        assertThat(created).containsExactly("job-0");
    }

    /** A look that an error kept from being made would otherwise cause the next plan at once, again and again. */
    @Test
    void aLookThatIsOverdueIsNoReasonToPlan() {
        execute(NOW);
        assertThat(executor.recheckAt(job, NOW))
                .hasValueSatisfying(at -> assertThat(at).isBetween(NOW.plusSeconds(5), NOW.plusSeconds(15)));
        assertThat(executor.recheckAt(job, NOW.plusSeconds(60))).isEmpty();
    }

    private ExecutionResult execute(Instant now) {
        JobSnapshot snapshot = new JobSnapshot(
                job,
                Optional.of(job.getSpec()),
                List.of(),
                WorldConfigMap.read(
                        job,
                        Optional.ofNullable(server.client()
                                .configMaps()
                                .inNamespace("ns")
                                .withName("job-world")
                                .get())),
                List.of(),
                Map.of(),
                List.of(),
                List.of(),
                Reporting.UNCHECKED,
                Optional.empty(),
                Optional.empty());
        return executor.execute(
                snapshot,
                job.getSpec(),
                WorldPlanner.plan(JobPolicy.of(job.getSpec()), snapshot.plannerInput(Optional.empty()), now),
                Outbox.EMPTY,
                now);
    }

    private static final class CacheOfWritten implements Dependents.Cache {
        private final Map<String, HasMetadata> objects = new HashMap<>();

        @Override
        public <T extends HasMetadata> Optional<T> get(Class<T> type, String namespace, String name) {
            return Optional.ofNullable(objects.get(type.getSimpleName() + name)).map(type::cast);
        }

        @Override
        public Collection<Pod> pods(SwavJob of) {
            return List.of();
        }

        @Override
        public void written(HasMetadata object) {
            objects.put(object.getClass().getSimpleName() + object.getMetadata().getName(), object);
        }
    }
}
