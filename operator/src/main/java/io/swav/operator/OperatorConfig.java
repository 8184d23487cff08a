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
 * @param address of health and metrics to listen at; port 0 for any free one
 * @param lease for the leader election of several operators; empty: this operator acts alone
 * @param removalTaints taints that announce the end of a node, beside those that the operator knows
 */
public record OperatorConfig(
        Optional<Path> kubeconfig,
        Set<String> namespaces,
        InetSocketAddress address,
        Optional<Lease> lease,
        List<TaintPattern> removalTaints) {
    private static final int HIGHEST_PORT = 65_535;
    private static final String NAME = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";

    /** A Lease of coordination.k8s.io. */
    public record Lease(String namespace, String name) {}

    /** Like {@link #of(Optional, String, int, Optional)}, for a single operator. */
    public static OperatorConfig of(Optional<Path> kubeconfig, String namespaces, int port) {
        return of(kubeconfig, namespaces, port, Optional.empty());
    }

    /** Like {@link #of(Optional, String, String, int, Optional)}, for an operator that listens at all addresses. */
    public static OperatorConfig of(Optional<Path> kubeconfig, String namespaces, int port, Optional<String> lease) {
        return of(kubeconfig, namespaces, "", port, lease);
    }

    /** Like {@link #of(Optional, String, String, int, Optional, String)}, with the signals that the operator knows. */
    public static OperatorConfig of(
            Optional<Path> kubeconfig, String namespaces, String address, int port, Optional<String> lease) {
        return of(kubeconfig, namespaces, address, port, lease, "");
    }

    /**
     * Checks all settings before anything starts.
     *
     * @param address to listen at; empty for all of this machine
     * @param lease as NAMESPACE/NAME
     * @param removalTaints as {@code kubectl taint} writes them, separated by commas; possibly empty
     * @throws IllegalArgumentException naming every option that is wrong
     */
    public static OperatorConfig of(
            Optional<Path> kubeconfig,
            String namespaces,
            String address,
            int port,
            Optional<String> lease,
            String removalTaints) {
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
        if (port < 0 || port > HIGHEST_PORT) {
            problems.add("--port: " + port + " is not between 0 and " + HIGHEST_PORT);
        }
        InetSocketAddress listen = new InetSocketAddress(port < 0 || port > HIGHEST_PORT ? 0 : port);
        try {
            listen = address.isEmpty()
                    ? listen
                    : new InetSocketAddress(InetAddress.getByName(address), listen.getPort());
        } catch (UnknownHostException e) {
            problems.add("--address: \"" + address + "\" is not an address");
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
                listen,
                lease.map(
                        text -> new Lease(text.substring(0, text.indexOf('/')), text.substring(text.indexOf('/') + 1))),
                taints);
    }
}
