package io.swav.cli;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.local.StatusLine;
import java.util.List;
import java.util.function.Consumer;

/**
 * Disturbs the job as a cluster would, to show that training continues: after a quarter of the steps it requests one more
 * trainer, and after half of them, when that one has joined, it evicts another one, which the operator replaces.
 */
final class QuickstartDisturbance implements Consumer<SwavJob> {
    private final KubernetesClient client;
    private final StatusLine line;
    private final int maxReplicas;
    private boolean scaled;
    private boolean preempted;

    /** @param maxReplicas the job's maximum; if it is already reached, no trainer is added */
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
            line.say("evicting " + pod);
            client.pods()
                    .inNamespace(job.getMetadata().getNamespace())
                    .withName(pod)
                    .evict();
        }
    }
}
