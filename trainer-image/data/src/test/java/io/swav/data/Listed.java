package io.swav.data;

import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;

/** What a source lists, by name. */
final class Listed implements FileSource.Visitor {
    final Map<String, FileSource.SourceFile> files = new TreeMap<>();
    final Map<String, String> ignored = new TreeMap<>();

    static Listed of(FileSource source) throws IOException {
        Listed listed = new Listed();
        source.list(listed);
        return listed;
    }

    @Override
    public void file(FileSource.SourceFile file) {
        files.put(file.name(), file);
    }

    @Override
    public void ignored(String name, String reason) {
        ignored.put(name, reason);
    }

    /** The only file. */
    FileSource.SourceFile one() {
        return files.values().iterator().next();
    }
}
