package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.readiness.Readiness;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.SwavJobStatus.Ledger;
import io.swav.api.SwavJobStatus.WorldStatus;
import io.swav.api.TrainerEnv;
import io.swav.data.DataSynthCommand;
import io.swav.local.LocalDeployment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real trainers that others do not reach, or that may not report: they cost the job nothing. */
class UnreachableTrainerIT {
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final PatchContext MERGE = PatchContext.of(PatchType.JSON_MERGE);

    @TempDir
    static Path dir;

    private static LocalDeployment stack;
    private static KubernetesClient client;

    @BeforeAll
    static void up() throws Exception {
        DataSynthCommand.synthesize(dir.resolve("data"), 128, 4, 16, 31);
        stack = LocalDeployment.up(dir.resolve("stack"), 2, Map.of(), System.err::println);
        client = stack.client();
    }

    @AfterAll
    static void down() throws Exception {
        client.close();
        LocalDeployment.down(dir.resolve("stack"));
    }

    /** The key is in a Secret of the user's own, and is changed: the pod that starts next has another one. */
    @Test
    void aNewcomerWithAnotherKeyCostsNoStepAndIsReplacedUntilOneIsReached() {
        SwavJob job = job("keys", "replicas: 2", "elastic: {minReplicas: 1, maxReplicas: 3, growAfterSeconds: 0}");
        ((ArrayNode) Objects.requireNonNull(job.getSpec().template()).at("/spec/containers/0/env"))
                .add(Serialization.unmarshal(
                        "---\n{name: " + TrainerEnv.HANDSHAKE
                                + ", valueFrom: {secretKeyRef: {name: own-key, key: handshake}}}",
                        JsonNode.class));
        client.resource(new SecretBuilder()
                        .withNewMetadata()
                        .withName("own-key")
                        .withNamespace("default")
                        .endMetadata()
                        .addToStringData(ResourceNames.SECRET_KEY, "a key of the user's own")
                        .build())
                .create();
        Resource<SwavJob> resource = client.resource(job);
        resource.create();
        SwavJobStatus both = statusOf(job, status -> size(status) == 2 && step(status) > 0, "trains in two pods");
        String key = replaceKey(Base64.getEncoder()
                .encodeToString("another key, as long as that of the others".getBytes(StandardCharsets.UTF_8)));
        resource.patch(MERGE, "{\"spec\": {\"replicas\": 3}}");

        SwavJobStatus named = statusOf(job, status -> unreachable(status).isPresent(), "names the unreachable pod");
        Incident incident = unreachable(named).orElseThrow();
        assertThat(incident.pod()).isEqualTo("keys-2");
        assertThat(incident.reason()).contains("on node ", "(node ", "handshake key");
        assertThat(generation(named)).as("it never entered").isEqualTo(generation(both));
        assertThat(ledger(named).stepsLost()).isZero();
        assertThat(ledger(named).failures()).isZero();
        statusOf(job, status -> step(status) > step(named), "trains on");

        replaceKey(key);
        SwavJobStatus three = statusOf(job, status -> size(status) == 3, "takes a pod with the right key");
        assertThat(ledger(three).stepsLost()).isZero();
        assertThat(Objects.requireNonNull(three.world()).members()).contains("keys-0", "keys-1");
        resource.delete();
    }

