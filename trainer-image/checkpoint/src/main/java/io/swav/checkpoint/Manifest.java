package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import io.swav.api.Shown;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
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

    /** Names of files, which start with a letter or digit: none leads out of the checkpoint's folder. */
    private static final Pattern FILE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");

    private static final Pattern LOCATION = Pattern.compile("(" + FILE + "/)?");
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    /** @param sha256 64 hex digits */
    record ManifestEntry(long bytes, String sha256) {
        ManifestEntry(long bytes, @Nullable String sha256) {
            this.bytes = bytes;
            this.sha256 = sha256 == null ? "" : sha256;
        }
    }

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
                manifest.requireOwnFiles();
                return manifest;
            }
        } catch (CorruptCheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CorruptCheckpointException(NAME + " is damaged: it is not JSON");
        }
        throw new CorruptCheckpointException(NAME + " is damaged: it is not as it was written");
    }

    /** Requires that the manifest names files of its own folder alone, each with a size and a digest. */
    private void requireOwnFiles() throws CorruptCheckpointException {
        if (!LOCATION.matcher(location).matches()) {
            throw new CorruptCheckpointException(NAME + " is not of this trainer: its location is \""
                    + Shown.of(location) + "\", which is not a folder beside it");
        }
        for (Map.Entry<String, ManifestEntry> file : files.entrySet()) {
            ManifestEntry entry = file.getValue();
            boolean complete = entry != null
                    && entry.bytes >= 0
                    && SHA256.matcher(entry.sha256).matches();
            if (!complete || !FILE.matcher(file.getKey()).matches()) {
                throw new CorruptCheckpointException(NAME + " is not of this trainer: it names \""
                        + Shown.of(file.getKey()) + "\" without size and SHA-256, or outside its folder");
            }
        }
    }
}
