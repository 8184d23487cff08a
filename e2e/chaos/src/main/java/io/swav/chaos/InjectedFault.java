package io.swav.chaos;

import java.util.List;
import java.util.Optional;

/**
 * A fault that the storm injected.
 *
 * @param way a description, e.g. {@code pod evicted}
 * @param at start, epoch microseconds, taken before the first signal, request or damaged byte
 * @param step number of steps that the journals had recorded as applied by then; for {@link Kind#NAN} and {@link
 *     Kind#DRIFT} the 0-based step that it disturbs
 * @param pods the pods it hit; empty for a resize and for {@link Kind#NAN}
 * @param replicas desired replicas at this point of the script; 0 for kills by the clock and for outages
 * @param until end of an outage or a delay, epoch microseconds; otherwise {@code at}
 */
record InjectedFault(Kind kind, String way, long at, long step, List<String> pods, int replicas, long until) {
    /** What a fault may cost, and what becomes of the pods that it hits. */
    private enum Effect {
        /** It must not cost any step. */
        FREE,
        /** It gives notice to pods, which leave; it must not cost any step. */
        NOTICE,
        /** The pods that it hits end without notice. */
        DEATH,
        /** It may cost the step in flight, and every pod stays. */
        DROPPED_STEP
    }

    enum Kind {
        /** SIGKILL to one trainer. */
        KILL("kills", Effect.DEATH),
        /** One pod, or all pods of one node, get a termination notice. */
        NOTICE("notices", Effect.NOTICE),
        /** SIGSTOP to one trainer, without a later SIGCONT. */
        HANG("hangs", Effect.DEATH),
        RESIZE("resizes", Effect.FREE),
        /** A node and all its processes end, without notice to the API server. */
        NODE("lost nodes", Effect.DEATH),
        KILL_ALL_BUT_ONE("kills of all but one", Effect.DEATH),
        /** SIGKILL to all trainers: no process holds the state, so training resumes from the newest checkpoint. */
        KILL_ALL("kills of all", Effect.DEATH),
        API_AWAY("times without the API server", Effect.FREE),
        OPERATOR_AWAY("times without the operator", Effect.FREE),
        /** One bit between two trainers changes. */
        FLIP("flips", Effect.DROPPED_STEP, LineFault.FLIP),
        /** Bytes between two trainers arrive twice. */
        REPEAT("repeats", Effect.DROPPED_STEP, LineFault.REPEAT),
        /** A connection between two trainers ends in the middle of its bytes. */
        CUT("cuts", Effect.DROPPED_STEP, LineFault.CUT),
        /** Bytes between two trainers arrive late. */
        DELAY("delays", Effect.FREE, LineFault.DELAY),
        /** A program that is no trainer connects to a trainer's port. */
        STRANGER("strangers", Effect.FREE),
        /** A new trainer's port cannot be reached as long as it lives. */
        UNREACHABLE("unreachable newcomers", Effect.FREE),
        /** A new trainer sees more images than the job. */
        OTHER_DATA("newcomers with other data", Effect.FREE),
        /** The pixels of one rank's group are NaN in one step. */
        NAN("NaNs", Effect.DROPPED_STEP),
        /** One bit of one trainer's weights flips before one step. */
        DRIFT("drifts", Effect.DROPPED_STEP);

        /** The name in the report. */
        final String plural;

        private final Effect effect;
        private final Optional<LineFault> lineFault;

        Kind(String plural, Effect effect) {
            this.plural = plural;
            this.effect = effect;
            this.lineFault = Optional.empty();
        }

        Kind(String plural, Effect effect, LineFault lineFault) {
            this.plural = plural;
            this.effect = effect;
            this.lineFault = Optional.of(lineFault);
        }

        /** Whether the fault must not cost any step: it gives notice, or training has nothing to do with it. */
        boolean withNotice() {
            return effect == Effect.FREE || effect == Effect.NOTICE;
        }

        /** Whether the pods that the fault hits end because of it. */
        boolean endsPods() {
            return effect == Effect.DEATH || effect == Effect.NOTICE;
        }

        /** Whether it may cost the step in flight, although no pod ends. */
        boolean dropsAStep() {
            return effect == Effect.DROPPED_STEP;
        }

        /** The damage to the bytes between two trainers, if that is what it is. */
        Optional<LineFault> lineFault() {
            return lineFault;
        }

        /** Whether a trainer injects it into itself, at a step that is known when the trainer starts. */
        boolean bySelf() {
            return this == NAN || this == DRIFT;
        }

        /** Whether it is a newcomer that must not enter the world. */
        boolean isNewcomer() {
            return this == UNREACHABLE || this == OTHER_DATA;
        }
    }

    InjectedFault {
        pods = List.copyOf(pods);
    }

    /** Whether the pod ends because of this fault. */
    boolean ends(String pod) {
        return kind.endsPods() && pods.contains(pod);
    }
}
