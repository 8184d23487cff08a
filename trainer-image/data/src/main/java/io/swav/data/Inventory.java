package io.swav.data;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import io.swav.api.DataInventory;
import io.swav.api.Shown;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a data set holds, and what lies there but is not part of it.
 *
 * @param layout how the images lie
 * @param images number of samples
 * @param labelled how many of them have a label
 * @param classes number of classes: of class folders, or one more than the largest label
 * @param files that are read: shards, or images
 * @param bytes of the encoded images
 * @param ignored by reason, the most frequent first
 * @param notes sentences about what is odd but not wrong
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Inventory(
        Layout layout,
        long images,
        long labelled,
        int classes,
        long files,
        long bytes,
        List<Ignored> ignored,
        List<String> notes) {
    private static final int REASONS = 3;

    /** How images lie at their source. */
    public enum Layout {
        Shards("tar shards"),
        ClassFolders("class folders"),
        OneFolder("images in one folder");

        private final String text;

        Layout(String text) {
            this.text = text;
        }

        String text() {
            return text;
        }
    }

    /**
     * What is not part of the data set for one reason.
     *
     * @param first a few names
     */
    public record Ignored(String reason, long count, List<String> first) {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%,d %s (first %s)", count, reason, Shown.of(first.get(0)));
        }
    }

    public Inventory {
        ignored = List.copyOf(ignored);
        notes = List.copyOf(notes);
    }

    /** Returns how much is ignored, for all reasons. */
    public long ignoredCount() {
        return ignored.stream().mapToLong(Ignored::count).sum();
    }

    /** Returns the main reasons and how often each applies; empty if nothing is ignored. */
    public String ignoredReasons() {
        List<String> reasons = new ArrayList<>();
        ignored.stream().limit(REASONS).map(Ignored::toString).forEach(reasons::add);
        if (ignored.size() > REASONS) {
            reasons.add(String.format(
                    Locale.ROOT,
                    "%,d for other reasons",
                    ignored.stream().skip(REASONS).mapToLong(Ignored::count).sum()));
        }
        return String.join(", ", reasons);
    }

    /** Returns what is reported of it to the job's status. */
    public DataInventory reported() {
        return new DataInventory(
                images, labelled, classes, ignoredCount(), ignored.isEmpty() ? null : ignoredReasons());
    }

    /** Returns the whole in one line. */
    public String summary() {
        String labels = labelled == 0
                ? "no labels"
                : labelled == images
                        ? String.format(Locale.ROOT, "%,d classes", classes)
                        : String.format(Locale.ROOT, "%,d classes, %,d images labelled", classes, labelled);
        return String.format(Locale.ROOT, "%,d images in %,d files (%s), %s", images, files, layout.text, labels)
                + (ignored.isEmpty() ? ", nothing ignored" : "; ignored: " + ignoredReasons());
    }
}
