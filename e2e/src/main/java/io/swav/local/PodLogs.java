package io.swav.local;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;

/** Where the logs of pods lie, of those gone as well. */
public final class PodLogs {
    private PodLogs() {}

    /**
     * The log of the newest run.
     *
     * @param dir folder of the node
     * @param container empty for the first that has a log
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
