package io.swav.api;

/**
 * The time that a stage of a change of the world took in one trainer.
 *
 * @param seconds that passed
 * @param processorSeconds of the trainer's whole process, on all cores
 */
public record StageTime(double seconds, double processorSeconds) {
    public StageTime plus(StageTime other) {
        return new StageTime(seconds + other.seconds, processorSeconds + other.processorSeconds);
    }
}
