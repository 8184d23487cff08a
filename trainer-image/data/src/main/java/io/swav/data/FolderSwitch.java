package io.swav.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiPredicate;
import java.util.stream.Stream;

/**
 * Puts a folder in the place of another one on the same file system: a reader that opens the name finds one or the
 * other, whole. If the file system cannot exchange two names ({@link LinuxFiles#exchange}), the name is missing for a
 * moment; {@link #restore} brings the earlier folder back if the process ended in that moment.
 */
final class FolderSwitch {
    private FolderSwitch() {}

    /**
     * Gives {@code fresh} the name {@code target}.
     *
     * @param earlier name that an earlier folder of the name {@code target} gets; it does not exist yet
     */
    static void replace(Path fresh, Path target, Path earlier) throws IOException {
        replace(fresh, target, earlier, LinuxFiles::exchange);
    }

    /** @param exchange as {@link LinuxFiles#exchange} */
    static void replace(Path fresh, Path target, Path earlier, BiPredicate<Path, Path> exchange) throws IOException {
        if (isEmpty(target)) {
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE); // over an empty folder, or none
        } else if (exchange.test(fresh, target)) {
            Files.move(fresh, earlier, StandardCopyOption.ATOMIC_MOVE);
        } else {
            Files.move(target, earlier, StandardCopyOption.ATOMIC_MOVE);
            try {
                Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                restore(target, earlier);
                throw e;
            }
        }
    }

    /** Gives an earlier folder its name back if {@link #replace} ended between two renames. */
    static void restore(Path target, Path earlier) throws IOException {
        if (!Files.exists(target) && Files.exists(earlier)) {
            Files.move(earlier, target, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    /** Whether there is nothing, or an empty folder. */
    static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.findAny().isEmpty();
        } catch (NoSuchFileException e) {
            return true;
        }
    }

    /** Deletes a folder and all that is in it, if it exists. */
    static void delete(Path folder) throws IOException {
        List<Path> all;
        try (Stream<Path> walk = Files.walk(folder)) {
            all = walk.sorted(Comparator.reverseOrder()).toList();
        } catch (NoSuchFileException e) {
            return;
        }
        for (Path each : all) {
            Files.delete(each);
        }
    }
}
