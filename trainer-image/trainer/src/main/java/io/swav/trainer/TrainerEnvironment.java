package io.swav.trainer;

import io.swav.api.ExitCodes;
import io.swav.api.ResourceNames;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerExitException;
import io.swav.collective.FrameProtection;
import io.swav.collective.nccl.CollectiveBackend;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Settings that the operator passes to a pod in environment variables; see {@link ResourceNames}.
 *
 * @param jobUid uid of the SwavJob, empty outside a cluster
 * @param key of the handshake, empty if none is given
 * @param progress name of the ConfigMap for reports
 * @param port 0 for any
 * @param runDirectory folder of the ready file
 * @param journal folder for the journal
 * @param collective which library carries collectives
 * @param protection of what trainers send each other
 * @param minStepDuration how long a step takes at least
 * @param faults that this trainer injects into itself
 * @param flip of a bit of this pod's model, see {@link TrainerEnv#FAULT_FLIP}
 */
record TrainerEnvironment(
        String namespace,
        String job,
        String jobUid,
        String pod,
        String podUid,
        String podIp,
        String key,
        String progress,
        int port,
        Optional<Path> configDirectory,
        Optional<Path> runDirectory,
        Optional<Path> journal,
        CollectiveBackend.Preference collective,
        FrameProtection protection,
        Duration minStepDuration,
        InjectedFaults faults,
        Optional<BitFlip.Fault> flip) {

    /**
     * Reads the environment of a SwavJob's pod.
     *
     * @throws TrainerExitException naming every variable that is missing
     */
    static TrainerEnvironment ofPod(Map<String, String> env) {
        List<String> missing = new ArrayList<>();
        for (String name : List.of(
                TrainerEnv.NAMESPACE,
                TrainerEnv.JOB,
                TrainerEnv.JOB_UID,
                TrainerEnv.POD,
                TrainerEnv.POD_UID,
                TrainerEnv.POD_IP,
                TrainerEnv.HANDSHAKE,
                TrainerEnv.CONFIG_DIR,
                TrainerEnv.RUN_DIR)) {
            if (env.getOrDefault(name, "").isEmpty()) {
                missing.add(name);
            }
        }
        if (!missing.isEmpty()) {
            throw new TrainerExitException(
                    ExitCodes.CONFIG,
                    "not in a pod of a SwavJob (" + String.join(", ", missing)
                            + " not set); to train without a cluster give --config FILE");
        }
        return of(env);
    }

    /** Reads the environment of any process: a variable that is not set gets a default for this machine. */
    static TrainerEnvironment of(Map<String, String> env) {
        String job = env.getOrDefault(TrainerEnv.JOB, "local");
        String pod = env.getOrDefault(TrainerEnv.POD, "local");
        return new TrainerEnvironment(
                env.getOrDefault(TrainerEnv.NAMESPACE, "default"),
                job,
                env.getOrDefault(TrainerEnv.JOB_UID, ""),
                pod,
                env.getOrDefault(TrainerEnv.POD_UID, pod),
                env.getOrDefault(TrainerEnv.POD_IP, "127.0.0.1"),
                key(env.getOrDefault(TrainerEnv.HANDSHAKE, "")),
                env.getOrDefault(TrainerEnv.PROGRESS, ResourceNames.progressName(job)),
                port(env.getOrDefault(TrainerEnv.PORT, "")),
                folder(env, TrainerEnv.CONFIG_DIR),
                folder(env, TrainerEnv.RUN_DIR),
                folder(env, TrainerEnv.JOURNAL),
                collective(env.getOrDefault(TrainerEnv.COLLECTIVE, "")),
                protection(env.getOrDefault(TrainerEnv.ENCRYPTION, "")),
                minStepDuration(env.getOrDefault(TrainerEnv.STEP_SECONDS, "")),
                InjectedFaults.of(env.getOrDefault(TrainerEnv.INJECT, "")),
                BitFlip.Fault.of(env.getOrDefault(TrainerEnv.FAULT_FLIP, ""), pod));
    }

    private static Optional<Path> folder(Map<String, String> env, String name) {
        return Optional.ofNullable(env.get(name))
                .filter(value -> !value.isEmpty())
                .map(Path::of);
    }

    private static String key(String text) {
        int bytes = text.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > 0 && bytes < 16) {
            throw new TrainerExitException(
                    ExitCodes.CONFIG, TrainerEnv.HANDSHAKE + " has " + bytes + " bytes, at least 16 are needed");
        }
        return text;
    }

    private static CollectiveBackend.Preference collective(String text) {
        return Arrays.stream(CollectiveBackend.Preference.values())
                .filter(wanted -> text.isEmpty() || wanted.name().equalsIgnoreCase(text))
                .findFirst()
                .orElseThrow(() -> new TrainerExitException(
                        ExitCodes.CONFIG,
                        TrainerEnv.COLLECTIVE + " is \"" + text + "\", not one of "
                                + Arrays.toString(CollectiveBackend.Preference.values())));
    }

    private static FrameProtection protection(String text) {
        try {
            return FrameProtection.of(text);
        } catch (IllegalArgumentException e) {
            throw new TrainerExitException(ExitCodes.CONFIG, String.valueOf(e.getMessage()), e);
        }
    }

    private static Duration minStepDuration(String text) {
        try {
            double seconds = text.isEmpty() ? 0 : Double.parseDouble(text);
            if (seconds >= 0 && seconds <= 3600) {
                return Duration.ofNanos((long) (seconds * 1e9));
            }
        } catch (NumberFormatException e) {
            // reported below, as a number out of range is
        }
        throw new TrainerExitException(
                ExitCodes.CONFIG,
                TrainerEnv.STEP_SECONDS + " is \"" + text + "\", not a number of seconds from 0 to 3600");
    }

    private static int port(String text) {
        try {
            int port = text.isEmpty() ? 0 : Integer.parseInt(text);
            if (port >= 0 && port < 65536) {
                return port;
            }
        } catch (NumberFormatException e) {
            // reported below, as a number out of range is
        }
        throw new TrainerExitException(ExitCodes.CONFIG, TrainerEnv.PORT + " is \"" + text + "\", not a port");
    }
}
