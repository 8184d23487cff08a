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
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

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
     * @param missed descriptions of the planned faults that were never injected, or had no effect
     * @param incidents number of incidents that the job's status had, by their kind
     * @param wallSeconds from applying the job to its end
     */
    record StormOutcome(
            List<InjectedFault> faults, List<String> missed, Map<String, Integer> incidents, double wallSeconds) {}

    /**
     * How the storm is run.
     *
     * @param log receives a line of JSON for each fault
     * @param selfFaults those of the faults planned that the trainers' environment contains
     * @param images present if the plan has newcomers with other data
     * @param seconds after the first step at which the job is deleted; 0 lets it complete
     */
    record Setting(
            Path folder,
            Path log,
            StormScript.FaultPlan faultPlan,
            List<Planned> script,
            SelfFaults selfFaults,
            Optional<StormImages> images,
            long seed,
            double seconds) {}

    private final LocalDeployment stack;
    private final SwavJob job;
    private final Setting setting;
    private final StatusLine line;
    private final KubernetesClient client;
    private final JournalTailer tailer;
    private final FaultLog log;
    private final FaultInjector injector;
    private final Optional<TrainerLines> lines;
    private final TrainerReports reports;
    private final StatusLog status = new StatusLog();
    private final Deque<Planned> script;
    private final Deque<Planned> selfFaults;
    private int clockKills;

    Storm(LocalDeployment stack, SwavJob job, Setting setting, StatusLine line) {
        this.stack = stack;
        this.job = job;
        this.setting = setting;
        this.line = line;
        this.client = stack.client();
        this.tailer = new JournalTailer(StormJob.journal(setting.folder()));
        this.log = new FaultLog(setting.log(), line, tailer::stepsDone);
        this.lines = setting.faultPlan().needsLines() ? Optional.of(new TrainerLines()) : Optional.empty();
        this.reports = new TrainerReports(client, job, ports -> lines.ifPresent(all -> all.serve(ports)));
        this.injector = new FaultInjector(
                stack,
                client,
                job,
                setting.faultPlan(),
                tailer,
                log,
                new NetworkFaults(lines, setting.images(), reports, tailer, status, log));
        this.script = new ArrayDeque<>(setting.script().stream()
                .filter(planned -> !planned.kind().bySelf())
                .toList());
        this.selfFaults = new ArrayDeque<>(setting.selfFaults().planned());
    }

    /** @throws LocalClusterException when the job fails or stalls */
    StormOutcome run() {
        long start = System.nanoTime();
        try (JobMonitor run = new JobMonitor(stack, job, line)) {
            run.start();
            while (run.look(Duration.ZERO).isEmpty() && !cut()) {
                tailer.await(POLL_INTERVAL);
                run.now().map(SwavJob::getStatus).ifPresent(status::add);
                advance();
            }
            if (cut()) {
                run.delete();
                awaitEnd();
            }
            run.now().map(SwavJob::getStatus).ifPresent(status::add);
            recordSelfFaults();
            injector.finish();
        }
        return new StormOutcome(log.faults(), missed(), status.counts(), (System.nanoTime() - start) / 1e9);
    }

    /** Descriptions of the faults that were not injected, or had no effect. */
    private List<String> missed() {
        List<String> missed = new ArrayList<>(log.unseen());
        Stream.concat(selfFaults.stream(), script.stream())
                .filter(planned -> !cut())
                .map(planned -> "no room for the " + words(planned) + " planned at step " + planned.step()
                        + ": the job was still recovering from earlier faults. Give it more steps or fewer events")
                .forEach(missed::add);
        return missed;
    }

    private void advance() {
        reports.ports(); // fails if a trainer has no proxy
        Optional<OpenFault> open = injector.open();
        open.ifPresent(fault -> {
            line.show("step " + tailer.stepsDone() + " according to the journals, " + fault.way());
            injector.advance();
        });
        if (open.map(OpenFault::apiAnswers).orElse(true)) {
            injector.clearTaints();
        }
        recordSelfFaults();
        if (open.isEmpty() && !setting.selfFaults().isNear(tailer.stepsDone())) {
            next();
        }
    }

    /** Records the faults that trainers have injected into themselves by now. */
    private void recordSelfFaults() {
        while (!selfFaults.isEmpty() && tailer.stepsDone() > selfFaults.peek().step()) {
            InjectedFault fault = setting.selfFaults().record(selfFaults.remove());
            log.say(fault.way());
            log.add(fault);
        }
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
        reports.close();
        lines.ifPresent(TrainerLines::close);
        tailer.close();
        client.close();
    }
}
