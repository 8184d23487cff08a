package io.swav.operatorbench;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.common.DaemonThreads;
import io.swav.local.ControlPlaneInstaller;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.ProcessUtils;
import io.swav.local.StatusLine;
import io.swav.operatorbench.BenchReport.Locks;
import io.swav.operatorbench.BenchReport.Memory;
import io.swav.operatorbench.BenchReport.Metrics;
import io.swav.operatorbench.BenchReport.Phase;
import io.swav.operatorbench.BenchReport.Setting;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/** One bench, on a cluster of its own that {@link #end} ends. */
final class BenchRun implements AutoCloseable {
    private static final String CLUSTER = "cluster";
    private static final String OPERATOR = "operator";
    private static final int NAMESPACES = 10;
    private static final int CREATORS = 8;
    private static final Duration BASE_LIMIT = Duration.ofMinutes(4);
    private static final Duration LIMIT_PER_JOB = Duration.ofMillis(500);
    private static final Duration BETWEEN_PROBES = Duration.ofMillis(250);
    private static final Duration UNTIL_CALM = Duration.ofSeconds(20);
    private static final Duration AFTER_RESTART = Duration.ofSeconds(5);

    private final BenchPlan plan;
    private final StatusLine progress = StatusLine.errors();
    private final double loadBefore = load();
    private final InstalledChart chart = InstalledChart.read();
    private final AuditLog audit;
    private final LocalControlPlane cluster;
    private final KubernetesClient client;
    private final SimulatedNodes nodes;
    private final SimulatedPods pods;
    private final ClusterWatch watch;
    private final Optional<ApiProxy> proxy;
    private final MeasuredOperator operator;
    private final BenchProcesses processes;
    private final Random random;
    private final JobWait wait;
    private final List<String> problems = new ArrayList<>();

    /**
     * Starts the cluster.
     *
     * @param folder of this bench, which {@link #end} deletes
     */
    BenchRun(BenchPlan plan, Path folder) throws IOException {
        this.plan = plan;
        this.random = new Random(plan.seed());
        this.audit = AuditLog.in(folder.resolve("audit"), chart.user());
        progress.say("starting etcd and kube-apiserver in " + folder + " ...");
        this.cluster = LocalControlPlane.start(
                folder.resolve(CLUSTER),
                new ControlPlaneInstaller(System.getenv(), progress::say).find(),
                List.of(SpecLoader.crd()),
                audit.apiServerArguments());
        this.client = cluster.client();
        chart.install(client);
        IntStream.range(0, NAMESPACES)
                .forEach(i -> client.resource(new NamespaceBuilder()
                                .withNewMetadata()
                                .withName(namespace(i))
                                .endMetadata()
                                .build())
                        .create());
        this.nodes = SimulatedNodes.create(client, plan.nodes());
        this.pods = new SimulatedPods(client, nodes, plan.pods(), plan.reportEvery());
        this.watch = new ClusterWatch(client, pods);
        this.proxy = plan.hasChaos()
                ? Optional.of(ApiProxy.start(cluster.kubeconfig(), new FaultSource(plan.seed(), plan.faultPercent())))
                : Optional.empty();
        this.operator = MeasuredOperator.of(
                folder.resolve(OPERATOR), chart, client, cluster.kubeconfig(), proxy.map(ApiProxy::port));
        this.wait = new JobWait(progress, operator);
        this.processes = new BenchProcesses(cluster.dir(), operator);
    }

    private static String namespace(int index) {
        return "bench-" + index;
    }

    private static double load() {
        return ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
    }

    BenchReport measure() {
        Phase start = phase(false, "starting the operator", operator::start);
        try (JvmProbe jvm = JvmProbe.attach(operator.pid())) {
            Phase settle = phase(true, "creating " + plan.count() + " jobs", this::populate);
            audit.awaitCalm(UNTIL_CALM);
            Phase idle = phase(true, "idle", () -> ProcessUtils.pause(plan.idle()));
            Metrics metrics = OperatorMetrics.measure(operator, plan.count());
            Locks locks = new Locks(ProcessUsage.threads(operator.pid()), jvm.blockedSeconds(), jvm.mostBlocked());
            long resident = ProcessUsage.residentBytes(operator.pid());
            long peak = ProcessUsage.peakResidentBytes(operator.pid());
            Memory memory = new Memory(resident, peak, jvm.liveHeapBytes(), chart.memoryLimitBytes());
            proxy.ifPresent(p -> p.inject(true));
            Latency podSeconds = probe();
            Latency deleted = deletePods();
            Latency tainted = taintNode();
            Optional<KillStorm> storm = killOperator();
            proxy.ifPresent(p -> p.inject(false));
            check("after the signals");
            storm.ifPresent(kills -> problems.addAll(kills.problems(running())));
            Phase restart = restart();
            check("after the restart");
            return new BenchReport(
                    setting(),
                    start,
                    settle,
                    idle,
                    restart,
                    podSeconds,
                    deleted,
                    tainted,
                    metrics,
                    memory,
                    locks,
                    proxy.map(ApiProxy::injected).orElse(Map.of()),
                    storm.map(kills -> kills.report(running())).orElse(null),
                    List.copyOf(problems));
        }
    }

