package io.swav.operator;

import io.fabric8.kubernetes.api.model.Secret;
import io.swav.api.ConditionReason;
import io.swav.api.Fingerprints;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Decides what has to be done about the handshake key, as a pure function of the Secret and of the digest of the key that
 * was given to trainers. Trainers read the key once: a trainer with a different key would be Ready, enter the world, and be
 * rejected by all its peers every time. So while one lives, its key is the only one.
 */
final class HandshakeCheck {
    private static final String TRAINING_CONTINUES = " No new pods are created, because running trainers would reject a"
            + " different key. Training continues. ";

    /** What has to be done. */
    sealed interface KeyAction {}

    /**
     * The Secret holds the key, or nothing needs one.
     *
     * @param digest of the key; empty if there is none yet
     */
    record KeepKey(String digest) implements KeyAction {}

    /**
     * The Secret holds the key but lacks the job's labels or owner: it was edited, or put back by hand.
     *
     * @param found the Secret
     */
    record TakeSecret(String digest, Secret found) implements KeyAction {}

    /**
     * A new key is needed, and no trainer lives that holds another.
     *
     * @param found the Secret to change; empty if one has to be created
     */
    record RenewKey(Optional<Secret> found) implements KeyAction {}

    /** No pod may be created. */
    record RefuseKey(ConditionReason reason, String why) implements KeyAction {}

    /** An object that is not the job's has the Secret's name, and no pod may be created. */
    record LeaveSecret(Ownership owner) implements KeyAction {}

    private HandshakeCheck() {}

    /**
     * Judges the Secret.
     *
     * @param given the digest of the key that trainers were given last; empty if it is not known
     * @param isHeld whether a trainer lives
     * @param isNeeded whether a pod is to be created
     */
    static KeyAction decide(SwavJob job, Optional<Secret> secret, String given, boolean isHeld, boolean isNeeded) {
        String digest = secret.map(HandshakeCheck::digest).orElse("");
        Optional<Ownership> owner = secret.map(found -> Ownership.of(found, job));
        if (owner.filter(Ownership.REMNANT::equals).isPresent()) {
            return new LeaveSecret(Ownership.REMNANT);
        }
        boolean isOurs = owner.filter(Ownership.OURS::equals).isPresent();
        boolean isRight = !digest.isEmpty() && (digest.equals(given) || (given.isEmpty() && isOurs));
        if (isRight) {
            return take(job, secret.orElseThrow(), digest);
        }
        if (isHeld) {
            return secret.isEmpty() ? lost(job) : changed(job, isOurs);
        }
        if (!isNeeded) {
            return new KeepKey(given);
        }
        if (secret.isPresent() && !isOurs) {
            return new LeaveSecret(Ownership.FOREIGN);
        }
        return secret.filter(found -> Boolean.TRUE.equals(found.getImmutable()))
                .<KeyAction>map(found -> immutable(job))
                .orElseGet(() -> new RenewKey(secret));
    }

    /** Takes a Secret that no other controller writes; the key of one that another controller writes is used as it is. */
    private static KeyAction take(SwavJob job, Secret found, String digest) {
        boolean isControlled = found.getMetadata().getOwnerReferences().stream()
                .anyMatch(owner -> Boolean.TRUE.equals(owner.getController())
                        && !job.getMetadata().getUid().equals(owner.getUid()));
        boolean isIntact = DependentCheck.isMetadataIntact(
                OwnerMetadata.meta(job, found.getMetadata().getName()), found.getMetadata());
        return isIntact || isControlled ? new KeepKey(digest) : new TakeSecret(digest, found);
    }

    private static RefuseKey lost(SwavJob job) {
        return new RefuseKey(
                ConditionReason.HandshakeLost,
                "Secret " + name(job) + " was deleted." + TRAINING_CONTINUES
                        + "Restore the Secret, or suspend and resume the job to restart"
                        + " all pods from the last checkpoint with a new key.");
    }

    private static RefuseKey changed(SwavJob job, boolean isOurs) {
        return new RefuseKey(
                ConditionReason.HandshakeChanged,
                "Secret " + name(job) + " was changed: its key is not the one that running trainers hold."
                        + TRAINING_CONTINUES + "Put the previous key back, or suspend the job,"
                        + (isOurs ? "" : " delete the Secret,")
                        + " and resume the job to restart all pods from the last checkpoint with a new key.");
    }

    private static RefuseKey immutable(SwavJob job) {
        return new RefuseKey(
                ConditionReason.HandshakeChanged,
                "Secret " + name(job) + " was changed and made immutable, so that the operator cannot write a new key."
                        + " No pods are created. Delete the Secret, and the operator creates it again.");
    }

    private static String name(SwavJob job) {
        return ResourceNames.handshakeName(job.getMetadata().getName());
    }

    /** Returns the digest of the key in the Secret, in its encoded form; empty if there is no key. */
    static String digest(Secret secret) {
        String encoded = Objects.requireNonNullElse(secret.getData(), Map.<String, String>of())
                .getOrDefault(ResourceNames.SECRET_KEY, "");
        return encoded.isEmpty() ? "" : Fingerprints.digest(encoded.getBytes(StandardCharsets.US_ASCII));
    }
}
