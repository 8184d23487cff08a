package io.swav.numerics;

/** The result of the canary on this machine. */
public sealed interface Verdict {
    /**
     * All outputs are right.
     *
     * @param outputs number of outputs that were compared
     * @param fingerprint of their bits, see {@link Canary#fingerprint}
     */
    record Sound(String machine, int outputs, String fingerprint) implements Verdict {}

    /**
     * oneDNN computes wrong results, or kills the process, and is now off; everything is right without it.
     *
     * @param fault the worst output, or the cause of the process's death
     * @param fingerprint of the bits without oneDNN
     */
    record SoundWithoutOneDnn(String machine, String fault, String fingerprint) implements Verdict {
        /** The warning, for a log and for {@code swav doctor}. */
        public String warning() {
            return "oneDNN, which computes libtorch's convolutions, is wrong on this machine and is off in this process: "
                    + fault + ". Machine: " + machine + ". Results are correct without it, but a step takes longer";
        }
    }

    /** This machine computes wrong results; nothing may be trained in this process. */
    record Unsound(String machine, String fault) implements Verdict {
        /** Explains what happened, what it means, and what to do. */
        public String explanation() {
            return "this machine computes wrong: " + fault + ". Machine: " + machine
                    + ". A model trained here would be silently wrong, so nothing is trained. Keep trainers off"
                    + " this node, for example with a taint or node affinity";
        }
    }
}