    private Setting setting() {
        return new Setting(
                plan.jobs(),
                plan.pods(),
                plan.nodes(),
                plan.reportEvery().toMillis() / 1e3,
                plan.seed(),
                Runtime.getRuntime().availableProcessors(),
                loadBefore,
                load(),
                client.getKubernetesVersion().getGitVersion(),
                BenchFolder.describe());
    }

    private Phase phase(boolean sameProcess, String what, Runnable work) {
        progress.say(what + " ...");
        long reconciled =
                sameProcess ? OperatorMetrics.reconciliations(operator.scrape().text()) : 0;
        long mark = audit.mark();
        Map<String, Double> before = processes.cpuSeconds();
        long from = System.nanoTime();
        work.run();
        double seconds = (System.nanoTime() - from) / 1e9;
        Map<String, Double> cpu = BenchProcesses.between(before, processes.cpuSeconds());
        Map<String, Long> requests = audit.requests(mark, audit.mark());
        return new Phase(
                seconds,
                cpu,
                requests,
                AuditLog.writes(requests),
                sameProcess ? OperatorMetrics.reconciliations(operator.scrape().text()) - reconciled : null);
    }

    // ---- phases -------------------------------------------------------------------------------------------------

    private void populate() {
        List<BenchJob> all = new ArrayList<>();
        plan.jobs()
                .forEach((kind, count) -> IntStream.range(0, count)
                        .forEach(i -> all.add(new BenchJob(
                                kind.job(i),
                                namespace(i % NAMESPACES),
                                kind == JobKind.SUSPENDED || kind == JobKind.ENDED ? 0 : plan.pods()))));
        Collections.shuffle(all, random);
        ExecutorService creators = Executors.newFixedThreadPool(CREATORS, DaemonThreads.named("creator"));
        List<Future<?>> creations = new ArrayList<>();
        all.forEach(job -> creations.add(creators.submit(() -> create(job))));
        for (Future<?> creation : creations) {
            join(creation);
        }
        creators.shutdown();
        if (!settled(BASE_LIMIT.plus(LIMIT_PER_JOB.multipliedBy(plan.count())))) {
            throw new LocalClusterException("the jobs did not settle: " + unsettled() + ". The operator's log ends:\n"
                    + lastLines(operator.log()));
        }
    }

