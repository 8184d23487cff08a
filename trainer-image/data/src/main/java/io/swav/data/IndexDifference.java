package io.swav.data;

import io.swav.data.FileSource.SourceFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How what a source lists differs from what an index lists.
 *
 * @param shards whether the files are shards; otherwise they are images
 * @param added files that the index lacks, in the order of the listing
 * @param changed names of files of another size or version
 * @param gone names of files that are not listed any more
 * @param classNames whether the file with class names is another one
 */
record IndexDifference(
        boolean shards, List<SourceFile> added, List<String> changed, List<String> gone, boolean classNames) {
    IndexDifference {
        added = List.copyOf(added);
        changed = List.copyOf(changed);
        gone = List.copyOf(gone);
    }

    static IndexDifference of(FileSource source, IndexFile index, Listing listing) throws IOException {
        Map<String, SourceFile> indexed = new HashMap<>();
        for (long file = 0; file < index.files(); file++) {
            SourceFile known = index.sourceFile(file);
            indexed.put(known.name(), known);
        }
        List<SourceFile> added = new ArrayList<>();
        List<String> changed = new ArrayList<>();
        for (SourceFile file : listing.layout().files()) {
            SourceFile known = indexed.remove(file.name());
            if (known == null) {
                added.add(file);
            } else if (!known.equals(file)) {
                changed.add(file.name());
            }
        }
        String classFile =
                source.find(DataLayout.CLASS_NAMES).map(IndexBuilder::identity).orElse("");
        boolean shards = listing.layout().layout() == Inventory.Layout.Shards;
        return new IndexDifference(
                shards,
                added,
                changed,
                List.copyOf(indexed.keySet()),
                shards && !classFile.equals(index.meta().classFile()));
    }

    /** Whether nothing that the index lists has changed. */
    boolean onlyAdds() {
        return changed.isEmpty() && gone.isEmpty();
    }

    /** Returns the difference in words; empty if there is none. */
    Optional<String> describe() {
        List<String> parts = new ArrayList<>();
        describe(parts, added.stream().map(SourceFile::name).toList(), "new");
        describe(parts, changed, "changed");
        describe(parts, gone, "gone");
        if (classNames) {
            parts.add(DataLayout.CLASS_NAMES + " changed");
        }
        return parts.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", parts));
    }

    private void describe(List<String> parts, List<String> names, String what) {
        if (names.size() == 1) {
            parts.add((shards ? "shard " : "image ") + names.get(0) + " is " + what);
        } else if (!names.isEmpty()) {
            parts.add(names.size() + (shards ? " shards are " : " images are ") + what + " (the first is "
                    + names.get(0) + ")");
        }
    }
}
