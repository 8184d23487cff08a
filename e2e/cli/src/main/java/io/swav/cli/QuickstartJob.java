package io.swav.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.api.InvalidSpecException;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.local.LocalClusterException;
import java.nio.file.Path;

/**
 * A SwavJob in which folders of this machine replace those of its manifest. A folder has the same path on the machine and
 * in the pods, because the local node has no mounts and a job's URIs are read by both.
 *
 * @param object the job as it is applied
 * @param spec its spec, validated and with defaults
 */
record QuickstartJob(SwavJob object, SwavJobSpec spec) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * @param manifest has volumes named {@code data} and {@code checkpoints}
     * @param train URI of the training images
     * @param test URI of the test images
     * @param data the folder that contains both
     * @throws LocalClusterException if the manifest has no spec, or not the volumes
     * @throws InvalidSpecException if the manifest cannot be read as YAML, or naming all violations of its rules
     */
    static QuickstartJob of(Path manifest, String train, String test, Path data, Path checkpoints) {
        if (!(SpecLoader.document(manifest) instanceof ObjectNode job)) {
            throw new LocalClusterException(manifest + " is empty");
        }
        if (!(job.get("spec") instanceof ObjectNode spec)) {
            throw new LocalClusterException(manifest + ": spec is missing");
        }
        spec.withObject("/data").put("uri", train).put("evalUri", test);
        spec.withObject("/checkpoint").put("uri", "file://" + checkpoints);
        mount(spec, "data", data);
        mount(spec, "checkpoints", checkpoints);
        return new QuickstartJob(JSON.convertValue(job, SwavJob.class), SpecLoader.complete(manifest.toString(), spec));
    }

    private static void mount(ObjectNode spec, String volume, Path folder) {
        JsonNode pod = spec.at("/template/spec");
        named(pod.path("volumes"), volume).putObject("hostPath").put("path", folder.toString());
        for (JsonNode container : pod.path("containers")) {
            named(container.path("volumeMounts"), volume).put("mountPath", folder.toString());
        }
    }

    private static ObjectNode named(JsonNode list, String name) {
        for (JsonNode item : list) {
            if (item.path("name").asText().equals(name) && item instanceof ObjectNode found) {
                return found;
            }
        }
        throw new LocalClusterException("the manifest needs a volume " + name
                + " that is mounted in every container; see" + " examples/quickstart.yaml");
    }
}
