package io.swav.local;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The command lines of the control plane's processes. */
final class ControlPlaneCommands {
    /** Garbage collection, namespaces, service accounts, and the controllers that taint and clear vanished nodes. */
    private static final String CONTROLLERS = String.join(
            ",",
            "garbagecollector",
            "namespace",
            "serviceaccount",
            "serviceaccount-token",
            "root-ca-cert-publisher",
            "clusterrole-aggregation",
            "nodelifecycle",
            "podgc",
            "disruption");

    /** Evicts pods of tainted nodes; a part of nodelifecycle before this minor version (KEP-3902). */
    private static final String EVICTIONS = "taint-eviction-controller";

    private static final int EVICTIONS_SINCE = 29;

    private final Path dir;
    private final KubeBinaries binaries;
    private final ClusterCertificates pki;
    private final ControlPlanePorts ports;

    /** @param dir receives etcd's data and contains the administrator's kubeconfig */
    ControlPlaneCommands(Path dir, KubeBinaries binaries, ClusterCertificates pki, ControlPlanePorts ports) {
        this.dir = dir;
        this.binaries = binaries;
        this.pki = pki;
        this.ports = ports;
    }

    List<String> etcd() {
        return List.of(
                binaries.etcd().toString(),
                "--name=swav",
                "--data-dir=" + dir.resolve("etcd"),
                "--listen-client-urls=" + https(ports.etcd()),
                "--advertise-client-urls=" + https(ports.etcd()),
                "--listen-peer-urls=" + https(ports.etcdPeer()),
                "--initial-advertise-peer-urls=" + https(ports.etcdPeer()),
                "--initial-cluster=swav=" + https(ports.etcdPeer()),
                // every user of the machine can connect; only those of this cluster's keys are answered
                "--client-cert-auth",
                "--trusted-ca-file=" + pki.etcdAuthority(),
                "--cert-file=" + pki.etcdCertificate(),
                "--key-file=" + pki.etcdKey(),
                "--peer-client-cert-auth",
                "--peer-trusted-ca-file=" + pki.etcdAuthority(),
                "--peer-cert-file=" + pki.etcdCertificate(),
                "--peer-key-file=" + pki.etcdKey(),
                "--logger=zap");
    }

    List<String> apiServer() {
        List<String> command = new ArrayList<>(List.of(
                binaries.apiServer().toString(),
                "--etcd-servers=" + https(ports.etcd()),
                "--etcd-cafile=" + pki.etcdAuthority(),
                "--etcd-certfile=" + pki.etcdClientCertificate(),
                "--etcd-keyfile=" + pki.etcdClientKey(),
                "--anonymous-auth=false",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--secure-port=" + ports.api(),
                "--tls-cert-file=" + pki.serverCertificate(),
                "--tls-private-key-file=" + pki.serverKey(),
                "--cert-dir=" + pki.dir(),
                "--token-auth-file=" + pki.tokens(),
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-signing-key-file=" + pki.accountKey(),
                "--service-account-key-file=" + pki.accountPublicKey(),
                "--service-cluster-ip-range=10.96.0.0/24",
                "--allow-privileged=true",
                // the "kubernetes" service is unused here; its endpoint would be a loopback address, which is invalid
                "--endpoint-reconciler-type=none"));
        if (binaries.controllerManager().isEmpty()) {
            command.add("--disable-admission-plugins=ServiceAccount"); // no controller creates the default accounts
        }
        return command;
    }

    List<String> controllerManager(Path program) {
        int minor = minorVersion(program);
        List<String> command = new ArrayList<>(List.of(
                program.toString(),
                "--kubeconfig=" + dir.resolve("kubeconfig"),
                "--controllers=" + CONTROLLERS + (minor < EVICTIONS_SINCE ? "" : "," + EVICTIONS),
                "--service-account-private-key-file=" + pki.accountKey(),
                "--root-ca-file=" + pki.authority(),
                "--leader-elect=false",
                "--secure-port=0"));
        if (minor < 24) {
            command.add("--port=0"); // later versions have neither the insecure port nor the flag
        }
        return command;
    }

    /** The minor version, from a text like "Kubernetes v1.20.2". */
    private static int minorVersion(Path program) {
        String text = ProcessUtils.output(List.of(program.toString(), "--version"));
        String[] parts = text.split("\\.", -1);
        if (parts.length < 2) {
            throw new LocalClusterException(program + " --version printed '" + text + "', not a Kubernetes version");
        }
        return Integer.parseInt(parts[1]);
    }

    private static String https(int port) {
        return "https://127.0.0.1:" + port;
    }
}
