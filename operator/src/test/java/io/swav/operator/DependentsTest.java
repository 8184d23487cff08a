package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ResourceNames;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.api.World;
import io.swav.planner.PlannerState;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares each dependent with its golden YAML; {@code -Dswav.golden=write} rewrites the files. */
class DependentsTest {
    private static final Path FOLDER = Path.of("src/test/resources/io/swav/operator");

    static Stream<Map.Entry<String, HasMetadata>> dependents() {
        SwavJob job = Jobs.job("replicas: 2");
        World world = new World(1, "uid-1", List.of(new World.Member("job-0", "pod-uid", "10.0.0.1:7000")), "first");
        return Stream.of(
                Map.entry("service-account", TrainerRbac.account(job)),
                Map.entry("role", TrainerRbac.role(job, List.of("job-progress"))),
                Map.entry("role-binding", TrainerRbac.binding(job, List.of())),
                Map.entry("handshake", JobResources.handshake(job, "00ff")),
                Map.entry("config", JobResources.config(job, job.getSpec(), 100)),
                Map.entry("pod-group-kubernetes", group(job, GangApi.KUBERNETES, "v1alpha2")),
                Map.entry("pod-group-scheduler-plugins", group(job, GangApi.SCHEDULER_PLUGINS, "v1alpha1")),
                Map.entry("pod-group-volcano", group(job, GangApi.VOLCANO, "v1beta1")),
                Map.entry("progress", JobResources.progress(job, "job-progress")),
                Map.entry(
                        "world", WorldConfigMap.of(job, world, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "42")),
                Map.entry(
                        "pod",
                        TrainerPod.of(job, Objects.requireNonNull(job.getSpec().template()), "job-0")),
                Map.entry("pod-of-a-rich-template", TrainerPod.of(job, Jobs.richTemplate(), "job-1")));
    }

    private static HasMetadata group(SwavJob job, GangApi api, String version) {
        return PodGroups.of(job, new GangChoice.OfGroup(api, version, 2, true, false));
    }

