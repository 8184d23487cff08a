package io.swav.api;

/** The names on which operator, trainer and local cluster agree. */
public final class Contract {
    public static final String GROUP = "swav.io";
    public static final String LABEL_JOB = GROUP + "/job";
    public static final String CONTAINER = "trainer";

    public static final String WORLD_KEY = "world.json";
    /** Beside {@link #WORLD_KEY}: the value of {@link #ANNOTATION_CHECKPOINT}; another one asks for another checkpoint. */
    public static final String CHECKPOINT_REQUEST_KEY = "checkpoint-request";
    /** Beside {@link #WORLD_KEY}: URI of the store in which verified checkpoints of the job were seen. */
    public static final String CHECKPOINTS_SEEN_KEY = "checkpoints-seen";
    /** On a SwavJob: any new value asks for a checkpoint now. */
    public static final String ANNOTATION_CHECKPOINT = GROUP + "/checkpoint";

    public static final String CONFIG_KEY = "job.json";
    public static final String SECRET_KEY = "handshake";

    /** Folder with {@link #CONFIG_KEY}, a volume of the config ConfigMap. */
    public static final String CONFIG_DIR = "/etc/swav";
    /** Writable emptyDir; {@link #READY_FILE} in it is what the readiness probe looks for. */
    public static final String RUN_DIR = "/run/swav";

    public static final String READY_FILE = "ready";

    public static final String ENV_JOB = "SWAV_JOB";
    public static final String ENV_JOB_UID = "SWAV_JOB_UID";
    public static final String ENV_NAMESPACE = "SWAV_NAMESPACE";
    public static final String ENV_POD = "SWAV_POD";
    public static final String ENV_POD_UID = "SWAV_POD_UID";
    public static final String ENV_POD_IP = "SWAV_POD_IP";
    public static final String ENV_CONFIG_DIR = "SWAV_CONFIG_DIR";
    public static final String ENV_RUN_DIR = "SWAV_RUN_DIR";
    public static final String ENV_HANDSHAKE = "SWAV_HANDSHAKE_KEY";
    /** Port for peers; unset or 0 means any free one. Set from a container port named {@link #PORT}. */
    public static final String ENV_PORT = "SWAV_PORT";

    /** Folder for journals, {@code <pod>.jsonl}: a line for every step applied and every change; unset for none. */
    public static final String ENV_JOURNAL = "SWAV_JOURNAL";

    /** What carries collectives: Auto (unset), Nccl or Tcp. */
    public static final String ENV_COLLECTIVE = "SWAV_COLLECTIVE";

    /**
     * Seconds that a step takes at least, unset for none: to try on a small job what happens to one whose steps take so
     * long.
     */
    public static final String ENV_STEP_SECONDS = "SWAV_STEP_SECONDS";

    public static final String PORT = "swav";

    /** Trainer exit codes, after sysexits(3). The permanent ones would fail again on any pod. */
    public static final int EXIT_OK = 0;

    public static final int EXIT_CONFIG = 78;
    public static final int EXIT_NO_INPUT = 66;
    public static final int EXIT_BAD_DATA = 65;
    public static final int EXIT_CANNOT_WRITE = 73;
    public static final int EXIT_SOFTWARE = 70;
    public static final int EXIT_PORT_IN_USE = 69;
    /** Left on notice (SIGTERM) before the job was done. */
    public static final int EXIT_PREEMPTED = 143;

    private Contract() {}

    public static boolean isPermanent(int exitCode) {
        return exitCode == EXIT_CONFIG
                || exitCode == EXIT_NO_INPUT
                || exitCode == EXIT_BAD_DATA
                || exitCode == EXIT_CANNOT_WRITE;
    }

    public static String worldName(String job) {
        return job + "-world";
    }

    public static String progressName(String job) {
        return job + "-progress";
    }

    public static String configName(String job) {
        return job + "-config";
    }

    public static String handshakeName(String job) {
        return job + "-handshake";
    }

    /** ServiceAccount, Role and RoleBinding of the job's trainers. */
    public static String trainerName(String job) {
        return job + "-trainer";
    }
}
