package io.swav.local;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The programs of a Kubernetes control plane.
 *
 * @param controllerManager absent from envtest's folders; without it the children of deleted objects are not collected
 */
public record KubeBinaries(Path etcd, Path apiServer, Optional<Path> controllerManager) {

    /** The programs in {@code folder}, if it contains both etcd and kube-apiserver. */
    static Optional<KubeBinaries> in(Path folder) {
        Optional<Path> etcd = program(folder, "etcd");
        Optional<Path> server = program(folder, "kube-apiserver");
        return etcd.isPresent() && server.isPresent()
                ? Optional.of(new KubeBinaries(etcd.get(), server.get(), program(folder, "kube-controller-manager")))
                : Optional.empty();
    }

    private static Optional<Path> program(Path folder, String name) {
        return Optional.of(folder.resolve(name).toAbsolutePath()).filter(Files::isExecutable);
    }
}
