package io.swav.local;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.EnvFromSource;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarSource;
import io.fabric8.kubernetes.api.model.ObjectFieldSelector;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A container's environment: envFrom, then env, in which {@code $(NAME)} refers to earlier variables. */
final class PodEnvironment {
    private static final Pattern KEYED = Pattern.compile("metadata\\.(labels|annotations)\\['([^']+)'\\]");

    private PodEnvironment() {}

    /** @throws PodConfigException naming the object, key or field that is missing */
    static Map<String, String> of(KubernetesClient client, Pod pod, Container container) {
        Map<String, String> env = new LinkedHashMap<>();
        env.put("HOSTNAME", pod.getMetadata().getName());
        for (EnvFromSource source : container.getEnvFrom()) {
            String prefix = source.getPrefix() == null ? "" : source.getPrefix();
            if (source.getConfigMapRef() != null) {
                var ref = source.getConfigMapRef();
                configMap(client, pod, ref.getName(), Boolean.TRUE.equals(ref.getOptional()))
                        .getData()
                        .forEach((key, value) -> env.put(prefix + key, value));
            } else if (source.getSecretRef() != null) {
                var ref = source.getSecretRef();
                secret(client, pod, ref.getName(), Boolean.TRUE.equals(ref.getOptional()))
                        .getData()
                        .forEach((key, value) -> env.put(prefix + key, decode(value)));
            }
        }
        for (EnvVar variable : container.getEnv()) {
            if (variable.getValueFrom() == null) {
                String value = variable.getValue() == null ? "" : variable.getValue();
                env.put(variable.getName(), VariableExpansion.variables(value, env));
            } else {
                value(client, pod, variable.getName(), variable.getValueFrom())
                        .ifPresent(value -> env.put(variable.getName(), value));
            }
        }
        return env;
    }

    private static Optional<String> value(KubernetesClient client, Pod pod, String variable, EnvVarSource source) {
        if (source.getFieldRef() != null) {
            return Optional.of(field(pod, source.getFieldRef()));
        }
        if (source.getConfigMapKeyRef() != null) {
            var ref = source.getConfigMapKeyRef();
            boolean optional = Boolean.TRUE.equals(ref.getOptional());
            String value =
                    configMap(client, pod, ref.getName(), optional).getData().get(ref.getKey());
            return required(value, optional, "key " + ref.getKey() + " in configmap " + ref.getName());
        }
        if (source.getSecretKeyRef() != null) {
            var ref = source.getSecretKeyRef();
            boolean optional = Boolean.TRUE.equals(ref.getOptional());
            String value =
                    secret(client, pod, ref.getName(), optional).getData().get(ref.getKey());
            return required(value, optional, "key " + ref.getKey() + " in secret " + ref.getName())
                    .map(PodEnvironment::decode);
        }
        throw new PodConfigException(
                "env " + variable + ": the local node supports only fieldRef, configMapKeyRef and secretKeyRef");
    }

    private static Optional<String> required(@Nullable String value, boolean optional, String what) {
        if (value == null && !optional) {
            throw new PodConfigException("couldn't find " + what);
        }
        return Optional.ofNullable(value);
    }

    static ConfigMap configMap(KubernetesClient client, Pod pod, String name, boolean optional) {
        ConfigMap map = client.configMaps()
                .inNamespace(pod.getMetadata().getNamespace())
                .withName(name)
                .get();
        if (map == null && !optional) {
            throw new PodConfigException("configmap \"" + name + "\" not found");
        }
        return map == null ? new ConfigMap() : map;
    }

    static Secret secret(KubernetesClient client, Pod pod, String name, boolean optional) {
        Secret secret = client.secrets()
                .inNamespace(pod.getMetadata().getNamespace())
                .withName(name)
                .get();
        if (secret == null && !optional) {
            throw new PodConfigException("secret \"" + name + "\" not found");
        }
        return secret == null ? new Secret() : secret;
    }

    /** The value of a field of the downward API. */
    static String field(Pod pod, ObjectFieldSelector selector) {
        String path = selector.getFieldPath();
        Matcher keyed = KEYED.matcher(path);
        if (keyed.matches()) {
            Map<String, String> map = keyed.group(1).equals("labels")
                    ? pod.getMetadata().getLabels()
                    : pod.getMetadata().getAnnotations();
            return map.getOrDefault(keyed.group(2), "");
        }
        return switch (path) {
            case "metadata.name" -> pod.getMetadata().getName();
            case "metadata.namespace" -> pod.getMetadata().getNamespace();
            case "metadata.uid" -> pod.getMetadata().getUid();
            case "spec.nodeName" -> pod.getSpec().getNodeName();
            case "spec.serviceAccountName" -> ServiceAccounts.name(pod);
            case "status.hostIP", "status.podIP", "status.podIPs", "status.hostIPs" -> PodStatuses.HOST;
            default -> throw new PodConfigException("fieldRef " + path + " is not a field of the downward API");
        };
    }

    private static String decode(String base64) {
        return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    }
}
