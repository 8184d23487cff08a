package io.swav.local;

import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.file.Path;
import java.util.concurrent.ScheduledExecutorService;

/**
 * The services that the pods of one node process share.
 *
 * @param pods the folder of all pods
 */
record NodeContext(
        KubernetesClient client,
        ImageCommands images,
        ScheduledExecutorService timer,
        StartupLimiter gate,
        Path pods,
        ApiErrors errors,
        PodEvents events) {}
