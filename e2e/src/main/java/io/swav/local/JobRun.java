package io.swav.local;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.Contract;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Applies a SwavJob, shows how it goes, and waits for its end. */
final class JobRun implements AutoCloseable {
    private static final Duration BETWEEN = Duration.ofMillis(250);
    /** A job that shows no sign of life for so long is given up. */
    private static final Duration SILENCE = Duration.ofMinutes(5);

    /**
     * What came of it.
     *
     * @param seconds from the first step seen to the last
     * @param world largest number of members seen
     */
    record Outcome(long steps, double lossFirst, double lossLast, double imagesPerSecond, double seconds, int world) {}

    private record Seen(long step, double loss, double rate) {}

    private final LocalStack stack;
    private final SwavJob job;
    private final LiveLine line;
    private final KubernetesClient client;

    JobRun(LocalStack stack, SwavJob job, LiveLine line) {
        this.stack = stack;
        this.job = job;
        this.line = line;
        this.client = stack.client();
    }

    /** @throws LocalClusterException with conditions, events and the pods' last words when the job fails or stalls */
    Outcome await() {
        client.resource(job).create();
        List<Seen> seen = new ArrayList<>();
        int world = 0;
        long first = 0;
        long moved = System.nanoTime();
        while (true) {
            stack.check();
            SwavJob now = get();
            SwavJobStatus status = now == null ? null : now.getStatus();
            if (now != null && status != null) {
                line.show(JobLine.of(now));
                Seen progress = seen(status.progress());
                if (progress != null
                        && (seen.isEmpty() || seen.get(seen.size() - 1).step() != progress.step())) {
                    if (seen.isEmpty()) {
                        first = System.nanoTime();
                    }
                    seen.add(progress);
                    moved = System.nanoTime();
                }
                if (status.world() != null) {
                    world = Math.max(world, status.world().size());
                }
                if (is(status, "Complete")) {
                    line.say(JobLine.of(now));
                    return outcome(seen, (System.nanoTime() - first) / 1e9, world);
                }
                if (is(status, "Failed")) {
                    throw new LocalClusterException("the job failed\n" + report(status));
                }
            }
            if (System.nanoTime() - moved > SILENCE.toNanos()) {
                throw new LocalClusterException(
                        "the job made no step for " + SILENCE.toMinutes() + " minutes\n" + report(status));
            }
            Commands.pause(BETWEEN);
        }
    }

    private @Nullable SwavJob get() {
        try {
            return client.resource(job).get();
        } catch (KubernetesClientException e) {
            return null; // the API server may be away for a moment; training goes on
        }
    }

    private static @Nullable Seen seen(SwavJobStatus.@Nullable Progress progress) {
        if (progress == null || progress.step() == null || progress.loss() == null) {
            return null;
        }
        Double rate = progress.imagesPerSecond();
        return new Seen(progress.step(), progress.loss(), rate == null ? 0 : rate);
    }

    private static Outcome outcome(List<Seen> seen, double seconds, int world) {
        if (seen.isEmpty()) {
            throw new LocalClusterException("the job completed without ever reporting a step");
        }
        Seen last = seen.get(seen.size() - 1);
        double rate = seen.stream()
                .mapToDouble(Seen::rate)
                .filter(r -> r > 0)
                .average()
                .orElse(0);
        return new Outcome(last.step(), seen.get(0).loss(), last.loss(), rate, seconds, world);
    }

    private static boolean is(SwavJobStatus status, String condition) {
        return conditions(status).stream().anyMatch(c -> c.type().equals(condition) && "True".equals(c.status()));
    }

    private static List<SwavJobStatus.JobCondition> conditions(@Nullable SwavJobStatus status) {
        return status == null || status.conditions() == null ? List.of() : List.copyOf(status.conditions());
    }

    /** Conditions, events and the end of each pod's log. */
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
                .withLabel(Contract.LABEL_JOB, job.getMetadata().getName())
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
                                .append(Daemon.tail(log, 15).indent(4))));
        return text.append("operator's log: ")
                .append(Daemon.logFile(stack.dir(), "operator"))
                .toString();
    }

    @Override
    public void close() {
        client.close();
    }
}