    @ParameterizedTest
    @MethodSource("dependents")
    void looksLikeItsGoldenFile(Map.Entry<String, HasMetadata> dependent) throws IOException {
        String file = dependent.getKey() + ".yaml";
        if ("write".equals(System.getProperty("swav.golden"))) {
            Files.writeString(FOLDER.resolve(file), Serialization.asYaml(dependent.getValue()));
        }
        try (InputStream golden = Files.newInputStream(FOLDER.resolve(file))) {
            assertThat(Serialization.asYaml(dependent.getValue()))
                    .isEqualTo(new String(golden.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    @Test
    void doesNotChangeTheTemplate() {
        JsonNode template = Jobs.richTemplate();
        TrainerPod.of(Jobs.job("replicas: 2"), template, "job-0");
        assertThat(template).isEqualTo(Jobs.richTemplate());
    }

    @Test
    void nullInATemplateMeansAbsent() {
        SwavJob job = Jobs.job("replicas: 2");
        assertThat(TrainerPod.of(
                        job,
                        Jobs.yaml("{spec: {volumes: null, tolerations: null,"
                                + " containers: [{name: trainer, env: null, ports: [null], volumeMounts: null}]}}"),
                        "job-0"))
                .isEqualTo(TrainerPod.of(job, Jobs.yaml("{spec: {containers: [{name: trainer}]}}"), "job-0"));
    }

    private static SwavJob cachedJob() {
        SwavJob job = Jobs.job("replicas: 2");
        ObjectNode spec = new ObjectMapper().valueToTree(job.getSpec());
        spec.set("data", Jobs.yaml("{uri: 's3://b/p', cache: {path: /cache, size: 20Gi}}"));
        job.setSpec(SpecLoader.complete("test", spec));
        return job;
    }

    @Test
    void aCacheOfDataHasAVolumeThatEndsWithThePod() {
        Pod pod = TrainerPod.of(cachedJob(), Jobs.yaml("{spec: {containers: [{name: trainer}]}}"), "job-0");
        assertThat(pod.getSpec().getVolumes())
                .filteredOn(volume -> volume.getName().equals("swav-data-cache"))
                .singleElement()
                .extracting(volume -> volume.getEmptyDir().getSizeLimit())
                .isEqualTo(new Quantity("22592Mi")); // a tenth and 64 MiB more than the cache takes
        assertThat(pod.getSpec().getContainers().get(0).getVolumeMounts()).anySatisfy(mount -> {
            assertThat(mount.getName()).isEqualTo("swav-data-cache");
            assertThat(mount.getMountPath()).isEqualTo("/cache");
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"/cache", "/cache/", "/"})
    void aVolumeOfTheTemplateIsTheCache(String mount) {
        JsonNode template = Jobs.yaml("{spec: {containers: [{name: trainer, volumeMounts: [{name: node, mountPath: "
                + mount + "}]}], volumes: [{name: node, hostPath: {path: /var/cache}}]}}");
        Pod pod = TrainerPod.of(cachedJob(), template, "job-0");
        assertThat(pod.getSpec().getVolumes())
                .extracting(Volume::getName)
                .containsExactlyInAnyOrder("node", "swav-config", "swav-run");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/cache/below", "/cachet", "/other"})
    void aVolumeElsewhereIsNotTheCache(String mount) {
        JsonNode template = Jobs.yaml("{spec: {containers: [{name: trainer, volumeMounts: [{name: node, mountPath: "
                + mount + "}, {name: null}]}], volumes: [{name: node, hostPath: {path: /var/cache}}]}}");
        Pod pod = TrainerPod.of(cachedJob(), template, "job-0");
        assertThat(pod.getSpec().getVolumes()).extracting(Volume::getName).contains("swav-data-cache");
    }

    @Test
    void namesWhatIsWrongWithATemplate() {
        assertThat(TrainerPod.problem(null))
                .hasValueSatisfying(p -> assertThat(p).contains("spec.template is missing"));
        assertThat(TrainerPod.problem(Jobs.yaml("{spec: {containers: []}}")))
                .hasValueSatisfying(p -> assertThat(p).contains("spec.template.spec.containers is empty"));
        assertThat(TrainerPod.problem(Jobs.yaml("{spec: {containers: 5}}")))
                .hasValueSatisfying(p -> assertThat(p).contains("spec.template is not a pod template"));
        assertThat(TrainerPod.problem(Jobs.yaml("{spec: {containers: [null]}}")))
                .hasValueSatisfying(p -> assertThat(p).contains("spec.template.spec.containers is empty"));
        assertThat(TrainerPod.problem(Jobs.richTemplate())).isEmpty();
    }

    @Test
    void theWorldReadsBackAndAnEarlierJobsCountsAsNone() {
        SwavJob job = Jobs.job("replicas: 2");
        World world = new World(3, "uid-1", List.of(), "w");
        WorldConfigMap read = WorldConfigMap.read(
                job, Optional.of(WorldConfigMap.of(job, world, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "42")));
        assertThat(read)
                .isEqualTo(new WorldConfigMap(
                        world, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, WorldConfigMap.Condition.INTACT, "42"));

        World old = new World(3, "an-earlier-uid", List.of(), "w");
        WorldConfigMap other = WorldConfigMap.read(
                job, Optional.of(WorldConfigMap.of(job, old, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "42")));
        assertThat(other.world()).isEqualTo(World.none("uid-1"));
        assertThat(other.resourceVersion()).isEqualTo("42");
        assertThat(WorldConfigMap.read(job, Optional.empty()).resourceVersion()).isNull();
    }

    @Test
    void anUnreadableWorldIsReportedWithWhatToDo() {
        SwavJob job = Jobs.job("replicas: 2");
        for (String bad : List.of("no JSON", "null", "{}", "{\"generation\": 1, \"job\": \"uid-1\"}")) {
            ConfigMap map =
                    WorldConfigMap.of(job, World.none("uid-1"), PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "42");
            map.getData().put("ledger.json", bad);
            assertThatThrownBy(() -> WorldConfigMap.read(job, Optional.of(map)))
                    .as(bad)
                    .isInstanceOf(WorldConfigMap.UnreadableException.class)
                    .hasMessageContaining("ConfigMap job-world cannot be read")
                    .hasMessageContaining("delete it to form a new world");
        }
    }

    @Test
    void aWorldThatTrainersCannotFollowIsReportedWithWhatIsWrong() {
        SwavJob job = Jobs.job("replicas: 2");
        World known = new World(3, "uid-1", List.of(new World.Member("job-0", "uid", "10.0.0.1:7000")), "w");
        ConfigMap map = WorldConfigMap.of(job, known, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "42");
        String good = Objects.requireNonNull(map.getData().get(ResourceNames.WORLD_KEY));
        Map.of(
                        good.replace(":7000", ":99999"), "its address 10.0.0.1:99999 is not host:port",
                        good.replace("\"generation\":3", "\"generation\":9223372036854775807"),
                                "has generation 9223372036854775807",
                        good.replace("\"uid\":\"uid\"", "\"uid\":null"), "it has no uid")
                .forEach((bad, why) -> {
                    map.getData().put(ResourceNames.WORLD_KEY, bad);
                    assertThatThrownBy(() -> WorldConfigMap.read(job, Optional.of(map)))
                            .isInstanceOf(WorldConfigMap.UnreadableException.class)
                            .hasMessageContaining(why);
                });
    }

    @Test
    void theWorldNamesTheStoreInWhichCheckpointsWereSeen() {
        SwavJob job = Jobs.job("replicas: 2");
        CheckpointEntry bad =
                new CheckpointEntry(9L, 9L, 1, "s3://b/c/step-9", "", null, null, false, "is damaged", "");
        CheckpointEntry good = new CheckpointEntry(5L, 5L, 1, "s3://b/c/step-5", "", null, null, true, null, "");
        job.setStatus(withCheckpoints(List.of(bad)));
        assertThat(WorldConfigMap.checkpointsSeen(job)).isEmpty();
        job.setStatus(withCheckpoints(List.of(bad, good)));
        ConfigMap map = WorldConfigMap.of(
                job,
                new World(3, "uid-1", List.of(), "w"),
                PlannerState.EMPTY,
                WorldConfigMap.Entries.of(job, "", "", ""),
                "42");
        assertThat(map.getData()).containsEntry("checkpoints-seen", "s3://b/c");
        assertThat(WorldConfigMap.read(job, Optional.of(map)).entries().checkpointsSeen())
                .isEqualTo("s3://b/c");
    }

    private static SwavJobStatus withCheckpoints(List<CheckpointEntry> all) {
        return new SwavJobStatus(null, null, null, null, null, null, null, all, null, null);
    }

    @Test
    void bindsTheRoleToTheTemplatesOwnAccount() {
        SwavJob job = Jobs.job("replicas: 2");
        assertThat(TrainerRbac.accountOf(job, job.getSpec().template())).isEqualTo("job-trainer");
        assertThat(TrainerRbac.accountOf(job, Jobs.richTemplate())).isEqualTo("theirs");
        Map.of(
                        "{}", "job-trainer",
                        "{serviceAccountName: null}", "job-trainer",
                        "{serviceAccountName: ''}", "job-trainer",
                        "{serviceAccount: null}", "job-trainer",
                        "{serviceAccount: alias}", "alias",
                        "{serviceAccount: alias, serviceAccountName: null}", "alias",
                        "{serviceAccount: alias, serviceAccountName: ''}", "alias",
                        "{serviceAccount: alias, serviceAccountName: name}", "name")
                .forEach((spec, account) -> assertThat(TrainerRbac.accountOf(job, Jobs.yaml("{spec: " + spec + "}")))
                        .as(spec)
                        .isEqualTo(account));
    }
}
