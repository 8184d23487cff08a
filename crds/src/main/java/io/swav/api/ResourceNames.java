package io.swav.api;

/** Names of objects, labels, keys and files that operator, trainer and local cluster share. */
public final class ResourceNames {
    public static final String GROUP = "swav.io";
    public static final String LABEL_JOB = GROUP + "/job";
    public static final String CONTAINER = "trainer";
    /** On a trainer pod: the digest of the {@code spec.template} from which it was made. */
    public static final String LABEL_REVISION = GROUP + "/template-revision";

    public static final String WORLD_KEY = "world.json";
    /**
     * Beside {@link #WORLD_KEY}: the value of {@link #ANNOTATION_CHECKPOINT}; a different value requests another
     * checkpoint.
     */
    public static final String CHECKPOINT_REQUEST_KEY = "checkpoint-request";
    /** Beside {@link #WORLD_KEY}: URI of the store in which verified checkpoints of the job were seen. */
    public static final String CHECKPOINTS_SEEN_KEY = "checkpoints-seen";
    /** Beside {@link #WORLD_KEY}: a {@link NewcomerList}, absent while there are none. */
    public static final String NEWCOMERS_KEY = "newcomers.json";
    /** Beside {@link #WORLD_KEY}: {@link ReportRules}, absent if the operator is of a version that needs every report. */
    public static final String REPORT_RULES_KEY = "reports.json";
    /** On a SwavJob: any new value requests a checkpoint now. */
    public static final String ANNOTATION_CHECKPOINT = GROUP + "/checkpoint";

    /** On a trainer's pod: the nodes that it must keep off, separated by commas. */
    public static final String ANNOTATION_KEPT_OFF = GROUP + "/kept-off-nodes";

    /** On a SwavJob: "true" pauses the replacement of running pods after a change of {@code spec.template}. */
    public static final String ANNOTATION_ROLLOUT_PAUSED = GROUP + "/rollout-paused";

    public static final String CONFIG_KEY = "job.json";
    public static final String SECRET_KEY = "handshake";

    /** Folder with {@link #CONFIG_KEY}, a volume of the config ConfigMap. */
    public static final String CONFIG_DIR = "/etc/swav";
    /** Writable emptyDir; the readiness probe looks for {@link #READY_FILE} in it. */
    public static final String RUN_DIR = "/run/swav";

    public static final String READY_FILE = "ready";

    public static final String PORT = "swav";

    private ResourceNames() {}

    public static String worldName(String job) {
        return job + "-world";
    }

    public static String progressName(String job) {
        return job + "-progress";
    }

    /** Returns the name of one of the maps into which trainers report; the first, 0, is {@link #progressName(String)}. */
    public static String progressName(String job, int index) {
        return index == 0 ? progressName(job) : progressName(job) + "-" + index;
    }

    public static String configName(String job) {
        return job + "-config";
    }

    public static String handshakeName(String job) {
        return job + "-handshake";
    }

    /** Returns the name of the PodGroup of a job that starts as a gang. */
    public static String podGroupName(String job) {
        return trainerName(job);
    }

    /** Returns the name of ServiceAccount, Role and RoleBinding of the job's trainers. */
    public static String trainerName(String job) {
        return job + "-trainer";
    }
}