    private static void join(Future<?> creation) {
        try {
            creation.get();
        } catch (ExecutionException e) {
            throw new LocalClusterException("a job could not be created: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalClusterException("interrupted", e);
        }
    }

    private static String lastLines(String log) {
        List<String> lines = log.lines().toList();
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 15), lines.size()));
    }

    private void create(BenchJob job) {
        watch.expect(job);
        job.creating();
        client.resource(JobSpecs.of(job, plan.pods())).create();
    }

    private Latency probe() {
        progress.say("creating " + plan.probes() + " more jobs, one after the other ...");
        List<BenchJob> probes = IntStream.range(0, plan.probes())
                .mapToObj(i -> new BenchJob(JobKind.PROBE.job(i), namespace(i % NAMESPACES), plan.pods()))
                .toList();
        for (BenchJob probe : probes) {
            create(probe);
            ProcessUtils.pause(BETWEEN_PROBES);
        }
        if (!wait.until(BASE_LIMIT, "pods", probes, job -> job.podSeconds().isPresent())) {
            problems.add("new jobs without their pods: "
                    + JobWait.some(probes, job -> job.podSeconds().isEmpty()));
        }
        List<Double> seconds =
                probes.stream().flatMap(job -> job.podSeconds().stream()).toList();
        for (BenchJob probe : probes) {
            watch.forget(probe);
            client.resources(SwavJob.class)
                    .inNamespace(probe.namespace())
                    .withName(probe.name())
                    .delete();
        }
        return Latency.of(seconds);
    }

    private List<BenchJob> running() {
        return watch.jobs().stream()
                .filter(job -> job.kind() == JobKind.RUNNING)
                .sorted((a, b) -> a.name().compareTo(b.name()))
                .toList();
    }

    private Latency deletePods() {
        List<BenchJob> targets = new ArrayList<>(running());
        Collections.shuffle(targets, random);
        List<BenchJob> chosen = targets.subList(0, Math.min(plan.signals(), targets.size()));
        progress.say("deleting a pod of each of " + chosen.size() + " running jobs ...");
        for (BenchJob job : chosen) {
            pods.of(job).stream().findFirst().ifPresent(trainer -> {
                job.signal(trainer.uid());
                client.resource(trainer.pod()).delete();
            });
            ProcessUtils.pause(BETWEEN_PROBES);
        }
        return answers(chosen, "deleted");
    }

    private Latency taintNode() {
        awaitSettled();
        Optional<SimulatedTrainer> first =
                running().stream().flatMap(job -> pods.of(job).stream()).findFirst();
        if (first.isEmpty() || plan.nodes() < 2) {
            return Latency.of(List.of());
        }
        Map<BenchJob, Integer> answered = new HashMap<>();
        running().forEach(job -> answered.put(job, job.signalSeconds().size()));
        String node = pods.nodeOf(first.get());
        List<SimulatedTrainer> there = pods.on(node);
        progress.say("tainting " + node + ", where " + there.size() + " trainers run ...");
        List<BenchJob> affected = running().stream()
                .filter(job -> there.stream().anyMatch(trainer -> isOf(trainer, job)))
                .toList();
        for (BenchJob job : affected) {
            there.stream().filter(trainer -> isOf(trainer, job)).forEach(trainer -> job.signal(trainer.uid()));
        }
        nodes.taint(node);
        boolean all = wait.until(BASE_LIMIT, "worlds", affected, job -> job.openSignals() == 0);
        if (!all) {
            problems.add("no world without the pods of the tainted node: "
                    + JobWait.some(affected, job -> job.openSignals() > 0));
        }
        there.forEach(trainer -> client.resource(trainer.pod()).delete()); // as the cloud provider then does
        awaitSettled();
        nodes.untaint(node);
        return Latency.of(affected.stream()
                .flatMap(job -> job.signalSeconds().stream().skip(answered.getOrDefault(job, 0)))
                .toList());
    }

    private static boolean isOf(SimulatedTrainer trainer, BenchJob job) {
        return trainer.job().equals(job.name())
                && trainer.pod().getMetadata().getNamespace().equals(job.namespace());
    }

    private Latency answers(List<BenchJob> jobs, String what) {
        if (!wait.until(BASE_LIMIT, "worlds", jobs, job -> job.openSignals() == 0)) {
            problems.add("no world without a " + what + " pod: " + JobWait.some(jobs, job -> job.openSignals() > 0));
        }
        return Latency.of(
                jobs.stream().flatMap(job -> job.signalSeconds().stream()).toList());
    }

    private Optional<KillStorm> killOperator() {
        if (plan.kills() == 0) {
            return Optional.empty();
        }
        awaitSettled();
        progress.say("killing the operator " + plan.kills() + " times ...");
        KillStorm storm = new KillStorm(client, operator, this::startAfterKill, pods, random);
        storm.run(plan.kills(), running(), plan.pods() + 1);
        return Optional.of(storm);
    }

    /** Its lease is deleted, so that the time in which it would expire is not waited for. */
    private void startAfterKill() {
        client.leases().inNamespace(chart.namespace()).delete();
        operator.start();
    }

    /** Restarts the operator, and waits until it has looked at every job. Its lease is deleted, so that the time in which it would expire is not counted. */
    private Phase restart() {
        operator.stop();
        client.leases().inNamespace(chart.namespace()).delete();
        return phase(false, "restarting the operator", () -> {
            operator.start();
            Instant deadline = Instant.now().plus(BASE_LIMIT);
            while (OperatorMetrics.reconciliations(operator.scrape().text()) < plan.count()) {
                if (Instant.now().isAfter(deadline)) {
                    problems.add("the operator did not look at every job again within " + BASE_LIMIT.toSeconds()
                            + " s after its restart");
                    return;
                }
                ProcessUtils.pause(Duration.ofSeconds(1));
            }
            ProcessUtils.pause(AFTER_RESTART);
        });
    }

    // ---- waiting ------------------------------------------------------------------------------------------------

    private void check(String when) {
        if (!awaitSettled()) {
            problems.add(when + ", not as they should be: " + unsettled());
        }
    }

    private boolean awaitSettled() {
        return settled(BASE_LIMIT);
    }

    private boolean settled(Duration limit) {
        return wait.until(limit, "settled", watch.jobs(), BenchJob::isSettled);
    }

    private String unsettled() {
        return JobWait.some(watch.jobs(), job -> !job.isSettled());
    }

    /** Ends what runs in this process. */
    @Override
    public void close() {
        pods.close();
        nodes.close();
        watch.close();
        proxy.ifPresent(ApiProxy::close);
        client.close();
    }

    /** Ends the processes of a bench, and deletes its folder; does nothing if that was done. */
    static void end(Path folder) {
        MeasuredOperator.stop(folder.resolve(OPERATOR));
        LocalControlPlane.stop(folder.resolve(CLUSTER));
        LocalControlPlane.deleteTree(folder);
    }
}
