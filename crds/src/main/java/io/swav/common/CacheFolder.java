package io.swav.common;

import java.nio.file.Path;
import java.util.Map;

/** The folder for files that a machine keeps between starts and can recreate at any time. */
public final class CacheFolder {
    private CacheFolder() {}

    /** {@code $XDG_CACHE_HOME/swav}, by default {@code ~/.cache/swav}; it may not exist yet. */
    public static Path of(Map<String, String> env) {
        String base = env.getOrDefault("XDG_CACHE_HOME", "");
        Path home = Path.of(env.getOrDefault("HOME", System.getProperty("user.home")));
        return (base.isBlank() ? home.resolve(".cache") : Path.of(base)).resolve("swav");
    }
}
