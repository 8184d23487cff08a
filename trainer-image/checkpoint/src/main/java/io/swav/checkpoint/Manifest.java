package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The contents of MANIFEST.json, which is written last: a folder without it is not a checkpoint. Its bytes are a
 * function of its values, so a changed byte is detected in this file as in the others.
 *
 * @param location of the files, relative to the manifest; empty, or ends in a slash
 * @param files size and SHA-256 by name
 */
record Manifest(
        int format,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String location,
        Map<String, ManifestEntry> files) {
    static final String NAME = "MANIFEST.json";
    private static final int FORMAT = 1;
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectWriter WRITER = JSON.writerWithDefaultPrettyPrinter();

    /** @param sha256 64 hex digits */
    record ManifestEntry(long bytes, String sha256) {}

    /** Creates a manifest without a location, as in a folder store: the files lie beside it. */
    Manifest(int format, @Nullable String location, @Nullable Map<String, ManifestEntry> files) {
        this.format = format;
        this.location = location == null ? "" : location;
        this.files = files == null ? Map.of() : new TreeMap<>(files);
    }

    static Manifest of(String location, Map<String, ManifestEntry> files) {
        return new Manifest(FORMAT, location, files);
    }

    byte[] toJson() {
        try {
            return WRITER.writeValueAsBytes(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record of strings and numbers is JSON", e);
        }
    }

    /**
     * Parses a manifest.
     *
     * @throws CorruptCheckpointException if these are not the bytes of a manifest that this version reads
     */
    static Manifest parse(byte[] json) throws CorruptCheckpointException {
        try {
            JsonNode tree = JSON.readTree(json);
            if (tree.path("format").asInt() > FORMAT) {
                throw new CorruptCheckpointException(
                        "has format " + tree.path("format").asInt() + ", newer than this trainer reads (" + FORMAT
                                + "): use the image that wrote it, or a newer one");
            }
            Manifest manifest = JSON.treeToValue(tree, Manifest.class);
            if (manifest != null && manifest.format == FORMAT && Arrays.equals(manifest.toJson(), json)) {
                return manifest;
            }
        } catch (CorruptCheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CorruptCheckpointException(NAME + " is damaged: it is not JSON");
        }
        throw new CorruptCheckpointException(NAME + " is damaged: it is not as it was written");
    }
}
