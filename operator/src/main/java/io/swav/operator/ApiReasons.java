package io.swav.operator;

import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;

/**
 * Distinguishes what an API server means by HTTP code 409, by the reason in its answer (metav1.StatusReason): an object of
 * that name exists, or another write came in between. A quota's own bookkeeping also conflicts, while several objects are
 * created at once; the same request succeeds later.
 */
final class ApiReasons {
    private ApiReasons() {}

    /** Whether an object could not be created because one of its name exists. */
    static boolean isAlreadyThere(KubernetesClientException error) {
        return isConflictCode(error) && "AlreadyExists".equals(reason(error));
    }

    /** Whether a request has to be made again from what is there now. */
    static boolean isConflict(KubernetesClientException error) {
        return isConflictCode(error) && !isAlreadyThere(error);
    }

    private static boolean isConflictCode(KubernetesClientException error) {
        return error.getCode() == HttpURLConnection.HTTP_CONFLICT;
    }

    private static String reason(KubernetesClientException error) {
        return error.getStatus() == null || error.getStatus().getReason() == null
                ? ""
                : error.getStatus().getReason();
    }
}
