package io.swav.chaos;

/** A fault that has begun and whose end the storm awaits before it injects the next one. */
interface OpenFault {
    /** Continues; true once the fault is over. */
    boolean advance(FaultLog log);

    /** A description of what the storm is waiting for. */
    String way();

    /** Whether the API server answers meanwhile. */
    default boolean apiAnswers() {
        return true;
    }

    /** Ends the fault early, because the job has ended. */
    default void abandon(FaultLog log) {}
}
