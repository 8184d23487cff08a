package io.swav.data;

import io.swav.api.SwavJobSpec;
import java.util.List;
import java.util.Optional;

/**
 * Which entries of a shard are its images and labels. WebDataset's term for what follows the first dot of a name is
 * extension: {@code a.seg.png} has key {@code a} and extension {@code seg.png}.
 *
 * @param imageExtension the extensions of images, the preferred ones first; {@link #ALL} alone for every image; empty
 *     for the one without a dot
 * @param labelExtension of labels: {@code cls}, {@code json} or {@code txt}; empty for {@code cls}, or else {@code json}
 */
record IndexSettings(List<String> imageExtension, Optional<String> labelExtension) {
    static final String ALL = "*";
    static final IndexSettings DEFAULT = of("", "");

    /** @param images as in data.imageExtension, separated by semicolons as in WebDataset's tuples */
    static IndexSettings of(String images, String label) {
        List<String> extensions =
                images.isBlank() ? List.of() : List.of(images.strip().split("\\s*;\\s*", -1));
        return new IndexSettings(extensions, label.isBlank() ? Optional.empty() : Optional.of(label.strip()));
    }

    static IndexSettings of(SwavJobSpec spec) {
        return of(
                Optional.ofNullable(spec.data().imageExtension()).orElse(""),
                Optional.ofNullable(spec.data().labelExtension()).orElse(""));
    }

    /** Whether entries with this extension are labels. */
    boolean isLabel(String extension) {
        return labelExtension.isPresent()
                ? labelExtension.get().equals(extension)
                : extension.equals("cls") || extension.equals("json");
    }

    /** Returns a text that differs if an index that was built with other settings may be another one. */
    String digested() {
        return "images " + String.join(";", imageExtension) + ", labels " + labelExtension.orElse("");
    }
}
