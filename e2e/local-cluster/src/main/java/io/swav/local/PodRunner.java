package io.swav.local;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs one pod: a thread that handles one event after the other (the pod changed, a container ended, a probe changed its
 * result), asks {@link PodLifecycle} for the next action, executes it, and writes the status if it changed. The API server
 * may be unavailable for any time: processes continue, and the status is written when it is back.
 */
final class PodRunner implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(PodRunner.class);
    private static final Duration RETRY = Duration.ofSeconds(1);
    /** Interval of the attempts to pass the startup limiter. */
    private static final Duration GATE = Duration.ofMillis(100);
    /** Maximum length of a termination message taken from the log, characters. */
    private static final int MESSAGE_LIMIT = 2048;

    private final KubernetesClient client;
    private final ImageCommands images;
    private final ScheduledExecutorService timer;
    private final StartupLimiter gate;
    private final ApiErrors errors;
    private final PodEvents podEvents;
    private final PodFolder folder;
    private final PodVolumes volumes;
    private final PodStatusWriter status;
    private final BlockingQueue<Runnable> events = new LinkedBlockingQueue<>();
    private final Map<String, ContainerProcess> processes = new HashMap<>();
    private final Map<String, Prober> probers = new HashMap<>();

    private Pod pod;
    private PodRuntimeState view;
    private boolean done;

    PodRunner(NodeContext node, Pod pod) {
        this.client = node.client();
        this.images = node.images();
        this.timer = node.timer();
        this.gate = node.gate();
        this.errors = node.errors();
        this.podEvents = node.events();
        this.folder = PodFolder.of(node.pods(), pod);
        this.volumes = new PodVolumes(client, pod, folder.volumes());
        this.status = new PodStatusWriter(node, pod.getStatus());
        this.pod = pod;
        this.view = PodRuntimeState.fresh(pod, startTime(pod));
    }

    private static Instant startTime(Pod pod) {
        String since = pod.getStatus() == null ? null : pod.getStatus().getStartTime();
        return since == null ? Instant.now() : Instant.parse(since);
    }

    void changed(Pod now) {
        events.add(() -> pod = now);
    }

    /** The object was deleted: kills the running containers without grace. */
    void gone() {
        events.add(this::abandon);
    }

    /** Stops managing the pod; its processes continue, for a later node to adopt. */
    void leave() {
        events.add(() -> {
            probers.values().forEach(Prober::close);
            done = true;
        });
    }

    @Override
    public void run() {
        try {
            adoptRunning();
            while (!done) {
                Optional<Instant> wake = step();
                if (!done) {
                    await(wake);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void await(Optional<Instant> wake) throws InterruptedException {
        long limit = wake.map(w ->
                        Math.max(0, Duration.between(Instant.now(), w).toMillis() + 1))
                .orElse(60_000L);
        Runnable first = events.poll(limit, TimeUnit.MILLISECONDS);
        for (Runnable next = first; next != null; next = events.poll()) {
            next.run();
        }
    }

    /** Executes all actions that are due now; returns when the next one may be due. */
    private Optional<Instant> step() {
        try {
            while (!done) {
                Instant now = Instant.now();
                status.write(pod, view, now);
                PodLifecycle.Action action = PodLifecycle.next(pod, view, now);
                if (action instanceof PodLifecycle.Start start) {
                    start(start.container());
                } else if (action instanceof PodLifecycle.Fail fail) {
                    view = view.failed(fail.reason(), fail.message());
                } else if (action instanceof PodLifecycle.Stop stop) {
                    processes.values().forEach(process -> process.terminate(stop.killAt()));
                    return Optional.empty();
                } else if (action instanceof PodLifecycle.Remove) {
                    remove();
                } else if (action instanceof PodLifecycle.Rest rest) {
                    return rest.wake();
                }
            }
            return Optional.empty();
        } catch (KubernetesClientException e) {
            if (e.getCode() == 404 || e.getCode() == 409) { // the object was deleted, or another pod has its name
                gone();
                return Optional.empty();
            }
            status.failed(pod, e);
            return Optional.of(Instant.now().plus(RETRY));
        }
    }

    private void start(Container container) {
        String name = container.getName();
        Instant now = Instant.now();
        if (container.getReadinessProbe() != null && !gate.enter(inGate(name), now)) {
            view = view.with(name, c -> c.waitUntil(now.plus(GATE)));
            return;
        }
        int run = view.container(name).runs();
        try {
            List<String> commandLine = images.commandLine(container)
                    .orElseThrow(() -> new PodConfigException("image " + container.getImage()
                            + " stands for no command on this node, and the container has no command of its own"));
            PrivateFiles.folder(folder.path());
            if (!mounted(name)) {
                return;
            }
            ContainerSetup setup =
                    ContainerSetup.of(client, pod, container, commandLine, folder, volumes.mounts(container));
            Path log = folder.log(name, run);
            PrivateFiles.folder(folder.container(name));
            ContainerProcess process = ContainerProcess.start(
                    folder.run(name, run), log, setup.command(), setup.env(), setup.workingDir());
            view = view.with(name, c -> c.run(new ContainerRuntimeState.Running(process.pid(), now)));
            watchOver(container, process, run, now);
            probe(container, run, setup);
        } catch (PodConfigException e) {
            waitToStart(name, "CreateContainerConfigError", e.getMessage());
        } catch (KubernetesClientException e) {
            errors.failed(ApiErrors.Call.READ, ApiErrors.name(pod), e);
            waitToStart(name, "CreateContainerConfigError", ApiErrors.serverMessage(e));
        } catch (IOException e) {
            waitToStart(name, "RunContainerError", String.valueOf(e.getMessage()));
        }
    }

    /** As a kubelet does: a container whose volumes are missing is "being created", and only an Event shows the reason. */
    private boolean mounted(String name) {
        try {
            volumes.prepare();
            return true;
        } catch (PodConfigException e) {
            waitToStart(name, "ContainerCreating", "");
            podEvents.warn(pod, PodEvents.KUBELET, "FailedMount", String.valueOf(e.getMessage()));
        } catch (KubernetesClientException e) {
            errors.failed(ApiErrors.Call.READ, ApiErrors.name(pod), e);
            waitToStart(name, "ContainerCreating", "");
            podEvents.warn(
                    pod,
                    PodEvents.KUBELET,
                    "FailedMount",
                    "the pod's volumes cannot be read: " + ApiErrors.serverMessage(e));
        }
        return false;
    }

    private String inGate(String container) {
        return pod.getMetadata().getUid() + "/" + container;
    }

    private void waitToStart(String name, String reason, @Nullable String message) {
        gate.leave(inGate(name), Instant.now());
        ContainerRuntimeState.Waiting waiting = new ContainerRuntimeState.Waiting(
                reason, message == null ? "" : message, Instant.now().plus(RETRY));
        view = view.with(name, c -> c.withState(waiting));
    }

    @SuppressWarnings("FutureReturnValueIgnored") // the result arrives as an event
    private void watchOver(Container container, ContainerProcess process, int run, Instant since) {
        String name = container.getName();
        processes.put(name, process);
        process.onExit().thenAccept(code -> events.add(() -> ended(container, run, code, since)));
    }

    private void ended(Container container, int run, int code, Instant since) {
        String name = container.getName();
        gate.leave(inGate(name), Instant.now());
        processes.remove(name);
        Prober prober = probers.remove(name);
        if (prober != null) {
            prober.close();
        }
        long pid = view.container(name).state() instanceof ContainerRuntimeState.Running running ? running.pid() : 0;
        ContainerRuntimeState.Exited exited = new ContainerRuntimeState.Exited(
                code,
                code == 0 ? "Completed" : "Error",
                terminationMessage(container, run, code),
                pid,
                since,
                ContainerProcess.time(folder.run(name, run), "exit"));
        view = view.with(name, c -> PodLifecycle.ended(pod, view, c, exited));
    }

    /** The termination message: the end of the log of a failed container if its policy requests this, otherwise empty. */
    private String terminationMessage(Container container, int run, int code) {
        boolean fromLogs = "FallbackToLogsOnError".equals(container.getTerminationMessagePolicy()) && code != 0;
        if (!fromLogs) {
            return "";
        }
        String tail = BackgroundProcess.tail(folder.log(container.getName(), run), 80);
        return tail.substring(Math.max(0, tail.length() - MESSAGE_LIMIT));
    }

    private void found(String name, int run, Prober.Finding finding) {
        ContainerRuntimeState now = view.container(name);
        if (!now.running() || now.runs() != run + 1) {
            return; // the run has ended meanwhile
        }
        if (finding instanceof Prober.Unhealthy unhealthy) {
            LOG.info("pod {}, container {}: {}, killing it", folder.name(), name, unhealthy.why());
            ContainerProcess process = processes.get(name);
            if (process != null) {
                process.terminate(Instant.now().plus(PodLifecycle.grace(pod)));
            }
        } else if (finding instanceof Prober.Started) {
            view = view.with(name, c -> c.withProbes(true, c.ready()));
        } else {
            boolean ready = finding instanceof Prober.Ready;
            if (ready) {
                gate.ready(inGate(name), Instant.now());
            }
            view = view.with(name, c -> c.withProbes(c.started(), ready));
        }
    }

    /** Finds the processes that an earlier node process left running, or how they ended. */
    private void adoptRunning() {
        List<Container> all = Stream.concat(
                        pod.getSpec().getInitContainers().stream(), pod.getSpec().getContainers().stream())
                .toList();
        for (Container container : all) {
            String name = container.getName();
            int runs = Math.max(folder.runs(name), PodStatuses.runs(pod, name));
            if (runs == 0) {
                continue;
            }
            int run = runs - 1;
            Path dir = folder.run(name, run);
            Instant since = ContainerProcess.time(dir, "shell");
            Optional<ContainerProcess> alive = ContainerProcess.adopt(dir);
            if (alive.isPresent()) {
                ContainerRuntimeState.Running running =
                        new ContainerRuntimeState.Running(alive.get().pid(), since);
                view = view.with(
                        name, c -> new ContainerRuntimeState(name, running, runs, Optional.empty(), false, false));
                watchOver(container, alive.get(), run, since);
                probeAgain(container, run);
            } else {
                view = view.with(
                        name, c -> new ContainerRuntimeState(name, c.state(), runs, Optional.empty(), false, false));
                if (ContainerProcess.exitCode(dir).isPresent()) {
                    ended(container, run, ContainerProcess.exitCode(dir).get(), since);
                } else {
                    ContainerRuntimeState.Exited lost = new ContainerRuntimeState.Exited(
                            ContainerProcess.LOST,
                            "ContainerStatusUnknown",
                            "The container could not be found when the node came back",
                            0,
                            since,
                            Instant.now());
                    view = view.with(name, c -> PodLifecycle.ended(pod, view, c, lost));
                }
            }
        }
    }

    private void probe(Container container, int run, ContainerSetup setup) {
        String name = container.getName();
        Prober prober = new Prober(
                timer,
                container,
                setup.mounts(),
                setup.env(),
                setup.workingDir(),
                finding -> events.add(() -> found(name, run, finding)));
        probers.put(name, prober);
        prober.start();
        errors.succeeded(ApiErrors.Call.READ, ApiErrors.name(pod));
    }

    private void probeAgain(Container container, int run) {
        String name = container.getName();
        ContainerRuntimeState now = view.container(name);
        if (!now.running() || now.runs() != run + 1) {
            return; // the run has ended meanwhile
        }
        try {
            volumes.prepare();
            ContainerSetup setup =
                    ContainerSetup.of(client, pod, container, List.of(), folder, volumes.mounts(container));
            probe(container, run, setup);
        } catch (KubernetesClientException e) {
            errors.failed(ApiErrors.Call.READ, ApiErrors.name(pod), e);
            probeLater(container, run);
        } catch (IOException | PodConfigException e) {
            LOG.warn(
                    "pod {}, container {}: cannot be probed, so it will not become Ready: {}",
                    folder.name(),
                    name,
                    e.getMessage());
        }
    }

    /** Retries, because an unprobed container would never become Ready again. */
    @SuppressWarnings("FutureReturnValueIgnored") // the result arrives as an event
    private void probeLater(Container container, int run) {
        timer.schedule(() -> events.add(() -> probeAgain(container, run)), RETRY.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void remove() {
        client.pods()
                .inNamespace(pod.getMetadata().getNamespace())
                .resource(pod)
                .withGracePeriod(0)
                .delete();
        abandon();
    }

    private void abandon() {
        probers.values().forEach(Prober::close);
        processes.values().forEach(ContainerProcess::kill);
        processes.keySet().forEach(name -> gate.leave(inGate(name), Instant.now()));
        folder.clear();
        done = true;
    }
}
