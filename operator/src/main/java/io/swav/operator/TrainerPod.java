package io.swav.operator;

import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.AffinityBuilder;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarBuilder;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.ProbeBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Toleration;
import io.fabric8.kubernetes.api.model.TolerationBuilder;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import io.swav.api.DataSpec;
import io.swav.api.Fingerprints;
import io.swav.api.ResourceNames;
import io.swav.api.SchedulingSpec;
import io.swav.api.SwavJob;
import io.swav.api.TrainerEnv;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Builds one trainer pod: the user's template plus what the trainer needs. What the user has set stays, except
 * restartPolicy, which is Never because a pod that ends is replaced, and the labels by which pods are found and which tell
 * the template's revision.
 */
final class TrainerPod {
    /** As in Kubernetes, null means absent; otherwise {@code env: null} would not be a list to add to. */
    private static final ObjectMapper JSON =
            new ObjectMapper().setDefaultSetterInfo(JsonSetter.Value.construct(Nulls.SKIP, Nulls.SKIP));

    private static final String CONFIG_VOLUME = "swav-config";
    private static final String RUN_VOLUME = "swav-run";
    private static final String CACHE_VOLUME = "swav-data-cache";
    private static final long MIB = 1 << 20;
    /** The part of a cache's size that its volume has more. */
    private static final int CACHE_SPARE = 10;

    /** Names the container of which {@code kubectl logs} and {@code kubectl exec} speak. */
    private static final String DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

    /** Seconds until pods of an unresponsive node are evicted; Kubernetes' own 300 would leave a gap in the world. */
    private static final long NODE_SILENCE = 30;

    private static final String ZONE = "topology.kubernetes.io/zone";
    private static final int HIGHEST_WEIGHT = 100;

    private TrainerPod() {}

    /** Returns what is wrong with the template; empty if a pod can be created from it. */
    static Optional<String> problem(@Nullable JsonNode template) {
        if (template == null || !template.isObject()) {
            return Optional.of("spec.template is missing: it is the pod template of the trainers");
        }
        try {
            PodTemplateSpec parsed = parse(template);
            boolean empty =
                    parsed.getSpec() == null || parsed.getSpec().getContainers().isEmpty();
            return empty
                    ? Optional.of("spec.template.spec.containers is empty: the trainer's container is missing")
                    : Optional.empty();
        } catch (IllegalArgumentException e) {
            String message = String.valueOf(e.getMessage());
            return Optional.of("spec.template is not a pod template: "
                    + message.lines().findFirst().orElse(message));
        }
    }

    static Pod of(SwavJob job, JsonNode template, String name) {
        PodTemplateSpec from = parse(template);
        PodSpec spec = from.getSpec();
        Container trainer = TrainerContainer.ofTemplate(spec);
        addEnvironment(job, name, trainer);
        addMounts(job, spec, trainer);
        if (trainer.getReadinessProbe() == null) {
            trainer.setReadinessProbe(new ProbeBuilder()
                    .withNewExec()
                    .withCommand("test", "-f", ResourceNames.RUN_DIR + "/" + ResourceNames.READY_FILE)
                    .endExec()
                    .withPeriodSeconds(1)
                    .withTimeoutSeconds(5)
                    .build());
        }
        if (trainer.getTerminationMessagePolicy() == null) {
            trainer.setTerminationMessagePolicy("FallbackToLogsOnError");
        }
        addTolerations(spec);
        if (job.getSpec().scheduling().zone() == SchedulingSpec.ZonePolicy.PreferSame) {
            preferSameZone(job, spec);
        }
        spec.setRestartPolicy("Never");
        spec.setServiceAccountName(TrainerRbac.accountOf(job, template));
        return new PodBuilder()
                .withMetadata(meta(job, template, from, name, trainer.getName()))
                .withSpec(spec)
                .build();
    }

    private static PodTemplateSpec parse(JsonNode template) {
        return JSON.convertValue(template, PodTemplateSpec.class);
    }

    /** Returns the digest of a template; the order of fields, and fields that are null or empty lists, make no difference. */
    static String revision(JsonNode template) {
        return Fingerprints.digest(sorted(template).toString().getBytes(StandardCharsets.UTF_8));
    }

