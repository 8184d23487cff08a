package io.swav.operatorbench;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.local.ProcessUtils;
import io.swav.operatorbench.EventCheck.Told;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;

/** Kills the operator again and again while jobs grow, shrink and lose pods, and checks what became of them. */
final class KillStorm {
    private static final int MOTIONS = 3;
    private static final int LONGEST_PAUSE_MILLIS = 1500;
    /** A killed operator's successor is there after a few seconds, and a request that hangs costs it ten. */
    private static final double EXCESS_LIMIT_SECONDS = 30;

    private static final Duration UNTIL_TOLD = Duration.ofSeconds(30);

    /** Starts the operator, and gives the lease away that a killed one holds. */
    interface Restart {
        void run();
    }

    private final KubernetesClient client;
    private final MeasuredOperator operator;
    private final Restart restart;
    private final SimulatedPods pods;
    private final Random random;
    private int kills;

    KillStorm(KubernetesClient client, MeasuredOperator operator, Restart restart, SimulatedPods pods, Random random) {
        this.client = client;
        this.operator = operator;
        this.restart = restart;
        this.pods = pods;
        this.random = random;
    }

    /** @param most replicas that a job is given */
    void run(int times, List<BenchJob> jobs, int most) {
        for (; kills < times; kills++) {
            for (int motion = 0; motion < MOTIONS; motion++) {
                move(jobs.get(random.nextInt(jobs.size())), most);
                pause();
            }
            operator.kill();
            move(jobs.get(random.nextInt(jobs.size())), most);
            restart.run();
        }
    }

    private void pause() {
        ProcessUtils.pause(Duration.ofMillis(random.nextInt(LONGEST_PAUSE_MILLIS)));
    }

    private void move(BenchJob job, int most) {
        if (random.nextBoolean()) {
            job.wants(1 + random.nextInt(most));
            client.resources(SwavJob.class)
                    .inNamespace(job.namespace())
                    .withName(job.name())
                    .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"spec\":{\"replicas\":" + job.wanted() + "}}");
        } else {
            pods.of(job).stream().findAny().ifPresent(trainer -> {
                job.takes(trainer.uid());
                client.resource(trainer.pod()).delete();
            });
        }
    }

    BenchReport.Kills report(List<BenchJob> jobs) {
        return new BenchReport.Kills(
                kills,
                jobs.stream().mapToInt(job -> job.history().excess()).max().orElse(0),
                jobs.stream()
                        .mapToDouble(job -> job.history().excessSeconds())
                        .max()
                        .orElse(0));
    }

    /** Returns what is not as it should be within a short time after all jobs have settled: Events follow what they tell. */
    List<String> problems(List<BenchJob> jobs) {
        Instant deadline = Instant.now().plus(UNTIL_TOLD);
        List<String> problems = problemsNow(jobs);
        while (!problems.isEmpty() && Instant.now().isBefore(deadline)) {
            ProcessUtils.pause(Duration.ofSeconds(1));
            problems = problemsNow(jobs);
        }
        return problems;
    }

    private List<String> problemsNow(List<BenchJob> jobs) {
        List<String> problems = new ArrayList<>();
        Map<String, List<Told>> events = events();
        for (BenchJob job : jobs) {
            List<Told> told = events.getOrDefault(job.name(), List.of());
            problems.addAll(EventCheck.problems(job.name(), job.history(), told));
            double seconds = job.history().excessSeconds();
            if (seconds > EXCESS_LIMIT_SECONDS) {
                problems.add(job.name() + ": " + job.history().excess() + " pods too many for " + seconds + " s");
            }
            statusProblem(job).ifPresent(problems::add);
        }
        return problems;
    }

    /** Returns the Events by name of the job. */
    private Map<String, List<Told>> events() {
        return client.v1().events().inAnyNamespace().list().getItems().stream()
                .filter(event -> event.getInvolvedObject().getKind().equals("SwavJob"))
                .collect(Collectors.groupingBy(
                        event -> event.getInvolvedObject().getName(),
                        Collectors.mapping(KillStorm::told, Collectors.toList())));
    }

    private static Told told(Event event) {
        return new Told(event.getReason(), event.getMessage());
    }

    private Optional<String> statusProblem(BenchJob job) {
        SwavJobStatus status = Optional.ofNullable(client.resources(SwavJob.class)
                        .inNamespace(job.namespace())
                        .withName(job.name())
                        .get()
                        .getStatus())
                .orElse(SwavJobStatus.EMPTY);
        List<Pod> there = client.pods()
                .inNamespace(job.namespace())
                .withLabel(ResourceNames.LABEL_JOB, job.name())
                .list()
                .getItems();
        int world = Optional.ofNullable(status.world())
                .map(SwavJobStatus.WorldStatus::size)
                .orElse(0);
        boolean lies = there.size() != job.wanted()
                || world != job.wanted()
                || !Integer.valueOf(job.wanted()).equals(status.replicas())
                || !Integer.valueOf(job.wanted()).equals(status.readyReplicas());
        return lies
                ? Optional.of(job.name() + ": " + job.wanted() + " pods are wanted, " + there.size()
                        + " exist, and its status has " + status.replicas() + ", of which " + status.readyReplicas()
                        + " are ready, and a world of " + world)
                : Optional.empty();
    }
}
