package io.swav.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;

/**
 * Reads YAML and JSON of bounded size. A few lines of YAML can describe a document without end (an alias inside its own
 * anchor), one of billions of values (aliases of aliases) or one so deep that its reader overflows the stack. So the
 * events of the parser, which builds nothing, are counted before anything is built of them, with each alias as large as
 * what it stands for.
 */
final class BoundedYaml {
    /** An API server accepts objects of up to 1.5 MiB. */
    static final int MAX_BYTES = 1 << 20;
    /** The deepest field of a pod template is at about 15. */
    static final int MAX_DEPTH = 64;
    /** The limit on values plus a sixteenth of their characters, aliases expanded. */
    static final long MAX_WEIGHT = 200_000;

    private static final int CHARACTERS_PER_WEIGHT = 16;

    private final Deque<Level> levels = new ArrayDeque<>();
    private final Map<String, Long> anchors = new HashMap<>();
    private long weight;

    private final String source;

    private BoundedYaml(String source) {
        this.source = source;
    }

    /** A mapping or a list whose end has not been read yet. */
    private static final class Level {
        private final boolean mapping;
        private final String anchor;
        private final long before;
        private String key = "";
        private int values;

        Level(boolean mapping, String anchor, long before) {
            this.mapping = mapping;
            this.anchor = anchor;
            this.before = before;
        }

        boolean atKey() {
            return mapping && values % 2 == 0;
        }

        String path() {
            return mapping ? (atKey() ? "" : "." + key) : "[" + values + "]";
        }
    }

    /**
     * Reads the first document of a file.
     *
     * @return null if it is empty
     * @throws IOException if the file cannot be read
     * @throws InvalidSpecException if it exceeds a bound; the message names the field
     * @throws RuntimeException from the parser, if it is not YAML or JSON
     */
    static @Nullable JsonNode read(Path file) throws IOException {
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(MAX_BYTES + 1);
        }
        if (bytes.length > MAX_BYTES) {
            throw new InvalidSpecException(file.toString(), List.of("is larger than " + MAX_BYTES + " bytes"));
        }
        // Fabric8 takes a leading brace for JSON; as YAML it reads both
        String text = "---\n" + StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
        BoundedYaml bounds = new BoundedYaml(file.toString());
        Iterator<Event> events =
                new Parse(LoadSettings.builder().build()).parseString(text).iterator();
        while (events.hasNext()) {
            bounds.next(events.next());
        }
        return Serialization.unmarshal(text, JsonNode.class);
    }

    private void next(Event event) {
        switch (event.getEventId()) {
            case MappingStart, SequenceStart -> begin((CollectionStartEvent) event);
            case MappingEnd, SequenceEnd -> end();
            case Scalar -> scalar((ScalarEvent) event);
            case Alias -> alias((AliasEvent) event);
            default -> {}
        }
    }

    private void begin(CollectionStartEvent event) {
        if (levels.size() == MAX_DEPTH) {
            throw invalid("is nested deeper than " + MAX_DEPTH + " levels");
        }
        String anchor = anchor(event);
        anchors.remove(anchor); // an alias inside this value would be the value itself
        levels.push(new Level(event.getEventId() == Event.ID.MappingStart, anchor, weight));
        add(1);
    }

    private void end() {
        Level ended = levels.pop();
        if (!ended.anchor.isEmpty()) {
            anchors.put(ended.anchor, weight - ended.before);
        }
        ended("");
    }

    private void scalar(ScalarEvent event) {
        long own = 1L + event.getValue().length() / CHARACTERS_PER_WEIGHT;
        if (!anchor(event).isEmpty()) {
            anchors.put(anchor(event), own);
        }
        add(own);
        ended(event.getValue());
    }

    private void alias(AliasEvent event) {
        String name = event.getAlias().getValue();
        Long size = anchors.get(name);
        if (size == null) {
            throw invalid("has the alias *" + Shown.of(name)
                    + ", which stands for nothing that ends before it: a value must not contain itself");
        }
        add(size);
        ended("*" + name);
    }

    private void add(long more) {
        weight += more;
        if (weight > MAX_WEIGHT) {
            throw invalid("makes the document larger than any job, with its aliases expanded");
        }
    }

    /** Counts a value that is complete in the level that contains it. */
    private void ended(String scalar) {
        Level level = levels.peek();
        if (level != null) {
            if (level.atKey()) {
                level.key = Shown.of(scalar);
            }
            level.values++;
        }
    }

    private static String anchor(NodeEvent event) {
        return event.getAnchor().map(anchor -> anchor.getValue()).orElse("");
    }

    private InvalidSpecException invalid(String problem) {
        return new InvalidSpecException(source, List.of(path() + " " + problem));
    }

    /** Returns the field that is being read. */
    private String path() {
        StringBuilder path = new StringBuilder();
        levels.descendingIterator().forEachRemaining(level -> path.append(level.path()));
        String field = path.toString().replaceFirst("^\\.", "");
        return field.isEmpty() ? "the document" : Shown.of(field);
    }
}
