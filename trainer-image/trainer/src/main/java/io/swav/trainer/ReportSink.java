package io.swav.trainer;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.TrainerReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** The destination of reports. */
public interface ReportSink {
    ObjectMapper JSON = new ObjectMapper();

    /** Blocks until the report is accepted; any exception means that it was not. */
    void send(TrainerReport report) throws IOException;

    /** Creates a sink that discards reports. */
    static ReportSink none() {
        return report -> {};
    }

    /** Writes the newest report to a file, which is complete at any time. */
    static ReportSink file(Path file) {
        Path temporary = file.resolveSibling(file.getFileName() + ".writing");
        return report -> {
            Files.write(temporary, JSON.writeValueAsBytes(report));
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        };
    }

    /**
     * Writes key {@code <pod>} of a ConfigMap; the pod is the field manager, so pods share the object.
     */
    static ReportSink configMap(KubernetesClient client, String namespace, String name) {
        return report -> {
            ConfigMap map = new ConfigMapBuilder()
                    .withNewMetadata()
                    .withName(name)
                    .withNamespace(namespace)
                    .endMetadata()
                    .addToData(report.pod(), JSON.writeValueAsString(report))
                    .build();
            client.resource(map).fieldManager(report.pod()).forceConflicts().serverSideApply();
        };
    }
}
