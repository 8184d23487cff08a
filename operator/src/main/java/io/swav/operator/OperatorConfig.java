package io.swav.operator;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * The operator's settings.
 *
 * @param kubeconfig empty: KUBECONFIG, or the pod's own ServiceAccount
 * @param namespaces watched; empty means all
 * @param address of page and metrics to listen at; port 0 for any free one
 * @param healthPort port of /healthz and /livez at the same address, 0 for any free one
 * @param authenticate whether readers of page and metrics from elsewhere need a token
 * @param lease for the leader election of several operators; empty: this operator acts alone
 * @param removalTaints taints that announce the end of a node, beside those that the operator knows
 * @param preemptionCost whether pods and Workloads are annotated with what their preemption costs
 */
public record OperatorConfig(
        Optional<Path> kubeconfig,
        Set<String> namespaces,
        InetSocketAddress address,
        int healthPort,
        boolean authenticate,
        Optional<Lease> lease,
        List<TaintPattern> removalTaints,
        boolean preemptionCost) {
    private static final int HIGHEST_PORT = 65_535;
    private static final String NAME = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";

    /** A Lease of coordination.k8s.io. */
    public record Lease(String namespace, String name) {}

    /** Where an operator listens, as its options say. */
    public record Listen(String address, int port, int healthPort, boolean authenticate) {}

    /** Like {@link #of(Optional, String, int, Optional)}, for a single operator. */
    public static OperatorConfig of(Optional<Path> kubeconfig, String namespaces, int port) {
        return of(kubeconfig, namespaces, port, Optional.empty());
    }

    /**
     * Like {@link #of(Optional, String, Listen, Optional, String, boolean)}, for an operator that listens at all addresses,
     * for health at any free port, does not authenticate readers, has no removal taints of its own, and annotates no costs.
     */
    public static OperatorConfig of(Optional<Path> kubeconfig, String namespaces, int port, Optional<String> lease) {
        return of(kubeconfig, namespaces, new Listen("", port, 0, false), lease, "", false);
    }

    /**
     * Checks all settings before anything starts.
     *
     * @param listen its address empty for all of this machine
     * @param lease as NAMESPACE/NAME
     * @param removalTaints as {@code kubectl taint} writes them, separated by commas; possibly empty
     * @throws IllegalArgumentException naming every option that is wrong
     */
    public static OperatorConfig of(
            Optional<Path> kubeconfig,
            String namespaces,
            Listen listen,
            Optional<String> lease,
            String removalTaints,
            boolean preemptionCost) {
        List<String> problems = new ArrayList<>();
        kubeconfig
                .filter(file -> !Files.isReadable(file))
                .ifPresent(file -> problems.add("--kubeconfig: " + file + " is not a readable file"));
        Set<String> names = new TreeSet<>(List.of(namespaces.trim().split("\\s*,\\s*")));
        names.stream()
                .filter(name -> !name.matches(NAME))
                .forEach(name -> problems.add("--namespaces: \"" + name + "\" is not a namespace's name"));
        if (names.contains("all") && names.size() > 1) {
            problems.add("--namespaces: all cannot be combined with names");
        }
        checkPort("--port", listen.port()).ifPresent(problems::add);
        checkPort("--health-port", listen.healthPort()).ifPresent(problems::add);
        if (listen.port() == listen.healthPort() && listen.port() != 0) {
            problems.add("--health-port: " + listen.healthPort() + " is the port of page and metrics");
        }
        InetAddress address = new InetSocketAddress(0).getAddress();
        try {
            address = listen.address().isEmpty() ? address : InetAddress.getByName(listen.address());
        } catch (UnknownHostException e) {
            problems.add("--address: \"" + listen.address() + "\" is not an address");
        }
        lease.filter(text -> !text.matches(NAME + "/" + NAME))
                .ifPresent(text -> problems.add("--lease: \"" + text + "\" is not NAMESPACE/NAME"));
        List<TaintPattern> taints = List.of();
        try {
            taints = TaintPattern.parseAll(removalTaints);
        } catch (IllegalArgumentException e) {
            problems.add("--removal-taints: " + e.getMessage());
        }
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(String.join("; ", problems));
        }
        return new OperatorConfig(
                kubeconfig,
                names.contains("all") ? Set.of() : names,
                new InetSocketAddress(address, listen.port()),
                listen.healthPort(),
                listen.authenticate(),
                lease.map(
                        text -> new Lease(text.substring(0, text.indexOf('/')), text.substring(text.indexOf('/') + 1))),
                taints,
                preemptionCost);
    }

    private static Optional<String> checkPort(String option, int port) {
        return port < 0 || port > HIGHEST_PORT
                ? Optional.of(option + ": " + port + " is not between 0 and " + HIGHEST_PORT)
                : Optional.empty();
    }
}
