package io.swav.numerics;

/** What the canary showed of this machine. */
public sealed interface Verdict {
    /** @param outputs how many were compared, all of them right */
    record Sound(String machine, int outputs) implements Verdict {}

    /**
     * oneDNN computes wrong, or kills the process, and is off now; everything is right without it.
     *
     * @param fault the worst output, or what the process died of
     */
    record SoundWithoutOneDnn(String machine, String fault) implements Verdict {
        /** For a log and for {@code swav doctor}. */
        public String warning() {
            return "oneDNN, which computes libtorch's convolutions, is wrong on this machine and is off in this process: "
                    + fault + ". Machine: " + machine + ". Results are right without it, and a step takes longer";
        }
    }

    /** Nothing may be trained in this process. */
    record Unsound(String machine, String fault) implements Verdict {
        /** What happened, what it means, what to do. */
        public String explanation() {
            return "this machine computes wrong: " + fault + ". Machine: " + machine
                    + ". A model trained here would be wrong without a sign of it, so nothing is trained. Keep trainers off"
                    + " this node, for example with a taint or node affinity";
        }
    }
}
