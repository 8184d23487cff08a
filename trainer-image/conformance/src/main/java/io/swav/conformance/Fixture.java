package io.swav.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;

/** One npz file of a fixture folder, with the json that describes its cases. */
record Fixture(Path folder, String file) {
    NpzFile arrays() {
        return new NpzFile(folder.resolve(file));
    }

    /** The file name without its extension. */
    String stem() {
        return file.substring(0, file.length() - ".npz".length());
    }

    /** Reads the list of cases in {@code name}. */
    JsonNode json(String name) {
        try {
            JsonNode json = new ObjectMapper().readTree(folder.resolve(name).toFile());
            if (json == null || !json.isArray()) {
                throw new GoldenException(name + " is not a list of cases");
            }
            return json;
        } catch (IOException e) {
            throw new GoldenException(name + " cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Returns a required field of a case.
     *
     * @throws GoldenException if it is missing
     */
    static JsonNode field(JsonNode node, String name) {
        JsonNode value = node.get(name);
        if (value == null || value.isNull()) {
            throw new GoldenException("the json has no field " + name + " in " + shorten(node));
        }
        return value;
    }

    private static String shorten(JsonNode node) {
        String text = node.toString();
        return text.length() > 80 ? text.substring(0, 80) + "…" : text;
    }
}
