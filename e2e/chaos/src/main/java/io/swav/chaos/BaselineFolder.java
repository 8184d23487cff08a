package io.swav.chaos;

import io.swav.local.JobMonitor;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.LocalDeployment;
import io.swav.local.PrivateFiles;
import io.swav.local.StatusLine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * The folder of a completed baseline run: its journals, its checkpoints, and the part of the job that determines the
 * weights. The job's name, and with it the journals' names, may differ between versions.
 */
final class BaselineFolder {
    /** Name of the job. */
    static final String JOB = "baseline";

    private BaselineFolder() {}

    /**
     * Whether the folder holds the completed baseline of this job.
     *
     * @param maths of the {@link StormJob}
     * @throws LocalClusterException if it holds that of another job
     */
    static boolean holds(Path folder, String maths) throws IOException {
        Path completed = completed(folder);
        if (!Files.exists(completed)) {
            return false;
        }
        if (!Files.readString(completed).equals(maths)) {
            throw new LocalClusterException(folder + " holds the baseline of a different job, see " + completed
                    + ". Name another directory with --baseline");
        }
        return true;
    }

    /** Deletes what the folder contains, and trains the job there undisturbed. */
    static void train(
            Path folder, StormJob job, LocalDeployment stack, StormJob.Elastic elastic, Map<String, String> env)
            throws IOException {
        LocalControlPlane.deleteTree(folder);
        PrivateFiles.folder(folder);
        try (JobMonitor run =
                new JobMonitor(stack, job.object(JOB, folder, elastic, env, Optional.empty()), StatusLine.standard())) {
            run.await(now -> {});
            run.delete();
        }
        Files.writeString(completed(folder), job.maths());
    }

    /** Written last. */
    private static Path completed(Path folder) {
        return folder.resolve("job.yaml");
    }
}