    private static JsonNode sorted(JsonNode node) {
        if (node.isObject()) {
            ObjectNode fields = JSON.createObjectNode();
            node.properties().stream().sorted(Map.Entry.comparingByKey()).forEach(field -> {
                JsonNode value = sorted(field.getValue());
                if (!value.isNull() && !(value.isArray() && value.isEmpty())) {
                    fields.set(field.getKey(), value);
                }
            });
            return fields;
        }
        if (node.isArray()) {
            ArrayNode items = JSON.createArrayNode();
            node.forEach(item -> {
                if (!item.isNull()) {
                    items.add(sorted(item));
                }
            });
            return items;
        }
        return node;
    }

    private static ObjectMeta meta(
            SwavJob job, JsonNode template, PodTemplateSpec from, String name, @Nullable String trainer) {
        ObjectMeta meta = OwnerMetadata.meta(job, name);
        Optional<ObjectMeta> theirs = Optional.ofNullable(from.getMetadata());
        Map<String, String> labels =
                new TreeMap<>(theirs.map(ObjectMeta::getLabels).orElse(Map.of()));
        labels.putAll(meta.getLabels());
        labels.put(ResourceNames.LABEL_REVISION, revision(template));
        meta.setLabels(labels);
        Map<String, String> annotations =
                new TreeMap<>(theirs.map(ObjectMeta::getAnnotations).orElse(Map.of()));
        if (trainer != null) {
            annotations.putIfAbsent(DEFAULT_CONTAINER, trainer);
        }
        meta.setAnnotations(annotations);
        return meta;
    }

    private static void addEnvironment(SwavJob job, String pod, Container trainer) {
        List<EnvVar> ours = new ArrayList<>(List.of(
                value(TrainerEnv.JOB, job.getMetadata().getName()),
                value(TrainerEnv.JOB_UID, job.getMetadata().getUid()),
                field(TrainerEnv.NAMESPACE, "metadata.namespace"),
                field(TrainerEnv.POD, "metadata.name"),
                field(TrainerEnv.POD_UID, "metadata.uid"),
                field(TrainerEnv.POD_IP, "status.podIP"),
                value(TrainerEnv.CONFIG_DIR, ResourceNames.CONFIG_DIR),
                value(TrainerEnv.RUN_DIR, ResourceNames.RUN_DIR),
                new EnvVarBuilder()
                        .withName(TrainerEnv.HANDSHAKE)
                        .withNewValueFrom()
                        .withNewSecretKeyRef(
                                ResourceNames.SECRET_KEY,
                                ResourceNames.handshakeName(job.getMetadata().getName()),
                                false)
                        .endValueFrom()
                        .build()));
        String progress = ProgressMaps.forNew(job, pod);
        if (!progress.equals(ResourceNames.progressName(job.getMetadata().getName()))) {
            ours.add(value(TrainerEnv.PROGRESS, progress));
        }
        DataSpec.Cache cache = job.getSpec().data().cache();
        if (cache != null) {
            ours.add(value(TrainerEnv.DATA_CACHE, cache.path()));
        }
        trainer.getPorts().stream()
                .filter(port -> ResourceNames.PORT.equals(port.getName()))
                .map(ContainerPort::getContainerPort)
                .findFirst()
                .ifPresent(port -> ours.add(value(TrainerEnv.PORT, port.toString())));
        List<EnvVar> env = new ArrayList<>(trainer.getEnv());
        ours.stream()
                .filter(our -> env.stream().noneMatch(theirs -> our.getName().equals(theirs.getName())))
                .toList()
                .forEach(env::add);
        trainer.setEnv(env);
    }

    private static EnvVar value(String name, String value) {
        return new EnvVarBuilder().withName(name).withValue(value).build();
    }

    private static EnvVar field(String name, String path) {
        return new EnvVarBuilder()
                .withName(name)
                .withNewValueFrom()
                .withNewFieldRef(null, path)
                .endValueFrom()
                .build();
    }

