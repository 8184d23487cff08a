package io.swav.api;

/** Environment variables of a trainer's container: the operator sets them, the trainer reads them. */
public final class TrainerEnv {
    public static final String JOB = "SWAV_JOB";
    public static final String JOB_UID = "SWAV_JOB_UID";
    public static final String NAMESPACE = "SWAV_NAMESPACE";
    public static final String POD = "SWAV_POD";
    public static final String POD_UID = "SWAV_POD_UID";
    public static final String POD_IP = "SWAV_POD_IP";
    public static final String CONFIG_DIR = "SWAV_CONFIG_DIR";
    public static final String RUN_DIR = "SWAV_RUN_DIR";
    public static final String HANDSHAKE = "SWAV_HANDSHAKE_KEY";
    /** The ConfigMap into which the trainer reports; unset for {@link ResourceNames#progressName(String)}. */
    public static final String PROGRESS = "SWAV_PROGRESS";
    /** Port for peers; unset or 0 means any free one. Set from a container port named {@link ResourceNames#PORT}. */
    public static final String PORT = "SWAV_PORT";

    /** Folder for journals, {@code <pod>.jsonl}: one line for every applied step and every change; unset for none. */
    public static final String JOURNAL = "SWAV_JOURNAL";

    /** The transport of collectives: Auto (unset), Nccl or Tcp. */
    public static final String COLLECTIVE = "SWAV_COLLECTIVE";

    /**
     * Whether trainers encrypt what they send each other: On (unset) or Off. All trainers of a job need the same
     * value. NCCL has its own connections, which it never encrypts.
     */
    public static final String ENCRYPTION = "SWAV_ENCRYPTION";

    /**
     * The folder of {@code data.cache}, as this container sees it; unset for the path in the spec. A local node, whose
     * processes see no mounts, replaces paths in variables only.
     */
    public static final String DATA_CACHE = "SWAV_DATA_CACHE";

    /** The value of the header Authorization for data on a web server, from a Secret; unset for none. */
    public static final String DATA_AUTHORIZATION = "SWAV_DATA_AUTHORIZATION";

    /** The minimum seconds that a step takes, unset for none: lets a small job behave like one with long steps. */
    public static final String STEP_SECONDS = "SWAV_STEP_SECONDS";

    /** Faults that this trainer injects into itself, for tests and storms; unset for none. */
    public static final String INJECT = "SWAV_INJECT";

    /**
     * A fault for tests, {@code POD@STEP[:always]}: that pod flips one bit of its first weight before it computes that
     * global step for the first time, or always from that step on. Unset for none.
     */
    public static final String FAULT_FLIP = "SWAV_FAULT_FLIP";

    private TrainerEnv() {}
}
