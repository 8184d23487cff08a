package io.swav.operator;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Recognizes that the API server does not store an object because it is too large: a ConfigMap holds 1 MiB, a request
 * 3 MiB, and etcd stores 1.5 MiB of any object. Trying again does not help, which is what such an error otherwise asks for:
 * etcd's own answer arrives as an internal error.
 */
final class ObjectSize {
    /** The limit of a ConfigMap's data in bytes, MaxSecretSize in Kubernetes' validation. */
    static final int MAP_LIMIT = 1 << 20;

    private static final int UNPROCESSABLE = 422;

    /** Etcd's words, and those of the connection to it, which has a limit of its own. */
    private static final List<String> OF_ETCD = List.of("request is too large", "message larger than max");

    private ObjectSize() {}

    static boolean isTooLarge(KubernetesClientException e) {
        String message = PlanExecutor.message(e);
        return e.getCode() == HttpURLConnection.HTTP_ENTITY_TOO_LARGE
                || OF_ETCD.stream().anyMatch(message::contains)
                || (e.getCode() == UNPROCESSABLE
                        && message.contains("Too long")
                        && message.contains(Integer.toString(MAP_LIMIT)));
    }

    /** Describes an object that was not stored, for a sentence. */
    static String describe(HasMetadata object, KubernetesClientException e) {
        long bytes = Serialization.asJson(object).getBytes(StandardCharsets.UTF_8).length;
        return object.getKind() + " " + object.getMetadata().getName()
                + " is too large for the API server, which did not store it: the operator writes "
                + HumanFormat.bytes(bytes) + " of it, and the API server answers: " + PlanExecutor.message(e);
    }

    /** An object of a job was not stored; the message is for the status. */
    static final class TooLargeException extends RuntimeException {
        private static final long serialVersionUID = 1;

        TooLargeException(HasMetadata object, KubernetesClientException e) {
            super(
                    describe(object, e)
                            + ". What runs continues as it is, and no pod is created or replaced. Remove what else was"
                            + " written into it, or lower spec.replicas and spec.elastic.maxReplicas.",
                    e);
        }
    }
}
