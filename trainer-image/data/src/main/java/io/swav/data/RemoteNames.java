package io.swav.data;

import io.swav.api.BraceList;
import io.swav.api.StorageUri;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;

/**
 * Which files below a remote place belong to a data set.
 *
 * @param base the part of every file's path that its name leaves out: empty, or ends in a slash
 * @param files single files
 * @param globs patterns with {@code *} and {@code ?}, which do not match a slash
 * @param folders folders whose files all belong to it: empty, or ending in a slash
 */
record RemoteNames(String base, List<String> files, List<String> globs, List<String> folders) {
    /** @param path of a place, with its patterns and braces */
    static RemoteNames of(String path) {
        String base = base(path);
        List<String> files = new ArrayList<>();
        List<String> globs = new ArrayList<>();
        List<String> folders = new ArrayList<>();
        for (String each : BraceList.expand(path)) {
            String name = each.length() < base.length() ? "" : each.substring(base.length());
            if (special(name, "*?") >= 0) {
                globs.add(name);
            } else if (StorageUri.isShard(name)) {
                files.add(name);
            } else {
                folders.add(name.isEmpty() || name.endsWith("/") ? name : name + "/");
            }
        }
        return new RemoteNames(base, files, globs, folders);
    }

    private static String base(String path) {
        int special = special(path, "{*?");
        if (special < 0 && !StorageUri.isShard(path)) {
            return path.isEmpty() || path.endsWith("/") ? path : path + "/";
        }
        return path.substring(0, path.lastIndexOf('/', special < 0 ? path.length() : special) + 1);
    }

    private static int special(String text, String characters) {
        for (int at = 0; at < text.length(); at++) {
            if (characters.indexOf(text.charAt(at)) >= 0) {
                return at;
            }
        }
        return -1;
    }

    /** What every name that matches a pattern begins with. */
    static String literalStart(String glob) {
        return glob.substring(0, special(glob, "*?[\\"));
    }

    static boolean matches(String glob, String name) {
        PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + glob);
        return matcher.matches(Path.of(name));
    }
}
