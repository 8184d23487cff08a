package io.swav.operator;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.planner.ObservedPod;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the Secret with the handshake key. It is looked at when a pod is to be created, and periodically while a trainer
 * lives: to watch Secrets the operator would need the right to read all of them.
 */
final class HandshakeKeeper {
    private static final Logger LOG = LoggerFactory.getLogger(HandshakeKeeper.class);
    private static final int KEY_BYTES = 32;
    private static final Duration LOOK_EVERY = Duration.ofSeconds(10);
    /** Looks of all jobs: ten a second. */
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(100);

    /**
     * The key of a job.
     *
     * @param digest to store beside the world
     * @param problem why no pod may be created
     * @param error of the API server, which is tried again
     */
    record HandshakeKey(String digest, Optional<PodRejection> problem, Optional<String> error)
            implements LastLooks.LookResult {

        private static HandshakeKey of(String digest) {
            return new HandshakeKey(digest, Optional.empty(), Optional.empty());
        }
    }

    /** A look rests on nothing but the Secret. */
    private static final String BASIS = "";

    private final KubernetesClient client;
    private final SecureRandom random = new SecureRandom();
    private final Pace pace = new Pace(BETWEEN_LOOKS);
    /** Of the jobs with a living trainer, or with a problem. */
    private final LastLooks<String, HandshakeKey> looks = new LastLooks<>();

    HandshakeKeeper(KubernetesClient client) {
        this.client = client;
    }

    /** Returns what is wrong with the Secret, as far as it need not be looked at again. */
    Optional<PodRejection> problem(SwavJob job, Instant now) {
        return looks.problem(job, now);
    }

    Optional<Instant> recheckAt(SwavJob job) {
        return looks.recheckAt(job);
    }

    void forget(SwavJob job) {
        looks.forget(job);
    }

    /**
     * Looks at the Secret if that is due.
     *
     * @param isNeeded whether a pod is to be created
     * @throws KubernetesClientException with code 409 if another write came in between
     */
    HandshakeKey check(JobSnapshot snapshot, boolean isNeeded, Instant now) {
        SwavJob job = snapshot.job();
        String given = snapshot.worldMap().entries().handshake();
        boolean isHeld = snapshot.pods().stream().anyMatch(ObservedPod::isAlive);
        if (!isHeld && !isNeeded) {
            looks.forget(job);
            return HandshakeKey.of(given);
        }
        Optional<HandshakeKey> known = looks.known(job, BASIS, isNeeded, now);
        if (known.isPresent()) {
            return known.get();
        }
        HandshakeKey key = look(job, given, isHeld, isNeeded, now);
        Instant next = key.problem().map(PodRejection::until).orElseGet(() -> pace.turn(now.plus(LOOK_EVERY)));
        looks.remember(job, BASIS, key, next);
        return key;
    }

    private HandshakeKey look(SwavJob job, String given, boolean isHeld, boolean isNeeded, Instant now) {
        try {
            Optional<Secret> secret = Optional.ofNullable(client.secrets()
                    .inNamespace(job.getMetadata().getNamespace())
                    .withName(name(job))
                    .get());
            HandshakeCheck.KeyAction action = HandshakeCheck.decide(job, secret, given, isHeld, isNeeded);
            if (action instanceof HandshakeCheck.KeepKey keep) {
                return HandshakeKey.of(keep.digest());
            }
            if (action instanceof HandshakeCheck.TakeSecret take) {
                take(job, take.found());
                return HandshakeKey.of(take.digest());
            }
            if (action instanceof HandshakeCheck.RenewKey renew) {
                return HandshakeKey.of(HandshakeCheck.digest(renew(job, renew.found())));
            }
            return new HandshakeKey(given, Optional.of(problem(job, secret, action, now)), Optional.empty());
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                throw e; // another write came in between: the retry sees it
            }
            LOG.warn("Secret {} cannot be read or written: {}", name(job), PlanExecutor.message(e));
            return new HandshakeKey(
                    given,
                    Optional.empty(),
                    Optional.of("Secret " + name(job) + " cannot be read or written: " + PlanExecutor.message(e)));
        }
    }

    private static PodRejection problem(
            SwavJob job, Optional<Secret> secret, HandshakeCheck.KeyAction action, Instant now) {
        if (action instanceof HandshakeCheck.RefuseKey refuse) {
            return new PodRejection(
                    refuse.reason(),
                    refuse.why(),
                    job.getMetadata().getGeneration(),
                    now.plus(NameConflict.RECHECK_EVERY));
        }
        HandshakeCheck.LeaveSecret leave = (HandshakeCheck.LeaveSecret) action;
        return NameConflict.rejection(
                job, List.of(new NameConflict(secret.orElseThrow(), new DependentCheck.Leave(leave.owner()))), now);
    }

    /** Gives the Secret the job's labels and owner, and leaves its data alone. */
    private void take(SwavJob job, Secret found) {
        patch(found, DependentCheck.metadataPatch(OwnerMetadata.meta(job, name(job)), found.getMetadata()));
        LOG.info("Secret {} holds the trainers' key and belongs to the job again", name(job));
    }

    private Secret renew(SwavJob job, Optional<Secret> found) {
        byte[] bytes = new byte[KEY_BYTES];
        random.nextBytes(bytes);
        String key = HexFormat.of().formatHex(bytes);
        if (found.isEmpty()) {
            return client.resource(JobResources.handshake(job, key)).create();
        }
        ObjectNode patch = DependentCheck.metadataPatch(
                OwnerMetadata.meta(job, name(job)), found.get().getMetadata());
        patch.withObject("/data")
                .put(
                        ResourceNames.SECRET_KEY,
                        Base64.getEncoder().encodeToString(key.getBytes(StandardCharsets.US_ASCII)));
        return patch(found.get(), patch);
    }

    private Secret patch(Secret found, ObjectNode patch) {
        patch.withObject("/metadata").put("resourceVersion", found.getMetadata().getResourceVersion());
        return client.resource(found).patch(Dependents.MERGE, patch.toString());
    }

    private static String name(SwavJob job) {
        return ResourceNames.handshakeName(job.getMetadata().getName());
    }
}
