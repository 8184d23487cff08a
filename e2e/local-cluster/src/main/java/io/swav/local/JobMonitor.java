package io.swav.local;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Applies a SwavJob, shows its progress, and waits for its end. */
public final class JobMonitor implements AutoCloseable {
    /** A job that makes no step for this long is considered stalled. */
    private static final Duration STALL_LIMIT = Duration.ofMinutes(5);
    /** Interval of the checks while no update of the job arrives. */
    private static final Duration POLL_INTERVAL = Duration.ofSeconds(1);

    /**
     * The result of a completed job.
     *
     * @param seconds from the first observed step to the last
     * @param world largest observed number of members
     */
    public record JobOutcome(
            long steps, double lossFirst, double lossLast, double imagesPerSecond, double seconds, int world) {}

    private record Sample(long step, double loss, double rate) {}

    private final LocalDeployment stack;
    private final SwavJob job;
    private final StatusLine line;
    private final KubernetesClient client;
    private final JobEventLog eventLog = new JobEventLog();
    private final List<Sample> samples = new ArrayList<>();
    private final BlockingQueue<SwavJob> updates = new LinkedBlockingQueue<>();
    private @Nullable SharedIndexInformer<SwavJob> informer;
    private @Nullable SwavJob newest;
    private int world;
    private long first;
    private long lastProgress = System.nanoTime();

    public JobMonitor(LocalDeployment stack, SwavJob job, StatusLine line) {
        this.stack = stack;
        this.job = job;
        this.line = line;
        this.client = stack.client();
    }

    /** Applies the job. */
    public void start() {
        client.resource(job).create();
        informer = client.resource(job).inform(new ResourceEventHandler<SwavJob>() {
            @Override
            public void onAdd(SwavJob now) {
                updates.add(now);
            }

            @Override
            public void onUpdate(SwavJob before, SwavJob now) {
                updates.add(now);
            }

            @Override
            public void onDelete(SwavJob last, boolean unknownState) {}
        });
        lastProgress = System.nanoTime();
    }

    /**
     * Runs the job from start to end.
     *
     * @param each is called with every observed state of the job
     * @throws LocalClusterException with conditions, events and the end of the pods' logs if the job fails or stalls
     */
    public JobOutcome await(Consumer<SwavJob> each) {
        start();
        while (true) {
            Optional<JobOutcome> outcome = look(POLL_INTERVAL);
            if (outcome.isPresent()) {
                return outcome.get();
            }
            now().ifPresent(each);
        }
    }

    /** The newest observed state of the job. */
    public Optional<SwavJob> now() {
        return Optional.ofNullable(newest);
    }

    /**
     * Waits for an update of the job and shows it.
     *
     * @return empty while the job is running
     * @throws LocalClusterException as {@link #await}
     */
    public Optional<JobOutcome> look(Duration atMost) {
        stack.check();
        SwavJob next = poll(atMost);
        SwavJobStatus status = next == null ? null : next.getStatus();
        if (next != null && status != null) {
            newest = next;
            eventLog.newEntries(status).forEach(line::say);
            line.show(JobSummary.of(next));
            recordProgress(status);
            if (status.isTrue(ConditionType.Complete)) {
                line.say(JobSummary.of(next));
                return Optional.of(outcome());
            }
            if (status.isTrue(ConditionType.Failed)) {
                throw new LocalClusterException("the job failed\n" + report(status));
            }
        }
        if (System.nanoTime() - lastProgress > STALL_LIMIT.toNanos()) {
            throw new LocalClusterException("the job made no step for " + STALL_LIMIT.toMinutes() + " minutes\n"
                    + report(newest == null ? null : newest.getStatus()));
        }
        return Optional.empty();
    }

    /** Deletes the job. */
    public void delete() {
        client.resource(job).delete();
    }

    private @Nullable SwavJob poll(Duration atMost) {
        try {
            return updates.poll(atMost.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalClusterException("interrupted", e);
        }
    }

    private void recordProgress(SwavJobStatus status) {
        Sample progress = sample(status.progress());
        if (progress != null
                && (samples.isEmpty() || samples.get(samples.size() - 1).step() != progress.step())) {
            if (samples.isEmpty()) {
                first = System.nanoTime();
            }
            samples.add(progress);
            lastProgress = System.nanoTime();
        }
        if (status.world() != null) {
            world = Math.max(world, status.world().size());
        }
    }

    private static @Nullable Sample sample(SwavJobStatus.@Nullable Progress progress) {
        if (progress == null || progress.step() == null || progress.loss() == null) {
            return null;
        }
        Double rate = progress.imagesPerSecond();
        return new Sample(progress.step(), progress.loss(), rate == null ? 0 : rate);
    }

    private JobOutcome outcome() {
        if (samples.isEmpty()) {
            throw new LocalClusterException("the job completed without reporting a step, so it has no result");
        }
        Sample last = samples.get(samples.size() - 1);
        double rate = samples.stream()
                .mapToDouble(Sample::rate)
                .filter(r -> r > 0)
                .average()
                .orElse(0);
        double seconds = (System.nanoTime() - first) / 1e9;
        return new JobOutcome(last.step(), samples.get(0).loss(), last.loss(), rate, seconds, world);
    }

    private static List<SwavJobStatus.JobCondition> conditions(@Nullable SwavJobStatus status) {
        return status == null || status.conditions() == null ? List.of() : List.copyOf(status.conditions());
    }

    /** The conditions, the events and the end of each pod's log. */
    private String report(@Nullable SwavJobStatus status) {
        StringBuilder text = new StringBuilder();
        for (SwavJobStatus.JobCondition c : conditions(status)) {
            text.append(String.format("condition %s=%s %s: %s%n", c.type(), c.status(), c.reason(), c.message()));
        }
        for (Event event : client.v1().events().inAnyNamespace().list().getItems()) {
            text.append(String.format(
                    "event %s %s %s: %s%n",
                    event.getInvolvedObject().getKind(),
                    event.getInvolvedObject().getName(),
                    event.getReason(),
                    event.getMessage()));
        }
        client.pods()
                .inAnyNamespace()
                .withLabel(ResourceNames.LABEL_JOB, job.getMetadata().getName())
                .list()
                .getItems()
                .forEach(pod -> PodLogs.find(
                                stack.dir(),
                                pod.getMetadata().getNamespace(),
                                pod.getMetadata().getName(),
                                Optional.empty())
                        .ifPresent(log -> text.append("log ")
                                .append(log)
                                .append(" ends:\n")
                                .append(BackgroundProcess.tail(log, 15).indent(4))));
        return text.append("operator's log: ")
                .append(BackgroundProcess.logFile(stack.dir(), "operator"))
                .toString();
    }

    @Override
    public void close() {
        if (informer != null) {
            informer.close();
        }
        client.close();
    }
}
