package io.swav.chaos;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.PodResource;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.chaos.StormScript.Planned;
import io.swav.local.JobMonitor;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalDeployment;
import io.swav.local.StatusLine;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Runs a job and injects the scripted faults one at a time, most of them only after it has recovered from the one before. */
final class Storm implements AutoCloseable {
    private static final Duration POLL_INTERVAL = Duration.ofMillis(100);
    /** How long the trainers of a deleted job may take to end: longer than a grace period. */
    private static final Duration END_LIMIT = Duration.ofSeconds(60);
    /** No fault is injected this close to the cut: the job could not recover from it, which would look like a loss. */
    private static final double LAST_CALM_SECONDS = 20;

    /**
     * What the storm did.
     *
     * @param missed descriptions of the planned faults that were never injected
     * @param wallSeconds from applying the job to its end
     */
    record StormOutcome(List<InjectedFault> faults, List<String> missed, double wallSeconds) {}

    /**
     * How the storm is run.
     *
     * @param log receives a line of JSON for each fault
     * @param apart whether each node is a process of its own
     * @param seconds after the first step at which the job is deleted; 0 lets it complete
     */
    record Setting(
            Path folder,
            Path log,
            StormScript.FaultPlan faultPlan,
            long steps,
            long seed,
            boolean apart,
            double seconds) {}

    private final LocalDeployment stack;
    private final SwavJob job;
    private final Setting setting;
    private final StatusLine line;
    private final KubernetesClient client;
    private final JournalTailer tailer;
    private final FaultLog log;
    private final FaultInjector injector;
    private final Deque<Planned> script;
    private int clockKills;

    Storm(LocalDeployment stack, SwavJob job, Setting setting, StatusLine line) {
        this.stack = stack;
        this.job = job;
        this.setting = setting;
        this.line = line;
        this.client = stack.client();
        this.tailer = new JournalTailer(StormJob.journal(setting.folder()));
        this.log = new FaultLog(setting.log(), line, tailer::stepsDone);
        this.injector = new FaultInjector(stack, client, job, setting.faultPlan(), tailer, log);
        this.script = new ArrayDeque<>(StormScript.plan(setting.faultPlan(), setting.steps(), setting.seed()));
    }

    /** @throws LocalClusterException when the job fails or stalls */
    StormOutcome run() {
        long start = System.nanoTime();
        try (JobMonitor run = new JobMonitor(stack, job, line)) {
            run.start();
            while (run.look(Duration.ZERO).isEmpty() && !cut()) {
                tailer.await(POLL_INTERVAL);
                Optional<Outage> outage = injector.outage();
                if (outage.isPresent()) {
                    line.show("step " + tailer.stepsDone() + " according to the journals, "
                            + outage.get().way());
                    injector.endOutageIfDue();
                } else {
                    injector.clearTaints();
                    next();
                }
            }
            if (cut()) {
                run.delete();
                awaitEnd();
            }
        }
        List<String> missed = script.stream()
                .filter(planned -> !cut())
                .map(planned -> "no room for the " + words(planned) + " planned at step " + planned.step()
                        + ": the job was still recovering from earlier faults. Give it more steps or fewer events")
                .toList();
        return new StormOutcome(log.faults(), missed, (System.nanoTime() - start) / 1e9);
    }

    private boolean cut() {
        return setting.seconds() > 0 && secondsDone() > setting.seconds();
    }

    /** Waits until all trainers have ended: until then they make steps, and each records them at its own time. */
    private void awaitEnd() {
        FilterWatchListDeletable<Pod, PodList, PodResource> trainers = client.pods()
                .inNamespace(job.getMetadata().getNamespace())
                .withLabel(ResourceNames.LABEL_JOB, job.getMetadata().getName());
        long end = System.nanoTime() + END_LIMIT.toNanos();
        while (!trainers.list().getItems().isEmpty()) {
            if (System.nanoTime() > end) {
                throw new LocalClusterException(
                        "the job was deleted, but trainers of it still exist after " + END_LIMIT.toSeconds() + " s");
            }
            tailer.await(POLL_INTERVAL);
        }
    }

    private double secondsDone() {
        return tailer.firstStep().isEmpty()
                ? 0
                : (FaultLog.now() - tailer.firstStep().getAsLong()) / 1e6;
    }

    /** Whether the newest world has made a step without the pods that were hit, and is no larger than requested. */
    private boolean recovered() {
        Set<String> members = tailer.members();
        return tailer.settled() && members.stream().noneMatch(log::hit) && members.size() <= injector.replicas();
    }

    private void next() {
        if (setting.seconds() > 0 && secondsDone() > setting.seconds() - LAST_CALM_SECONDS) {
            return;
        }
        Planned clock = StormScript.killByClock(setting.faultPlan(), clockKills + 1, setting.seed());
        boolean recovered = recovered();
        if (recovered
                && setting.faultPlan().killEverySeconds() > 0
                && clock.due(tailer.stepsDone(), secondsDone())
                && injector.inject(clock)) {
            clockKills++;
            return;
        }
        Planned first = script.peek();
        if (first != null
                && first.due(tailer.stepsDone(), secondsDone())
                && (first.hasty() || recovered)
                && injector.inject(first)) {
            script.remove();
        }
    }

    private static String words(Planned planned) {
        return planned.kind().name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    @Override
    public void close() {
        tailer.close();
        client.close();
    }
}
