package io.swav.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Keeps what was found about steps that were not finite, beside the checkpoints: {@code not-finite/step-N.json}. A
 * later capture of the same step replaces the earlier one. Nothing reads them but people.
 */
public final class NotFiniteCaptures {
    /** The number of captures that are kept, those of the highest steps. */
    public static final int KEPT = 10;

    /** The most bytes of a capture. */
    public static final int LARGEST = 1 << 20;

    static final String FOLDER = "not-finite";

    private static final Pattern NAME = Pattern.compile(FOLDER + "/step-(0|[1-9]\\d{0,17})\\.json");

    private final Store store;
    private final StoreGuard guard;

    NotFiniteCaptures(Store store, StoreGuard guard) {
        this.store = store;
        this.guard = guard;
    }

    /** Returns where the capture of a step is kept. */
    public String uri(long step) {
        return store.uri() + "/" + name(step);
    }

    private static String name(long step) {
        return FOLDER + "/step-" + step + ".json";
    }

    /**
     * Keeps a capture, and removes those beyond {@link #KEPT}.
     *
     * @param generation of the writer
     * @throws IOException if the store cannot be written, or belongs to another training
     * @throws IllegalArgumentException if the capture is larger than {@link #LARGEST}
     */
    public void keep(long step, long generation, byte[] json) throws IOException {
        if (json.length > LARGEST) {
            throw new IllegalArgumentException("a capture of " + json.length + " bytes");
        }
        guard.require();
        try (Store.Sink sink = store.create(name(step), guard.writer(generation))) {
            FolderStore.writeAll(sink, ByteBuffer.wrap(json));
            sink.commit();
        }
        List<Long> others = store.names(FOLDER).stream()
                .map(NAME::matcher)
                .filter(Matcher::matches)
                .map(captured -> Long.valueOf(captured.group(1)))
                .filter(captured -> captured != step)
                .sorted(Comparator.reverseOrder())
                .toList();
        for (long surplus : others.subList(Math.min(KEPT - 1, others.size()), others.size())) {
            store.delete(name(surplus));
        }
    }
}
