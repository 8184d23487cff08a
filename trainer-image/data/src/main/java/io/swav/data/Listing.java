package io.swav.data;

import io.swav.data.FileSource.SourceFile;
import io.swav.data.Inventory.Layout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a source lists at one moment.
 *
 * @param layout what it is taken for
 * @param ignored what is not used
 * @param folders versions of the folders that were listed
 */
record Listing(DataLayout layout, IgnoredCounts ignored, Map<String, String> folders) {
    private static final int REPORTED = 1000;

    /**
     * Lists a source.
     *
     * @throws DataException if it cannot be listed, holds no images, or is ambiguous
     */
    static Listing of(FileSource source, IndexProgress progress) {
        List<SourceFile> files = new ArrayList<>();
        IgnoredCounts ignored = new IgnoredCounts();
        Map<String, String> folders = new HashMap<>();
        try {
            source.list(new FileSource.Visitor() {
                @Override
                public void file(SourceFile file) {
                    files.add(file);
                    if (files.size() % REPORTED == 0) {
                        progress.at(files.size(), 0, 0);
                    }
                }

                @Override
                public void ignored(String name, String reason) {
                    ignored.add(reason, name);
                }

                @Override
                public void folder(String name, String version) {
                    folders.put(name, version);
                }
            });
        } catch (IOException | UncheckedIOException e) {
            throw DataException.cannotOpen(source.uri(), e);
        }
        DataLayout layout = DataLayout.of(source.uri(), files, ignored);
        return new Listing(withEmptyClasses(layout, folders.keySet()), ignored, folders);
    }

    private static DataLayout withEmptyClasses(DataLayout layout, Set<String> folders) {
        if (layout.layout() != Layout.ClassFolders) {
            return layout;
        }
        Set<String> classes = new HashSet<>(layout.classes());
        List<String> empty = folders.stream()
                .filter(folder -> !folder.isEmpty() && folder.indexOf('/') < 0 && !classes.contains(folder))
                .sorted(FileNames.BY_BYTES)
                .toList();
        if (empty.isEmpty()) {
            return layout;
        }
        List<String> notes = new ArrayList<>(layout.notes());
        notes.add(empty.size() + " folders hold no images and are no classes (the first is " + empty.get(0)
                + "): copy their images, or remove them");
        return new DataLayout(layout.layout(), layout.files(), layout.classes(), notes);
    }
}
