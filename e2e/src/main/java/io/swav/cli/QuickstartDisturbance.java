package io.swav.cli;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.local.StatusLine;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a cluster does to a job meanwhile, so that one sees it go on: a quarter of the way one more trainer is wanted,
 * and when it has joined, half-way, another one is taken away, which the operator replaces.
 */
final class QuickstartDisturbance implements Consumer<SwavJob> {
    private final KubernetesClient client;
    private final StatusLine line;
    private final int maxReplicas;
    private boolean scaled;
    private boolean preempted;

    /** @param maxReplicas the job's; where they are reached already, no more are asked for */
    QuickstartDisturbance(KubernetesClient client, StatusLine line, int maxReplicas) {
        this.client = client;
        this.line = line;
        this.maxReplicas = maxReplicas;
    }

    @Override
    public void accept(SwavJob job) {
        SwavJobStatus status = job.getStatus();
        SwavJobStatus.Progress progress = status.progress();
        SwavJobStatus.WorldStatus world = status.world();
        if (progress == null || progress.step() == null || progress.steps() == null || world == null) {
            return;
        }
        int replicas = job.getSpec().replicas();
        if (!scaled && 4 * progress.step() >= progress.steps()) {
            scaled = true;
            if (replicas < maxReplicas) {
                line.say("scaling from " + replicas + " to " + (replicas + 1) + " trainers");
                client.resource(job).scale(replicas + 1);
            }
        } else if (!preempted
                && 2 * progress.step() >= progress.steps()
                && world.size() > 1
                && world.size() >= replicas) {
            preempted = true;
            List<String> members = world.members();
            String pod = members.get(members.size() - 2);
            line.say("taking " + pod + " away");
            client.pods()
                    .inNamespace(job.getMetadata().getNamespace())
                    .withName(pod)
                    .evict();
        }
    }
}
