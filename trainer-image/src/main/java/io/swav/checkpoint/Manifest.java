package io.swav.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * MANIFEST.json, written last: a folder without it is no checkpoint.
 *
 * @param files name to size and SHA-256
 */
record Manifest(int format, Map<String, Entry> files) {
    static final String NAME = "MANIFEST.json";
    private static final int FORMAT = 1;
    private static final ObjectMapper JSON = new ObjectMapper();

    record Entry(long bytes, String sha256) {}

    static Manifest of(Path folder, List<String> names) throws IOException {
        Map<String, Entry> files = new TreeMap<>();
        for (String name : names) {
            Path file = folder.resolve(name);
            files.put(name, new Entry(Files.size(file), sha256(file)));
        }
        return new Manifest(FORMAT, files);
    }

    byte[] toJson() throws IOException {
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(this);
    }

    /**
     * Reads a checkpoint's manifest and compares every file with it.
     *
     * @throws IOException naming the first file that is not what was written
     */
    static Manifest verify(Path folder) throws IOException {
        Path file = folder.resolve(NAME);
        Manifest manifest = JSON.readValue(Files.readAllBytes(file), Manifest.class);
        if (manifest.format() != FORMAT) {
            throw new IOException(file + " has format " + manifest.format() + ", this version reads " + FORMAT);
        }
        for (Map.Entry<String, Entry> entry : manifest.files().entrySet()) {
            Path part = folder.resolve(entry.getKey());
            if (!Files.isRegularFile(part)
                    || Files.size(part) != entry.getValue().bytes()
                    || !sha256(part).equals(entry.getValue().sha256())) {
                throw new IOException(part + " is damaged: it differs from its manifest");
            }
        }
        return manifest;
    }

    private static String sha256(Path file) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
        try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
            in.transferTo(OutputStream.nullOutputStream());
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}
