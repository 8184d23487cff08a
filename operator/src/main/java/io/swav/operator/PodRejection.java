package io.swav.operator;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/**
 * States why no pod can be created. Every report of a trainer causes a plan, so the same pod is not tried again with each
 * of them.
 *
 * @param reason for the condition Stalled
 * @param why for people, with the API server's message if it rejected the pod
 * @param generation metadata.generation of the job that asked for the pod: another generation may ask for a better one
 * @param until when it is tried again
 */
record PodRejection(ConditionReason reason, String why, long generation, Instant until) {
    private static final Duration RETRY = Duration.ofSeconds(30);
    /** A quota has room again as soon as any pod of the namespace ends, which is not watched. */
    private static final Duration RETRY_OF_QUOTA = Duration.ofSeconds(5);

    static final int UNPROCESSABLE = 422;
    /** HTTP codes that reject this pod rather than any request at this moment. */
    private static final Set<Integer> CODES =
            Set.of(HttpURLConnection.HTTP_BAD_REQUEST, HttpURLConnection.HTTP_FORBIDDEN, UNPROCESSABLE);

    /** The answer of the API server's admission plugin ResourceQuota. */
    private static final String QUOTA = "exceeded quota";

    static PodRejection of(SwavJob job, ConditionReason reason, String why, Instant now) {
        Duration retry = reason == ConditionReason.Waiting ? RETRY_OF_QUOTA : RETRY;
        return new PodRejection(reason, why, job.getMetadata().getGeneration(), now.plus(retry));
    }

    /** Returns the rejection that an API server's answer is; empty if the same request may succeed next time. */
    static Optional<PodRejection> of(SwavJob job, KubernetesClientException error, Instant now) {
        if (!CODES.contains(error.getCode()) && !ObjectSize.isTooLarge(error)) {
            return Optional.empty();
        }
        String message = PlanExecutor.message(error);
        return Optional.of(
                message.contains(QUOTA)
                        ? of(
                                job,
                                ConditionReason.Waiting,
                                "A quota of the namespace has no room for another pod, which is tried again every "
                                        + RETRY_OF_QUOTA.toSeconds() + " s: " + message,
                                now)
                        : of(
                                job,
                                ConditionReason.PodRefused,
                                "The API server rejected the pod of spec.template: " + message,
                                now));
    }

    /** Whether it ends without a person: other pods end, or objects are deleted. */
    boolean waits() {
        return reason == ConditionReason.Waiting;
    }

    boolean isInForce(SwavJob job, Instant now) {
        return generation == job.getMetadata().getGeneration() && now.isBefore(until);
    }
}
