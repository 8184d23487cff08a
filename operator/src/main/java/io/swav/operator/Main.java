package io.swav.operator;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.OperatorException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;

/** Runs the operator as a process, until SIGTERM. */
@CommandLine.Command(
        name = "swav-operator",
        mixinStandardHelpOptions = true,
        description = "Runs SwavJobs: creates their trainer pods, publishes their worlds, and reports their status.",
        exitCodeListHeading = "Exit codes:%n",
        exitCodeList = {"0: ended by SIGTERM", "1: could not start", "2: wrong options"})
public final class Main implements Callable<Integer> {
    private static final String LOGGING = "log4j2.configurationFile";
    private static final Logger LOG;

    static {
        if (System.getProperty(LOGGING) == null) {
            System.setProperty(LOGGING, "log4j2-swav-operator.xml");
        }
        LOG = LoggerFactory.getLogger(Main.class);
    }

    @CommandLine.Option(
            names = "--kubeconfig",
            paramLabel = "FILE",
            description = "kubeconfig of the API server; by default $KUBECONFIG, or in a pod its ServiceAccount")
    private @Nullable Path kubeconfig;

    @CommandLine.Option(
            names = "--namespaces",
            defaultValue = "${env:SWAV_NAMESPACES:-all}",
            description = "namespaces to watch, separated by commas, or all ($SWAV_NAMESPACES; ${DEFAULT-VALUE})")
    private String namespaces = "all";

    @CommandLine.Option(
            names = "--address",
            defaultValue = "${env:SWAV_HTTP_ADDRESS:-}",
            description = "address at which page, health and metrics are served; by default all addresses of this host"
                    + " ($SWAV_HTTP_ADDRESS). At a loopback address, such as 127.0.0.1, other users of the machine and"
                    + " requests for other host names are refused")
    private String address = "";

    @CommandLine.Option(
            names = "--port",
            defaultValue = "${env:SWAV_HTTP_PORT:-8080}",
            description =
                    "port of the page of jobs and of /metrics, 0 for any free one ($SWAV_HTTP_PORT; ${DEFAULT-VALUE})")
    private int port;

    @CommandLine.Option(
            names = "--health-port",
            defaultValue = "${env:SWAV_HEALTH_PORT:-8081}",
            description = "port of /healthz and /livez, 0 for any free one ($SWAV_HEALTH_PORT; ${DEFAULT-VALUE})")
    private int healthPort;

    @CommandLine.Option(
            names = "--authenticate",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "${env:SWAV_AUTHENTICATE:-false}",
            description =
                    "whether the API server is asked who reads ($SWAV_AUTHENTICATE; ${DEFAULT-VALUE}): the page needs"
                            + " the token of a user that may list SwavJobs, /metrics of one that may get it. Without it /metrics is"
                            + " open, and the page is served to this machine only, as by kubectl port-forward")
    private boolean authenticate;

    @CommandLine.Option(
            names = "--lease",
            paramLabel = "NAMESPACE/NAME",
            defaultValue = "${env:SWAV_LEASE}",
            description = "Lease for the leader election of several operators ($SWAV_LEASE); without it this"
                    + " operator acts alone")
    private @Nullable String lease;

    @CommandLine.Option(
            names = "--removal-taints",
            paramLabel = "TAINT,...",
            defaultValue = "${env:SWAV_REMOVAL_TAINTS:-}",
            description =
                    "taints with which tools of this cluster announce that a node will be removed, beside those that"
                            + " the operator knows (docs/signals.md): KEY, KEY=VALUE, KEY:EFFECT or KEY=VALUE:EFFECT"
                            + " ($SWAV_REMOVAL_TAINTS)")
    private String removalTaints = "";

    @CommandLine.Option(
            names = "--preemption-cost",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "${env:SWAV_PREEMPTION_COST:-false}",
            description =
                    "whether pods, and Workloads of Kueue, are annotated with what their preemption costs, by the age of"
                            + " the last checkpoint and the world ($SWAV_PREEMPTION_COST; ${DEFAULT-VALUE}); the operator needs"
                            + " the right to patch pods")
    private boolean preemptionCost;

    public static void main(String[] args) {
        System.exit(new CommandLine(new Main()).execute(args));
    }

    @Override
    public Integer call() throws InterruptedException {
        OperatorConfig config;
        try {
            config = OperatorConfig.of(
                    Optional.ofNullable(kubeconfig),
                    namespaces,
                    new OperatorConfig.Listen(address, port, healthPort, authenticate),
                    Optional.ofNullable(lease),
                    removalTaints,
                    preemptionCost);
        } catch (IllegalArgumentException e) {
            LOG.error("{}", e.getMessage());
            return CommandLine.ExitCode.USAGE;
        }
        try (SwavOperator operator = SwavOperator.start(config)) {
            CountDownLatch stop = new CountDownLatch(1);
            Thread hook = new Thread(operator::close, "shutdown");
            Runtime.getRuntime().addShutdownHook(hook);
            LOG.info(
                    "watching {}; jobs and metrics on http://127.0.0.1:{}/, health on http://127.0.0.1:{}/healthz",
                    config.namespaces().isEmpty() ? "all namespaces" : config.namespaces(),
                    operator.port(),
                    operator.healthPort());
            stop.await();
            return CommandLine.ExitCode.OK;
        } catch (IOException e) {
            LOG.error(
                    "cannot listen on --address and --port {} and --health-port {}: {}",
                    config.address(),
                    config.healthPort(),
                    e.getMessage());
        } catch (OperatorException | KubernetesClientException e) {
            LOG.error("could not start: {}", e.getMessage(), e);
        }
        return CommandLine.ExitCode.SOFTWARE;
    }
}
