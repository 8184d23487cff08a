package io.swav.planner;

/**
 * Describes how far the replacement of pods has come after a change of the template.
 *
 * @param sentence for the conditions; empty if all pods have the present template
 * @param active whether running pods are being replaced
 * @param needsAction whether it cannot go on before a person has acted
 * @param event that a rollout has begun, or ended; empty if neither
 */
public record RolloutReport(String sentence, boolean active, boolean needsAction, Event event) {
    public static final RolloutReport NONE = new RolloutReport("", false, false, Event.NONE);

    /** What is recorded once in an Event. */
    public enum Event {
        NONE,
        STARTED,
        FINISHED
    }
}
