package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import io.swav.operator.HandshakeCheck.KeepKey;
import io.swav.operator.HandshakeCheck.KeyAction;
import io.swav.operator.HandshakeCheck.LeaveSecret;
import io.swav.operator.HandshakeCheck.RefuseKey;
import io.swav.operator.HandshakeCheck.RenewKey;
import io.swav.operator.HandshakeCheck.TakeSecret;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is done about the handshake key, for every Secret, every key that is known, and with and without trainers. */
class HandshakeCheckTest {
    private static final String RIGHT = "cmlnaHQ=";
    private static final String WRONG = "d3Jvbmc=";

    private final SwavJob job = Jobs.job("replicas: 2");
    private final String given = HandshakeCheck.digest(ours(RIGHT));

    @Test
    void theKeyThatTrainersHoldIsKeptWhoeverWroteIt() {
        for (boolean isHeld : List.of(true, false)) {
            for (boolean isNeeded : List.of(true, false)) {
                assertThat(decide(ours(RIGHT), given, isHeld, isNeeded)).isEqualTo(new KeepKey(given));
                Secret byHand = secret(RIGHT, List.of());
                assertThat(decide(byHand, given, isHeld, isNeeded)).isEqualTo(new TakeSecret(given, byHand));
                assertThat(decide(controlled(RIGHT), given, isHeld, isNeeded))
                        .as("used, and left to its controller")
                        .isEqualTo(new KeepKey(given));
            }
        }
    }

    /** An earlier version of the operator did not remember the key. */
    @Test
    void aKeyThatIsNotRememberedIsTheOneThatTrainersHold() {
        for (boolean isHeld : List.of(true, false)) {
            assertThat(decide(ours(RIGHT), "", isHeld, true)).isEqualTo(new KeepKey(given));
        }
    }

    @Test
    void noPodIsCreatedWithAnotherKeyWhileATrainerLives() {
        for (boolean isNeeded : List.of(true, false)) {
            assertThat(blocked(Optional.empty(), isNeeded))
                    .returns(ConditionReason.HandshakeLost, RefuseKey::reason)
                    .matches(blocked -> blocked.why().contains("Secret job-handshake was deleted"));
            for (Secret changed : List.of(ours(WRONG), ours(""), secret(WRONG, List.of()), controlled(WRONG))) {
                assertThat(blocked(Optional.of(changed), isNeeded))
                        .returns(ConditionReason.HandshakeChanged, RefuseKey::reason)
                        .matches(blocked -> blocked.why().contains("Put the previous key back"));
            }
        }
        assertThat(blocked(Optional.of(ours(WRONG)), true).why()).doesNotContain("delete the Secret");
        assertThat(blocked(Optional.of(controlled(WRONG)), true).why())
                .as("a new key needs the name")
                .contains("delete the Secret, and resume");
    }

    @Test
    void aNewKeyIsMadeOnlyIfNoTrainerLivesAndAPodIsWanted() {
        assertThat(HandshakeCheck.decide(job, Optional.empty(), given, false, true))
                .isEqualTo(new RenewKey(Optional.empty()));
        assertThat(decide(ours(WRONG), given, false, true)).isEqualTo(new RenewKey(Optional.of(ours(WRONG))));
        assertThat(decide(ours(""), given, false, true)).isEqualTo(new RenewKey(Optional.of(ours(""))));
        assertThat(decide(ours(WRONG), given, false, false)).isEqualTo(new KeepKey(given));
        assertThat(HandshakeCheck.decide(job, Optional.empty(), given, false, false))
                .isEqualTo(new KeepKey(given));
        Secret immutable = new SecretBuilder(ours(WRONG)).withImmutable(true).build();
        assertThat(decide(immutable, given, false, true))
                .isInstanceOfSatisfying(
                        RefuseKey.class, blocked -> assertThat(blocked.why()).contains("Delete the Secret"));
    }

    @Test
    void aSecretOfOthersIsLeft() {
        assertThat(decide(secret(WRONG, List.of()), "", false, true)).isEqualTo(new LeaveSecret(Ownership.FOREIGN));
        assertThat(decide(controlled(WRONG), given, false, true)).isEqualTo(new LeaveSecret(Ownership.FOREIGN));
        Secret remnant = ours(RIGHT);
        remnant.getMetadata().getOwnerReferences().get(0).setUid("of-an-earlier-job");
        for (boolean isHeld : List.of(true, false)) {
            assertThat(decide(remnant, given, isHeld, true)).isEqualTo(new LeaveSecret(Ownership.REMNANT));
        }
    }

    private KeyAction decide(Secret secret, String known, boolean isHeld, boolean isNeeded) {
        return HandshakeCheck.decide(job, Optional.of(secret), known, isHeld, isNeeded);
    }

    private RefuseKey blocked(Optional<Secret> secret, boolean isNeeded) {
        return (RefuseKey) HandshakeCheck.decide(job, secret, given, true, isNeeded);
    }

    private Secret ours(String key) {
        return secret(key, List.of(OwnerMetadata.owner(job)));
    }

    private Secret controlled(String key) {
        return secret(
                key,
                List.of(new OwnerReferenceBuilder()
                        .withUid("another")
                        .withKind("ExternalSecret")
                        .withController(true)
                        .build()));
    }

    private Secret secret(String key, List<OwnerReference> owners) {
        return new SecretBuilder()
                .withMetadata(OwnerMetadata.meta(job, "job-handshake"))
                .editMetadata()
                .withOwnerReferences(owners)
                .endMetadata()
                .withData(key.isEmpty() ? Map.of() : Map.of("handshake", key))
                .build();
    }
}
