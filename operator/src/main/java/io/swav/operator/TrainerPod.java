package io.swav.operator;

import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
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
import io.fabric8.kubernetes.api.model.Toleration;
import io.fabric8.kubernetes.api.model.TolerationBuilder;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.TrainerEnv;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Builds one trainer pod: the user's template plus what the trainer needs. What the user has set stays, except
 * restartPolicy, which is Never because a pod that ends is replaced, and the two labels by which pods are found.
 */
final class TrainerPod {
    /** As in Kubernetes, null means absent; otherwise {@code env: null} would not be a list to add to. */
    private static final ObjectMapper JSON =
            new ObjectMapper().setDefaultSetterInfo(JsonSetter.Value.construct(Nulls.SKIP, Nulls.SKIP));

    private static final String CONFIG_VOLUME = "swav-config";
    private static final String RUN_VOLUME = "swav-run";
    /** Seconds until pods of an unresponsive node are evicted; Kubernetes' own 300 would leave a gap in the world. */
    private static final long NODE_SILENCE = 30;

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
        Container trainer = trainer(spec);
        addEnvironment(job, trainer);
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
        spec.setRestartPolicy("Never");
        spec.setServiceAccountName(TrainerRbac.accountOf(job, template));
        return new PodBuilder()
                .withMetadata(meta(job, from, name))
                .withSpec(spec)
                .build();
    }

    /** Returns the container named {@value ResourceNames#CONTAINER}, or the first. */
    static Container trainer(PodSpec spec) {
        return spec.getContainers().stream()
                .filter(container -> ResourceNames.CONTAINER.equals(container.getName()))
                .findFirst()
                .orElseGet(() -> spec.getContainers().get(0));
    }

    private static PodTemplateSpec parse(JsonNode template) {
        return JSON.convertValue(template, PodTemplateSpec.class);
    }

    private static ObjectMeta meta(SwavJob job, PodTemplateSpec from, String name) {
        ObjectMeta meta = OwnerMetadata.meta(job, name);
        if (from.getMetadata() != null) {
            Map<String, String> labels =
                    new TreeMap<>(orEmpty(from.getMetadata().getLabels()));
            labels.putAll(meta.getLabels());
            meta.setLabels(labels);
            meta.setAnnotations(from.getMetadata().getAnnotations());
        }
        return meta;
    }

    private static Map<String, String> orEmpty(@Nullable Map<String, String> map) {
        return map == null ? Map.of() : map;
    }

    private static void addEnvironment(SwavJob job, Container trainer) {
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