    /** One pod is created from another template, so it encrypts and the others do not. All are Ready before a world forms. */
    @Test
    void aFirstWorldWithAMemberThatNobodyReachesIsPublishedWithoutIt() {
        SwavJob job = job(
                "first",
                "replicas: 3",
                "elastic: {minReplicas: 3, maxReplicas: 3, growAfterSeconds: 0}",
                "rollout: {type: OnDelete}");
        Resource<SwavJob> resource = client.resource(job);
        resource.create();
        await("two trainers").atMost(LIMIT).pollInterval(Duration.ofSeconds(2)).until(() -> {
            // until the template changes no third trainer may become Ready, with which a world would form
            pods("first").stream()
                    .filter(pod -> !List.of("first-0", "first-1")
                            .contains(pod.getMetadata().getName()))
                    .forEach(pod -> client.resource(pod).withGracePeriod(0).delete());
            return isReady("first-0") && isReady("first-1");
        });
        resource.patch(MERGE, template("{\"name\": \"SWAV_ENCRYPTION\", \"value\": \"Off\"}"));

        SwavJobStatus together = statusOf(job, status -> generation(status) == 1, "has a first world");
        SwavJobStatus parted = statusOf(job, status -> unreachable(status).isPresent(), "names the unreachable pod");
        Incident incident = unreachable(parted).orElseThrow();
        assertThat(Objects.requireNonNull(together.world()).members()).contains(incident.pod(), "first-0", "first-1");
        assertThat(incident.reason()).contains("on node ", "(node ", "SWAV_ENCRYPTION");
        assertThat(Objects.requireNonNull(parted.world()).members()).containsExactlyInAnyOrder("first-0", "first-1");
        assertThat(generation(parted)).as("the second world").isEqualTo(2);
        Duration took = Duration.between(since(together), since(parted));
        System.err.println("a world without the unreachable member was published after " + took);
        assertThat(took)
                .as("15 s where processors are free; without a deadline it never comes")
                .isLessThan(Duration.ofMinutes(2));
        assertThat(ledger(parted).failures()).isZero();

        resource.patch(MERGE, template(""));
        SwavJobStatus whole = statusOf(job, status -> size(status) == 3 && step(status) > 0, "trains in three pods");
        assertThat(Objects.requireNonNull(whole.world()).members())
                .startsWith("first-0", "first-1")
                .doesNotContain(incident.pod());
        resource.delete();
    }

    private static boolean isReady(String pod) {
        return Optional.ofNullable(
                        client.pods().inNamespace("default").withName(pod).get())
                .filter(Readiness::isPodReady)
                .isPresent();
    }

    /** @param variable one more of the environment, JSON; empty for none */
    private static String template(String variable) {
        return "{\"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"trainer\", \"image\":"
                + " \"swav-trainer\", \"env\": [{\"name\": \"SWAV_STEP_SECONDS\", \"value\": \"0.2\"},"
                + " {\"name\": \"JDK_JAVA_OPTIONS\", \"value\": \"-XX:TieredStopAtLevel=1\"}"
                + (variable.isEmpty() ? "" : ", " + variable) + "]}]}}}}";
    }

    @Test
    void aTrainerThatMayNotReportTrainsOnAndIsNotKilled() {
        SwavJob job = job("mute", "replicas: 1", "recovery: {hungAfterSeconds: 8}");
        Resource<SwavJob> resource = client.resource(job);
        resource.create();
        statusOf(job, status -> size(status) == 1 && step(status) > 0, "trains");
        String uid = pods("mute").get(0).getMetadata().getUid();
        ConfigMap owner = client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName("theirs")
                        .withNamespace("default")
                        .endMetadata()
                        .build())
                .create();
        Resource<RoleBinding> binding =
                client.rbac().roleBindings().inNamespace("default").withName("mute-trainer");
        binding.patch(
                MERGE,
                "{\"subjects\": [], \"metadata\": {\"ownerReferences\": [{\"apiVersion\": \"v1\", \"kind\":"
                        + " \"ConfigMap\", \"name\": \"theirs\", \"controller\": true, \"uid\": \""
                        + owner.getMetadata().getUid() + "\"}]}}");

