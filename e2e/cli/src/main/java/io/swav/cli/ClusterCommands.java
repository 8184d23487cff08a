package io.swav.cli;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.SwavJob;
import io.swav.local.BackgroundProcess;
import io.swav.local.JobSummary;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.LocalDeployment;
import io.swav.local.PodLogs;
import io.swav.local.ProcessUtils;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The commands {@code swav up}, {@code down}, {@code status} and {@code logs}, which manage a local cluster. */
final class ClusterCommands {
    private ClusterCommands() {}

    /** The option that names the folder of a local cluster. */
    private static final class Place {
        @Option(names = "--dir", paramLabel = "DIR", description = "Folder of the cluster (default: .swav/cluster).")
        @Nullable
        Path dir;

        Path get() {
            return dir == null ? LocalDeployment.defaultDir("cluster") : dir.toAbsolutePath();
        }
    }

    @Command(
            name = "up",
            description = "Starts a local cluster: API server, operator, and nodes that run pods as processes.",
            mixinStandardHelpOptions = true)
    static final class Up implements Callable<Integer> {
        @Mixin
        private Place place = new Place();

        @Option(
                names = "--nodes",
                description =
                        "Number of nodes to simulate; applies when the cluster starts (default: ${DEFAULT-VALUE}).")
        private int nodes = 1;

        @Option(
                names = "--capacity",
                paramLabel = "NAME=QUANTITY",
                description = "A resource of each node, e.g. nvidia.com/gpu=1; repeatable.")
        private Map<String, String> capacity = new LinkedHashMap<>();

        @Option(
                names = "--cluster",
                description = "Use the cluster of $KUBECONFIG, whose nodes run the pods: installs SwavJob's definition"
                        + " there and starts only the operator on this machine.")
        private boolean cluster;

        @Override
        public Integer call() {
            if (cluster) {
                return attach();
            }
            LocalDeployment stack = LocalDeployment.up(place.get(), nodes, capacity, System.err::println);
            System.out.println("The cluster is running. Its jobs: " + stack.awaitPage() + ", and with kubectl:");
            System.out.println("  export KUBECONFIG=" + stack.kubeconfig());
            System.out.println("  kubectl apply -f examples/quickstart.yaml");
            System.out.println("  kubectl get swavjobs,pods");
            System.out.println("./swav logs POD shows a pod's output; ./swav down stops everything.");
            return 0;
        }

        private int attach() {
            String kubeconfig = System.getenv("KUBECONFIG");
            if (kubeconfig == null || !Files.isReadable(Path.of(kubeconfig))) {
                throw new LocalClusterException("--cluster uses the cluster of KUBECONFIG, which "
                        + (kubeconfig == null ? "is not set" : "names no readable file: " + kubeconfig));
            }
            LocalDeployment.attach(place.get(), Path.of(kubeconfig).toAbsolutePath(), System.err::println);
            System.out.println(
                    "The operator is running; its log is " + BackgroundProcess.logFile(place.get(), "operator")
                            + "; ./swav down stops it. The nodes need the image that your manifest names.");
            return 0;
        }
    }

    @Command(
            name = "down",
            description = "Stops the local cluster and all its pods; keeps logs and checkpoints.",
            mixinStandardHelpOptions = true)
    static final class Down implements Callable<Integer> {
        @Mixin
        private Place place = new Place();

        @Override
        public Integer call() {
            boolean ran = LocalDeployment.down(place.get());
            System.out.println((ran ? "stopped the cluster in " : "no cluster is running in ") + place.get());
            return 0;
        }
    }

    @Command(
            name = "status",
            description = "Shows the processes, SwavJobs and pods of the local cluster.",
            mixinStandardHelpOptions = true)
    static final class Status implements Callable<Integer> {
        @Mixin
        private Place place = new Place();

        @Override
        public Integer call() {
            LocalDeployment.describe(place.get()).forEach(System.out::println);
            LocalDeployment.page(place.get())
                    .ifPresent(page -> System.out.printf("%-24s %s%n", "the operator's page", page));
            if (BackgroundProcess.find(place.get(), "kube-apiserver").isEmpty()) {
                return 1;
            }
            try (KubernetesClient client = LocalControlPlane.client(place.get())) {
                jobs(client)
                        .forEach(job -> System.out.printf(
                                "swavjob/%-16s %s%n", job.getMetadata().getName(), JobSummary.of(job)));
                client.pods()
                        .inAnyNamespace()
                        .list()
                        .getItems()
                        .forEach(pod -> System.out.printf(
                                "pod/%-20s %-10s %s%n",
                                pod.getMetadata().getName(),
                                pod.getStatus().getPhase(),
                                pod.getSpec().getNodeName()));
            }
            return 0;
        }

        private List<SwavJob> jobs(KubernetesClient client) {
            try {
                return client.resources(SwavJob.class).inAnyNamespace().list().getItems();
            } catch (KubernetesClientException e) {
                if (e.getCode() != 404) {
                    throw e;
                }
                throw new LocalClusterException("SwavJob's definition is missing on this cluster: install it again with"
                        + " ./swav up (kubectl get crd lists the definitions)");
            }
        }
    }

    @Command(
            name = "logs",
            description = "Prints a pod's output; works for deleted pods too.",
            mixinStandardHelpOptions = true)
    static final class Logs implements Callable<Integer> {
        @Mixin
        private Place place = new Place();

        @Parameters(paramLabel = "POD", description = "Name of the pod.")
        private String pod = "";

        @Option(
                names = {"-n", "--namespace"},
                description = "Its namespace (default: ${DEFAULT-VALUE}).")
        private String namespace = "default";

        @Option(
                names = {"-c", "--container"},
                description = "Its container (default: the one that wrote last).")
        @Nullable
        private String container;

        @Option(
                names = {"-f", "--follow"},
                description = "Continue as it grows, until Ctrl-C.")
        private boolean follow;

        @Override
        public Integer call() throws IOException {
            Path log = PodLogs.find(place.get(), namespace, pod, Optional.ofNullable(container))
                    .orElseThrow(() -> new LocalClusterException("pod " + pod + " of namespace " + namespace
                            + " has no log in " + place.get() + "; ./swav status shows the pods,"
                            + " --dir names another cluster"));
            try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
                byte[] buffer = new byte[1 << 16];
                do {
                    for (int read = file.read(buffer); read > 0; read = file.read(buffer)) {
                        System.out.write(buffer, 0, read);
                    }
                    System.out.flush();
                    if (follow) {
                        ProcessUtils.pause(Duration.ofMillis(200));
                    }
                } while (follow && Files.exists(log));
            }
            return 0;
        }
    }
}
