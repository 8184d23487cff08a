package io.swav.api;

/** Exit codes of a trainer, after sysexits(3). */
public final class ExitCodes {
    public static final int OK = 0;
    public static final int BAD_DATA = 65;
    public static final int NO_INPUT = 66;
    public static final int PORT_IN_USE = 69;
    public static final int SOFTWARE = 70;
    public static final int CANNOT_WRITE = 73;
    /**
     * The configuration is wrong, or the machine is unfit for training: {@link TrainerReport.State#Unfit} distinguishes
     * the two.
     */
    public static final int CONFIG = 78;
    /**
     * A step is not finite (NaN or infinite), when it is tried again and when training is resumed from a checkpoint, too.
     * All trainers of a job end with this code at once.
     */
    public static final int NOT_FINITE = 79;
    /** The trainer left on notice (SIGTERM) before the job was complete. */
    public static final int PREEMPTED = 143;

    private ExitCodes() {}

    /** Whether the trainer would exit with this code on any pod. */
    public static boolean isPermanent(int exitCode) {
        return exitCode == CONFIG || exitCode == NO_INPUT || exitCode == BAD_DATA || exitCode == CANNOT_WRITE;
    }
}
