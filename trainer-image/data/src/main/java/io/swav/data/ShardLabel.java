package io.swav.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.Shown;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * The label of a sample in a shard: a class number, or the name of a class.
 *
 * @param number at least 0; −1 if the class has a name
 * @param name empty if the class has a number
 */
record ShardLabel(int number, String name) {
    /** The limit on a label in digits, or the name of a class. */
    private static final int TEXT_BYTES = 64;

    private static final int NAME_BYTES = 1024;
    /** More JSON than this is not read for a label. */
    private static final int JSON_BYTES = 1 << 20;
    /** The members that may hold the label, in the order in which they are looked for. */
    static final List<String> JSON_MEMBERS = List.of("label", "cls", "class", "class_id", "class_name");

    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * Reads the label that an entry holds; empty if it is JSON without one.
     *
     * @param extension of the entry: {@code cls}, {@code json} or {@code txt}
     * @param place of the entry, for messages
     * @throws DataException if this is no label
     */
    static Optional<ShardLabel> read(String extension, String place, long bytes, TarHeaders.Content content)
            throws IOException {
        return switch (extension) {
            case "json" -> json(place, content);
            case "txt" -> {
                byte[] text = content.read(NAME_BYTES).orElseThrow(() -> bad(place, bytes + " bytes", "a class"));
                yield Optional.of(named(place, new String(text, StandardCharsets.UTF_8).strip()));
            }
            default -> {
                byte[] text =
                        content.read(TEXT_BYTES).orElseThrow(() -> bad(place, bytes + " bytes", "a class number"));
                yield Optional.of(numbered(place, new String(text, StandardCharsets.US_ASCII).strip()));
            }
        };
    }

    private static Optional<ShardLabel> json(String place, TarHeaders.Content content) throws IOException {
        Optional<byte[]> text = content.read(JSON_BYTES);
        if (text.isEmpty()) {
            return Optional.empty();
        }
        JsonNode object;
        try {
            object = JSON.readTree(text.get());
        } catch (JsonProcessingException e) {
            throw DataException.badData(place + " is not JSON; write this shard again", e);
        }
        for (String member : JSON_MEMBERS) {
            JsonNode value = object.path(member);
            if (value.isIntegralNumber() && value.canConvertToInt() && value.intValue() >= 0) {
                return Optional.of(new ShardLabel(value.intValue(), ""));
            }
            if (value.isTextual() && !value.textValue().isBlank()) {
                return Optional.of(named(place, value.textValue().strip()));
            }
        }
        return Optional.empty();
    }

    private static ShardLabel numbered(String place, String text) {
        return number(text).orElseThrow(() -> bad(place, "\"" + Shown.of(text) + "\"", "a class number"));
    }

    private static ShardLabel named(String place, String text) {
        if (text.isEmpty()) {
            throw bad(place, "nothing", "a class");
        }
        return number(text).orElse(new ShardLabel(-1, text));
    }

    private static Optional<ShardLabel> number(String text) {
        try {
            int number = Integer.parseInt(text);
            return number < 0 ? Optional.empty() : Optional.of(new ShardLabel(number, ""));
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    private static DataException bad(String place, String content, String instead) {
        return DataException.badData(
                place + " holds " + content + " instead of " + instead + "; write this shard again");
    }
}