    private static void addMounts(SwavJob job, PodSpec spec, Container trainer) {
        spec.getVolumes()
                .add(new VolumeBuilder()
                        .withName(CONFIG_VOLUME)
                        .withNewConfigMap()
                        .withName(ResourceNames.configName(job.getMetadata().getName()))
                        .endConfigMap()
                        .build());
        spec.getVolumes()
                .add(new VolumeBuilder()
                        .withName(RUN_VOLUME)
                        .withNewEmptyDir()
                        .endEmptyDir()
                        .build());
        trainer.getVolumeMounts()
                .add(new VolumeMountBuilder()
                        .withName(CONFIG_VOLUME)
                        .withMountPath(ResourceNames.CONFIG_DIR)
                        .withReadOnly(true)
                        .build());
        trainer.getVolumeMounts()
                .add(new VolumeMountBuilder()
                        .withName(RUN_VOLUME)
                        .withMountPath(ResourceNames.RUN_DIR)
                        .build());
        addCache(job.getSpec().data().cache(), spec, trainer);
    }

    /**
     * Gives the cache of data a volume that ends with the pod, unless the template mounts one there: a folder in the
     * container's own file system could not be written if that is read-only, and would have no limit.
     */
    private static void addCache(DataSpec.@Nullable Cache cache, PodSpec spec, Container trainer) {
        if (cache == null
                || trainer.getVolumeMounts().stream().anyMatch(mount -> isBelow(cache.path(), mount.getMountPath()))) {
            return;
        }
        // the kubelet evicts a pod whose volume is larger; directories and unfinished files come on top of the size
        long limitMiB = cache.bytes() / MIB + cache.bytes() / MIB / CACHE_SPARE + 64;
        boolean theirs = spec.getVolumes().stream().anyMatch(volume -> CACHE_VOLUME.equals(volume.getName()));
        if (!theirs) {
            spec.getVolumes()
                    .add(new VolumeBuilder()
                            .withName(CACHE_VOLUME)
                            .withNewEmptyDir()
                            .withSizeLimit(new Quantity(limitMiB + "Mi"))
                            .endEmptyDir()
                            .build());
        }
        trainer.getVolumeMounts()
                .add(new VolumeMountBuilder()
                        .withName(CACHE_VOLUME)
                        .withMountPath(cache.path())
                        .build());
    }

    private static boolean isBelow(String path, @Nullable String mount) {
        if (mount == null) {
            return false;
        }
        String folder = mount.endsWith("/") ? mount : mount + "/";
        return (path + "/").startsWith(folder);
    }

    /**
     * Makes the pod prefer the zone of the job's other pods. The first pod finds none and goes anywhere; all later ones follow
     * it as long as its zone has room. A template that says anything about placement itself is left alone: its author may
     * want the opposite.
     */
    private static void preferSameZone(SwavJob job, PodSpec spec) {
        boolean placed = spec.getAffinity() != null
                || !spec.getTopologySpreadConstraints().isEmpty();
        if (!placed) {
            spec.setAffinity(new AffinityBuilder()
                    .withNewPodAffinity()
                    .addNewPreferredDuringSchedulingIgnoredDuringExecution()
                    .withWeight(HIGHEST_WEIGHT)
                    .withNewPodAffinityTerm()
                    .withTopologyKey(ZONE)
                    .withNewLabelSelector()
                    .addToMatchLabels(ResourceNames.LABEL_JOB, job.getMetadata().getName())
                    .endLabelSelector()
                    .endPodAffinityTerm()
                    .endPreferredDuringSchedulingIgnoredDuringExecution()
                    .endPodAffinity()
                    .build());
        }
    }

    private static void addTolerations(PodSpec spec) {
        for (String key : List.of("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")) {
            if (spec.getTolerations().stream().map(Toleration::getKey).noneMatch(key::equals)) {
                spec.getTolerations()
                        .add(new TolerationBuilder()
                                .withKey(key)
                                .withOperator("Exists")
                                .withEffect("NoExecute")
                                .withTolerationSeconds(NODE_SILENCE)
                                .build());
            }
        }
    }
}