        SwavJobStatus blocked = statusOf(
                job,
                status -> status.condition(ConditionType.Stalled)
                        .filter(stalled -> stalled.message().contains("No trainer that holds the model reports"))
                        .isPresent(),
                "says that its trainer may not report");
        assertThat(blocked.condition(ConditionType.Ready).orElseThrow().message())
                .contains("RoleBinding mute-trainer does not bind ServiceAccount mute-trainer")
                .contains("belongs to something else (ConfigMap theirs)");
        await("it is left alone")
                .during(Duration.ofSeconds(20))
                .atMost(LIMIT)
                .until(() -> pods("mute").size() == 1
                        && pods("mute").get(0).getMetadata().getUid().equals(uid));

        binding.delete(); // the operator creates its own
        SwavJobStatus again = statusOf(job, status -> step(status) > step(blocked), "reports again");
        assertThat(pods("mute"))
                .singleElement()
                .satisfies(pod -> assertThat(pod.getMetadata().getUid())
                        .as("the same trainer, with all its steps")
                        .isEqualTo(uid));
        assertThat(ledger(again).hangs()).isZero();
        resource.delete();
    }

    /** Returns the key that was there before. */
    private static String replaceKey(String encoded) {
        Resource<Secret> secret = client.secrets().inNamespace("default").withName("own-key");
        String before = Objects.requireNonNull(secret.get().getData().get(ResourceNames.SECRET_KEY));
        secret.edit(old -> new SecretBuilder(old)
                .addToData(ResourceNames.SECRET_KEY, encoded)
                .build());
        return before;
    }

    private static SwavJob job(String name, String... fields) {
        return Serialization.unmarshal("""
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: %2$s, namespace: default}
                spec:
                  %3$s
                  template:
                    spec:
                      containers:
                      - name: trainer
                        image: swav-trainer
                        env:
                        - {name: SWAV_STEP_SECONDS, value: "0.2"}
                        - {name: JDK_JAVA_OPTIONS, value: "-XX:TieredStopAtLevel=1"}
                  model: {architecture: tiny, stem: small, prototypes: 10, featureDim: 8, hiddenDim: 16}
                  data: {uri: file://%1$s/data/train}
                  crops: [{count: 2, size: 16, minScale: 0.3, maxScale: 1}]
                  training: {globalBatch: 48, groupSize: 16, epochs: 5000, prototypesFrozenSteps: 1, threads: 1}
                  checkpoint: {uri: file://%1$s/%2$s, everySteps: 100000}
                """.formatted(dir, name, String.join("\n  ", fields)), SwavJob.class);
    }

    private static SwavJobStatus statusOf(SwavJob job, Predicate<SwavJobStatus> until, String what) {
        return await("job " + job.getMetadata().getName() + " " + what)
                .atMost(LIMIT)
                .until(
                        () -> Objects.requireNonNullElse(
                                client.resource(job).get().getStatus(), SwavJobStatus.EMPTY),
                        until);
    }

    private static Optional<Incident> unreachable(SwavJobStatus status) {
        return Optional.ofNullable(status.ledger()).map(Ledger::incidents).orElse(List.of()).stream()
                .filter(incident -> incident.kind() == IncidentKind.Unreachable)
                .findFirst();
    }

    private static Ledger ledger(SwavJobStatus status) {
        return Objects.requireNonNull(status.ledger());
    }

    private static int size(SwavJobStatus status) {
        return Optional.ofNullable(status.world()).map(WorldStatus::size).orElse(0);
    }

    private static long generation(SwavJobStatus status) {
        return Optional.ofNullable(status.world()).map(WorldStatus::generation).orElse(0L);
    }

    private static Instant since(SwavJobStatus status) {
        return Instant.parse(
                Objects.requireNonNull(Objects.requireNonNull(status.world()).since()));
    }

    private static long step(SwavJobStatus status) {
        return Optional.ofNullable(status.progress())
                .map(SwavJobStatus.Progress::step)
                .orElse(0L);
    }

    private static List<Pod> pods(String job) {
        return client.pods()
                .inNamespace("default")
                .withLabel(ResourceNames.LABEL_JOB, job)
                .list()
                .getItems();
    }
}
