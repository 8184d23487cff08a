package io.swav.collective;

import io.swav.api.TrainerEnv;
import java.util.Arrays;

/** How the frames of a world's connections are protected. All members of a world use the same. */
public enum FrameProtection {
    /** AES-128-GCM: no other program on the path can read a frame, or change one unnoticed. */
    On('E'),
    /** A CRC-32C: damage is noticed, an attacker on the path is not. */
    Off('C');

    private final byte code;

    FrameProtection(char code) {
        this.code = (byte) code;
    }

    /**
     * Reads the value of {@link TrainerEnv#ENCRYPTION}.
     *
     * @param text On or Off in any case; empty for the default, On
     * @throws IllegalArgumentException if it is neither
     */
    public static FrameProtection of(String text) {
        return Arrays.stream(values())
                .filter(value -> text.isEmpty() || value.name().equalsIgnoreCase(text))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        TrainerEnv.ENCRYPTION + " is \"" + text + "\", not one of " + Arrays.toString(values())));
    }

    byte code() {
        return code;
    }

    /** Describes that this end has this protection and the other end does not, and what to set. */
    String mismatch(String other) {
        return other + " does not have " + TrainerEnv.ENCRYPTION + "=" + this
                + ", which this trainer has: set it to the same value, On or Off, for all trainers of the job";
    }
}
