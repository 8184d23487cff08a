package io.swav.local;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;

/** Finds the logs of pods, including deleted ones. */
public final class PodLogs {
    private PodLogs() {}

    /**
     * The newest log of a pod.
     *
     * @param dir folder of the node
     * @param container empty for the container that wrote last
     */
    public static Optional<Path> find(Path dir, String namespace, String pod, Optional<String> container) {
        return PodFolder.find(dir.resolve("pods"), namespace, pod)
                .flatMap(folder -> PodFolder.children(folder.path()).stream()
                        .filter(Files::isDirectory)
                        .filter(c -> container.isEmpty() || container.get().equals(String.valueOf(c.getFileName())))
                        .flatMap(c -> PodFolder.children(c).stream())
                        .filter(f -> f.toString().endsWith(".log"))
                        .max(Comparator.comparing(f -> f.toFile().lastModified())));
    }
}
